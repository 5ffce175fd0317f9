//! Whether an answer is the one that was expected, piece by piece as it comes.

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use memchr::memmem;

use crate::work::{Expected, STAMP};

/// What of one answer has come.
#[derive(Debug)]
pub(crate) struct Check {
    expected: Expected,
    /// Bytes that agreed so far; of stamped chunks, how many came.
    seen: u64,
    /// What must be seen whole before it can be judged.
    kept: Vec<u8>,
}

/// Digits of a chunk's time.
const DIGITS: usize = 20;

impl Check {
    pub(crate) const fn new(expected: Expected) -> Self {
        Self { expected, seen: 0, kept: Vec::new() }
    }

    /// One more piece. `now` and `took` are for the times that chunks carry.
    pub(crate) fn piece(&mut self, bytes: &[u8], now: u64, took: impl FnMut(u64)) -> Result<()> {
        match &self.expected {
            Expected::Exactly(whole) => {
                let rest = usize::try_from(self.seen).ok().and_then(|seen| whole.get(seen..)).unwrap_or_default();
                ensure!(rest.starts_with(bytes), "another answer: {}", shown(bytes));
                self.seen += u64::try_from(bytes.len())?;
            }
            Expected::Among(_) => self.kept.extend_from_slice(bytes),
            Expected::Stamped(_) => self.stamps(bytes, now, took)?,
            Expected::Anything => {}
        }
        Ok(())
    }

    /// The answer is over; ready for the next one.
    pub(crate) fn end(&mut self) -> Result<()> {
        let (seen, kept) = (std::mem::take(&mut self.seen), std::mem::take(&mut self.kept));
        let whole = match &self.expected {
            Expected::Exactly(whole) => u64::try_from(whole.len())? == seen,
            Expected::Among(part) => holds(&kept, part),
            Expected::Stamped(count) => seen == *count,
            Expected::Anything => true,
        };
        ensure!(whole, "not the whole answer: {seen} of what was expected, {}", shown(&kept));
        Ok(())
    }

    fn stamps(&mut self, bytes: &[u8], now: u64, mut took: impl FnMut(u64)) -> Result<()> {
        // A chunk may come in two pieces; what is left of the first waits for the second.
        let joined;
        let mut rest = if self.kept.is_empty() {
            bytes
        } else {
            self.kept.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.kept);
            &joined
        };
        while let Some(end) = memmem::find(rest, b"\n\n") {
            let (event, after) = rest.split_at(end + 2);
            rest = after;
            let Some(at) = memmem::find(event, STAMP) else { bail!("a chunk without its time: {}", shown(event)) };
            let digits = event.get(at + STAMP.len()..).and_then(|digits| digits.get(..DIGITS)).unwrap_or_default();
            let sent: u64 = std::str::from_utf8(digits)?.parse()?;
            took(now.saturating_sub(sent));
            self.seen += 1;
        }
        self.kept.extend_from_slice(rest);
        Ok(())
    }
}

fn holds(all: &[u8], part: &Bytes) -> bool {
    memmem::find(all, part).is_some()
}

/// The beginning, for an error.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes)).into_owned()
}

#[cfg(test)]
mod tests;
