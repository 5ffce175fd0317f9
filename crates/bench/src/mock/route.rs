//! Which answer a request's head asks for.

use crate::http1::field;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// The server describes itself.
    Server,
    /// The server, or a model, is alive and ready.
    Ready,
    Model,
    Models,
    Infer,
    /// The same with binary tensors.
    InferBinary,
    Chat,
    Unknown,
}

impl Route {
    pub(super) fn of(head: &[u8]) -> Self {
        let mut words = head.split(|byte| *byte == b' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match (method, path) {
            (b"POST", b"/v1/chat/completions") => Self::Chat,
            (b"POST", path) if path.starts_with(b"/v2/models/") && path.ends_with(b"/infer") => {
                if field(head, "inference-header-content-length").is_some() { Self::InferBinary } else { Self::Infer }
            }
            (b"GET", b"/v2") => Self::Server,
            (b"GET", b"/v1/models") => Self::Models,
            (b"GET", path) if path.ends_with(b"/ready") || path.ends_with(b"/live") || path == b"/health" => {
                Self::Ready
            }
            (b"GET", path) if path.starts_with(b"/v2/models/") => Self::Model,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests;
