//! How much of a generative model's work an answer took.

/// Tokens, as the model's server tells them. What it does not tell is `None`, never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read: `prompt_tokens` or `input_tokens`.
    pub input: Option<u64>,
    /// Tokens written: `completion_tokens` or `output_tokens`.
    pub output: Option<u64>,
    /// The sum as the server tells it: `total_tokens`.
    pub total: Option<u64>,
    /// The part of `input` that was in the server's cache: `cached_tokens`.
    pub cached: Option<u64>,
    /// The part of `output` that was thought, not said: `reasoning_tokens`.
    pub reasoning: Option<u64>,
}
