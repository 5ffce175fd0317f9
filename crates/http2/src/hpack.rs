//! HPACK (RFC 7541): heads as they are packed on the wire.

mod decoder;
mod encoder;
mod field;
mod huffman;
mod integer;
mod table;

pub use self::decoder::{Decoder, Sink};
pub use self::encoder::Encoder;
pub use self::field::{Field, Pseudo};

/// A block that is none: what follows on its connection can not be read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken(&'static str);

impl Broken {
    /// What is wrong.
    #[must_use]
    pub const fn what(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests;
