//! Requests before they are sent: made of their parts, made fit for HTTP/2, kept for a second try. Must not know over which
//! connection they go.

use http::header::TE;
use http::uri::{InvalidUri, PathAndQuery, Uri};
use http::{HeaderValue, Method};
use sluicegate_core::{Body, Fields, Sent};

use super::headers::{is_hop_by_hop, strip_hop_by_hop};
use super::{Fault, HttpError, Origin};

/// A request: its head, and what comes behind that.
#[derive(Debug, Default)]
pub struct Request<B = Body> {
    /// What is to be done.
    pub method: Method,
    /// To what.
    pub target: Uri,
    /// The fields of its head.
    pub headers: Fields,
    /// What comes behind the head.
    pub body: B,
}

/// `path` behind what stands before all paths of the endpoint.
///
/// # Errors
/// The two make no target.
pub fn target(prefix: &str, path: String) -> Result<Uri, InvalidUri> {
    Uri::try_from(if prefix.is_empty() { path } else { format!("{prefix}{path}") })
}

/// A request of `method` for `target`.
pub fn request((method, target): (Method, Uri), headers: Fields, body: Body) -> Request {
    Request { method, target, headers, body }
}

impl Request {
    /// Its head, and its body.
    pub(super) fn into_parts(self) -> (Request<()>, Body) {
        let Self { method, target, headers, body } = self;
        (Request { method, target, headers, body: () }, body)
    }
}

/// Makes the head fit for HTTP/2: nothing of another connection, the target in whole; and the body apart.
pub(super) fn prepare_h2(origin: &Origin, request: Request) -> Result<(Request<()>, Body), HttpError> {
    let (mut head, body) = request.into_parts();
    // The one field about the connection that HTTP/2 knows, and gRPC wants (RFC 9113, section 8.2.2).
    let te = head.headers.get(TE).is_some_and(|value| value == "trailers");
    let alone = te && head.headers.only(TE).is_some();
    if head.headers.names().any(|name| is_hop_by_hop(name.as_bytes()) && !(alone && name == "te")) {
        strip_hop_by_hop(&mut head.headers);
        if te {
            head.headers.insert(TE, HeaderValue::from_static("trailers"));
        }
    }
    if head.target.authority().is_none() {
        let path = head.target.path_and_query().map_or("/", PathAndQuery::as_str);
        head.target = origin
            .target(path.to_owned())
            .map_err(|error| HttpError::new(Fault::Broken, Sent::Nothing, format!("no request target: {error}")))?;
    }
    Ok((head, body))
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
