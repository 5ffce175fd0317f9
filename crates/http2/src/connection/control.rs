//! What is said about a connection and its streams: settings, pings, room, resets, leaving.

use bytes::Bytes;

use super::{Broken, Connection, Leaving, Outcome, RESETS, Role, TAKEN_BACK};
use crate::fault::{Code, Fault, Origin};
use crate::frame::{self, Head, Kind, LEAST_SIZE, MOST_SIZE, MOST_WINDOW, flag, number, setting};
use crate::streams::Key;

/// Asks whether the peer is there.
const ALIVE: [u8; 8] = *b"alive?\0\0";

/// Asks whether the peer has heard that this side leaves.
const LEAVES: [u8; 8] = *b"leaving\0";

/// The last stream, where none is known to be the last.
const ANY: u32 = u32::MAX >> 1;

/// Questions to the peer.
#[derive(Debug, Default)]
pub(super) struct Pings {
    /// One is not answered.
    waiting: bool,
}

impl Connection {
    /// Asks whether the peer is there.
    pub fn ping(&mut self) {
        self.pings.waiting = true;
        frame::put(self.output.small(), Kind::PING, 0, 0, &ALIVE);
        self.notify();
    }

    /// Whether the peer has not answered yet.
    #[must_use]
    pub const fn awaits_pong(&self) -> bool {
        self.pings.waiting
    }

    /// Takes no more streams; what is on its way is still taken, until the peer has heard of it.
    pub fn leave(&mut self) {
        if self.fault.is_some() || self.leaving != Leaving::Not {
            return;
        }
        let out = self.output.small();
        if self.role == Role::Server {
            self.leaving = Leaving::Announced;
            frame::put_goodbye(out, ANY, Code::NO_ERROR);
            frame::put(out, Kind::PING, 0, 0, &LEAVES);
        } else {
            self.leaving = Leaving::After(0);
            frame::put_goodbye(out, 0, Code::NO_ERROR);
        }
        self.notify();
    }

    pub(super) fn take_ping(&mut self, head: Head, payload: &[u8]) -> Outcome {
        if head.stream != 0 {
            return Err(Broken(Code::PROTOCOL_ERROR, "a ping of a stream"));
        }
        let payload: [u8; 8] =
            payload.try_into().map_err(|_| Broken(Code::FRAME_SIZE_ERROR, "a ping of another length"))?;
        if !head.has(flag::ACK) {
            frame::put(self.output.small(), Kind::PING, flag::ACK, 0, &payload);
        } else if payload == ALIVE {
            self.pings.waiting = false;
        } else if payload == LEAVES && self.leaving == Leaving::Announced {
            self.leaving = Leaving::After(self.last);
            frame::put_goodbye(self.output.small(), self.last, Code::NO_ERROR);
        }
        Ok(())
    }

    pub(super) fn take_settings(&mut self, head: Head, payload: &[u8]) -> Outcome {
        if head.stream != 0 {
            return Err(Broken(Code::PROTOCOL_ERROR, "settings of a stream"));
        }
        if head.has(flag::ACK) {
            return if !payload.is_empty() {
                Err(Broken(Code::FRAME_SIZE_ERROR, "an acknowledgement with settings"))
            } else if std::mem::replace(&mut self.peer.acknowledged, true) {
                Err(Broken(Code::PROTOCOL_ERROR, "settings are acknowledged that were not sent"))
            } else {
                Ok(())
            };
        }
        let (settings, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(Broken(Code::FRAME_SIZE_ERROR, "half a setting"));
        }
        for [a, b, c, d, e, f] in settings {
            self.set(u16::from_be_bytes([*a, *b]), u32::from_be_bytes([*c, *d, *e, *f]))?;
        }
        self.peer.greeted = true;
        frame::put(self.output.small(), Kind::SETTINGS, flag::ACK, 0, &[]);
        Ok(())
    }

