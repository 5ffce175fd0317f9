//! Triton's calls that manage a server, by path: the same table reads a client's and writes a server's.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Map, Value};
use sluicegate_core::{Kind, Management, Order, Outbound, Refusal};

use super::{answer, path};
use crate::document;

/// What a path of such a call says: what is to be done, to which model or region, and which methods it takes.
pub(super) struct Found<'a> {
    what: Management,
    pub(super) model: Option<&'a str>,
    region: Option<&'a str>,
    pub(super) takes: Takes,
}

/// Which methods a path takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Get,
    Post,
    /// GET tells, POST changes.
    Both,
}

/// Reads the segments behind `/v2/`. `None`: no such call.
pub(super) fn find<'a>(parts: &[Option<&'a str>; 6]) -> Option<Found<'a>> {
    use Management as M;
    let of = |what, model, region, takes| Some(Found { what, model, region, takes });
    match *parts {
        [Some("repository"), Some("models"), model @ Some(_), Some("load"), None, _] => {
            of(M::Load, model, None, Takes::Post)
        }
        [Some("repository"), Some("models"), model @ Some(_), Some("unload"), None, _] => {
            of(M::Unload, model, None, Takes::Post)
        }
        [Some("models"), model @ Some(_), Some("trace"), Some("setting"), None, _] => {
            of(M::Trace, model, None, Takes::Both)
        }
        [Some("trace"), Some("setting"), None, ..] => of(M::Trace, None, None, Takes::Both),
        [Some("logging"), None, ..] => of(M::Log, None, None, Takes::Both),
        [Some(family), Some("region"), region @ Some(_), Some(verb), None, _] => memory(family, region, verb),
        [Some(family), Some(verb), None, ..] => memory(family, None, verb),
        _ => None,
    }
}

fn memory<'a>(family: &str, region: Option<&'a str>, verb: &str) -> Option<Found<'a>> {
    use Management as M;
    let (what, takes) = match (family, verb) {
        ("systemsharedmemory", "status") => (M::SystemMemoryStatus, Takes::Get),
        ("systemsharedmemory", "register") => (M::SystemMemoryRegister, Takes::Post),
        ("systemsharedmemory", "unregister") => (M::SystemMemoryUnregister, Takes::Post),
        ("cudasharedmemory", "status") => (M::CudaMemoryStatus, Takes::Get),
        ("cudasharedmemory", "register") => (M::CudaMemoryRegister, Takes::Post),
        ("cudasharedmemory", "unregister") => (M::CudaMemoryUnregister, Takes::Post),
        _ => return None,
    };
    let all = matches!(verb, "status" | "unregister");
    (region.is_some() || all).then_some(Found { what, model: None, region, takes })
}

/// Whether a path names a repository, which servers either refuse or ignore.
pub(super) fn names_repository(parts: &[Option<&str>; 6]) -> bool {
    matches!(
        parts,
        [Some("repository"), Some(_), Some("models"), Some(_), Some("load" | "unload"), None]
            | [Some("repository"), Some(_), Some("index"), None, ..]
    )
}

/// Reads a call whose path was found to be one.
pub(super) fn decode(_: &Method, path: &str, body: &Bytes) -> Result<Order, Refusal> {
    let rest = path.strip_prefix("/v2/").unwrap_or_default();
    let parts = path::segments(rest);
    let found = find(&parts).ok_or_else(path::no_such_path)?;
    let name = |segment: Option<&str>, what: &str| -> Result<Option<Arc<str>>, Refusal> {
        segment.map(|segment| path::decode(segment, what).map(Arc::from)).transpose()
    };
    Ok(Order {
        what: found.what,
        model: name(found.model, "model name")?,
        region: name(found.region, "region's name")?,
        body: object(body)?,
    })
}

/// An object written anew, so that nobody behind reads it otherwise than it was read here.
fn object(body: &Bytes) -> Result<Bytes, Refusal> {
    if body.trim_ascii().is_empty() {
        return Ok(Bytes::new());
    }
    match serde_json::from_slice::<Map<String, Value>>(body) {
        Ok(object) if object.is_empty() => Ok(Bytes::new()),
        Ok(object) => Ok(document(Value::Object(object)).into()),
        Err(_) => Err(Refusal::new(Kind::BadRequest, "expected nothing, or a JSON object")),
    }
}

/// Writes what a server answered.
pub(super) fn encode(_: Management, json: Bytes) -> Result<Outbound, Refusal> {
    Ok(answer::json(StatusCode::OK, json))
}

/// Method and path of the call towards a server.
pub(super) fn target(order: &Order) -> (Method, String) {
    use Management as M;
    let mut target = String::from("/v2/");
    let change = if order.body.is_empty() { Method::GET } else { Method::POST };
    let (method, verb) = match order.what {
        M::Load => (Method::POST, "/load"),
        M::Unload => (Method::POST, "/unload"),
        M::Trace => (change, if order.model.is_some() { "/trace/setting" } else { "trace/setting" }),
        M::Log => (change, "logging"),
        M::SystemMemoryStatus | M::CudaMemoryStatus => (Method::GET, "/status"),
        M::SystemMemoryRegister | M::CudaMemoryRegister => (Method::POST, "/register"),
        M::SystemMemoryUnregister | M::CudaMemoryUnregister => (Method::POST, "/unregister"),
    };
    let (family, name) = match order.what {
        M::Load | M::Unload => ("repository/models/", &order.model),
        M::Trace if order.model.is_some() => ("models/", &order.model),
        M::Trace | M::Log => ("", &None),
        M::SystemMemoryStatus | M::SystemMemoryRegister | M::SystemMemoryUnregister => {
            (if order.region.is_some() { "systemsharedmemory/region/" } else { "systemsharedmemory" }, &order.region)
        }
        M::CudaMemoryStatus | M::CudaMemoryRegister | M::CudaMemoryUnregister => {
            (if order.region.is_some() { "cudasharedmemory/region/" } else { "cudasharedmemory" }, &order.region)
        }
    };
    target.push_str(family);
    if let Some(name) = name {
        path::encode_segment(name, &mut target);
    }
    target.push_str(verb);
    (method, target)
}
