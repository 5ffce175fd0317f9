//! What is to be written: small things joined in one buffer, large ones where they lie, all in order.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf as _, Bytes};

/// What has as many bytes or more is not copied.
const LARGE: usize = 4 * 1024;

/// Room that is kept between two writes.
const KEPT: usize = 16 * 1024;

/// Bytes on their way out.
#[derive(Debug, Default)]
pub struct Output {
    small: Vec<u8>,
    /// Bytes of `small` that were written.
    start: usize,
    large: VecDeque<Large>,
    /// Bytes of all large pieces.
    aside: usize,
    written: u64,
}

/// A piece that goes before what is at that place of the small ones.
#[derive(Debug)]
struct Large {
    before: usize,
    bytes: Bytes,
}

impl Output {
    /// Whether nothing is to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes to be written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.small.len() - self.start + self.aside
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that were ever put in.
    pub(crate) fn total(&self) -> u64 {
        self.written + self.len() as u64
    }

    /// Where small things are put.
    pub(crate) const fn small(&mut self) -> &mut Vec<u8> {
        &mut self.small
    }

    /// Puts a piece behind all that is there.
    pub(crate) fn put(&mut self, bytes: Bytes) {
        if bytes.len() < LARGE {
            self.small.extend_from_slice(&bytes);
        } else {
            self.aside += bytes.len();
            self.large.push_back(Large { before: self.small.len(), bytes });
        }
    }

    /// Fills `into` with what is to be written first; how many of them.
    pub fn slices<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        let mut place = self.start;
        let large = self.large.iter().map(|large| (large.before, &large.bytes[..]));
        let pieces = large.chain([(self.small.len(), &[][..])]).flat_map(|(before, bytes)| {
            let small = self.small.get(place..before).unwrap_or_default();
            place = before;
            [small, bytes]
        });
        let mut count = 0;
        for (slot, piece) in into.iter_mut().zip(pieces.filter(|piece| !piece.is_empty())) {
            *slot = IoSlice::new(piece);
            count += 1;
        }
        count
    }

    /// So many bytes were written.
    pub fn wrote(&mut self, bytes: usize) {
        self.written += bytes as u64;
        let mut left = bytes;
        while left > 0 {
            let until = self.large.front().map_or(self.small.len(), |large| large.before);
            let small = left.min(until - self.start);
            self.start += small;
            left -= small;
            let Some(large) = self.large.front_mut() else { break };
            let taken = left.min(large.bytes.len());
            large.bytes.advance(taken);
            self.aside -= taken;
            left -= taken;
            if large.bytes.is_empty() {
                self.large.pop_front();
            } else {
                break;
            }
        }
        if self.is_empty() {
            self.small.clear();
            self.small.shrink_to(KEPT);
            self.start = 0;
        } else if self.start > KEPT {
            self.small.drain(..self.start);
            self.large.iter_mut().for_each(|large| large.before -= self.start);
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(length: usize, nth: usize) -> Bytes {
        (0..length).map(|place| u8::try_from((place + nth) % 251).unwrap()).collect()
    }

    #[test]
    fn order_is_kept_however_it_is_written() {
        for step in [1, 100, 4095, 5000, 1 << 20] {
            let (mut output, mut expected, mut got) = (Output::default(), Vec::new(), Vec::new());
            for (nth, length) in [10, 5000, 0, 3, 4096, 9000, 4095, 1, 70_000, 20, 40_000].into_iter().enumerate() {
                output.put(piece(length, nth));
                output.small().push(7);
                expected.extend_from_slice(&piece(length, nth));
                expected.push(7);
                take(&mut output, &mut got, step);
            }
            assert_eq!(output.total(), expected.len() as u64);
            while !output.is_empty() {
                take(&mut output, &mut got, step.max(100));
            }
            assert!(got == expected, "{step}");
            assert_eq!((output.written(), output.small.len()), (expected.len() as u64, 0));
        }
    }

    fn take(output: &mut Output, got: &mut Vec<u8>, step: usize) {
        let mut slices = [IoSlice::new(&[]); 3];
        let count = output.slices(&mut slices);
        let before = got.len();
        got.extend(slices[..count].iter().flat_map(|slice| slice.iter()).take(step));
        let written = got.len() - before;
        output.wrote(written);
    }
}
