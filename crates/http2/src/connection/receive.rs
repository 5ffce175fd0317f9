//! Frames as they come. Of bodies each byte is handed on when it is there, of everything else whole frames.

use std::time::Instant;

use bytes::{Buf as _, BytesMut};

use super::{Broken, Connection, Outcome, Role};
use crate::fault::Code;
use crate::frame::{HEADER, Head, Kind, flag};
use crate::streams::Key;

/// A body's frame, of which this is still to come.
#[derive(Debug)]
pub(super) struct Data {
    /// `None`: nobody wants it.
    key: Option<Key>,
    bytes: usize,
    padding: usize,
    end: bool,
}

impl Connection {
    pub(super) fn take_frames(&mut self, input: &mut BytesMut, now: Instant) -> Outcome {
        loop {
            if self.data.is_some() {
                if !self.take_data(input)? {
                    return Ok(());
                }
                continue;
            }
            let head = match self.frame {
                Some(head) => head,
                None => {
                    let Some(head) = Head::read(input) else { return Ok(()) };
                    input.advance(HEADER);
                    self.look_at(head, now)?;
                    self.frame = Some(head);
                    head
                }
            };
            if head.kind == Kind::DATA {
                let padding = match (head.has(flag::PADDED), input.first()) {
                    (false, _) => None,
                    (true, _) if head.length == 0 => {
                        return Err(Broken(Code::FRAME_SIZE_ERROR, "a padded frame without room for its padding"));
                    }
                    (true, None) => return Ok(()),
                    (true, Some(padding)) => Some(usize::from(*padding)),
                };
                input.advance(usize::from(padding.is_some()));
                self.begin_data(head, padding)?;
            } else {
                let Some(payload) = input.get(..head.length) else { return Ok(()) };
                self.take_frame(head, payload)?;
                input.advance(head.length);
            }
            self.frame = None;
        }
    }

    /// What a frame's head tells of it.
    fn look_at(&mut self, head: Head, now: Instant) -> Outcome {
        self.heard += 1;
        if !self.peer.greeted && (head.kind != Kind::SETTINGS || head.has(flag::ACK)) {
            return Err(Broken(Code::PROTOCOL_ERROR, "it does not begin with its settings"));
        }
        if head.length > self.limits.frame as usize {
            return Err(Broken(Code::FRAME_SIZE_ERROR, "a frame is larger than is taken"));
        }
        if self.count.as_mut().is_some_and(|count| !count.bear(head, self.sent, now)) {
            self.flooded = true;
            return Err(Broken(Code::ENHANCE_YOUR_CALM, "too many frames that serve nothing"));
        }
        match &self.block {
            Some(block) if head.kind != Kind::CONTINUATION || head.stream != block.stream => {
                Err(Broken(Code::PROTOCOL_ERROR, "a head is interrupted"))
            }
            None if head.kind == Kind::CONTINUATION => Err(Broken(Code::PROTOCOL_ERROR, "a head goes on that is none")),
            _ => Ok(()),
        }
    }

    fn take_frame(&mut self, head: Head, payload: &[u8]) -> Outcome {
        match head.kind {
            Kind::HEADERS => self.take_headers(head, payload),
            Kind::CONTINUATION => self.take_continuation(head, payload),
            Kind::PRIORITY => self.take_priority(head, payload),
            Kind::RST_STREAM => self.take_reset(head, payload),
            Kind::SETTINGS => self.take_settings(head, payload),
            Kind::PING => self.take_ping(head, payload),
            Kind::GOAWAY => self.take_goodbye(head, payload),
            Kind::WINDOW_UPDATE => self.take_room(head, payload),
            Kind::PUSH_PROMISE => Err(Broken(Code::PROTOCOL_ERROR, "a promise that nobody wants")),
            // What is not known is to be left alone.
            _ => Ok(()),
        }
    }

    /// Whether a stream was never begun.
    pub(super) fn is_idle(&self, stream: u32) -> bool {
        stream > self.last || stream.is_multiple_of(2)
    }

