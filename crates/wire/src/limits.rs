//! How much a message may ask of the reader. Untrusted sizes are held against these before anything is allocated.

/// Limits of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open arrays and objects at once, in fields that are read and in fields that are ignored.
    pub json_depth: usize,
    /// Members of one JSON object beside those the protocol knows.
    pub members: usize,
    /// Parameters of one request, answer, tensor or requested output.
    pub parameters: usize,
    /// Bytes of one JSON number. The longest exact decimal of a double has 1,077.
    pub number: usize,
    /// Bytes of a tensor's name, or of an id.
    pub name: usize,
    /// Tensors in a message, and outputs asked for.
    pub tensors: usize,
    /// Dimensions of one tensor.
    pub dimensions: usize,
    /// Elements of all tensors of a message together.
    pub elements: u64,
    /// Bytes of one message inside its frame, compressed or not. The listener's limit on bodies holds beside it.
    pub message: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_depth: 64,
            members: 1024,
            parameters: 64,
            number: 1100,
            name: 1024,
            tensors: 1024,
            dimensions: 32,
            elements: 1 << 28,
            message: 64 << 20,
        }
    }
}
