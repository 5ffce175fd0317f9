//! Runs a model by values alone, of which its description gives shape and datatype: with one answer, or with any number of
//! them, sent as they come.

mod answers;
mod untouched;

use futures_util::StreamExt as _;
use http::StatusCode;
use sluicegate_config::StreamTimes;
use sluicegate_core::{
    CallClass, CallError, InferRequest, InferResponse, Kind, Operation, Outbound, Refusal, ReplyStream,
};
use sluicegate_wire::{GenerateCodec, codec};

use self::answers::{Answers, Naming};
pub(super) use self::untouched::untouched;
use super::call;
use super::encode;
use super::name::Caller;
use super::read::Payload;
use super::refused;
use super::traffic::Chosen;
use crate::control::Gateway;
use crate::patience::Patience;
use crate::snapshot::Version;
use crate::trail::Trail;

/// What a client is told whose model answers otherwise than once: Triton's own words.
const NOT_ONE: &str = "generate expects model to produce exactly 1 response, use generate stream for model that generates \
                       various number of responses";

/// A request whose values were read.
struct Asked<'a> {
    request: InferRequest,
    codec: GenerateCodec,
    naming: Naming,
    times: StreamTimes,
    caller: Caller<'a>,
}

/// Why there is no answer to send: the backend's error, or the gateway's own.
enum Failed {
    Call(CallError),
    Refused(Refusal),
}

/// Answers a request whose values were read.
pub(crate) async fn answer(chosen: Chosen<'_>, gateway: &Gateway, trail: &mut Trail) -> Result<Outbound, Refusal> {
    let (named, payload, version) = chosen.into_parts();
    let (Some(codec), Payload::Values(request)) = (codec(named.protocol()).generate, payload) else {
        return Err(Refusal::new(Kind::Internal, "the gateway failed").because("no values were read"));
    };
    let request = *request;
    let naming = Naming::of(&named, version, &request);
    let outcome = if named.operation() == Operation::GenerateStream {
        let asked = Asked { request, codec, naming, times: named.stream_times(), caller: named.caller() };
        several(asked, version, gateway, trail).await
    } else {
        let times = StreamTimes { idle: named.timeout(), total: named.timeout() };
        one(Asked { request, codec, naming, times, caller: named.caller() }, version, gateway, trail).await
    };
    match outcome {
        Ok(outbound) => Ok(outbound),
        Err(Failed::Refused(refusal)) => Err(refusal),
        Err(Failed::Call(error)) => encode::encode(refused::refuse(error, named.protocol(), trail)?, trail).await,
    }
}

/// The one answer of a model. That it is the only one is known behind it.
async fn one(asked: Asked<'_>, version: &Version, gateway: &Gateway, trail: &mut Trail) -> Result<Outbound, Failed> {
    let Asked { request, codec, naming, times, caller } = asked;
    let mut patience = Patience::begin(times);
    let mut answers = open((request, times), caller, version, gateway, trail).await?;
    let only = patience.wait(only(&mut answers)).await.map_err(|_| call::late())??;
    let response = only.ok_or_else(|| Refusal::new(Kind::BadRequest, NOT_ONE))?;
    Ok((codec.encode)(&naming.put_on(response), naming.non_finite)?)
}

/// The answer, if there is exactly one.
async fn only(answers: &mut ReplyStream) -> Result<Option<InferResponse>, CallError> {
    let mut only = None;
    while let Some(answer) = answers.next().await {
        let answer = answer?;
        if !answer.is_only_final() && only.replace(answer).is_some() {
            return Ok(None);
        }
    }
    Ok(only)
}

/// Answers as they come. The head is that of the first, as Triton has it: an error there gives the whole its status.
async fn several(
    asked: Asked<'_>,
    version: &Version,
    gateway: &Gateway,
    trail: &mut Trail,
) -> Result<Outbound, Failed> {
    let Asked { request, codec, naming, times, caller } = asked;
    let mut patience = Patience::begin(times);
    let mut answers = open((request, times), caller, version, gateway, trail).await?;
    let first = patience.wait(answers.next()).await.map_err(|_| call::late())?;
    let mut head = (codec.stream.head)();
    match &first {
        // Nothing follows these.
        Some(Err(error)) if matches!(error.class, CallClass::Transport | CallClass::Timeout) => {
            return Err(Failed::Call(error.clone()));
        }
        Some(Err(error)) => {
            let status = error.status.unwrap_or_else(|| refused::refusal(error.clone()).kind.facts().http);
            head.status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            trail.upstream_error(Some(error.cause.clone()));
        }
        Some(Ok(_)) | None => {}
    }
    let mut body = Answers::new(answers, codec.stream, naming, patience, trail.heard());
    if let Some(first) = first {
        body.take(first);
    }
    Ok(head.map(|_| sluicegate_core::Body::stream(body)))
}

async fn open(
    (request, times): (InferRequest, StreamTimes),
    caller: Caller<'_>,
    version: &Version,
    gateway: &Gateway,
    trail: &mut Trail,
) -> Result<ReplyStream, Failed> {
    let began = gateway.clock.now();
    let answers = call::open(version, (request, times), gateway, caller, trail).await;
    trail.waited(gateway.clock.now().saturating_duration_since(began));
    Ok(answers?)
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
