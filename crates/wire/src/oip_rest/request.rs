//! Requests to run a model: read from clients, written to model servers.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use http::{HeaderValue, header::CONTENT_TYPE};
use sluicegate_core::{Body, Fields, InferRequest, Kind, ModelMetadata, Refusal, RequestedOutput, Tensor};

use super::binary::{self, Tail};
use super::client::{EncodeError, WireForm};
use super::parameters::NoNumber;
use super::tensor::{self, Side, Tensors};
use super::write::{self as tensors, Form, NoJson};
use super::{headers, parameters, raw};
use crate::fault::{Fault, Read};
use crate::grpc::Encoding;
use crate::grpc::frame::FrameError;
use crate::json::{Members, Reader, write};
use crate::{Limits, ReplyForm};

/// How names of parameters begin that steer Triton's streams. Its gRPC takes them, its REST refuses them.
const RESERVED: &str = "triton_";

/// Reads a request. `metadata` is needed for a raw binary request only.
pub(super) fn decode(
    head: &Fields,
    body: Bytes,
    metadata: Option<&ModelMetadata>,
    limits: &Limits,
) -> Result<(InferRequest, ReplyForm), Refusal> {
    match headers::json_length(head)? {
        Some(0) => raw::decode(body, metadata, limits),
        length => {
            let (json, tail) = binary::split(body, length)?;
            Ok(read(&json, tail, limits)?)
        }
    }
}

fn read(json: &[u8], tail: Tail, limits: &Limits) -> Read<(InferRequest, ReplyForm)> {
    let mut reader = Reader::new(json, limits)?;
    let mut request = InferRequest::default();
    let mut form = ReplyForm::default();
    let mut inputs = None;
    let mut members = Members::of(&["id", "parameters", "inputs", "outputs"]);
    reader.expect(b'{', "expected an inference request, a JSON object")?;
    let mut first = true;
    while let Some(key) = reader.next_key(&mut first)? {
        match members.note(key, &reader)? {
            Some("id") if reader.word("null") => {}
            Some("id") => request.id = Some(tensor::name(&mut reader)?.into_owned()),
            Some("parameters") => request.parameters = parameters::read(&mut reader, 1, Side::Client)?,
            Some("inputs") => {
                inputs = Some(Tensors::from(Side::Client, limits.elements).read_list(&mut reader)?);
            }
            Some(_) => request.outputs = outputs(&mut reader, &mut form.outputs)?,
            None => reader.skip(1, false)?,
        }
    }
    reader.end()?;
    let inputs = inputs.ok_or_else(|| Fault::message("the request has no inputs"))?;
    request.inputs = tensor::finish(inputs, tail)?;
    form.binary = parameters::take_flag(&mut request.parameters, "binary_data_output")?.unwrap_or(false);
    Ok((request, form))
}

/// Reads the outputs asked for; which of them are wanted as binary data goes to `binary`.
fn outputs(reader: &mut Reader<'_>, binary: &mut HashMap<String, bool>) -> Read<Vec<RequestedOutput>> {
    let mut outputs: Vec<RequestedOutput> = Vec::new();
    let mut names = HashSet::new();
    if reader.word("null") {
        return Ok(outputs);
    }
    reader.expect(b'[', "expected a list of outputs")?;
    let mut first = true;
    while reader.next_element(&mut first)? {
        if outputs.len() >= reader.limits().tensors {
            return Err(reader.fault("too many outputs"));
        }
        let mut output = output(reader)?;
        let label = format!("output '{}'", output.name);
        if !names.insert(output.name.clone()) {
            return Err(Fault::tensor(label, "it is asked for twice"));
        }
        if parameters::ask_shared_memory(&output.parameters) {
            return Err(Fault::tensor(label, "shared memory does not reach through a gateway"));
        }
        if let Some(flag) = parameters::take_flag(&mut output.parameters, "binary_data")? {
            binary.insert(output.name.clone(), flag);
        }
        outputs.push(output);
    }
    Ok(outputs)
}

fn output(reader: &mut Reader<'_>) -> Read<RequestedOutput> {
    const OPEN: usize = 3;
    reader.expect(b'{', "expected an output")?;
    let mut members = Members::of(&["name", "parameters"]);
    let mut output = RequestedOutput::default();
    let mut named = false;
    let mut first = true;
    while let Some(key) = reader.next_key(&mut first)? {
        match members.note(key, reader)? {
            Some("name") => {
                output.name = tensor::name(reader)?.into_owned();
                named = true;
            }
            Some(_) => output.parameters = parameters::read(reader, OPEN, Side::Client)?,
            None => reader.skip(OPEN, false)?,
        }
    }
    if named { Ok(output) } else { Err(reader.fault("an output has no name")) }
}

