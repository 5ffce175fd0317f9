//! A model's answers: written to clients, read from model servers.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use sluicegate_core::{Body, Fields, InferResponse, Kind, NonFinite, Outbound, Refusal, Tensor};

use super::parameters::NoNumber;
use super::tensor::{self, Side, Tensors};
use super::write::{self as tensors, Form, NoJson};
use super::{answer, binary, headers, parameters};
use crate::fault::{Fault, Read};
use crate::json::{Members, Reader, write};
use crate::{Limits, ReplyForm};

/// Writes an answer in the form its request asked for.
pub(super) fn encode(response: &InferResponse, form: &ReplyForm, policy: NonFinite) -> Result<Outbound, Refusal> {
    let mut json = vec![b'{'];
    write::key("model_name", &mut json);
    write::string(&response.model_name, &mut json);
    if let Some(version) = &response.model_version {
        write::key("model_version", &mut json);
        write::string(version, &mut json);
    }
    if let Some(id) = &response.id {
        write::key("id", &mut json);
        write::string(id, &mut json);
    }
    if !response.parameters.is_empty() {
        write::key("parameters", &mut json);
        json.push(b'{');
        parameters::write(&response.parameters, |_| true, &mut json).map_err(|NoNumber(name)| no_number(name))?;
        json.push(b'}');
    }
    write::key("outputs", &mut json);
    let mut behind: Vec<Bytes> = Vec::new();
    let mut any_binary = false;
    tensors::try_list(
        response.outputs.iter(),
        |output, out| {
            let form = if form.is_binary(&output.name) {
                any_binary = true;
                behind.push(output.data().clone());
                Form::Binary
            } else {
                Form::Json { non_finite: policy, half: false }
            };
            tensors::tensor(output, form, out).map_err(|why| refuse(output, why))
        },
        &mut json,
    )?;
    json.push(b'}');
    if !any_binary {
        return Ok(answer::json(StatusCode::OK, json));
    }
    let length = HeaderValue::from(json.len());
    let body: Body = std::iter::once(Bytes::from(json)).chain(behind).collect();
    let mut answer = answer::json(StatusCode::OK, body);
    answer.headers.insert(CONTENT_TYPE, headers::OCTETS);
    answer.headers.insert(headers::JSON_LENGTH, length);
    Ok(answer)
}

fn no_number(name: &str) -> Refusal {
    let what = "the model answered NaN or an infinity, which JSON has no number for";
    Refusal::new(Kind::UpstreamFault, format!("parameter '{name}': {what}"))
}

fn refuse(output: &Tensor, why: NoJson<'_>) -> Refusal {
    let label = format!("tensor '{}'", output.name);
    let ask = "ask for it as binary data (binary_data)";
    match why {
        NoJson::Datatype => Fault::tensor(label, format_args!("{} has no JSON form; {ask}", output.datatype())).into(),
        NoJson::NotUtf8 => Fault::tensor(label, format_args!("a BYTES element is not UTF-8; {ask}")).into(),
        NoJson::Parameter(name) => no_number(name),
        NoJson::NotFinite => Refusal::new(
            Kind::UpstreamFault,
            format!("{label}: the model answered NaN or an infinity, which is not passed on as JSON; {ask}"),
        ),
    }
}

/// Reads a model server's answer.
pub(super) fn decode(head: &Fields, body: Bytes, limits: &Limits) -> Read<InferResponse> {
    if !headers::is_identity(head) {
        return Err(Fault::message("the answer has a content-encoding that was not asked for"));
    }
    let (json, tail) = binary::split(body, headers::json_length(head)?)?;
    let mut reader = Reader::new(&json, limits)?;
    let mut response = InferResponse::default();
    let mut outputs = None;
    let mut members = Members::of(&["model_name", "model_version", "id", "parameters", "outputs"]);
    reader.expect(b'{', "expected an inference response, a JSON object")?;
    let mut first = true;
    while let Some(key) = reader.next_key(&mut first)? {
        match members.note(key, &reader)? {
            Some("model_name") => response.model_name = text(&mut reader)?.unwrap_or_default(),
            Some("model_version") => response.model_version = text(&mut reader)?,
            Some("id") => response.id = text(&mut reader)?,
            Some("parameters") => response.parameters = parameters::read(&mut reader, 1, Side::Backend)?,
            Some(_) => outputs = Some(Tensors::from(Side::Backend, limits.elements).read_list(&mut reader)?),
            None => reader.skip(1, false)?,
        }
    }
    reader.end()?;
    let outputs = outputs.ok_or_else(|| Fault::message("the answer has no outputs"))?;
    response.outputs = tensor::finish(outputs, tail)?;
    Ok(response)
}

/// Text, or `None` for `null`. A version that a server writes as a number keeps its digits.
fn text(reader: &mut Reader<'_>) -> Read<Option<String>> {
    match reader.peek() {
        Some(b'n') if reader.word("null") => Ok(None),
        Some(b'-' | b'0'..=b'9') => Ok(Some(reader.number()?.text.to_owned())),
        _ => Ok(Some(tensor::name(reader)?.into_owned())),
    }
}
