//! One connection: what both sides agreed on, the streams, and what is to be said.

mod control;
mod drive;
mod heads;
mod receive;
mod release;
mod send;

use std::collections::VecDeque;
use std::time::Instant;

use bytes::BytesMut;
use sluicegate_core::RequestHead;

use crate::count::{Count, Sent};
use crate::fault::{Code, Fault, Origin};
use crate::frame::{self, Kind, LEAST_SIZE, WINDOW, setting};
use crate::heading::Heading;
use crate::hpack::{Decoder, Encoder};
use crate::output::Output;
use crate::streams::{Key, Stream, Streams};

pub use self::drive::Attention;

use self::control::Pings;
use self::drive::Driver;
use self::heads::Block;
use self::receive::Data;

/// What a client says first.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes on their way out beyond which bodies wait.
const AHEAD: usize = 128 * 1024;

/// Bytes on their way out beyond which nothing is read: what is answered to what is read could grow without end.
const FULL: usize = 256 * 1024;

/// Streams that were reset here of which it is known, so that what the peer had sent by then is no mistake of its.
const RESETS: usize = 128;

/// Streams reset for errors of a client (CVE-2025-8671); also refused for being too many, which a client may do in good
/// faith until it has read how many there may be.
const ERRORS: usize = 128;

/// Requests taken back before they were taken up (CVE-2023-44487).
const TAKEN_BACK: usize = 20;

/// Which side this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is asked.
    Server,
    /// It asks.
    Client,
}

/// What this side takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests at once.
    pub streams: u32,
    /// Bytes of a head or of trailers, each field with 32 on top (RFC 9113, section 6.5.2).
    pub list: u32,
    /// Unread bytes of one stream.
    pub stream_window: u32,
    /// Unread bytes of all of them.
    pub connection_window: u32,
    /// Bytes of a frame.
    pub frame: u32,
    /// Frames that serve nothing, in ten seconds, beyond those that what is sent gives reason for; `None`: they are not
    /// counted.
    pub control_frames: Option<u32>,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    limits: Limits,
    /// What the peer takes.
    peer: Peer,
    decoder: Decoder,
    heading: Heading,
    encoder: Encoder,
    /// The frame whose payload is not there yet.
    frame: Option<frame::Head>,
    /// The frame of a body whose bytes come.
    data: Option<Data>,
    /// The head whose frames come.
    block: Option<Block>,
    output: Output,
    streams: Streams,
    /// Requests that nobody has taken up.
    asked: VecDeque<(Key, Box<RequestHead>, bool)>,
    /// The highest stream that there was.
    last: u32,
    room_in: i64,
    taken: u32,
    room_out: i64,
    /// Streams that wait for room.
    waiting: usize,
    turns: u64,
    resets: VecDeque<u32>,
    errors: usize,
    taken_back: usize,
    count: Option<Count>,
    flooded: bool,
    sent: Sent,
    heard: u64,
    received: u64,
    pings: Pings,
    /// What this side said of its leaving.
    leaving: Leaving,
    fault: Option<Fault>,
    driver: Driver,
}

/// What the peer takes, and does.
#[derive(Debug)]
struct Peer {
    /// It has said so.
    greeted: bool,
    /// It has heard what this side takes.
    acknowledged: bool,
    window: u32,
    frame: usize,
    streams: usize,
    /// It takes no more streams.
    leaving: bool,
}

/// How far this side's leaving is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    Not,
    /// The peer was told; what is on its way is still taken.
    Announced,
    /// No stream above this one is.
    After(u32),
}

impl Connection {
    /// A connection that has begun, of which the client's preface was read.
    #[must_use]
    pub fn new(role: Role, limits: Limits) -> Self {
        let mut output = Output::default();
        greet(role, limits, output.small());
        Self {
            role,
            limits,
            peer: Peer {
                greeted: false,
                acknowledged: false,
                window: WINDOW,
                frame: LEAST_SIZE as usize,
                streams: usize::MAX,
                leaving: false,
            },
            decoder: Decoder::new(limits.list as usize),
            heading: Heading::default(),
            encoder: Encoder::default(),
            frame: None,
            data: None,
            block: None,
            output,
            streams: Streams::default(),
            asked: VecDeque::new(),
            last: 0,
            room_in: limits.connection_window.max(WINDOW).into(),
            taken: 0,
            room_out: WINDOW.into(),
            waiting: 0,
            turns: 0,
            resets: VecDeque::new(),
            errors: 0,
            taken_back: 0,
            count: limits.control_frames.map(Count::new),
            flooded: false,
            sent: Sent::default(),
            heard: 0,
            received: 0,
            pings: Pings::default(),
            leaving: Leaving::Not,
            fault: None,
            driver: Driver::default(),
        }
    }

