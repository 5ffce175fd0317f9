//! What can be wrong with a message, before it is decided who reads it: a server answers a refusal, a client tells its
//! operator. Texts name the part and never show contents.

use sluicegate_core::{Kind, Refusal, TensorError};

/// Why a message could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The JSON is not JSON, or not of the expected form.
    #[error("the JSON is wrong at byte {at}: {what}")]
    Json {
        /// Offset in the JSON.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// The message as a whole, its head or its framing.
    #[error("{0}")]
    Message(String),
    /// One tensor; the text names it.
    #[error("{0}")]
    Tensor(String),
}

/// Why a client's message, or a server's, could not be read.
pub(crate) type Read<T> = Result<T, Fault>;

impl Fault {
    /// The message as a whole.
    pub(crate) fn message(text: impl Into<String>) -> Self {
        Self::Message(text.into())
    }

    /// The tensor that `label` names.
    pub(crate) fn tensor(label: impl std::fmt::Display, what: impl std::fmt::Display) -> Self {
        Self::Tensor(format!("{label}: {what}"))
    }
}

impl From<TensorError> for Fault {
    fn from(error: TensorError) -> Self {
        Self::Tensor(error.to_string())
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let kind = match fault {
            Fault::Json { .. } | Fault::Message(_) => Kind::BadRequest,
            Fault::Tensor(_) => Kind::InvalidTensor,
        };
        Self::new(kind, fault.to_string())
    }
}