    fn begin_data(&mut self, head: Head, padding: Option<usize>) -> Outcome {
        if self.is_idle(head.stream) {
            return Err(Broken(Code::PROTOCOL_ERROR, "a body of a stream that was not begun"));
        }
        let length = i64::try_from(head.length).unwrap_or(i64::MAX);
        if length > self.room_in {
            return Err(Broken(Code::FLOW_CONTROL_ERROR, "more bytes than there was room for"));
        }
        self.room_in -= length;
        let overhead = padding.map_or(0, |padding| padding + 1);
        let Some(bytes) = head.length.checked_sub(overhead) else {
            return Err(Broken(Code::PROTOCOL_ERROR, "more padding than frame"));
        };
        self.give_back(overhead);
        let key = self.wanted(head, length, bytes)?;
        if let Some(stream) = key.and_then(|key| self.streams.get(key)) {
            stream.room_in -= length;
            stream.taken = stream.taken.saturating_add(u32::try_from(overhead).unwrap_or(u32::MAX));
        }
        self.data = Some(Data { key, bytes, padding: padding.unwrap_or(0), end: head.has(flag::END_STREAM) });
        Ok(())
    }

    /// The stream that takes `bytes` of body; `None` if none does.
    fn wanted(&mut self, head: Head, length: i64, bytes: usize) -> Result<Option<Key>, Broken> {
        let Some(key) = self.streams.find(head.stream) else {
            // A server knows which ones it ended itself.
            if self.role == Role::Server && !self.resets.contains(&head.stream) {
                self.refuse(head.stream, Code::STREAM_CLOSED)?;
            }
            return Ok(None);
        };
        let Some(stream) = self.streams.get(key).filter(|stream| stream.fault.is_none()) else { return Ok(None) };
        let wrong = if !stream.receiving {
            Some((Code::STREAM_CLOSED, "bytes behind the end"))
        } else if length > stream.room_in {
            Some((Code::FLOW_CONTROL_ERROR, "more bytes than there was room for"))
        } else if self.role == Role::Client && !stream.headed {
            Some((Code::PROTOCOL_ERROR, "a body without a head"))
        } else if let Some(left) = &mut stream.left {
            match left.checked_sub(bytes as u64) {
                Some(less) => {
                    *left = less;
                    None
                }
                None => Some((Code::PROTOCOL_ERROR, "a body is longer than its head says")),
            }
        } else {
            None
        };
        match wrong {
            Some((code, what)) => self.break_stream(key, code, what).map(|()| None),
            None => Ok(Some(key)),
        }
    }

    /// Takes what there is of a body's frame; whether that is all of it.
    fn take_data(&mut self, input: &mut BytesMut) -> Result<bool, Broken> {
        let Some(data) = &mut self.data else { return Ok(true) };
        let bytes = data.bytes.min(input.len());
        data.bytes -= bytes;
        let key = data.key;
        let stream =
            key.and_then(|key| self.streams.get(key)).filter(|stream| stream.fault.is_none() && !stream.unread);
        match stream {
            Some(stream) if bytes > 0 => {
                stream.body.take(input, bytes);
                stream.wake_reader();
            }
            Some(_) => {}
            None => {
                input.advance(bytes);
                self.give_back(bytes);
            }
        }
        let Some(data) = &mut self.data else { return Ok(true) };
        if data.bytes == 0 {
            let padding = data.padding.min(input.len());
            data.padding -= padding;
            input.advance(padding);
        }
        if data.bytes > 0 || data.padding > 0 {
            return Ok(false);
        }
        let end = data.end;
        self.data = None;
        if let Some(key) = key.filter(|_| end) {
            self.end_of(key)?;
        }
        Ok(true)
    }

    /// The peer has sent all of a stream.
    pub(super) fn end_of(&mut self, key: Key) -> Outcome {
        let Some(stream) = self.streams.get(key).filter(|stream| stream.fault.is_none()) else { return Ok(()) };
        if stream.left.is_some_and(|left| left > 0) {
            return self.break_stream(key, Code::PROTOCOL_ERROR, "a body is shorter than its head says");
        }
        stream.receiving = false;
        stream.wake_reader();
        self.streams.settle(key);
        Ok(())
    }
}
