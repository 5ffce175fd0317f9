//! A message head from its bytes, by the grammar of RFC 9112 and nothing beside it: what other servers might read
//! differently is refused, not mended.

mod facts;

use bytes::{Bytes, BytesMut};
use http::uri::Uri;
use http::{Method, Version};
use sluicegate_core::http1::{Scan, Stop};
use sluicegate_core::{Fields, Kind, Refusal, RequestHead};

use self::facts::Facts;
use crate::limits::Limits;

/// A request's head, and what it says of the connection.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) parts: RequestHead,
    pub(crate) framing: Framing,
    /// The client may send another request behind this one.
    pub(crate) keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(crate) expects: bool,
}

/// Where a request's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    None,
    /// After so many bytes, at least one.
    Length(u64),
    /// In chunks.
    Chunked,
}

impl Framing {
    /// That of a body of so many bytes.
    pub(crate) const fn of(length: u64) -> Self {
        if length == 0 { Self::None } else { Self::Length(length) }
    }
}

/// How far the end of a head was searched for, so that trickling bytes are looked at once.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// Where the current line begins.
    line: usize,
    /// Up to where no line feed was found.
    seen: usize,
    /// Lines that ended.
    lines: usize,
}

impl Search {
    /// Takes the head that `input` begins with, once it is complete.
    ///
    /// # Errors
    /// There is none, or one with more than one meaning.
    pub(crate) fn found(&mut self, input: &mut BytesMut, limits: &Limits) -> Result<Option<Head>, Refusal> {
        if let Some(read) = self.at_once(input, limits) {
            return read.head(input).map(Some);
        }
        let Some(length) = self.end(input, limits)? else { return Ok(None) };
        read(input.get_mut(..length).unwrap_or_default(), limits.headers)?.head(input).map(Some)
    }

    /// Reads a head that came at once, as nearly all do, without a search for its end. What is wrong with another is told
    /// by its lines, in their order.
    fn at_once(&self, input: &mut [u8], limits: &Limits) -> Option<Read> {
        if self.seen > 0 || !input.first().is_some_and(u8::is_ascii_uppercase) {
            return None;
        }
        let most = input.len().min(limits.head);
        read(input.get_mut(..most)?, limits.headers).ok()
    }

    /// The length of the head that `bytes` begin with, once it is complete.
    ///
    /// # Errors
    /// They can be no head, or not one within the limits.
    pub(crate) fn end(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, Refusal> {
        // The first half of the empty line that may stand before a request.
        if bytes == b"\r" {
            return Ok(None);
        }
        // Whatever it is, a TLS handshake for example, it is no request: said at once, not when its time is over.
        if bytes.first().is_some_and(|first| !first.is_ascii_uppercase()) {
            return Err(bad("this is no HTTP request"));
        }
        while let Some(found) = memchr::memchr(b'\n', bytes.get(self.seen..).unwrap_or_default()) {
            let feed = self.seen + found;
            let line = bytes.get(self.line..feed).unwrap_or_default();
            let Some(line) = line.strip_suffix(b"\r") else {
                return Err(refused(Stop::Torn));
            };
            (self.line, self.seen) = (feed + 1, feed + 1);
            if self.seen > limits.head {
                break;
            }
            if line.is_empty() && self.lines > 0 {
                return Ok(Some(self.seen));
            }
            self.lines += 1;
            // The request line is one more.
            if self.lines > limits.headers + 1 {
                return Err(too_many());
            }
        }
        self.seen = self.seen.max(bytes.len());
        if bytes.len().max(self.seen) <= limits.head {
            return Ok(None);
        }
        Err(match self.lines {
            0 => Refusal::new(Kind::UriTooLong, "the request's target is longer than is taken"),
            _ => Refusal::new(Kind::HeadTooLarge, "the request's head is larger than is taken"),
        })
    }
}

/// A head whose places are known.
struct Read {
    method: Method,
    target: (usize, usize),
    version: Version,
    fields: Fields,
    facts: Facts,
    length: usize,
}

/// Reads a head of at most so many fields. Names are brought into lower case where they stand.
///
/// # Errors
/// It is none, or one with more than one meaning.
fn read(bytes: &mut [u8], most: usize) -> Result<Read, Refusal> {
    let mut scan = Scan::new(bytes);
    let (method, target, version) = request_line(&mut scan)?;
    // With room for what the gateway puts beside them.
    let mut fields = Fields::with_capacity(12, 0);
    let mut facts = Facts::default();
    while let Some((name, value)) = scan.field().map_err(refused)? {
        if fields.len() >= most {
            return Err(too_many());
        }
        facts.note(scan.text(name), scan.text(value))?;
        fields.push_received(scan.text(name), name, value);
    }
    Ok(Read { method, target, version, fields, facts, length: scan.at() })
}

fn request_line(scan: &mut Scan<'_>) -> Result<(Method, (usize, usize), Version), Refusal> {
    let mut words = || Ok((scan.word()?, scan.word()?, scan.rest_of_line()?));
    let (method, target, version) = words().map_err(refused)?;
    let version = match scan.text(version) {
        b"HTTP/1.1" => Version::HTTP_11,
        b"HTTP/1.0" => Version::HTTP_10,
        other if other.contains(&b' ') => return Err(refused(Stop::Line)),
        _ => return Err(bad("the version of HTTP must be HTTP/1.1 or HTTP/1.0")),
    };
    let method = Method::from_bytes(scan.text(method)).map_err(|_| bad("the method is none"))?;
    Ok((method, target, version))
}

impl Read {
    /// Takes the head off `input`.
    fn head(self, input: &mut BytesMut) -> Result<Head, Refusal> {
        let Self { method, target: (at, length), version, mut fields, facts, length: whole } = self;
        let text = input.split_to(whole).freeze();
        let target = target_of(text.slice(at..at + length))?;
        fields.stand_in(text);
        let framing = facts.framing(version)?;
        if facts.expects == Some(false) {
            return Err(Refusal::new(Kind::ExpectationFailed, "the only expectation that is met is 100-continue"));
        }
        let keep_alive = !facts.close && !facts.upgrade && (version == Version::HTTP_11 || facts.keep);
        let expects = facts.expects.is_some() && version == Version::HTTP_11;
        let parts = RequestHead { headers: fields, ..RequestHead::new(method, target, version) };
        Ok(Head { parts, framing, keep_alive, expects })
    }
}

fn target_of(text: Bytes) -> Result<Uri, Refusal> {
    if text.contains(&b'#') {
        return Err(Refusal::new(Kind::BadPath, "the request target has a fragment"));
    }
    let length = text.len();
    Uri::from_maybe_shared(text).map_err(|_| match length {
        // What an `http::Uri` can hold.
        0..=65_534 => Refusal::new(Kind::BadPath, "the request target is no URI"),
        _ => Refusal::new(Kind::UriTooLong, "the request's target is longer than is taken"),
    })
}

fn refused(stop: Stop) -> Refusal {
    match stop {
        Stop::Short | Stop::Line => {
            bad("the request line must be a method, a target and a version with one space between them")
        }
        Stop::Torn => framing("a line of the head ends without a carriage return"),
        Stop::Name => bad("a header field has a name that is none"),
        Stop::Character => bad("a header field has a character that must not stand in it"),
    }
}

fn too_many() -> Refusal {
    Refusal::new(Kind::HeadTooLarge, "the request has more header fields than are taken")
}

fn framing(public: &'static str) -> Refusal {
    Refusal::new(Kind::BadFraming, public)
}

fn bad(public: &'static str) -> Refusal {
    Refusal::new(Kind::BadRequest, public)
}

#[cfg(test)]
mod tests;
