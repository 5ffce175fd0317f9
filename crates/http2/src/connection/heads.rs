//! Heads and trailers as they come.

use http::StatusCode;

use super::{Broken, Connection, Leaving, Outcome, Role};
use crate::fault::Code;
use crate::frame::{Head, flag, number};
use crate::heading::Heading;
use crate::streams::{Key, Stream};

/// Most bytes of a head as it is packed, whatever is taken of it: it is read to its end, so that the next can be.
const PACKED: usize = 64 * 1024;

/// Most answers before the answer.
const INTERIM: u8 = 16;

/// A head whose frames come.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) stream: u32,
    end: bool,
    bytes: Vec<u8>,
}

impl Connection {
    pub(super) fn take_headers(&mut self, head: Head, payload: &[u8]) -> Outcome {
        const SIZE: Broken = Broken(Code::FRAME_SIZE_ERROR, "a head without room for what it begins with");
        if head.stream == 0 {
            return Err(Broken(Code::PROTOCOL_ERROR, "a head of no stream"));
        }
        let mut block = payload;
        let mut padding = 0;
        if head.has(flag::PADDED) {
            let (first, rest) = block.split_first().ok_or(SIZE)?;
            (padding, block) = (usize::from(*first), rest);
        }
        let mut below = None;
        if head.has(flag::PRIORITY) {
            let (priority, rest) = block.split_at_checked(5).ok_or(SIZE)?;
            (below, block) = (number(priority), rest);
        }
        let length = block.len().checked_sub(padding);
        let length = length.ok_or(Broken(Code::PROTOCOL_ERROR, "more padding than frame"))?;
        let block = block.get(..length).unwrap_or_default();
        if below == Some(head.stream) {
            return Err(Broken(Code::PROTOCOL_ERROR, "a stream below itself"));
        }
        let end = head.has(flag::END_STREAM);
        if head.has(flag::END_HEADERS) {
            return self.take_block(head.stream, end, block);
        }
        self.block = Some(Block { stream: head.stream, end, bytes: block.to_vec() });
        Ok(())
    }

    pub(super) fn take_continuation(&mut self, head: Head, payload: &[u8]) -> Outcome {
        let Some(mut block) = self.block.take() else { return Ok(()) };
        if block.bytes.len() + payload.len() > PACKED.max(self.limits.list as usize * 4) {
            return Err(Broken(Code::ENHANCE_YOUR_CALM, "a head without end"));
        }
        block.bytes.extend_from_slice(payload);
        if head.has(flag::END_HEADERS) {
            return self.take_block(block.stream, block.end, &block.bytes);
        }
        self.block = Some(block);
        Ok(())
    }

    fn take_block(&mut self, id: u32, end: bool, block: &[u8]) -> Outcome {
        self.heading.begin();
        let whole = self
            .decoder
            .decode(block, &mut self.heading)
            .map_err(|broken| Broken(Code::COMPRESSION_ERROR, broken.what()))?;
        if let Some(key) = self.streams.find(id) {
            return self.take_more(key, whole, end);
        }
        if !self.is_idle(id) {
            // A server knows which ones it ended itself.
            let known = self.role == Role::Client || self.resets.contains(&id);
            return if known { Ok(()) } else { self.refuse(id, Code::STREAM_CLOSED) };
        }
        if self.role == Role::Client || id.is_multiple_of(2) {
            return Err(Broken(Code::PROTOCOL_ERROR, "a stream that the peer may not begin"));
        }
        self.last = id;
        self.take_request(id, whole, end)
    }

    /// A request.
    fn take_request(&mut self, id: u32, whole: bool, end: bool) -> Outcome {
        if matches!(self.leaving, Leaving::After(_)) {
            frame_refused(self, id);
            return Ok(());
        }
        let most = self.limits.streams as usize;
        // Those of which only the work is left are not counted against a client, as long as they are not many.
        if self.streams.open() >= most || self.streams.known() >= most.saturating_mul(2) {
            return self.refuse(id, Code::REFUSED_STREAM);
        }
        let left = self.heading.length();
        let request = match self.heading.take_request(whole) {
            Ok(request) if !end || left.unwrap_or(0) == 0 => request,
            Ok(_) | Err(_) => return self.refuse(id, Code::PROTOCOL_ERROR),
        };
        let key = self.streams.insert(
            id,
            Stream {
                receiving: !end,
                sending: true,
                handles: 2,
                headed: true,
                left,
                room_in: self.limits.stream_window.into(),
                room_out: self.peer.window.into(),
                ..Stream::default()
            },
        );
        self.asked.push_back((key, Box::new(request), whole));
        Ok(())
    }

    /// A head or trailers of a stream that there is.
    fn take_more(&mut self, key: Key, whole: bool, end: bool) -> Outcome {
        let Some(stream) = self.streams.get(key).filter(|stream| stream.fault.is_none()) else { return Ok(()) };
        if !stream.receiving {
            return self.break_stream(key, Code::STREAM_CLOSED, "a head behind the end");
        }
        let taken = if stream.headed {
            trailers(self.role, stream, self.heading.take(), whole, end)
        } else if whole {
            answer(stream, &mut self.heading, end)
        } else {
            Err("its head is too large")
        };
        if let Err(what) = taken {
            return self.break_stream(key, Code::PROTOCOL_ERROR, what);
        }
        stream.wake_reader();
        if end { self.end_of(key) } else { Ok(()) }
    }
}

fn trailers(role: Role, stream: &mut Stream, heading: Heading, whole: bool, end: bool) -> Result<(), &'static str> {
    if !end {
        return Err("trailers without an end");
    }
    let fields = heading.into_trailers()?;
    // Those of a request mean nothing to anybody.
    if role == Role::Client {
        if !whole {
            return Err("its trailers are too large");
        }
        stream.trailers = Some(Box::new(fields));
    }
    Ok(())
}

fn answer(stream: &mut Stream, heading: &mut Heading, end: bool) -> Result<(), &'static str> {
    let length = heading.length();
    let response = heading.take_answer()?;
    if response.status.is_informational() {
        stream.interim += 1;
        return if end || response.status == StatusCode::SWITCHING_PROTOCOLS {
            Err("an interim answer that cannot be one")
        } else if stream.interim > INTERIM {
            Err("interim answers without end")
        } else {
            Ok(())
        };
    }
    let bodiless = stream.bodiless || matches!(response.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    stream.left = length.filter(|_| !bodiless);
    stream.headed = true;
    stream.head = Some(Box::new(response));
    Ok(())
}

fn frame_refused(connection: &mut Connection, id: u32) {
    crate::frame::put_reset(connection.output.small(), id, Code::REFUSED_STREAM);
    connection.remember(id);
}