/// Takes the body out of its content encoding. Lengths in other headers are those of what comes out.
pub(super) fn open(head: &Fields, body: Bytes, limits: &Limits) -> Result<Bytes, Refusal> {
    match headers::encoding(head) {
        Encoding::Identity => Ok(body),
        Encoding::Unknown => Err(Refusal::new(
            Kind::UnsupportedEncoding,
            "send the body without content-encoding, as gzip or as deflate",
        )),
        encoding => encoding.decode(&body, limits.message).map_err(|error| match error {
            FrameError::Inflated { limit } => {
                Refusal::new(Kind::BodyTooLarge, format!("the body grows beyond the {limit} bytes taken"))
            }
            FrameError::Bomb => {
                Refusal::new(Kind::BodyTooLarge, "the body grows by more than a hundred times when it is unpacked")
            }
            _ => Refusal::new(Kind::BadRequest, "the body is not of the compression that content-encoding names"),
        }),
    }
}

/// Writes a request for a model server.
pub(super) fn encode(request: &InferRequest, form: &WireForm) -> Result<(Fields, Body), EncodeError> {
    let mut json = vec![b'{'];
    if let Some(id) = &request.id {
        write::key("id", &mut json);
        write::string(id, &mut json);
    }
    if form.binary || !request.parameters.is_empty() {
        write::key("parameters", &mut json);
        json.push(b'{');
        let known = |name: &str| name != "binary_data_output" && !name.starts_with(RESERVED);
        parameters::write(&request.parameters, known, &mut json)?;
        if form.binary {
            write::key("binary_data_output", &mut json);
            json.extend_from_slice(b"true");
        }
        json.push(b'}');
    }
    write::key("inputs", &mut json);
    let input_form = if form.binary { Form::Binary } else { Form::Json { non_finite: form.non_finite, half: true } };
    tensors::try_list(
        request.inputs.iter(),
        |input, out| tensors::tensor(input, input_form, out).map_err(|why| refuse(input, why)),
        &mut json,
    )?;
    if !request.outputs.is_empty() {
        write::key("outputs", &mut json);
        tensors::try_list(request.outputs.iter(), |output, out| write_output(output, form.binary, out), &mut json)?;
    }
    json.push(b'}');
    let mut head = Fields::new();
    head.insert(CONTENT_TYPE, headers::JSON);
    if !form.binary {
        return Ok((head, json.into()));
    }
    head.insert(CONTENT_TYPE, headers::OCTETS);
    head.insert(headers::JSON_LENGTH, HeaderValue::from(json.len()));
    let data = request.inputs.iter().map(|input| input.data().clone());
    Ok((head, std::iter::once(Bytes::from(json)).chain(data).collect()))
}

/// Binary data is asked of each output: Triton looks at the request's own flag only where it names none.
fn write_output<'a>(output: &'a RequestedOutput, binary: bool, out: &mut Vec<u8>) -> Result<(), NoNumber<'a>> {
    out.push(b'{');
    write::key("name", out);
    write::string(&output.name, out);
    if binary || !output.parameters.is_empty() {
        write::key("parameters", out);
        out.push(b'{');
        parameters::write(&output.parameters, |name| name != "binary_data", out)?;
        if binary {
            write::key("binary_data", out);
            out.extend_from_slice(b"true");
        }
        out.push(b'}');
    }
    out.push(b'}');
    Ok(())
}

impl From<NoNumber<'_>> for EncodeError {
    fn from(NoNumber(name): NoNumber<'_>) -> Self {
        Self::Parameter { name: name.to_owned() }
    }
}

fn refuse(input: &Tensor, why: NoJson<'_>) -> EncodeError {
    let tensor = input.name.clone();
    match why {
        NoJson::Datatype => EncodeError::NoJsonForm { tensor, datatype: input.datatype() },
        NoJson::NotFinite => EncodeError::NotFinite { tensor },
        NoJson::NotUtf8 => EncodeError::NotUtf8 { tensor },
        NoJson::Parameter(name) => NoNumber(name).into(),
    }
}
