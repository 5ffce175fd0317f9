//! What a caller is told of a call that failed, or of an answer that could not be had.

use sluicegate_core::{CallClass, CallError, Fields, Kind, Metadata, Protocol, Refusal, Sent};
use sluicegate_wire::codec;

use super::call::Replied;
use super::forward::back;
use crate::trail::Trail;

/// An error the backend made is handed on with its status; a failure of the call becomes the gateway's own refusal.
pub(super) fn refuse(mut error: CallError, protocol: Protocol, trail: &mut Trail) -> Result<Replied<'static>, Refusal> {
    let status = error.status.and_then(|status| http::StatusCode::from_u16(status).ok());
    let handed_on = status.filter(|_| matches!(error.class, CallClass::Client | CallClass::Server));
    let (cause, said) = (error.cause.clone(), error.metadata.take());
    let refusal = refusal(error);
    let Some(status) = handed_on else {
        return Err(refusal);
    };
    let outbound = (codec(protocol).encode_error)(&refusal, status);
    trail.upstream_error(Some(cause));
    let metadata = said.map(|trailers| Box::new(Metadata { head: Fields::new(), trailers: *trailers }));
    Ok(Replied::Wire(back(outbound, metadata, protocol)))
}

/// The refusal for a failed call.
pub(super) fn refusal(error: CallError) -> Refusal {
    let (kind, public) = match (error.class, error.sent) {
        // The call is there, but not for this model: Triton's word for a decoupled one that is asked for one answer.
        _ if error.status == Some(501) => (Kind::NotInThisBuild, "the model does not answer such requests"),
        (CallClass::Client, _) => (Kind::InvalidTensor, "the model does not take this request"),
        (CallClass::NotFound | CallClass::NotReady, _) => (Kind::ModelNotReady, "the model is not ready"),
        (CallClass::NoRoom, _) => return no_room("answer").because(error.cause),
        (CallClass::Pushback, _) => (Kind::Overloaded, "the model has no room for this request now"),
        (CallClass::Transport, Sent::Nothing) => (Kind::UpstreamUnreachable, "the model's server cannot be reached"),
        (CallClass::Transport, Sent::Partial | Sent::All) => (Kind::UpstreamFault, "the model's server broke off"),
        (CallClass::Server, _) => (Kind::UpstreamFault, "the model's server failed"),
        (CallClass::Timeout, _) => (Kind::DeadlineExceeded, "the model did not answer in time"),
    };
    let refusal = Refusal::new(kind, public).because(error.cause).after(error.retry_after);
    match error.public {
        Some(public) => Refusal { public: public.into(), ..refusal },
        None => refusal,
    }
}

/// The refusal where the gateway holds as many bytes of bodies as it may.
pub(crate) fn no_room(what: &str) -> Refusal {
    Refusal::new(Kind::Overloaded, format!("the gateway has no room for the {what} now"))
        .because("it holds as many bytes of bodies as `overload.memory` allows")
}
