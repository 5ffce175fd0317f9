//! Paths of the protocol: what they ask for, and how a model's name stands in them.
//!
//! A path has one reading. Segments of the protocol are taken literally; the model's name and version are
//! percent-decoded exactly once, and anything another hop might read differently is refused.

use http::Method;
use sluicegate_core::{Asked, Kind, Operation, Protocol, Refusal};

use super::manage::{self, Takes};
use crate::oip_grpc::NO_REPOSITORIES;

/// Says which method a path takes; `answer` reads the `allow` header from it.
pub(crate) const TAKES_GET: &str = "this path takes GET";
/// Says which method a path takes; `answer` reads the `allow` header from it.
pub(crate) const TAKES_POST: &str = "this path takes POST";
/// Says which methods a path takes; `answer` reads the `allow` header from it.
pub(crate) const TAKES_BOTH: &str = "this path takes GET and POST";

/// Reads method and path (as sent, without query). `None`: not a path of this protocol.
pub(super) fn ask(method: &Method, path: &str) -> Option<Result<Asked, Refusal>> {
    let rest = path.strip_prefix("/v2")?;
    if !(rest.is_empty() || rest.starts_with('/')) {
        return None;
    }
    Some(asked(method, rest))
}

fn asked(method: &Method, rest: &str) -> Result<Asked, Refusal> {
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    if let Some(model) = run_by_name(rest) {
        return to_run(method, model.to_owned());
    }
    // One slash at the end is taken; a path of nothing but that slash has lost its own already.
    if rest == "/" {
        return Err(no_such_path());
    }
    let parts = segments(rest);
    if let Some(found) = manage::find(&parts) {
        return to_manage(method, &found);
    }
    let (operation, model, version) = match parts {
        [Some(""), None, ..] => (Operation::ServerMetadata, None, None),
        [Some("health"), Some("live"), None, ..] => (Operation::ServerLive, None, None),
        [Some("health"), Some("ready"), None, ..] => (Operation::ServerReady, None, None),
        [Some("models"), None, ..] => (Operation::Names, None, None),
        // As Triton reads it: not the description of a model of this name.
        [Some("models"), Some("stats"), None, ..] => (Operation::Statistics, None, None),
        [Some("repository"), Some("index"), None, ..] => (Operation::Index, None, None),
        [Some("models"), Some(model), None, ..] => (Operation::Metadata, Some(model), None),
        [Some("models"), Some(model), Some(verb), None, ..] => (of_model(verb)?, Some(model), None),
        [Some("models"), Some(model), Some("versions"), Some(version), None, _] => {
            (Operation::Metadata, Some(model), Some(version))
        }
        [Some("models"), Some(model), Some("versions"), Some(version), Some(verb), None] => {
            (of_model(verb)?, Some(model), Some(version))
        }
        _ if manage::names_repository(&parts) => return Err(Refusal::new(Kind::BadRequest, NO_REPOSITORIES)),
        _ => return Err(no_such_path()),
    };
    let model = model.map(|name| decode(name, "model name")).transpose()?;
    let version = version.map(|name| decode(name, "version")).transpose()?;
    let (expected, otherwise) = match operation {
        Operation::Infer | Operation::Generate | Operation::GenerateStream | Operation::Index => {
            (Method::POST, TAKES_POST)
        }
        _ => (Method::GET, TAKES_GET),
    };
    if *method != expected {
        return Err(Refusal::new(Kind::MethodNotAllowed, otherwise));
    }
    Ok(Asked { protocol: Protocol::OipRest, operation, model, version })
}

/// The model of what nearly every path is: one that runs it by a plain name. Its three parts mean what they mean below.
fn run_by_name(rest: &str) -> Option<&str> {
    let name = rest.strip_prefix("models/")?.strip_suffix("/infer")?;
    (!name.is_empty() && is_plain(name)).then_some(name)
}

fn to_run(method: &Method, model: String) -> Result<Asked, Refusal> {
    if *method != Method::POST {
        return Err(Refusal::new(Kind::MethodNotAllowed, TAKES_POST));
    }
    Ok(Asked { protocol: Protocol::OipRest, operation: Operation::Infer, model: Some(model), version: None })
}

/// Whether nothing in a segment is to be decoded, and nothing to be refused.
fn is_plain(segment: &str) -> bool {
    segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The segments of a path. The longest has models, name, versions, version and verb; a sixth part is one too many. One
/// slash at the end is taken.
pub(super) fn segments(rest: &str) -> [Option<&str>; 6] {
    let mut left = Some(rest.strip_suffix('/').unwrap_or(rest));
    let mut taken = 0;
    std::array::from_fn(|_| {
        taken += 1;
        // Byte by byte: segments are short, and to search for a character costs more than to look at them.
        let at = left?.bytes().position(|byte| byte == b'/').filter(|_| taken < 6);
        let (part, rest) = match at.and_then(|at| left?.split_at_checked(at)) {
            Some((part, rest)) => (part, rest.strip_prefix('/')),
            None => (left?, None),
        };
        left = rest;
        Some(part)
    })
}

fn to_manage(method: &Method, found: &manage::Found<'_>) -> Result<Asked, Refusal> {
    let (fits, otherwise) = match found.takes {
        Takes::Get => (*method == Method::GET, TAKES_GET),
        Takes::Post => (*method == Method::POST, TAKES_POST),
        Takes::Both => (*method == Method::GET || *method == Method::POST, TAKES_BOTH),
    };
    if !fits {
        return Err(Refusal::new(Kind::MethodNotAllowed, otherwise));
    }
    let model = found.model.map(|name| decode(name, "model name")).transpose()?;
    Ok(Asked { protocol: Protocol::OipRest, operation: Operation::Manage, model, version: None })
}

/// What the last segment of a model's path asks of it.
fn of_model(verb: &str) -> Result<Operation, Refusal> {
    match verb {
        "infer" => Ok(Operation::Infer),
        "ready" => Ok(Operation::Ready),
        "config" => Ok(Operation::Config),
        "stats" => Ok(Operation::Statistics),
        "generate" => Ok(Operation::Generate),
        "generate_stream" => Ok(Operation::GenerateStream),
        _ => Err(no_such_path()),
    }
}

pub(super) fn no_such_path() -> Refusal {
    Refusal::new(Kind::NoSuchPath, "no such path in the Open Inference Protocol v2")
}

/// Decodes a segment once. `what` names it in the refusal.
pub(crate) fn decode(segment: &str, what: &str) -> Result<String, Refusal> {
    if segment.is_empty() {
        return Err(no_such_path());
    }
    // Nearly all names.
    if is_plain(segment) {
        return Ok(segment.to_owned());
    }
    let bad = |why: &str| Refusal::new(Kind::BadRequest, format!("the {what} in the path {why}"));
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.next().and_then(hex).zip(rest.next().and_then(hex));
        let (high, low) = digits.ok_or_else(|| bad("holds a '%' that is no escape"))?;
        bytes.push(high << 4 | low);
    }
    let text = String::from_utf8(bytes).map_err(|_| bad("is not UTF-8"))?;
    if text.contains(['/', '\\']) {
        return Err(bad("holds a slash"));
    }
    if text.chars().any(char::is_control) {
        return Err(bad("holds a control character"));
    }
    if text == "." || text == ".." {
        return Err(bad("is a relative path"));
    }
    Ok(text)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Appends `name` as one path segment; everything but unreserved characters is escaped.
pub(super) fn encode_segment(name: &str, path: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().map_or('0', char::from);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            path.push(char::from(byte));
        } else {
            path.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}
