//! Bytes on their way to a socket: what is small is copied together, a large piece is sent from where it lies.

use std::io::IoSlice;

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes that wait to leave together, at most.
const TOGETHER: usize = 32 * 1024;

/// A piece of this size or larger is not copied.
const LARGE: usize = 16 * 1024;

/// A message's bytes that are ready to leave.
#[derive(Debug, Default)]
pub struct Gather {
    small: BytesMut,
    /// Behind `small`.
    large: Bytes,
    /// Behind `large`.
    tail: &'static [u8],
}

impl Gather {
    /// Where a head is written: behind nothing large.
    pub fn head(&mut self) -> &mut BytesMut {
        &mut self.small
    }

    /// Puts a piece of a body behind what is there.
    pub fn put(&mut self, data: Bytes) {
        self.put_with_tail(data, b"");
    }

    /// The same with a piece that is kept elsewhere too: what is copied is not counted once more.
    pub fn put_copy(&mut self, data: &Bytes) {
        if data.len() < LARGE {
            self.small.extend_from_slice(data);
        } else {
            self.large = data.clone();
        }
    }

    /// Puts a piece of a body in chunked framing behind what is there. Empty pieces are left out: they would end it.
    pub fn put_chunk(&mut self, data: Bytes) {
        if !data.is_empty() {
            write_size(data.len(), &mut self.small);
            self.put_with_tail(data, b"\r\n");
        }
    }

    /// Puts the end of a body in chunked framing behind what is there.
    pub fn put_last_chunk(&mut self) {
        if self.large.is_empty() {
            self.small.extend_from_slice(b"0\r\n\r\n");
        } else {
            self.tail = b"\r\n0\r\n\r\n";
        }
    }

    fn put_with_tail(&mut self, data: Bytes, tail: &'static [u8]) {
        if data.len() < LARGE {
            self.small.extend_from_slice(&data);
            self.small.extend_from_slice(tail);
        } else {
            (self.large, self.tail) = (data, tail);
        }
    }

    /// Whether all that was put here has left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.small.is_empty() && self.large.is_empty() && self.tail.is_empty()
    }

    /// Whether what is here should leave before more is put behind it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        !self.large.is_empty() || self.small.len() >= TOGETHER
    }

    /// What is to be written, in order.
    #[must_use]
    pub fn pieces(&self) -> ([IoSlice<'_>; 3], usize) {
        let count = if self.large.is_empty() { 1 } else { 3 };
        ([IoSlice::new(&self.small), IoSlice::new(&self.large), IoSlice::new(self.tail)], count)
    }

    /// So many of these bytes have left.
    pub fn advance(&mut self, written: usize) {
        let small = written.min(self.small.len());
        if small == self.small.len() {
            // Its room is there again as a whole, without looking for it.
            self.small.clear();
        } else {
            self.small.advance(small);
        }
        let large = (written - small).min(self.large.len());
        self.large.advance(large);
        self.tail = self.tail.get(written - small - large..).unwrap_or_default();
        if self.large.is_empty() {
            // Also where the end of the tail did not go with the rest.
            self.small.extend_from_slice(self.tail);
            self.tail = &[];
        }
    }

    /// Gives back the room that messages took. Nothing must be waiting here.
    pub fn shrink(&mut self) {
        self.small = BytesMut::new();
    }
}

/// The line before a chunk.
fn write_size(length: usize, out: &mut BytesMut) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut line = [0; 18];
    let mut rest = length;
    let mut used = 0;
    for place in line.iter_mut().rev() {
        *place = DIGITS.get(rest & 15).copied().unwrap_or_default();
        rest >>= 4;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    out.put_slice(line.get(line.len() - used..).unwrap_or_default());
    out.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
