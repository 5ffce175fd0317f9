//! How a client wants its answer written. Read with the request, used when the answer is encoded.

use std::collections::HashMap;

/// The wire form of an answer that its request asked for. The default is JSON throughout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyForm {
    /// Whether outputs that are not named in `outputs` are written as binary.
    pub(crate) binary: bool,
    /// What was asked for single outputs; empty in the common case.
    pub(crate) outputs: HashMap<String, bool>,
}

impl ReplyForm {
    /// Every output as binary data, as a raw binary request gets it.
    #[must_use]
    pub fn binary() -> Self {
        Self { binary: true, outputs: HashMap::new() }
    }

    /// Whether the output `name` is to be written as binary data.
    #[must_use]
    pub fn is_binary(&self, name: &str) -> bool {
        self.outputs.get(name).copied().unwrap_or(self.binary)
    }
}
