//! Why a stream or a connection ended before its end.

use std::fmt;

/// A reason as it is on the wire (RFC 9113, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u32);

impl Code {
    /// There is none.
    pub const NO_ERROR: Self = Self(0);
    /// What was sent is not allowed.
    pub const PROTOCOL_ERROR: Self = Self(1);
    /// It is this side's fault.
    pub const INTERNAL_ERROR: Self = Self(2);
    /// More was sent than there was room for.
    pub const FLOW_CONTROL_ERROR: Self = Self(3);
    /// A frame on a stream that is over.
    pub const STREAM_CLOSED: Self = Self(5);
    /// A frame of a length that it cannot have.
    pub const FRAME_SIZE_ERROR: Self = Self(6);
    /// Nothing was done with it.
    pub const REFUSED_STREAM: Self = Self(7);
    /// Nobody wants it any more.
    pub const CANCEL: Self = Self(8);
    /// What is packed cannot be unpacked.
    pub const COMPRESSION_ERROR: Self = Self(9);
    /// It is too much.
    pub const ENHANCE_YOUR_CALM: Self = Self(11);
}

/// Why something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Who ended it.
    pub origin: Origin,
    /// The reason that was given.
    pub code: Code,
    /// In words.
    pub what: &'static str,
}

/// Who ended it, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The peer reset the stream.
    Reset,
    /// The peer is leaving, and has not taken the stream up.
    Leaving,
    /// The peer's breach of protocol, found here, on this stream alone.
    Stream,
    /// The same, for which the connection ended.
    Connection,
    /// The connection is gone.
    Gone,
    /// This side wanted no more.
    Own,
}

impl Fault {
    pub(crate) const fn new(origin: Origin, code: Code, what: &'static str) -> Self {
        Self { origin, code, what }
    }

    /// Whether the peer says that it has done nothing with the request.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.origin == Origin::Leaving || self.origin == Origin::Reset && self.code == Code::REFUSED_STREAM
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        match usize::try_from(self.0).ok().and_then(|code| NAMES.get(code)) {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "code {}", self.0),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            Origin::Reset => write!(formatter, "the peer reset the stream: {}", self.code),
            Origin::Leaving => write!(formatter, "the peer is leaving and did not take the stream up: {}", self.code),
            Origin::Stream => write!(formatter, "the peer breaks HTTP/2 on the stream: {} ({})", self.what, self.code),
            Origin::Connection => write!(formatter, "the peer breaks HTTP/2: {} ({})", self.what, self.code),
            Origin::Gone | Origin::Own => formatter.write_str(self.what),
        }
    }
}

impl std::error::Error for Fault {}
