//! What every head must be, over whichever version of HTTP it came: one meaning, or it is refused. Behind this the target
//! is a path in canonical form, and host and credentials are there once.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use http::header;
use http::uri::{Authority, PathAndQuery, Uri};
use http::{HeaderValue, Method, Version};
use sluicegate_core::fields::Value;
use sluicegate_core::{Body, Fields, Kind, Outbound, Refusal, RequestHead};

use crate::limits::Limits;
use crate::path;

/// Fields that carry a credential. More than one credential is ambiguous: two servers may take each another one.
const CREDENTIALS: [&str; 3] = ["authorization", "x-api-key", "api-key"];

/// Fields of one value: two servers may take each another one of two.
const SINGLE: [&str; 4] = ["content-type", "user-agent", "inference-header-content-length", "x-request-id"];

/// Longest name of a field. HAProxy has no room for more, and no field has such a name.
const LONGEST_NAME: usize = 255;

/// Whom a head names: the server and the client.
struct Named<'a> {
    host: Option<&'a [u8]>,
    hosts: usize,
    credentials: usize,
    /// A field of one value is there twice.
    again: bool,
    /// Bytes of the longest name.
    longest: usize,
}

/// Refuses a head that must not be passed on; brings its target into canonical form.
pub(crate) fn check(head: &mut RequestHead, limits: &Limits) -> Result<(), Refusal> {
    check_method(&head.method)?;
    check_form(&head.uri)?;
    // HTTP/1 counts while parsing; HTTP/2 bounds only the bytes.
    if head.headers.len() > limits.headers {
        return Err(Refusal::new(Kind::HeadTooLarge, "the request has more header fields than are taken"));
    }
    let named = named(&head.headers);
    if named.longest > LONGEST_NAME {
        return Err(Refusal::new(Kind::HeadTooLarge, "a header field has a name of more than 255 bytes"));
    }
    check_host(head, &named)?;
    if named.again {
        return Err(Refusal::new(Kind::BadRequest, "a header field that may be there once is there twice"));
    }
    if named.credentials > 1 {
        return Err(Refusal::new(Kind::AmbiguousCredentials, "the request carries more than one credential"));
    }
    if let Some(changed) = canonical(&head.uri)? {
        head.authority = std::mem::replace(&mut head.uri, changed).into_parts().authority;
    }
    Ok(())
}

/// Counts in one pass.
fn named(headers: &Fields) -> Named<'_> {
    let mut named = Named { host: None, hosts: 0, credentials: 0, again: false, longest: 0 };
    let mut seen = [false; SINGLE.len()];
    for (name, value) in headers {
        let name = name.as_bytes();
        named.longest = named.longest.max(name.len());
        if name == b"host" {
            named.host = Some(value.as_bytes());
            named.hosts += 1;
        } else if CREDENTIALS.iter().any(|credential| credential.as_bytes() == name) {
            named.credentials += 1;
        } else if let Some((seen, _)) = seen.iter_mut().zip(SINGLE).find(|(_, single)| single.as_bytes() == name) {
            named.again |= std::mem::replace(seen, true);
        }
    }
    named
}

/// A method in capitals, that is neither a tunnel nor an echo.
fn check_method(method: &Method) -> Result<(), Refusal> {
    if *method == Method::CONNECT || *method == Method::TRACE {
        return Err(Refusal::new(Kind::MethodNotAllowed, "CONNECT and TRACE are not served"));
    }
    let name = method.as_str();
    if name.len() > 24 || !name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
        return Err(Refusal::new(Kind::BadRequest, "the method must be a word in capital letters"));
    }
    Ok(())
}

/// Origin form (`/path`) or absolute form (`http://host/path`); not `host:port`, not `*`.
fn check_form(target: &Uri) -> Result<(), Refusal> {
    let refuse = |public| Err(Refusal::new(Kind::BadPath, public));
    if !target.path().starts_with('/') || target.scheme().is_some() != target.authority().is_some() {
        return refuse("the request target must be a path that begins with '/', or an absolute URI");
    }
    match target.scheme_str() {
        None | Some("http" | "https") => Ok(()),
        Some(_) => refuse("the request target has another scheme than http and https"),
    }
}

