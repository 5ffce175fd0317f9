//! Requests before they are sent: made of their parts, made fit for HTTP/2, kept for a second try. Must not know over which
//! connection they go.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{InvalidUri, PathAndQuery, Uri};
use http::{Method, Request, Version};
use sluicegate_core::{Body, Sent};

use super::headers::{is_hop_by_hop, strip_hop_by_hop};
use super::{Fault, HttpError, Origin};

/// `path` behind what stands before all paths of the endpoint.
///
/// # Errors
/// The two make no target.
pub fn target(prefix: &str, path: String) -> Result<Uri, InvalidUri> {
    Uri::try_from(if prefix.is_empty() { path } else { format!("{prefix}{path}") })
}

/// A request of `method` for `target`.
pub fn request((method, target): (Method, Uri), headers: HeaderMap, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.uri_mut() = target;
    *request.method_mut() = method;
    *request.headers_mut() = headers;
    request
}

/// Makes the head fit for HTTP/2: nothing of another connection, the target in whole; and the body apart.
pub(super) fn prepare_h2(origin: &Origin, request: Request<Body>) -> Result<(Request<()>, Body), HttpError> {
    let (mut head, body) = request.into_parts();
    head.version = Version::HTTP_2;
    // The one field about the connection that HTTP/2 knows, and gRPC wants (RFC 9113, section 8.2.2).
    let trailers = |name: &HeaderName, value: &HeaderValue| *name == header::TE && value == "trailers";
    let mut fields = head.headers.iter();
    if fields.any(|(name, value)| is_hop_by_hop(name) && !trailers(name, value)) {
        let te = head.headers.get(header::TE).is_some_and(|value| value == "trailers");
        strip_hop_by_hop(&mut head.headers);
        if te {
            head.headers.insert(header::TE, HeaderValue::from_static("trailers"));
        }
    }
    if head.uri.authority().is_none() {
        let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        head.uri = origin
            .target(path.to_owned())
            .map_err(|error| HttpError::new(Fault::Broken, Sent::Nothing, format!("no request target: {error}")))?;
    }
    Ok((Request::from_parts(head, ()), body))
}

/// The same body once more, where that costs nothing.
pub(super) fn at_hand(body: &Body) -> Option<Body> {
    match body {
        Body::Empty => Some(Body::Empty),
        Body::Full(bytes) => Some(Body::Full(bytes.clone())),
        Body::Pieces(pieces) => Some(Body::Pieces(pieces.clone())),
        Body::Stream(_) => None,
    }
}
