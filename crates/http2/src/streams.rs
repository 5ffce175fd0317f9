//! The live streams of a connection: few, so that they are found by looking.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use bytes::{Buf as _, Bytes, BytesMut};
use sluicegate_core::{Fields, Response};

use crate::fault::Fault;

/// What has as many bytes or more is left where it was read; less is copied, so that a byte does not hold a page.
const LARGE: usize = 4 * 1024;

/// A stream's place, and which of all that were ever there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    place: usize,
    pub(crate) id: u32,
}

/// All of a connection.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// Zero where none is.
    ids: Vec<u32>,
    slots: Vec<Option<Stream>>,
    free: Vec<usize>,
    /// Streams that are not over.
    open: usize,
}

/// One of them. The flags are independent of each other.
#[expect(clippy::struct_excessive_bools, reason = "two directions, and what is known of each")]
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// The peer may still send.
    pub(crate) receiving: bool,
    /// This side may.
    pub(crate) sending: bool,
    /// It was counted as over.
    pub(crate) over: bool,
    /// Handles that know of it.
    pub(crate) handles: u8,
    /// Nobody reads what comes.
    pub(crate) unread: bool,
    /// Its work has begun.
    pub(crate) taken_up: bool,
    /// Its answer's head has come.
    pub(crate) headed: bool,
    /// Whatever an answer says of its length, it has no body.
    pub(crate) bodiless: bool,
    /// Who sends waits for room.
    pub(crate) wants_room: bool,
    /// Answers before the answer.
    pub(crate) interim: u8,
    pub(crate) fault: Option<Fault>,
    /// Bytes that are still to come, where the head said so.
    pub(crate) left: Option<u64>,
    /// Bytes that the peer may still send.
    pub(crate) room_in: i64,
    /// Bytes that were read, and of which it was not told yet.
    pub(crate) taken: u32,
    /// Bytes that this side may still send.
    pub(crate) room_out: i64,
    /// When room was last taken, of all times that it was.
    pub(crate) served: u64,
    /// Where in all that was ever put out its head is.
    pub(crate) head_at: u64,
    pub(crate) body: Pieces,
    pub(crate) head: Option<Box<Response<()>>>,
    pub(crate) trailers: Option<Box<Fields>>,
    pub(crate) reader: Option<Waker>,
    pub(crate) writer: Option<Waker>,
}

/// Bytes that wait to be read.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    first: Bytes,
    more: VecDeque<Bytes>,
    /// Small ones, joined.
    tail: BytesMut,
    length: usize,
}

/// What is left to read of a stream that was let go, because all of it is here.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// It was let go.
    pub(crate) over: bool,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<Box<Fields>>,
}

impl Left {
    /// The rest of the body, if there is any.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        (!self.body.is_empty()).then(|| std::mem::take(&mut self.body))
    }
}

impl Streams {
    pub(crate) const fn open(&self) -> usize {
        self.open
    }

    /// Those that are open, and those that somebody still knows of.
    pub(crate) const fn known(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn insert(&mut self, id: u32, stream: Stream) -> Key {
        self.open += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.ids.push(0);
            self.slots.len() - 1
        });
        if let Some((slot, number)) = self.slots.get_mut(place).zip(self.ids.get_mut(place)) {
            (*slot, *number) = (Some(stream), id);
        }
        Key { place, id }
    }

    pub(crate) fn find(&self, id: u32) -> Option<Key> {
        self.ids.iter().position(|other| *other == id).map(|place| Key { place, id })
    }

    pub(crate) fn get(&mut self, key: Key) -> Option<&mut Stream> {
        let is_it = self.ids.get(key.place) == Some(&key.id);
        self.slots.get_mut(key.place).filter(|_| is_it)?.as_mut()
    }

    /// Every one there is.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.ids.iter().enumerate().filter(|(_, id)| **id != 0).map(|(place, id)| Key { place, id: *id })
    }

    pub(crate) fn each(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.slots.iter_mut().flatten()
    }

    /// Counts a stream that may be over, and forgets it once nobody knows of it.
    pub(crate) fn settle(&mut self, key: Key) {
        let Some(stream) = self.get(key) else { return };
        let over = stream.fault.is_some() || !stream.receiving && !stream.sending;
        let newly = over && !std::mem::replace(&mut stream.over, over);
        let forget = over && stream.handles == 0;
        self.open -= usize::from(newly);
        if forget && let Some((slot, id)) = self.slots.get_mut(key.place).zip(self.ids.get_mut(key.place)) {
            (*slot, *id) = (None, 0);
            self.free.push(key.place);
        }
    }
}

impl Stream {
    pub(crate) const fn is_open(&self) -> bool {
        !self.over
    }

    /// Whether it waits for nothing but the room that all streams have together.
    pub(crate) const fn waits(&self) -> bool {
        self.wants_room && self.fault.is_none() && self.room_out > 0
    }

    pub(crate) fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    pub(crate) fn wake_writer(&mut self) {
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }

    /// It ends before its end; who reads has what has come so far.
    pub(crate) fn end(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
        self.wake_reader();
        self.wake_writer();
    }
}

/// Puts who polls into `slot`.
pub(crate) fn remember(slot: &mut Option<Waker>, context: &Context<'_>) {
    if slot.as_ref().is_none_or(|waker| !waker.will_wake(context.waker())) {
        *slot = Some(context.waker().clone());
    }
}

impl Pieces {
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// Takes the first `bytes` of `input`.
    pub(crate) fn take(&mut self, input: &mut BytesMut, bytes: usize) {
        let empty = self.length == 0;
        self.length += bytes;
        if bytes >= LARGE {
            let piece = input.split_to(bytes).freeze();
            if empty {
                self.first = piece;
                return;
            }
            if !self.tail.is_empty() {
                self.more.push_back(self.tail.split().freeze());
            }
            self.more.push_back(piece);
            return;
        }
        let piece = input.get(..bytes).unwrap_or_default();
        if empty {
            self.first = Bytes::copy_from_slice(piece);
        } else {
            self.tail.extend_from_slice(piece);
        }
        input.advance(bytes);
    }

    /// Whether all of it is in one piece, if there is any.
    pub(crate) fn is_one(&self) -> bool {
        self.first.len() == self.length
    }

    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        if self.length == 0 {
            return None;
        }
        let piece = if !self.first.is_empty() {
            std::mem::take(&mut self.first)
        } else if let Some(piece) = self.more.pop_front() {
            piece
        } else {
            std::mem::take(&mut self.tail).freeze()
        };
        self.length -= piece.len();
        Some(piece)
    }
}
