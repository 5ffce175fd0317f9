//! Frames on the wire (RFC 9113, sections 4 and 6).

use crate::fault::Code;

/// Bytes before a payload.
pub(crate) const HEADER: usize = 9;

/// Longest payload before a side says otherwise, and the least that it may say.
pub(crate) const LEAST_SIZE: u32 = 16 * 1024;

/// Longest payload there can be.
pub(crate) const MOST_SIZE: u32 = (1 << 24) - 1;

/// Room of a stream, and of a connection, before a side says otherwise.
pub(crate) const WINDOW: u32 = 65_535;

/// Most room.
pub(crate) const MOST_WINDOW: i64 = (1 << 31) - 1;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(pub(crate) u8);

impl Kind {
    pub(crate) const DATA: Self = Self(0);
    pub(crate) const HEADERS: Self = Self(1);
    pub(crate) const PRIORITY: Self = Self(2);
    pub(crate) const RST_STREAM: Self = Self(3);
    pub(crate) const SETTINGS: Self = Self(4);
    pub(crate) const PUSH_PROMISE: Self = Self(5);
    pub(crate) const PING: Self = Self(6);
    pub(crate) const GOAWAY: Self = Self(7);
    pub(crate) const WINDOW_UPDATE: Self = Self(8);
    pub(crate) const CONTINUATION: Self = Self(9);
}

/// What a frame says of itself.
pub(crate) mod flag {
    pub(crate) const END_STREAM: u8 = 1;
    pub(crate) const ACK: u8 = 1;
    pub(crate) const END_HEADERS: u8 = 4;
    pub(crate) const PADDED: u8 = 8;
    pub(crate) const PRIORITY: u8 = 0x20;
}

/// The settings that mean something here.
pub(crate) mod setting {
    pub(crate) const TABLE: u16 = 1;
    pub(crate) const PUSH: u16 = 2;
    pub(crate) const STREAMS: u16 = 3;
    pub(crate) const WINDOW: u16 = 4;
    pub(crate) const SIZE: u16 = 5;
    pub(crate) const LIST: u16 = 6;
}

/// The bytes before a payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) kind: Kind,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Head {
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let ([high, middle, low, kind, flags, a, b, c, d], _) = bytes.split_first_chunk::<HEADER>()?;
        let length = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
        let stream = u32::from_be_bytes([*a, *b, *c, *d]) & (u32::MAX >> 1);
        Some(Self { length, kind: Kind(*kind), flags: *flags, stream })
    }

    pub(crate) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(crate) fn bytes(&self) -> [u8; HEADER] {
        let [.., high, middle, low] = self.length.to_be_bytes();
        let [a, b, c, d] = self.stream.to_be_bytes();
        [high, middle, low, self.kind.0, self.flags, a, b, c, d]
    }
}

/// Writes a whole frame.
pub(crate) fn put(out: &mut Vec<u8>, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
    out.extend_from_slice(&Head { length: payload.len(), kind, flags, stream }.bytes());
    out.extend_from_slice(payload);
}

pub(crate) fn put_reset(out: &mut Vec<u8>, stream: u32, code: Code) {
    put(out, Kind::RST_STREAM, 0, stream, &code.0.to_be_bytes());
}

pub(crate) fn put_room(out: &mut Vec<u8>, stream: u32, bytes: u32) {
    put(out, Kind::WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
}

pub(crate) fn put_goodbye(out: &mut Vec<u8>, last: u32, code: Code) {
    let ([a, b, c, d], [e, f, g, h]) = (last.to_be_bytes(), code.0.to_be_bytes());
    put(out, Kind::GOAWAY, 0, 0, &[a, b, c, d, e, f, g, h]);
}

pub(crate) fn put_setting(payload: &mut Vec<u8>, id: u16, value: u32) {
    payload.extend_from_slice(&id.to_be_bytes());
    payload.extend_from_slice(&value.to_be_bytes());
}

/// The number that `payload` begins with; without the bit that is reserved.
pub(crate) fn number(payload: &[u8]) -> Option<u32> {
    payload.split_first_chunk::<4>().map(|(bytes, _)| u32::from_be_bytes(*bytes) & (u32::MAX >> 1))
}
