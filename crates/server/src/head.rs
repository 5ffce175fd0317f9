//! What can be refused as soon as a head is parsed. A strict check of the bytes themselves is not made here.

use http::header::HOST;
use http::request::Parts;
use http::uri::Uri;
use http::{HeaderValue, Method, Response, Version, header};
use sluicegate_core::{Body, Kind, Outbound, Refusal};

use crate::limits::Limits;

/// Refuses a head that must not be passed on.
pub(crate) fn check(head: &Parts, limits: &Limits) -> Result<(), Refusal> {
    if head.method == Method::CONNECT || head.method == Method::TRACE {
        return Err(Refusal::new(Kind::MethodNotAllowed, "CONNECT and TRACE are not served"));
    }
    // HTTP/1 counts while parsing; HTTP/2 bounds only the bytes.
    if head.headers.len() > limits.headers {
        return Err(Refusal::new(Kind::HeadTooLarge, "the request has more header fields than are taken"));
    }
    if !known_form(&head.uri) {
        return Err(Refusal::new(
            Kind::BadRequest,
            "the request target must be a path that begins with '/', or an absolute URI",
        ));
    }
    let named = match head.headers.get_all(HOST).iter().count() {
        0 => head.version < Version::HTTP_11 || (head.version >= Version::HTTP_2 && head.uri.authority().is_some()),
        1 => true,
        _ => false,
    };
    if named { Ok(()) } else { Err(Refusal::new(Kind::BadRequest, "the request must have exactly one host")) }
}

/// Origin form (`/path`) or absolute form (`http://host/path`); not authority form, not `*`.
fn known_form(target: &Uri) -> bool {
    target.path().starts_with('/') && target.scheme().is_some() == target.authority().is_some()
}

/// A refusal in no protocol's own words: the protocol is not known yet. The connection is not used again.
pub(crate) fn answer(refusal: &Refusal, version: Version) -> Outbound {
    let facts = refusal.kind.facts();
    // The public texts above are ours: nothing in them needs escaping.
    let mut response = Response::new(Body::from(format!("{{\"error\":\"{}\"}}", refusal.public)));
    *response.status_mut() = http::StatusCode::from_u16(facts.http).unwrap_or(http::StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if refusal.kind == Kind::MethodNotAllowed {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    }
    if version < Version::HTTP_2 {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests;
