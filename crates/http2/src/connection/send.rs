//! Heads, bodies and trailers on their way out. No more of a body is taken than the peer has room for, so that what it does
//! not take stays with whoever makes it.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, StatusCode, Uri};
use sluicegate_core::Fields;

use super::{AHEAD, Connection, Leaving, Role};
use crate::fault::{Code, Fault, Origin};
use crate::frame::{HEADER, Head, Kind, flag};
use crate::hpack::Encoder;
use crate::streams::{Key, Stream, remember};

/// The highest stream there can be.
const MOST: u32 = u32::MAX >> 1;

impl Connection {
    /// Begins a stream. `end`: it has no body, or none but `data`, of which is sent what there is room for. Also says whether
    /// that was all.
    ///
    /// # Errors
    /// The connection takes no more streams.
    pub(crate) fn ask(
        &mut self,
        (method, uri): (&Method, &Uri),
        fields: &Fields,
        data: &mut Bytes,
        end: bool,
    ) -> Result<(Key, bool), Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let id = if self.last == 0 { 1 } else { self.last.saturating_add(2) };
        if self.peer.leaving || self.leaving != Leaving::Not || id > MOST {
            self.peer.leaving = true;
            return Err(Fault::new(Origin::Leaving, Code::NO_ERROR, "the connection takes no more streams"));
        }
        if self.streams.open() >= self.peer.streams {
            return Err(Fault::new(Origin::Leaving, Code::REFUSED_STREAM, "the connection is full"));
        }
        self.last = id;
        let bare = end && data.is_empty();
        let key = self.streams.insert(
            id,
            Stream {
                receiving: true,
                sending: !bare,
                handles: if bare { 1 } else { 2 },
                taken_up: true,
                bodiless: *method == Method::HEAD,
                room_in: self.limits.stream_window.into(),
                room_out: self.peer.window.into(),
                head_at: self.output.total(),
                ..Stream::default()
            },
        );
        self.put_head(id, bare, |encoder, out| {
            encoder.method(out, method);
            encoder.scheme(out, uri.scheme().map_or("http", Scheme::as_str));
            encoder.authority(out, uri.authority().map_or("", Authority::as_str));
            encoder.path(out, uri.path_and_query().map_or("/", PathAndQuery::as_str));
            put_fields(encoder, out, fields);
        });
        if !data.is_empty() {
            let room = self.room(key).min(data.len());
            if room > 0 {
                self.put_data(key, data, room, end);
            }
        }
        self.notify();
        Ok((key, end && data.is_empty()))
    }

    /// Sends an answer's head; `false` if nobody waits for it any more.
    pub(crate) fn answer(&mut self, key: Key, status: StatusCode, fields: &Fields, end: bool) -> bool {
        if !self.may_send(key) {
            return false;
        }
        self.put_head(key.id, end, |encoder, out| {
            encoder.status(out, status);
            put_fields(encoder, out, fields);
        });
        self.sent_head(key, end);
        true
    }

    /// Sends trailers, with which the stream ends; `false` if nobody waits for them any more.
    pub(crate) fn trail(&mut self, key: Key, fields: &Fields) -> bool {
        if !self.may_send(key) {
            return false;
        }
        self.put_head(key.id, true, |encoder, out| put_fields(encoder, out, fields));
        self.sent_head(key, true);
        true
    }

    /// Sends what there is room for of `data`, and the end with the last of it; how much that was. `None`: nobody waits for
    /// it any more.
    pub(crate) fn poll_send(
        &mut self,
        key: Key,
        data: &mut Bytes,
        last: bool,
        context: &Context<'_>,
    ) -> Poll<Option<usize>> {
        if !self.may_send(key) {
            self.set_waiting(key, false);
            return Poll::Ready(None);
        }
        let room = if data.is_empty() { 0 } else { self.room(key).min(data.len()) };
        if room == 0 && !data.is_empty() {
            self.set_waiting(key, true);
            if let Some(stream) = self.streams.get(key) {
                remember(&mut stream.writer, context);
            }
            return Poll::Pending;
        }
        self.set_waiting(key, false);
        if room == 0 && !last {
            return Poll::Ready(Some(0));
        }
        self.put_data(key, data, room, last);
        self.notify();
        Poll::Ready(Some(room))
    }

    /// Puts out the first `room` bytes of `data`.
    fn put_data(&mut self, key: Key, data: &mut Bytes, room: usize, last: bool) {
        let mut part = data.split_to(room);
        let end = last && data.is_empty();
        self.took_room(key, room);
        loop {
            let piece = part.split_to(part.len().min(self.peer.frame));
            let flags = if end && part.is_empty() { flag::END_STREAM } else { 0 };
            let head = Head { length: piece.len(), kind: Kind::DATA, flags, stream: key.id };
            self.output.small().extend_from_slice(&head.bytes());
            self.output.put(piece);
            self.sent.frames += 1;
            if part.is_empty() {
                break;
            }
        }
        if end {
            self.sent_all(key);
        }
        if self.waiting > 0 {
            // It is the next one's turn.
            self.wake_waiting();
        }
    }

    fn took_room(&mut self, key: Key, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.room_out -= bytes;
        self.turns += 1;
        let turn = self.turns;
        if let Some(stream) = self.streams.get(key) {
            stream.room_out -= bytes;
            stream.served = turn;
        }
    }

    /// Bytes that a stream may send now. Of what all have together, nobody takes all while others wait, and nobody takes
    /// twice before those that wait for longer.
    fn room(&mut self, key: Key) -> usize {
        let Some(stream) = self.streams.get(key) else { return 0 };
        let (own, served) = (stream.room_out, stream.served);
        let mut all = self.room_out;
        if self.waiting > 0 {
            let before = |other: &mut Stream| other.waits() && other.served < served;
            if self.streams.each().any(before) {
                return 0;
            }
            let shares = i64::try_from(self.waiting).unwrap_or(i64::MAX).saturating_add(1);
            all = all.min((all / shares).max(i64::try_from(self.peer.frame).unwrap_or(i64::MAX)));
        }
        usize::try_from(own.min(all)).unwrap_or(0).min(AHEAD.saturating_sub(self.output.len()))
    }

    pub(super) fn set_waiting(&mut self, key: Key, waits: bool) {
        let Some(stream) = self.streams.get(key) else { return };
        match (std::mem::replace(&mut stream.wants_room, waits), waits) {
            (false, true) => self.waiting += 1,
            (true, false) => self.waiting = self.waiting.saturating_sub(1),
            _ => {}
        }
    }

    /// There may be room for one of those that wait: the one that had none for the longest time. It wakes the next in turn.
    pub(super) fn wake_waiting(&mut self) {
        if self.room_out <= 0 {
            return;
        }
        let first = self.streams.each().filter(|stream| stream.waits()).min_by_key(|stream| stream.served);
        if let Some(first) = first {
            first.wake_writer();
        }
    }

    fn may_send(&mut self, key: Key) -> bool {
        self.streams.get(key).is_some_and(|stream| stream.sending && stream.fault.is_none())
    }

    fn sent_head(&mut self, key: Key, end: bool) {
        if end {
            self.sent_all(key);
        }
        self.notify();
    }

    /// The last byte of a stream was put out, and who sent it lets it go.
    fn sent_all(&mut self, key: Key) {
        self.sent.answers += 1;
        let Some(stream) = self.streams.get(key) else { return };
        stream.sending = false;
        stream.handles = stream.handles.saturating_sub(1);
        stream.writer = None;
        // Nobody reads what is still to come, and the answer is complete.
        let rest = self.role == Role::Server && stream.receiving && stream.unread;
        if rest {
            self.reset(key, Code::NO_ERROR);
        } else {
            self.streams.settle(key);
        }
    }

    /// Puts out a head or trailers, in as many frames as the peer wants it.
    fn put_head(&mut self, id: u32, end: bool, write: impl FnOnce(&mut Encoder, &mut Vec<u8>)) {
        self.sent.frames += 1;
        let out = self.output.small();
        let start = out.len();
        out.extend_from_slice(&[0; HEADER]);
        self.encoder.begin(out);
        write(&mut self.encoder, out);
        let flags = if end { flag::END_STREAM } else { 0 };
        let length = out.len() - start - HEADER;
        let (first, whole) = (length.min(self.peer.frame), length <= self.peer.frame);
        let flags = if whole { flags | flag::END_HEADERS } else { flags };
        let head = Head { length: first, kind: Kind::HEADERS, flags, stream: id };
        if let Some(place) = out.get_mut(start..start + HEADER) {
            place.copy_from_slice(&head.bytes());
        }
        if whole {
            return;
        }
        let rest = out.split_off(start + HEADER + first);
        let mut pieces = rest.chunks(self.peer.frame).peekable();
        while let Some(piece) = pieces.next() {
            let flags = if pieces.peek().is_none() { flag::END_HEADERS } else { 0 };
            crate::frame::put(out, Kind::CONTINUATION, flags, id, piece);
        }
    }
}

fn put_fields(encoder: &mut Encoder, out: &mut Vec<u8>, fields: &Fields) {
    for (name, value) in fields {
        encoder.field(out, name, value);
    }
}
