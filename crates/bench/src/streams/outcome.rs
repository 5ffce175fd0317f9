//! What is printed: one object, read by `cargo xtask hold`.

use anyhow::{Error, Result};
use serde::Serialize;

/// Complaints that are kept.
const COMPLAINTS: usize = 8;

#[derive(Debug, Default, Serialize)]
pub(crate) struct Outcome {
    streams: u64,
    /// Of these, answered and then broken off.
    cut: u64,
    /// Not answered with 200.
    refused: u64,
    chunks: u64,
    /// Microseconds from a chunk's sending to its coming.
    p50_us: u64,
    p99_us: u64,
    most_us: u64,
    complaints: Vec<String>,
}

/// One stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Its head has come.
    pub(super) began: bool,
    /// Nanoseconds that each chunk was under way.
    delays: Vec<u64>,
    error: Option<Error>,
}

impl Stream {
    /// A chunk that was so long under way.
    pub(super) fn came(&mut self, delay: u64) {
        self.delays.push(delay);
    }

    pub(super) fn end(&mut self, ended: Result<()>) {
        self.error = ended.err();
    }

    pub(super) const fn failed(&self) -> bool {
        self.error.is_some()
    }
}

impl Outcome {
    pub(super) fn new(streams: Vec<Stream>) -> Self {
        let mut outcome = Self::default();
        let mut delays = Vec::new();
        for stream in streams {
            outcome.streams += 1;
            delays.extend(stream.delays);
            let Some(error) = stream.error else { continue };
            *(if stream.began { &mut outcome.cut } else { &mut outcome.refused }) += 1;
            let complaint = format!("{error:#}");
            if outcome.complaints.len() < COMPLAINTS && !outcome.complaints.contains(&complaint) {
                outcome.complaints.push(complaint);
            }
        }
        delays.sort_unstable();
        let at = |percent: usize| {
            let rank = (delays.len() * percent).div_ceil(100).saturating_sub(1);
            delays.get(rank).copied().unwrap_or_default() / 1000
        };
        Self {
            chunks: u64::try_from(delays.len()).unwrap_or(u64::MAX),
            p50_us: at(50),
            p99_us: at(99),
            most_us: at(100),
            ..outcome
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::{Outcome, Stream};

    fn stream(began: bool, delays: &[u64], error: Option<&'static str>) -> Stream {
        Stream { began, delays: delays.to_vec(), error: error.map(|text| anyhow!(text)) }
    }

    #[test]
    fn a_stream_that_began_and_broke_off_is_cut() {
        let streams = vec![
            stream(true, &[3000, 1000], None),
            stream(true, &[2000], Some("the peer closed")),
            stream(false, &[], Some("refused: 503")),
            stream(false, &[], Some("refused: 503")),
        ];
        let told = Outcome::new(streams);
        assert_eq!((told.streams, told.cut, told.refused, told.chunks), (4, 1, 2, 3));
        assert_eq!((told.p50_us, told.p99_us, told.most_us), (2, 3, 3));
        assert_eq!(told.complaints, ["the peer closed", "refused: 503"]);
    }
}
