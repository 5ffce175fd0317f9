//! Requests read from clients, answers written to them.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use sluicegate_core::{
    ASK_FINAL, DataType, FINAL, Fields, InferRequest, InferResponse, Kind, ModelMetadata, NonFinite, Outbound,
    Parameter, Refusal, Tensor,
};

use super::super::tensor::{self, Label, Side};
use super::super::write::NoJson;
use super::super::{answer, headers, parameters};
use super::{NESTED, values};
use crate::fault::{Fault, Read};
use crate::json::{Members, Reader, write};
use crate::{Limits, ReplyForm};

/// Content type of events.
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");

/// A request that is being read.
struct Draft<'a> {
    metadata: &'a ModelMetadata,
    request: InferRequest,
    /// Elements that may still come.
    room: u64,
}

/// Reads a request.
pub(super) fn decode(
    head: &Fields,
    body: &Bytes,
    metadata: &ModelMetadata,
    limits: &Limits,
) -> Result<InferRequest, Refusal> {
    if !headers::is_identity(head) {
        return Err(Refusal::new(Kind::UnsupportedEncoding, "send the body without content-encoding"));
    }
    if metadata.inputs.is_empty() {
        let what = "the model's server does not describe its inputs, so that values alone say nothing; use infer";
        return Err(Refusal::new(Kind::BadRequest, what));
    }
    Ok(read(body, metadata, limits)?)
}

fn read(body: &[u8], metadata: &ModelMetadata, limits: &Limits) -> Read<InferRequest> {
    let mut reader = Reader::new(body, limits)?;
    let mut draft = Draft { metadata, request: InferRequest::default(), room: limits.elements };
    if draft.describes(NESTED) {
        return Err(Fault::message("the model has an input named 'parameters', which has no place here; use infer"));
    }
    let mut members = Members::of(&["id", NESTED]);
    reader.expect(b'{', "expected the inputs, a JSON object")?;
    let mut first = true;
    while let Some(key) = reader.next_key(&mut first)? {
        let kept = key.clone();
        match members.note(key, &reader)? {
            Some("id") if !draft.describes("id") => draft.id(&mut reader)?,
            Some(NESTED) => draft.nested(&mut reader)?,
            _ => draft.member(kept, &mut reader, 1)?,
        }
    }
    reader.end()?;
    // Its word is for streams over gRPC; here the last answer is told by the end of all.
    draft.request.parameters.remove(ASK_FINAL);
    Ok(draft.request)
}

impl Draft<'_> {
    fn describes(&self, name: &str) -> bool {
        self.metadata.inputs.iter().any(|input| input.name == name)
    }

    fn id(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        if !reader.word("null") {
            self.request.id = Some(tensor::name(reader)?.into_owned());
        }
        Ok(())
    }

    fn nested(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        let mut members = Members::of(&[]);
        reader.expect(b'{', "'parameters' must be an object")?;
        let mut first = true;
        while let Some(key) = reader.next_key(&mut first)? {
            members.note(key.clone(), reader)?;
            self.member(key, reader, 2)?;
        }
        Ok(())
    }

    /// A value by its name: of an input where the model has one of that name, else a parameter.
    fn member(&mut self, name: Cow<'_, str>, reader: &mut Reader<'_>, open: usize) -> Read<()> {
        let Some(described) = self.metadata.inputs.iter().find(|input| *input.name == *name) else {
            return self.parameter(name, reader, open);
        };
        if self.request.inputs.iter().any(|input| *input.name == *name) {
            return Err(Fault::tensor(Label::named(&name), "it is given twice"));
        }
        if matches!(described.datatype, DataType::Fp16 | DataType::Bf16) {
            let what = format!("{} has no JSON form; use infer with binary data", described.datatype);
            return Err(Fault::tensor(Label::named(&name), what));
        }
        let tensor = values::read(reader, described, open, &mut self.room)?;
        self.request.inputs.push(tensor);
        Ok(())
    }

    fn parameter(&mut self, name: Cow<'_, str>, reader: &mut Reader<'_>, open: usize) -> Read<()> {
        let parameters = &mut self.request.parameters;
        if parameters.get(&name).is_some() {
            return Err(reader.fault("a parameter is given twice"));
        }
        if parameters.len() >= reader.limits().parameters {
            return Err(reader.fault("too many parameters"));
        }
        if name.len() > reader.limits().name {
            return Err(reader.fault("a name is too long"));
        }
        let value = parameters::value(reader, open, Side::Client)?;
        let value = value.ok_or_else(|| reader.fault("a parameter must be a string, a number or a boolean"))?;
        parameters.set(name, value);
        Ok(())
    }
}

