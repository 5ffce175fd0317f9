//! The binary tensor data extension's framing: a JSON head of stated length, then the tensors' bytes in order.

use bytes::Bytes;

use super::headers;
use crate::fault::{Fault, Read};

/// The bytes behind the JSON, handed out in order without a copy.
pub(super) struct Tail {
    rest: Bytes,
}

/// Parts a body into its JSON and what follows. `length`: what the header says; without it all is JSON.
pub(super) fn split(mut body: Bytes, length: Option<u64>) -> Read<(Bytes, Tail)> {
    let Some(length) = length else { return Ok((body, Tail { rest: Bytes::new() })) };
    match usize::try_from(length) {
        Ok(length) if length <= body.len() => {
            let rest = body.split_off(length);
            Ok((body, Tail { rest }))
        }
        _ => Err(Fault::message(format!(
            "the header {} says {length} bytes of JSON, but the body has {}",
            headers::JSON_LENGTH,
            body.len()
        ))),
    }
}

impl Tail {
    /// Takes the next `size` bytes, the data of the tensor that `label` names.
    pub(super) fn take(&mut self, size: u64, label: impl std::fmt::Display) -> Read<Bytes> {
        match usize::try_from(size) {
            Ok(length) if length <= self.rest.len() => Ok(self.rest.split_to(length)),
            _ => Err(Fault::tensor(
                label,
                format_args!("binary_data_size is {size}, but {} bytes of binary data are left", self.rest.len()),
            )),
        }
    }

    /// Nothing may be left over.
    pub(super) fn end(self) -> Read<()> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(Fault::message(format!("{left} bytes of binary data belong to no tensor"))),
        }
    }
}
