//! OpenAI's API over JSON: chat completions, completions, responses, embeddings and models.
//!
//! Requests and answers pass as they are. What is read are the few members that routing and the record need; what is
//! changed is the model's name, where the backend has another, and the usage that was asked for on the record's behalf.
//! Everything else stays as it was, byte for byte. What is accepted and which policies hold is told in
//! `docs/openai.md`.

mod answer;
pub mod client;
mod codec;
mod error;
mod head;
mod look;
mod models;
mod path;
mod splice;
mod stream;
mod usage;

pub use self::answer::{AnswerForm, answer};
pub use self::codec::CODEC;
pub use self::error::refusal;
pub use self::head::Head;
pub use self::models::{model, models};
pub use self::path::{Path, ask};
pub use self::stream::{Ending, Fault, StreamEdit, StreamForm, StreamSettings};

use crate::Limits;

/// Limits of this protocol's messages. Tools carry JSON schemas, which nest deep.
pub const LIMITS: Limits = Limits {
    json_depth: 512,
    members: 1024,
    parameters: 64,
    number: 1100,
    name: 1024,
    tensors: 1024,
    dimensions: 32,
    elements: 1 << 28,
    message: 64 << 20,
};
