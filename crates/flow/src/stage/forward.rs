//! What of a client's head reaches the backend, and of the backend's the client. What is not named here passes: a model
//! may read what its clients write. What does not pass says who calls, where from, which model is meant, or how the one
//! connection it stood on is framed; those are the gateway's affair.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body as _, SizeHint};
use sluicegate_core::fields::Value;
use sluicegate_core::{Body, BodyError, BodyStream, Fields, Metadata, Outbound, Part, Protocol};

/// Names as long as this, or longer, are no field that is known here.
const LONGEST: usize = 48;

/// An error in gRPC's own form: in the place of what the gateway would say over gRPC, and of no use to others.
const GRPC_ALONE: [&str; 2] = ["grpc-status", "grpc-status-details-bin"];

/// Beginnings of names that do not pass.
const FAMILIES: [&str; 22] = [
    "access-control-",
    "azureml-",
    "cf-",
    "content-",
    "grpc-",
    "if-",
    // Model choice of ModelMesh, Seldon and SageMaker: the client would reach another model than the one it may call.
    "mm-",
    "proxy-",
    "sec-",
    "seldon-",
    "sluicegate-",
    // Said by proxies that end TLS: which certificate the client showed.
    "ssl-",
    "x-amzn-",
    "x-auth-",
    "x-client-",
    "x-envoy-",
    "x-forwarded-",
    "x-original-",
    "x-remote-",
    "x-seldon-",
    "x-sluicegate-",
    "x-ssl-",
];

/// What becomes of the fields that say how to read the body, and how to write the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The body goes on as it came, and they with it.
    AsItCame,
    /// The body is written anew.
    Anew,
}

/// Puts what passes of a client's head beside what is there already: the ids, which no client overrides.
pub(super) fn onward(from: &Fields, content: Content, to: &mut Fields) {
    let named = Nominated::of(from);
    to.adopt(from, |name, _| match content {
        Content::AsItCame if describes_content(name.as_bytes()) => true,
        _ => passes(name.as_bytes()) && !named.holds(name.as_bytes()),
    });
}

fn describes_content(name: &[u8]) -> bool {
    matches!(
        name,
        b"content-type" | b"content-encoding" | b"accept" | b"accept-encoding" | b"inference-header-content-length"
    )
}

/// Puts what came around a backend's answer around the one to the client.
pub(super) fn back(mut answer: Outbound, metadata: Option<Box<Metadata>>, protocol: Protocol) -> Outbound {
    let Some(metadata) = metadata else { return answer };
    let Metadata { head, mut trailers } = *metadata;
    answer.headers.replace_by(&head);
    if protocol == Protocol::OipGrpc && !trailers.is_empty() && !matches!(answer.body, Body::Empty) {
        return answer.map(|inner| Body::stream(Trailing { inner, more: trailers }));
    }
    // An answer that is a head alone, or of a protocol whose clients do not look behind the body.
    if protocol != Protocol::OipGrpc {
        trailers.retain(|name, _| !GRPC_ALONE.iter().any(|alone| name == *alone));
    }
    answer.headers.replace_by(&trailers);
    answer
}

/// Whether a field may pass. A name with underscores is read as its twin with hyphens, as many servers do.
fn passes(name: &[u8]) -> bool {
    // What nearly every request has, first.
    match name {
        b"user-agent" => return true,
        b"host" | b"content-length" | b"content-type" | b"accept" | b"te" | b"connection" => return false,
        _ => {}
    }
    let mut twin = [0_u8; LONGEST];
    let name = if name.contains(&b'_') { hyphened(name, &mut twin) } else { name };
    !FAMILIES.iter().any(|family| name.starts_with(family.as_bytes())) && !is_kept_back(name)
}

/// The beginning of a name, with hyphens. None of the names that are kept back is longer.
fn hyphened<'a>(name: &[u8], twin: &'a mut [u8; LONGEST]) -> &'a [u8] {
    let mut length = 0;
    for (place, byte) in twin.iter_mut().zip(name) {
        *place = if *byte == b'_' { b'-' } else { *byte };
        length += 1;
    }
    twin.get(..length).unwrap_or_default()
}

fn is_kept_back(name: &[u8]) -> bool {
    matches!(
        name,
        // The connection, and the form of the body.
        b"accept"
            | b"accept-charset"
            | b"accept-encoding"
            | b"connection"
            | b"early-data"
            | b"etag"
            | b"expect"
            | b"host"
            | b"http2-settings"
            | b"inference-header-content-length"
            | b"keep-alive"
            | b"max-forwards"
            | b"origin"
            | b"range"
            | b"server"
            | b"te"
            | b"trailer"
            | b"transfer-encoding"
            | b"upgrade"
            // Who calls.
            | b"api-key"
            | b"apikey"
            | b"authorization"
            | b"cookie"
            | b"cookie2"
            | b"ocp-apim-subscription-key"
            | b"openai-organization"
            | b"openai-project"
            | b"x-api-key"
            | b"x-apikey"
            | b"x-goog-api-key"
            | b"x-access-token"
            | b"x-csrf-token"
            | b"x-xsrf-token"
            | b"remote-user"
            | b"x-tenant"
            | b"x-tenant-id"
            | b"x-user"
            | b"x-user-id"
            // Where from.
            | b"forwarded"
            | b"client-ip"
            | b"fastly-client-ip"
            | b"true-client-ip"
            | b"via"
            | b"wl-proxy-client-ip"
            | b"x-cluster-client-ip"
            | b"x-originating-ip"
            | b"x-real-ip"
            // Another target than the one that was checked.
            | b"x-host"
            | b"x-http-method"
            | b"x-http-method-override"
            | b"x-method-override"
            | b"x-rewrite-url"
            // Which model, and how errors come.
            | b"serve-multiplexed-model-id"
            | b"triton-grpc-error"
            // Made by the gateway itself.
            | b"x-request-id"
            | b"traceparent"
            | b"tracestate"
    )
}

/// Fields that a `connection` field names as its own.
struct Nominated<'a>(Option<&'a Fields>);

impl<'a> Nominated<'a> {
    fn of(headers: &'a Fields) -> Self {
        let names_any = |value: Value<'_>| !matches!(value.as_bytes(), b"keep-alive" | b"close");
        Self(headers.get_all("connection").any(names_any).then_some(headers))
    }

    fn holds(&self, name: &[u8]) -> bool {
        let named = self.0.into_iter().flat_map(|headers| headers.get_all("connection"));
        named
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .any(|word| word.trim_ascii().eq_ignore_ascii_case(name))
    }
}

/// A body with more fields among its trailers.
struct Trailing {
    inner: Body,
    more: Fields,
}

impl BodyStream for Trailing {
    fn poll_part(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Part, BodyError>>> {
        let this = self.get_mut();
        let mut part = ready!(this.inner.poll_part(context));
        if let Some(Ok(Part::Trailers(trailers))) = &mut part {
            trailers.replace_by(&this.more);
        }
        Poll::Ready(part)
    }

    fn is_over(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn length(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests;
