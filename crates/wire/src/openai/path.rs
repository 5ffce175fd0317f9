//! Paths of the protocol. A path has one reading; a model's name in it is percent-decoded exactly once.

use http::Method;
use sluicegate_core::{Kind, Refusal};

use crate::oip_rest::{TAKES_GET, TAKES_POST, decode_segment};

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// `POST /v1/chat/completions`: answer a conversation. The body names the model.
    Chat,
    /// `POST /v1/completions`: go on with a text. The body names the model.
    Complete,
    /// `POST /v1/responses`: answer, in OpenAI's newer form. The body names the model.
    Respond,
    /// `POST /v1/embeddings`: make vectors of texts. The body names the model.
    Embed,
    /// `GET /v1/models`: list the models.
    Models,
    /// `GET /v1/models/{id}`: describe one.
    Model(String),
}

/// Reads method and path (as sent, without query). `None`: not a path of this protocol.
#[must_use]
pub fn ask(method: &Method, path: &str) -> Option<Result<Path, Refusal>> {
    let rest = path.strip_prefix("/v1")?;
    if !(rest.is_empty() || rest.starts_with('/')) {
        return None;
    }
    Some(asked(method, rest))
}

fn asked(method: &Method, rest: &str) -> Result<Path, Refusal> {
    let path = match rest.strip_suffix('/').unwrap_or(rest) {
        "/chat/completions" => Path::Chat,
        "/completions" => Path::Complete,
        "/responses" => Path::Respond,
        "/embeddings" => Path::Embed,
        "/models" => Path::Models,
        other => match other.strip_prefix("/models/").filter(|name| !name.is_empty() && !name.contains('/')) {
            Some(name) => Path::Model(decode_segment(name, "model name")?),
            None => return Err(Refusal::new(Kind::NoSuchPath, "no such path in the OpenAI API of this gateway")),
        },
    };
    let (expected, otherwise) =
        if path.names_model_in_body() { (Method::POST, TAKES_POST) } else { (Method::GET, TAKES_GET) };
    if *method == expected { Ok(path) } else { Err(Refusal::new(Kind::MethodNotAllowed, otherwise)) }
}

impl Path {
    /// The path of a request to a server; of one model the list's, since its name must be escaped first.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Complete => "/v1/completions",
            Self::Respond => "/v1/responses",
            Self::Embed => "/v1/embeddings",
            Self::Models | Self::Model(_) => "/v1/models",
        }
    }

    /// Whether the body says which model is meant.
    #[must_use]
    pub const fn names_model_in_body(&self) -> bool {
        matches!(self, Self::Chat | Self::Complete | Self::Respond | Self::Embed)
    }

    /// Whether a stream of this kind tells its usage only when asked (`stream_options.include_usage`).
    #[must_use]
    pub const fn tells_usage_when_asked(&self) -> bool {
        matches!(self, Self::Chat | Self::Complete)
    }
}