    /// Takes what `input` holds, of which `fresh` bytes are new; what is no whole frame is left there.
    ///
    /// # Errors
    /// The peer breaks the protocol: what is to be written says so, and the connection is over.
    pub fn receive(&mut self, input: &mut BytesMut, fresh: usize, now: Instant) -> Result<(), Fault> {
        self.received += fresh as u64;
        if let Some(fault) = self.fault {
            input.clear();
            return Err(fault);
        }
        self.take_frames(input, now).map_err(|Broken(code, what)| {
            input.clear();
            self.fail(code, what)
        })
    }

    /// Frames that came.
    #[must_use]
    pub const fn heard(&self) -> u64 {
        self.heard
    }

    /// Bytes that came.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Streams that are not over.
    #[must_use]
    pub const fn open(&self) -> usize {
        self.streams.open()
    }

    /// Whether one more may be begun; at how many of them it may not.
    #[must_use]
    pub const fn most(&self) -> usize {
        self.peer.streams
    }

    /// Why it is over, if it is.
    #[must_use]
    pub const fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Whether it is over for frames that serve nothing: more of them are on their way.
    #[must_use]
    pub const fn is_flooded(&self) -> bool {
        self.flooded
    }

    /// Whether it takes no more streams: one side leaves, or it is over.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.fault.is_some() || self.peer.leaving || self.leaving != Leaving::Not
    }

    /// Whether it was left in good order: nothing is under way, and nothing will be.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let left = matches!(self.leaving, Leaving::After(_)) || self.role == Role::Client && self.peer.leaving;
        left && self.open() == 0 && self.asked.is_empty()
    }

    /// The connection is gone.
    pub fn gone(&mut self, what: &'static str) {
        self.end(Fault::new(Origin::Gone, Code::CANCEL, what));
    }

    /// Ends it at once, and says so.
    pub fn abort(&mut self, code: Code, what: &'static str) {
        self.fail(code, what);
    }

    pub(crate) fn stream(&mut self, key: Key) -> Option<&mut Stream> {
        self.streams.get(key)
    }

    pub(crate) fn take_asked(&mut self) -> Option<(Key, Box<RequestHead>, bool)> {
        let next = self.asked.pop_front();
        if next.is_none() {
            self.taken_back = 0;
        }
        next
    }

    /// The work for a stream begins; `false` if nobody wants it any more.
    pub(crate) fn take_up(&mut self, key: Key) -> bool {
        let Some(stream) = self.streams.get(key) else { return false };
        stream.taken_up = true;
        if stream.fault.is_some() {
            stream.handles = 0;
            let held = std::mem::take(&mut stream.body).len();
            self.give_back(held);
            self.streams.settle(key);
            return false;
        }
        true
    }

    fn fail(&mut self, code: Code, what: &'static str) -> Fault {
        let fault = Fault::new(Origin::Connection, code, what);
        if self.fault.is_none() {
            let last = if self.role == Role::Server { self.last } else { 0 };
            frame::put_goodbye(self.output.small(), last, code);
            self.end(fault);
        }
        fault
    }

    fn end(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
        self.asked.clear();
        let keys: Vec<Key> = self.streams.keys().collect();
        for key in keys {
            if let Some(stream) = self.streams.get(key) {
                if stream.is_open() {
                    stream.end(fault);
                }
                // Nobody has its handles yet, and nobody will.
                if self.role == Role::Server && !stream.taken_up {
                    stream.handles = 0;
                }
            }
            self.streams.settle(key);
        }
        self.notify();
    }
}

/// What breaks a connection.
#[derive(Debug)]
struct Broken(Code, &'static str);

type Outcome = Result<(), Broken>;

fn greet(role: Role, limits: Limits, out: &mut Vec<u8>) {
    let mut settings = Vec::with_capacity(32);
    if role == Role::Client {
        out.extend_from_slice(PREFACE);
        frame::put_setting(&mut settings, setting::PUSH, 0);
    } else {
        frame::put_setting(&mut settings, setting::STREAMS, limits.streams);
    }
    if limits.frame != LEAST_SIZE {
        frame::put_setting(&mut settings, setting::SIZE, limits.frame);
    }
    frame::put_setting(&mut settings, setting::WINDOW, limits.stream_window);
    frame::put_setting(&mut settings, setting::LIST, limits.list);
    frame::put(out, Kind::SETTINGS, 0, 0, &settings);
    if limits.connection_window > WINDOW {
        frame::put_room(out, 0, limits.connection_window - WINDOW);
    }
}
