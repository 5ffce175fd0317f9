//! Writes blocks of fields. Strings are not packed, for that costs more than it saves between machines of one house; only
//! constants go into the peer's table. What a client says, or what may be secret, never does: lengths of what is packed
//! beside it would tell (CRIME).

use http::Method;
use sluicegate_core::fields::{Name, Value};

use super::field::OVERHEAD;
use super::integer::put;
use super::table::SHARED;

/// Fields that are the same in most heads, and say nothing about anybody.
const CONSTANTS: [(&str, &str); 5] = [
    ("content-type", "application/grpc"),
    ("te", "trailers"),
    ("grpc-status", "0"),
    ("grpc-accept-encoding", "identity,deflate,gzip"),
    ("content-type", "application/json"),
];

/// Bytes of the peer's table before it says otherwise.
const TABLE: usize = 4096;

/// Bytes of it that are used, at most.
const MOST: usize = 1024;

/// The state of one direction of a connection.
#[derive(Debug)]
pub struct Encoder {
    /// The number of each constant in the order they were put into the table, beginning with one; zero: not there.
    kept: [u8; CONSTANTS.len()],
    count: u8,
    /// Bytes of the table that are used.
    size: usize,
    /// Bytes that the table may have, as the peer knows.
    limit: usize,
    /// The peer has made it smaller, and must hear that this was heard.
    shrunk: bool,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { kept: [0; CONSTANTS.len()], count: 0, size: 0, limit: TABLE, shrunk: false }
    }
}

impl Encoder {
    /// The peer has room for a table of so many bytes. A larger one is not used.
    pub fn resize(&mut self, limit: usize) {
        if limit < self.limit {
            (self.limit, self.shrunk) = (limit, true);
        }
    }

    /// To be called before the first field of each block.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if !self.shrunk {
            return;
        }
        if self.size > self.limit {
            // All of it is forgotten, so that it is known what is left.
            if self.limit > 0 {
                put(out, 0x20, 5, 0);
            }
            *self = Self { limit: self.limit, ..Self::default() };
        }
        self.shrunk = false;
        put(out, 0x20, 5, self.limit);
    }

    /// `:method`
    pub fn method(&mut self, out: &mut Vec<u8>, method: &Method) {
        match *method {
            Method::GET => out.push(0x82),
            Method::POST => out.push(0x83),
            _ => named(out, 2, 0, method.as_str().as_bytes()),
        }
    }

    /// `:scheme`
    pub fn scheme(&mut self, out: &mut Vec<u8>, scheme: &str) {
        match scheme {
            "http" => out.push(0x86),
            "https" => out.push(0x87),
            _ => named(out, 6, 0, scheme.as_bytes()),
        }
    }

    /// `:authority`
    pub fn authority(&mut self, out: &mut Vec<u8>, authority: &str) {
        named(out, 1, 0, authority.as_bytes());
    }

    /// `:path`
    pub fn path(&mut self, out: &mut Vec<u8>, path: &str) {
        named(out, 4, 0, path.as_bytes());
    }

    /// `:status`
    pub fn status(&mut self, out: &mut Vec<u8>, status: http::StatusCode) {
        match status.as_u16() {
            200 => out.push(0x88),
            204 => out.push(0x89),
            206 => out.push(0x8a),
            304 => out.push(0x8b),
            400 => out.push(0x8c),
            404 => out.push(0x8d),
            500 => out.push(0x8e),
            _ => named(out, 8, 0, status.as_str().as_bytes()),
        }
    }

    /// Any other field. What is a secret is not known here: nothing but constants may be put into a table on the way either
    /// (RFC 7541, section 7.1.3).
    pub fn field(&mut self, out: &mut Vec<u8>, name: Name<'_>, value: Value<'_>) {
        const NEVER: u8 = 0x10;
        let (name, value) = (name.as_bytes(), value.as_bytes());
        if let Some(which) = constant(name, value)
            && self.by_index(out, which)
        {
            return;
        }
        match shared(name) {
            Some(index) => named(out, index, NEVER, value),
            None => {
                out.push(NEVER);
                string(out, name);
                string(out, value);
            }
        }
    }

    /// Writes a constant by its number, and puts it into the table before if it is not there; `false` if it has no room.
    fn by_index(&mut self, out: &mut Vec<u8>, which: usize) -> bool {
        let Some(((name, value), kept)) = CONSTANTS.get(which).zip(self.kept.get_mut(which)) else { return false };
        if *kept > 0 {
            put(out, 0x80, 7, SHARED + 1 + usize::from(self.count - *kept));
            return true;
        }
        let size = name.len() + value.len() + OVERHEAD;
        if self.size + size > self.limit.min(MOST) {
            return false;
        }
        self.size += size;
        self.count += 1;
        *kept = self.count;
        match shared(name.as_bytes()) {
            Some(index) => put(out, 0x40, 6, index),
            None => {
                out.push(0x40);
                string(out, name.as_bytes());
            }
        }
        string(out, value.as_bytes());
        true
    }
}

fn constant(name: &[u8], value: &[u8]) -> Option<usize> {
    // Most names are none of them, and that is seen by their length.
    if !matches!(name.len(), 2 | 11 | 12 | 20) {
        return None;
    }
    CONSTANTS.iter().position(|(key, text)| key.as_bytes() == name && text.as_bytes() == value)
}

/// A field whose name is in the table that all share.
fn named(out: &mut Vec<u8>, index: usize, first: u8, value: &[u8]) {
    put(out, first, 4, index);
    string(out, value);
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, 0, 7, bytes.len());
    out.extend_from_slice(bytes);
}

/// The number of a name in the table that all share, for names that are met.
fn shared(name: &[u8]) -> Option<usize> {
    Some(match name {
        b"accept-encoding" => 16,
        b"accept" => 19,
        b"allow" => 22,
        b"authorization" => 23,
        b"cache-control" => 24,
        b"content-encoding" => 26,
        b"content-length" => 28,
        b"content-type" => 31,
        b"cookie" => 32,
        b"date" => 33,
        b"etag" => 34,
        b"retry-after" => 53,
        b"server" => 54,
        b"set-cookie" => 55,
        b"user-agent" => 58,
        b"vary" => 59,
        b"www-authenticate" => 61,
        _ => return None,
    })
}