/// A member of an answer.
enum Member<'a> {
    Text(&'a str),
    Parameter(&'a Parameter),
    Tensor(&'a Tensor),
}

/// Writes the one answer.
pub(super) fn encode(response: &InferResponse, policy: NonFinite) -> Result<Outbound, Refusal> {
    let mut json = Vec::new();
    object(response, policy, &mut json)?;
    Ok(answer::json(StatusCode::OK, json))
}

/// The head of a stream of answers.
pub(super) fn head() -> Outbound {
    let mut answer = Outbound::default();
    answer.headers.insert(CONTENT_TYPE, EVENTS);
    answer
}

/// One answer of several: an event.
pub(super) fn item(response: &InferResponse, _: &ReplyForm, policy: NonFinite) -> Result<Vec<Bytes>, Refusal> {
    let mut event = b"data: ".to_vec();
    object(response, policy, &mut event)?;
    event.extend_from_slice(b"\n\n");
    Ok(vec![event.into()])
}

/// A refusal among the answers.
pub(super) fn refusal(refusal: &Refusal, _: Option<&str>) -> Bytes {
    let mut event = b"data: {".to_vec();
    write::key("error", &mut event);
    write::string(&refusal.public, &mut event);
    event.extend_from_slice(b"}\n\n");
    event.into()
}

/// Nothing stands behind the last event.
pub(super) fn end(_: Option<&Refusal>) -> Fields {
    Fields::new()
}

/// Writes an answer's members by name, as Triton orders them.
fn object(response: &InferResponse, policy: NonFinite, out: &mut Vec<u8>) -> Result<(), Refusal> {
    let mut members = vec![("model_name", Member::Text(&response.model_name))];
    members.extend(response.model_version.as_deref().map(|version| ("model_version", Member::Text(version))));
    members.extend(response.id.as_deref().map(|id| ("id", Member::Text(id))));
    // That it is the last is told over gRPC alone.
    let told = |(name, _): &(&str, &Parameter)| *name != FINAL;
    members.extend(response.parameters.iter().filter(told).map(|(name, value)| (name, Member::Parameter(value))));
    members.extend(response.outputs.iter().map(|output| (output.name.as_str(), Member::Tensor(output))));
    members.sort_by_key(|(name, _)| *name);
    if let Some([(name, _), _]) = members.array_windows().find(|[left, right]| left.0 == right.0) {
        let what =
            format!("the model answered two things by the name '{name}', of which only one has a place; use infer");
        return Err(Refusal::new(Kind::UpstreamFault, what));
    }
    out.push(b'{');
    for (name, member) in members {
        write::key(name, out);
        match member {
            Member::Text(text) => write::string(text, out),
            Member::Parameter(Parameter::Double(value)) if !value.is_finite() => {
                let what = format!("the parameter '{name}' of the model's answer is NaN or an infinity; use gRPC");
                return Err(Refusal::new(Kind::UpstreamFault, what));
            }
            Member::Parameter(value) => parameters::write_value(value, out),
            Member::Tensor(tensor) => values::write(tensor, policy, out).map_err(|why| refuse(tensor, why))?,
        }
    }
    out.push(b'}');
    Ok(())
}

fn refuse(output: &Tensor, why: NoJson) -> Refusal {
    let what = match why {
        NoJson::Datatype => format!("{} has no JSON form", output.datatype()),
        NoJson::NotUtf8 => "a BYTES element is not UTF-8".to_owned(),
        // Tensors are written here without their parameters.
        NoJson::Parameter(name) => format!("the parameter '{name}' is NaN or an infinity"),
        NoJson::NotFinite => "the model answered NaN or an infinity, which is not passed on as JSON".to_owned(),
    };
    Refusal::new(Kind::UpstreamFault, format!("tensor '{}': {what}; use infer with binary data", output.name))
}
