//! How a call ended: code and message, in trailers or in a head that is all there is.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use sluicegate_core::{Fields, Outbound, Refusal};

use super::CONTENT;

/// The header of the code.
pub const STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// The header of the message, percent-encoded.
pub const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Longest message that is read from or written to a peer, in bytes before they are encoded.
const MESSAGE_LENGTH: usize = 2048;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal, $http:literal;)*) => {
        /// A status code of gRPC.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Code {
            $($(#[$doc])* $name = $number,)*
        }

        impl Code {
            /// Every code, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self { $(Self::$name => $number,)* }
            }

            /// The name in the specification.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status that says the same to a client of another protocol.
            #[must_use]
            pub const fn http(self) -> u16 {
                match self { $(Self::$name => $http,)* }
            }
        }
    };
}

codes! {
    /// No error.
    Ok = 0, "OK", 200;
    /// The caller gave up.
    Cancelled = 1, "CANCELLED", 499;
    /// Nothing better is known.
    Unknown = 2, "UNKNOWN", 500;
    /// The request is wrong whatever the state.
    InvalidArgument = 3, "INVALID_ARGUMENT", 400;
    /// The time was over.
    DeadlineExceeded = 4, "DEADLINE_EXCEEDED", 504;
    /// No such thing.
    NotFound = 5, "NOT_FOUND", 404;
    /// It is there already.
    AlreadyExists = 6, "ALREADY_EXISTS", 409;
    /// The caller may not.
    PermissionDenied = 7, "PERMISSION_DENIED", 403;
    /// A quota or a limit.
    ResourceExhausted = 8, "RESOURCE_EXHAUSTED", 429;
    /// Not in this state.
    FailedPrecondition = 9, "FAILED_PRECONDITION", 400;
    /// Another got in between.
    Aborted = 10, "ABORTED", 409;
    /// Past the valid range.
    OutOfRange = 11, "OUT_OF_RANGE", 400;
    /// Not done here.
    Unimplemented = 12, "UNIMPLEMENTED", 501;
    /// Something broke.
    Internal = 13, "INTERNAL", 500;
    /// Not now; try again.
    Unavailable = 14, "UNAVAILABLE", 503;
    /// Data is lost.
    DataLoss = 15, "DATA_LOSS", 500;
    /// Who calls is not known.
    Unauthenticated = 16, "UNAUTHENTICATED", 401;
}

/// A code and what it says to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The code.
    pub code: Code,
    /// The message; empty with [`Code::Ok`].
    pub message: String,
}

impl Code {
    /// The code of a number on the wire.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The code that says the same as the HTTP status of a model server. Undoes [`Code::http`], as far as it can be.
    #[must_use]
    pub const fn meant_by(status: u16) -> Self {
        match status {
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::NotFound,
            409 => Self::AlreadyExists,
            413 | 429 => Self::ResourceExhausted,
            499 => Self::Cancelled,
            400..=498 => Self::InvalidArgument,
            500 => Self::Internal,
            501 => Self::Unimplemented,
            502 | 503 => Self::Unavailable,
            504 => Self::DeadlineExceeded,
            _ => Self::Unknown,
        }
    }

    /// What an answer of another HTTP status than 200 without a `grpc-status` means: a proxy spoke.
    #[must_use]
    pub const fn of_http(status: u16) -> Self {
        match status {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }
}

impl Status {
    /// All went well.
    pub const OK: Self = Self { code: Code::Ok, message: String::new() };

    /// As trailers.
    #[must_use]
    pub fn trailers(&self) -> Fields {
        if *self == Self::OK {
            return good();
        }
        let mut trailers = Fields::new();
        trailers.append(STATUS, HeaderValue::from(u16::from(self.code.number())));
        if !self.message.is_empty() {
            trailers.append(MESSAGE, encode(&self.message));
        }
        trailers
    }

    /// As an answer that has a head alone.
    #[must_use]
    pub fn alone(&self) -> Outbound {
        let mut answer = Outbound { headers: self.trailers(), ..Outbound::default() };
        answer.headers.insert(CONTENT_TYPE, CONTENT);
        answer
    }

    /// Reads trailers, or a head that is all there is. `None` where no code stands in it.
    #[must_use]
    pub fn read(trailers: &Fields) -> Option<Self> {
        let number = std::str::from_utf8(trailers.get(STATUS)?.as_bytes()).ok().and_then(|digits| digits.parse().ok());
        let message = trailers.get(MESSAGE).map(|value| decode(value.as_bytes())).unwrap_or_default();
        Some(Self { code: number.and_then(Code::of).unwrap_or(Code::Unknown), message })
    }

    /// How a call ended: by its trailers, else by its head, else by what the HTTP status tells.
    #[must_use]
    pub fn of_answer(http: u16, head: &Fields, trailers: Option<&Fields>) -> Self {
        trailers.and_then(Self::read).or_else(|| Self::read(head)).unwrap_or_else(|| match http {
            200 => Self { code: Code::Unknown, message: "the answer ended without a grpc-status".into() },
            other => Self { code: Code::of_http(other), message: format!("the answer was HTTP {other}, not gRPC") },
        })
    }
}

impl From<&Refusal> for Status {
    fn from(refusal: &Refusal) -> Self {
        let code = Code::of(refusal.kind.facts().grpc).unwrap_or(Code::Unknown);
        Self { code, message: refusal.public.clone().into_owned() }
    }
}

/// The trailers of [`Status::OK`], as nearly every call has them: the text stands in the code.
fn good() -> Fields {
    const TEXT: &[u8] = b"grpc-status: 0\r\n";
    let mut trailers = Fields::with_capacity(1, 0);
    trailers.push_received(b"grpc-status", (0, 11), (13, 1));
    trailers.stand_in(Bytes::from_static(TEXT));
    trailers
}

/// Percent-encodes what is not printable ASCII, and the percent sign.
#[must_use]
pub fn encode(message: &str) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
    let mut encoded = Vec::with_capacity(message.len());
    for byte in message.bytes().take(MESSAGE_LENGTH) {
        match byte {
            b' '..=b'$' | b'&'..=b'~' => encoded.push(byte),
            other => encoded.extend([b'%', digit(other >> 4), digit(other & 15)]),
        }
    }
    HeaderValue::from_bytes(&encoded).unwrap_or(HeaderValue::from_static(""))
}

/// Undoes [`encode`]. What is no escape stays as it is, what is no UTF-8 is replaced: a message is for people.
#[must_use]
pub fn decode(encoded: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(encoded.len().min(MESSAGE_LENGTH));
    let mut rest = encoded;
    while let ([byte, after @ ..], true) = (rest, bytes.len() < MESSAGE_LENGTH) {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(hex(*high) << 4 | hex(*low));
                rest = behind;
            }
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}
