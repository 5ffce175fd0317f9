//! What of a client's head reaches the backend, and of the backend's the client. What is not named here passes: a model
//! may read what its clients write. What does not pass says who calls, where from, which model is meant, or how the one
//! connection it stood on is framed; those are the gateway's affair.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{self, HeaderName};
use http_body::{Body as HttpBody, Frame, SizeHint};
use sluicegate_core::{Body, BodyError, Metadata, Outbound, Protocol};

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
pub(super) fn onward(from: &HeaderMap, content: Content, to: &mut HeaderMap) {
    let named = Nominated::of(from);
    for (name, value) in from {
        let passes = match content {
            Content::AsItCame if describes_content(name) => true,
            _ => passes(name) && !named.holds(name),
        };
        if passes {
            to.append(name.clone(), value.clone());
        }
    }
}

fn describes_content(name: &HeaderName) -> bool {
    match *name {
        header::CONTENT_TYPE | header::CONTENT_ENCODING | header::ACCEPT | header::ACCEPT_ENCODING => true,
        _ => name.as_str() == "inference-header-content-length",
    }
}

/// Puts what came around a backend's answer around the one to the client.
pub(super) fn back(mut answer: Outbound, metadata: Option<Box<Metadata>>, protocol: Protocol) -> Outbound {
    let Some(metadata) = metadata else { return answer };
    let Metadata { head, mut trailers } = *metadata;
    answer.headers_mut().extend(head);
    if protocol == Protocol::OipGrpc && !trailers.is_empty() && !matches!(answer.body(), Body::Empty) {
        return answer.map(|inner| Body::stream(Trailing { inner, more: trailers }));
    }
    // An answer that is a head alone, or of a protocol whose clients do not look behind the body.
    if protocol != Protocol::OipGrpc {
        GRPC_ALONE.iter().for_each(|name| drop(trailers.remove(*name)));
    }
    answer.headers_mut().extend(trailers);
    answer
}

/// Whether a field may pass. A name with underscores is read as its twin with hyphens, as many servers do.
fn passes(name: &HeaderName) -> bool {
    match *name {
        // What nearly every request has, first.
        header::USER_AGENT => return true,
        header::HOST | header::CONTENT_LENGTH | header::CONTENT_TYPE | header::ACCEPT | header::TE => return false,
        _ => {}
    }
    let name = name.as_str();
    let mut twin = [0_u8; LONGEST];
    let name = if name.contains('_') { hyphened(name, &mut twin) } else { name };
    !FAMILIES.iter().any(|family| name.starts_with(family)) && !is_kept_back(name)
}

/// The beginning of a name, with hyphens. None of the names that are kept back is longer.
fn hyphened<'a>(name: &str, twin: &'a mut [u8; LONGEST]) -> &'a str {
    let mut length = 0;
    for (place, byte) in twin.iter_mut().zip(name.bytes()) {
        *place = if byte == b'_' { b'-' } else { byte };
        length += 1;
    }
    twin.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}

fn is_kept_back(name: &str) -> bool {
    matches!(
        name,
        // The connection, and the form of the body.
        "accept"
            | "accept-charset"
            | "accept-encoding"
            | "connection"
            | "early-data"
            | "etag"
            | "expect"
            | "host"
            | "http2-settings"
            | "inference-header-content-length"
            | "keep-alive"
            | "max-forwards"
            | "origin"
            | "range"
            | "server"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            // Who calls.
            | "api-key"
            | "apikey"
            | "authorization"
            | "cookie"
            | "cookie2"
            | "ocp-apim-subscription-key"
            | "openai-organization"
            | "openai-project"
            | "x-api-key"
            | "x-apikey"
            | "x-goog-api-key"
            | "x-access-token"
            | "x-csrf-token"
            | "x-xsrf-token"
            | "remote-user"
            | "x-tenant"
            | "x-tenant-id"
            | "x-user"
            | "x-user-id"
            // Where from.
            | "forwarded"
            | "client-ip"
            | "fastly-client-ip"
            | "true-client-ip"
            | "via"
            | "wl-proxy-client-ip"
            | "x-cluster-client-ip"
            | "x-originating-ip"
            | "x-real-ip"
            // Another target than the one that was checked.
            | "x-host"
            | "x-http-method"
            | "x-http-method-override"
            | "x-method-override"
            | "x-rewrite-url"
            // Which model, and how errors come.
            | "serve-multiplexed-model-id"
            | "triton-grpc-error"
            // Made by the gateway itself.
            | "x-request-id"
            | "traceparent"
            | "tracestate"
    )
}

/// Fields that a `connection` field names as its own.
struct Nominated<'a>(Option<&'a HeaderMap>);

impl<'a> Nominated<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let names_any = |value: &http::HeaderValue| !matches!(value.as_bytes(), b"keep-alive" | b"close");
        Self(headers.get_all(header::CONNECTION).iter().any(names_any).then_some(headers))
    }

    fn holds(&self, name: &HeaderName) -> bool {
        let named = self.0.into_iter().flat_map(|headers| headers.get_all(header::CONNECTION));
        named
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .any(|word| word.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
    }
}

/// A body with more fields among its trailers.
struct Trailing {
    inner: Body,
    more: HeaderMap,
}

impl HttpBody for Trailing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let mut frame = ready!(Pin::new(&mut this.inner).poll_frame(context));
        if let Some(trailers) = frame.as_mut().and_then(|frame| frame.as_mut().ok()?.trailers_mut()) {
            trailers.extend(std::mem::take(&mut this.more));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests;
