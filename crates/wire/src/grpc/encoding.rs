//! Compression of messages: which one a head names, and reading it with a bound on what comes out.

use sluicegate_core::Fields;
use sluicegate_core::fields::Value;
use std::io::Read;

use bytes::Bytes;
use flate2::bufread::{GzDecoder, ZlibDecoder};
use http::HeaderValue;

use super::ENCODING;
use super::frame::FrameError;

/// The compressions that are read, as `grpc-accept-encoding` lists them.
pub const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip,deflate");

/// Up to here a message may have been compressed by any factor.
const FREE: u64 = 1024 * 1024;

/// Beyond, the factor by which a message may grow. Deflate reaches a thousand, tensors of anything but zeros not ten.
const RATIO: u64 = 100;

/// A compression of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// None.
    #[default]
    Identity,
    /// gzip, RFC 1952.
    Gzip,
    /// zlib, RFC 1950, which gRPC calls deflate.
    Deflate,
    /// One that the gateway does not read.
    Unknown,
}

impl Encoding {
    /// The one a head names by `grpc-encoding`. Naming an unknown one is no fault while no message uses it.
    #[must_use]
    pub fn of(headers: &Fields) -> Self {
        let mut values = headers.get_all(ENCODING);
        match (values.next().map(Value::as_bytes), values.next()) {
            (None, _) | (Some(b"identity"), None) => Self::Identity,
            (Some(b"gzip"), None) => Self::Gzip,
            (Some(b"deflate"), None) => Self::Deflate,
            _ => Self::Unknown,
        }
    }

    /// Takes a message out of its compression; what comes out may have `limit` bytes.
    pub(crate) fn decode(self, message: &[u8], limit: u64) -> Result<Bytes, FrameError> {
        let fed = message.len() as u64;
        let limit = Cap { limit, grown: FREE.max(fed.saturating_mul(RATIO)) };
        let (out, left) = match self {
            Self::Identity => return Err(FrameError::NoEncoding),
            Self::Unknown => return Err(FrameError::UnknownEncoding),
            Self::Gzip => {
                let mut decoder = GzDecoder::new(message);
                (limit.read(&mut decoder)?, decoder.into_inner())
            }
            Self::Deflate => {
                let mut decoder = ZlibDecoder::new(message);
                (limit.read(&mut decoder)?, decoder.into_inner())
            }
        };
        if left.is_empty() { Ok(out) } else { Err(FrameError::Corrupt) }
    }
}

/// How much may come out of a decoder.
struct Cap {
    limit: u64,
    grown: u64,
}

impl Cap {
    /// Reads to the end. One byte more than is allowed is enough to know; memory grows with what came out.
    fn read(&self, decoder: &mut impl Read) -> Result<Bytes, FrameError> {
        let allowed = self.limit.min(self.grown);
        let mut out = Vec::new();
        decoder.take(allowed.saturating_add(1)).read_to_end(&mut out).map_err(|_| FrameError::Corrupt)?;
        if out.len() as u64 <= allowed {
            return Ok(out.into());
        }
        Err(if self.limit <= self.grown { FrameError::Inflated { limit: self.limit } } else { FrameError::Bomb })
    }
}
