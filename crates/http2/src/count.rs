//! Counts the frames a client sends. A frame that asks for nothing to be served costs its sender next to nothing and us some
//! work, often an answer too. What a client has reason to send grows with what it is sent; the rest is borne up to a cap.

use std::time::{Duration, Instant};

use crate::frame::{Head, Kind, flag};

/// The time over which is counted.
const SPAN: Duration = Duration::from_secs(10);

/// What was sent to the peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Frames of heads, bodies and trailers.
    pub(crate) frames: u64,
    /// Requests answered to the last byte.
    pub(crate) answers: u64,
}

/// Frames within the present span, against what was sent in it.
#[derive(Debug)]
pub(crate) struct Count {
    cap: u64,
    until: Option<Instant>,
    requests: u64,
    /// Pings, settings, priorities, empty pieces of heads and bodies, and what nobody knows.
    idle: u64,
    /// Room given.
    rooms: u64,
    /// Requests taken back.
    resets: u64,
    /// What had been sent when the span began.
    before: Sent,
}

impl Count {
    /// `cap`: frames in a span that are borne without reason.
    pub(crate) fn new(cap: u32) -> Self {
        let before = Sent::default();
        Self { cap: cap.into(), until: None, requests: 0, idle: 0, rooms: 0, resets: 0, before }
    }

    /// Counts a frame; `false` if it is one too many.
    ///
    /// Beyond the cap, a client may send a ping for each head or piece it was sent (gRPC clients measure their line with
    /// them) and a priority for each request; make room a few times for each of those; and take back requests as often as
    /// others of its requests are answered.
    pub(crate) fn bear(&mut self, frame: Head, sent: Sent, now: Instant) -> bool {
        match (frame.kind, frame.length) {
            // An empty one ends a body, or says nothing.
            (Kind::DATA, 1..) => return true,
            // An acknowledgement too many is refused elsewhere.
            (Kind::DATA, 0) | (Kind::SETTINGS, _) if frame.has(flag::ACK) => return true,
            (Kind::HEADERS, _) => {
                self.requests += 1;
                return true;
            }
            // Those with content are bounded by the size of a head.
            (Kind::CONTINUATION, 1..) => return true,
            _ => {}
        }
        if self.until.is_none_or(|until| now >= until) {
            let requests = u64::from(self.requests > 0);
            let until = Some(now + SPAN);
            *self = Self { cap: self.cap, until, requests, idle: 0, rooms: 0, resets: 0, before: sent };
        }
        let reasons = self.requests.saturating_add(sent.frames.saturating_sub(self.before.frames));
        match frame.kind {
            Kind::RST_STREAM => {
                self.resets += 1;
                let answered = sent.answers.saturating_sub(self.before.answers);
                self.resets <= self.cap.saturating_mul(5).saturating_add(answered)
            }
            Kind::WINDOW_UPDATE => {
                self.rooms += 1;
                self.rooms <= self.cap.saturating_mul(10).saturating_add(reasons.saturating_mul(4))
            }
            _ => {
                self.idle += 1;
                self.idle <= self.cap.saturating_add(reasons)
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any instant will do")]
mod tests {
    use super::*;

    const UNKNOWN: Kind = Kind(42);
    const CAP: u64 = 10;

    fn frame(kind: Kind, flags: u8, length: usize) -> Head {
        Head { length, kind, flags, stream: 1 }
    }

    fn count() -> Count {
        Count::new(10)
    }

    /// How many frames of a kind are borne in a row, if not for ever.
    fn borne(kind: Kind, flags: u8, length: usize) -> Option<u64> {
        let (mut count, now) = (count(), Instant::now());
        (0..10_000).find(|_| !count.bear(frame(kind, flags, length), Sent::default(), now))
    }

    #[test]
    fn what_serves_nothing_is_borne_up_to_a_cap() {
        for (kind, flags, length) in [
            (Kind::PING, 0, 8),
            (Kind::PING, 1, 8),
            (Kind::SETTINGS, 0, 0),
            (Kind::PRIORITY, 0, 5),
            (Kind::DATA, 0, 0),
            (Kind::CONTINUATION, 0, 0),
            (UNKNOWN, 0, 0),
            (UNKNOWN, 0, 100),
        ] {
            assert_eq!(borne(kind, flags, length), Some(CAP), "{kind:?} {flags} {length}");
        }
        assert_eq!(borne(Kind::RST_STREAM, 0, 4), Some(CAP * 5));
        assert_eq!(borne(Kind::WINDOW_UPDATE, 0, 4), Some(CAP * 10));
    }

    #[test]
    fn what_serves_is_not_counted() {
        for (kind, flags, length) in [
            (Kind::DATA, 0, 1),
            (Kind::DATA, 1, 0),
            (Kind::HEADERS, 5, 20),
            (Kind::SETTINGS, 1, 0),
            (Kind::CONTINUATION, 0, 1),
        ] {
            assert_eq!(borne(kind, flags, length), None, "{kind:?} {flags} {length}");
        }
    }

    #[test]
    fn the_cap_is_for_a_span() {
        let (mut count, mut now) = (count(), Instant::now());
        let ping = frame(Kind::PING, 0, 8);
        for _ in 0..5 {
            for _ in 0..CAP {
                assert!(count.bear(ping, Sent::default(), now));
            }
            now += SPAN;
        }
        assert!((0..CAP).all(|_| count.bear(ping, Sent::default(), now)));
        assert!(!count.bear(ping, Sent::default(), now));
    }

    #[test]
    fn what_is_sent_gives_reason() {
        let (mut count, mut sent, now) = (count(), Sent::default(), Instant::now());
        // A ping and room for each piece of an answer, as gRPC clients do.
        for _ in 0..10_000 {
            sent.frames += 1;
            assert!(count.bear(frame(Kind::PING, 0, 8), sent, now));
            assert!((0..4).all(|_| count.bear(frame(Kind::WINDOW_UPDATE, 0, 4), sent, now)));
        }
        // A request in two is taken back, as those do that ask two servers.
        for _ in 0..10_000 {
            sent.answers += 1;
            assert!(count.bear(frame(Kind::RST_STREAM, 0, 4), sent, now));
        }
        // What was sent before this span is no reason in it.
        let later = now + SPAN;
        assert_eq!((0..10_000).find(|_| !count.bear(frame(Kind::PING, 0, 8), sent, later)), Some(CAP));
    }
}