/// One host, by whatever it is named. HTTP/1.0 may have none.
fn check_host(head: &RequestHead, fields: &Named<'_>) -> Result<(), Refusal> {
    if fields.hosts > 1 {
        return Err(bad_host("the request must have exactly one host"));
    }
    let named = head.uri.authority().map(Authority::as_str);
    match (fields.host, named) {
        (None, None) if head.version < Version::HTTP_11 => Ok(()),
        (None, None) => Err(bad_host("the request must have exactly one host")),
        (Some(host), None) => check_name(host),
        (None, Some(host)) if head.version >= Version::HTTP_2 => check_name(host.as_bytes()),
        (None, Some(_)) => Err(bad_host("the request must have exactly one host")),
        (Some(host), Some(named)) => {
            check_name(host)?;
            if host.eq_ignore_ascii_case(named.as_bytes()) {
                Ok(())
            } else {
                Err(bad_host("the request target names another host than the host field"))
            }
        }
    }
}

/// `uri-host [ ":" port ]` (RFC 9110, section 7.2), in the characters that names and addresses have: a host is compared,
/// logged and by some servers put into URLs.
fn check_name(host: &[u8]) -> Result<(), Refusal> {
    let wrong = || bad_host("the host is none");
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let (name_is_right, port) = match host.strip_prefix(b"[") {
        Some(rest) => {
            let rest = std::str::from_utf8(rest).map_err(|_| wrong())?;
            let (address, port) = rest.split_once(']').ok_or_else(wrong)?;
            (address.parse::<Ipv6Addr>().is_ok(), port.as_bytes())
        }
        None => {
            let end = host.iter().position(|byte| !in_name(byte)).unwrap_or(host.len());
            let (name, port) = host.split_at(end);
            ((1..=255).contains(&name.len()), port)
        }
    };
    if name_is_right && is_port(port) { Ok(()) } else { Err(wrong()) }
}

/// Whether this is a colon and a number of 16 bits, or less of that.
fn is_port(text: &[u8]) -> bool {
    match text {
        [] | [b':'] => true,
        // `parse` takes a sign, too.
        [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u16>().is_ok())
        }
        _ => false,
    }
}

/// The target in origin form, canonical. `None`: it is so already.
fn canonical(target: &Uri) -> Result<Option<Uri>, Refusal> {
    let whole = target.path_and_query().map_or("/", PathAndQuery::as_str);
    let canonical = match path::canonical(whole)? {
        Cow::Borrowed(_) if target.scheme().is_none() => return Ok(None),
        // As it was read, less what stands before it.
        Cow::Borrowed(same) if same.len() > 1 => return Ok(target.path_and_query().cloned().map(Uri::from)),
        Cow::Borrowed(whole) => PathAndQuery::try_from(whole),
        Cow::Owned(changed) => PathAndQuery::try_from(changed),
    };
    canonical
        .map(|target| Some(Uri::from(target)))
        .map_err(|_| Refusal::new(Kind::BadPath, "the request target is no URI"))
}

/// A refusal before the protocol is known, but for gRPC, which a head tells at once. Over HTTP/1 the connection is not used
/// again.
pub(crate) fn answer(refusal: &Refusal, grpc: bool) -> Outbound {
    let facts = refusal.kind.facts();
    if grpc {
        return grpc_answer(refusal);
    }
    // The public texts of this room are its own: nothing in them needs escaping.
    let body = format!("{{\"error\":\"{}\",\"code\":\"{}\"}}", refusal.public, facts.label);
    let mut response = Outbound::new(Body::from(body));
    response.status = http::StatusCode::from_u16(facts.http).unwrap_or(http::StatusCode::BAD_REQUEST);
    let headers = &mut response.headers;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if refusal.kind == Kind::MethodNotAllowed {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    }
    response
}

/// Whether a head is one of gRPC's.
pub(crate) fn is_grpc(version: Version, headers: &Fields) -> bool {
    let content = headers.get(header::CONTENT_TYPE).map_or(&b""[..], Value::as_bytes);
    version == Version::HTTP_2 && content.starts_with(b"application/grpc")
}

/// A status without an answer: all of it is in the head.
fn grpc_answer(refusal: &Refusal) -> Outbound {
    let mut response = Outbound::new(Body::Empty);
    let headers = &mut response.headers;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(u16::from(refusal.kind.facts().grpc)));
    // Our own texts have no character that must be percent-encoded.
    if let Ok(message) = HeaderValue::from_str(&refusal.public) {
        headers.insert("grpc-message", message);
    }
    response
}

fn bad_host(public: &'static str) -> Refusal {
    Refusal::new(Kind::BadHost, public)
}

#[cfg(test)]
mod tests;