    fn set(&mut self, id: u16, value: u32) -> Outcome {
        match id {
            setting::TABLE => self.encoder.resize(value as usize),
            setting::PUSH if value > 1 || value == 1 && self.role == Role::Client => {
                return Err(Broken(Code::PROTOCOL_ERROR, "a setting of promises that is none"));
            }
            setting::STREAMS => self.peer.streams = value as usize,
            setting::WINDOW => {
                if i64::from(value) > MOST_WINDOW {
                    return Err(Broken(Code::FLOW_CONTROL_ERROR, "more room than there can be"));
                }
                let more = i64::from(value) - i64::from(self.peer.window);
                self.peer.window = value;
                for stream in self.streams.each() {
                    stream.room_out += more;
                    if stream.room_out > MOST_WINDOW {
                        return Err(Broken(Code::FLOW_CONTROL_ERROR, "more room than there can be"));
                    }
                    if more > 0 && stream.wants_room {
                        stream.wake_writer();
                    }
                }
                if self.waiting > 0 {
                    // Whoever was woken may have no room of its own any more.
                    self.wake_waiting();
                }
            }
            setting::SIZE => {
                if !(LEAST_SIZE..=MOST_SIZE).contains(&value) {
                    return Err(Broken(Code::PROTOCOL_ERROR, "a size of frames that is none"));
                }
                self.peer.frame = value as usize;
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn take_goodbye(&mut self, head: Head, payload: &[u8]) -> Outcome {
        if head.stream != 0 {
            return Err(Broken(Code::PROTOCOL_ERROR, "a goodbye of a stream"));
        }
        let (last, code) = number(payload)
            .zip(payload.get(4..).and_then(|rest| rest.split_first_chunk::<4>()))
            .map(|(last, (code, _))| (last, Code(u32::from_be_bytes(*code))))
            .ok_or(Broken(Code::FRAME_SIZE_ERROR, "a goodbye that is too short"))?;
        self.peer.leaving = true;
        if self.role == Role::Client {
            let fault = Fault::new(Origin::Leaving, code, "the peer is leaving");
            let beyond: Vec<Key> = self.streams.keys().filter(|key| key.id > last).collect();
            for key in beyond {
                if let Some(stream) = self.streams.get(key).filter(|stream| stream.is_open()) {
                    stream.end(fault);
                }
                self.streams.settle(key);
            }
        }
        Ok(())
    }

    pub(super) fn take_priority(&mut self, head: Head, payload: &[u8]) -> Outcome {
        if head.stream == 0 {
            return Err(Broken(Code::PROTOCOL_ERROR, "a priority of no stream"));
        }
        let wrong = if payload.len() != 5 {
            Code::FRAME_SIZE_ERROR
        } else if number(payload) == Some(head.stream) {
            Code::PROTOCOL_ERROR
        } else {
            return Ok(());
        };
        match self.streams.find(head.stream) {
            Some(key) => self.break_stream(key, wrong, "a priority that is none"),
            None if self.is_idle(head.stream) => Err(Broken(wrong, "a priority that is none")),
            None => Ok(()),
        }
    }

    pub(super) fn take_reset(&mut self, head: Head, payload: &[u8]) -> Outcome {
        let code: [u8; 4] =
            payload.try_into().map_err(|_| Broken(Code::FRAME_SIZE_ERROR, "a reset of another length"))?;
        if self.is_idle(head.stream) {
            return Err(Broken(Code::PROTOCOL_ERROR, "a reset of a stream that was not begun"));
        }
        let Some(key) = self.streams.find(head.stream) else { return Ok(()) };
        let server = self.role == Role::Server;
        let Some(stream) = self.streams.get(key).filter(|stream| stream.fault.is_none()) else { return Ok(()) };
        stream.end(Fault::new(Origin::Reset, Code(u32::from_be_bytes(code)), "the stream was reset"));
        let early = server && !stream.taken_up;
        self.streams.settle(key);
        if early {
            self.taken_back += 1;
            if self.taken_back > TAKEN_BACK {
                return Err(Broken(Code::ENHANCE_YOUR_CALM, "too many requests are taken back"));
            }
        }
        Ok(())
    }

    pub(super) fn take_room(&mut self, head: Head, payload: &[u8]) -> Outcome {
        let more = number(payload).filter(|_| payload.len() == 4);
        let more = i64::from(more.ok_or(Broken(Code::FRAME_SIZE_ERROR, "room of another length"))?);
        if head.stream == 0 {
            if more == 0 {
                return Err(Broken(Code::PROTOCOL_ERROR, "no room at all"));
            }
            self.room_out += more;
            if self.room_out > MOST_WINDOW {
                return Err(Broken(Code::FLOW_CONTROL_ERROR, "more room than there can be"));
            }
            if self.waiting > 0 {
                self.wake_waiting();
            }
            return Ok(());
        }
        if self.is_idle(head.stream) {
            return Err(Broken(Code::PROTOCOL_ERROR, "room for a stream that was not begun"));
        }
        let Some(key) = self.streams.find(head.stream) else { return Ok(()) };
        let Some(stream) = self.streams.get(key).filter(|stream| stream.fault.is_none()) else { return Ok(()) };
        stream.room_out += more;
        if more == 0 {
            return self.break_stream(key, Code::PROTOCOL_ERROR, "no room at all");
        }
        if stream.room_out > MOST_WINDOW {
            return self.break_stream(key, Code::FLOW_CONTROL_ERROR, "more room than there can be");
        }
        if stream.wants_room {
            stream.wake_writer();
        }
        Ok(())
    }

    /// Resets a stream of which nothing is known.
    pub(super) fn refuse(&mut self, id: u32, code: Code) -> Outcome {
        frame::put_reset(self.output.small(), id, code);
        self.remember(id);
        self.count_error()
    }

    /// Resets a stream because of what the peer did.
    pub(super) fn break_stream(&mut self, key: Key, code: Code, what: &'static str) -> Outcome {
        frame::put_reset(self.output.small(), key.id, code);
        self.remember(key.id);
        if let Some(stream) = self.streams.get(key) {
            stream.end(Fault::new(Origin::Stream, code, what));
        }
        self.streams.settle(key);
        self.count_error()
    }

    fn count_error(&mut self) -> Outcome {
        self.errors += 1;
        if self.role == Role::Server && self.errors > super::ERRORS {
            return Err(Broken(Code::ENHANCE_YOUR_CALM, "too many streams were reset for errors"));
        }
        Ok(())
    }

    /// Ends a stream that this side does not want any more.
    pub(crate) fn reset(&mut self, key: Key, code: Code) {
        if let Some(stream) = self.streams.get(key).filter(|stream| stream.is_open()) {
            stream.end(Fault::new(Origin::Own, code, "the stream was ended"));
            frame::put_reset(self.output.small(), key.id, code);
            self.remember(key.id);
            self.streams.settle(key);
            self.notify();
        }
    }

    pub(super) fn remember(&mut self, id: u32) {
        if self.role == Role::Server {
            if self.resets.len() == RESETS {
                self.resets.pop_front();
            }
            self.resets.push_back(id);
        }
    }

    /// The next bytes of a body, which make room for as many. `Ok(None)`: its end.
    pub(crate) fn read(&mut self, key: Key) -> Option<Result<Option<Bytes>, Fault>> {
        let window = self.limits.stream_window;
        let stream = self.streams.get(key)?;
        let Some(piece) = stream.body.pop() else {
            return if !stream.receiving { Some(Ok(None)) } else { stream.fault.map(Err) };
        };
        let bytes = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        if stream.receiving && stream.fault.is_none() {
            stream.taken = stream.taken.saturating_add(bytes);
            if stream.taken >= window / 2 {
                let more = std::mem::take(&mut stream.taken);
                stream.room_in += i64::from(more);
                frame::put_room(self.output.small(), key.id, more);
                self.notify();
            }
        }
        self.give_back(piece.len());
        Some(Ok(Some(piece)))
    }

    /// So many bytes are no longer held.
    pub(super) fn give_back(&mut self, bytes: usize) {
        self.taken = self.taken.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        if self.taken >= self.limits.connection_window / 2 && self.fault.is_none() {
            let more = std::mem::take(&mut self.taken);
            self.room_in += i64::from(more);
            frame::put_room(self.output.small(), 0, more);
            self.notify();
        }
    }
}
