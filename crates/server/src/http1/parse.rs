//! A message head from its bytes, by the grammar of RFC 9112 and nothing beside it: what other servers might read
//! differently is refused, not mended.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderName};
use http::request::Parts;
use http::uri::Uri;
use http::{HeaderMap, HeaderValue, Method, Request, Version};
use memchr::memmem::Finder;
use sluicegate_core::{Kind, Refusal};

use crate::limits::Limits;

/// A request's head, and what it says of the connection.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) parts: Parts,
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

/// Finds where a head ends. Made once: making it costs more than a search through a usual head.
static END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n\r\n"));

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
        let end = match self.at_once(input, limits) {
            None => self.end(input, limits)?,
            whole => whole,
        };
        match end {
            Some(length) => parse(&input.split_to(length).freeze(), limits.headers).map(Some),
            None => Ok(None),
        }
    }

    /// The same as [`Search::end`] where all of it came at once, as nearly always: what is wrong within its lines is found
    /// when they are read.
    fn at_once(&self, bytes: &[u8], limits: &Limits) -> Option<usize> {
        if self.seen > 0 || !bytes.first().is_some_and(u8::is_ascii_uppercase) {
            return None;
        }
        let length = END.find(bytes)? + 4;
        (length <= limits.head).then_some(length)
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
                return Err(torn());
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

/// Reads a complete head of at most so many fields, with the empty line at its end.
///
/// # Errors
/// It is none, or one with more than one meaning.
pub(crate) fn parse(head: &Bytes, most: usize) -> Result<Head, Refusal> {
    let mut lines = Lines { rest: head };
    let (method, target, version) = request_line(lines.next().unwrap_or(Ok(&[]))?)?;
    let uri = Uri::from_maybe_shared(head.slice_ref(target)).map_err(|_| bad_path(target))?;
    let mut headers = HeaderMap::with_capacity(12);
    let mut facts = Facts::default();
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if headers.len() >= most {
            return Err(too_many());
        }
        let (name, value) = field(line)?;
        facts.note(&name, value)?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(value))
            .map_err(|_| bad("a header field has a character that must not stand in it"))?;
        headers.append(name, value);
    }
    let framing = facts.framing(version)?;
    if facts.expects == Some(false) {
        return Err(Refusal::new(Kind::ExpectationFailed, "the only expectation that is met is 100-continue"));
    }
    let keep_alive = !facts.close && !facts.upgrade && (version == Version::HTTP_11 || facts.keep);
    let expects = facts.expects.is_some() && version == Version::HTTP_11;
    let (mut parts, ()) = Request::new(()).into_parts();
    (parts.method, parts.uri, parts.version, parts.headers) = (method, uri, version, headers);
    Ok(Head { parts, framing, keep_alive, expects })
}

/// The lines of a head.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<&'a [u8], Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, rest) = self.rest.split_at_checked(memchr::memchr(b'\n', self.rest)? + 1)?;
        self.rest = rest;
        Some(line.strip_suffix(b"\r\n").ok_or_else(torn))
    }
}

fn request_line(line: &[u8]) -> Result<(Method, &[u8], Version), Refusal> {
    let words = word(line).and_then(|(method, rest)| Some((method, word(rest)?)));
    let Some((method, (target, version))) = words.filter(|(_, (_, version))| !version.contains(&b' ')) else {
        return Err(bad("the request line must be a method, a target and a version with one space between them"));
    };
    let version = match version {
        b"HTTP/1.1" => Version::HTTP_11,
        b"HTTP/1.0" => Version::HTTP_10,
        _ => return Err(bad("the version of HTTP must be HTTP/1.1 or HTTP/1.0")),
    };
    let method = Method::from_bytes(method).map_err(|_| bad("the method is none"))?;
    if memchr::memchr(b'#', target).is_some() {
        return Err(Refusal::new(Kind::BadPath, "the request target has a fragment"));
    }
    Ok((method, target, version))
}

/// The bytes up to a space, and those behind it.
fn word(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (word, rest) = line.split_at_checked(memchr::memchr(b' ', line)?)?;
    Some((word, rest.get(1..)?))
}

fn field(line: &[u8]) -> Result<(HeaderName, &[u8]), Refusal> {
    // Names are short: looking at them one by one is quicker than beginning a search.
    let colon = line.iter().position(|byte| *byte == b':').ok_or_else(|| bad("a header field has no colon"))?;
    let (name, value) = line.split_at_checked(colon).unwrap_or_default();
    // A space before the colon and a folded line (which begins with a space) are no name, too.
    let name = known(name)
        .map_or_else(|| HeaderName::from_bytes(name), Ok)
        .map_err(|_| bad("a header field has a name that is none"))?;
    let value = value.get(1..).unwrap_or_default();
    let start = value.iter().position(|byte| !is_blank(*byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_blank(*byte)).map_or(start, |last| last + 1);
    Ok((name, value.get(start..end).unwrap_or_default()))
}

/// The names that nearly every request has, as nearly every client writes them: told without reading them letter by letter.
fn known(name: &[u8]) -> Option<HeaderName> {
    Some(match name {
        b"Host" | b"host" => header::HOST,
        b"Accept" | b"accept" => header::ACCEPT,
        b"User-Agent" | b"user-agent" => header::USER_AGENT,
        b"Connection" | b"connection" => header::CONNECTION,
        b"Content-Type" | b"content-type" => header::CONTENT_TYPE,
        b"Content-Length" | b"content-length" => header::CONTENT_LENGTH,
        b"Accept-Encoding" | b"accept-encoding" => header::ACCEPT_ENCODING,
        _ => return None,
    })
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// What fields say of the message and its connection.
#[derive(Debug, Default)]
struct Facts {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep: bool,
    upgrade: bool,
    /// Whether what is expected is `100-continue`.
    expects: Option<bool>,
}

impl Facts {
    fn note(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), Refusal> {
        match *name {
            header::CONTENT_LENGTH => {
                if self.length.is_some() {
                    return Err(framing("the request has more than one content-length"));
                }
                self.length = Some(length(value)?);
            }
            header::TRANSFER_ENCODING => {
                if self.chunked {
                    return Err(framing("the request has more than one transfer-encoding"));
                }
                if !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(framing("the only transfer-encoding that is taken is chunked"));
                }
                self.chunked = true;
            }
            header::CONNECTION => {
                for word in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    self.close |= word.eq_ignore_ascii_case(b"close");
                    self.keep |= word.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            // No other protocol is spoken here; what a client sends in the hope of one is not read as a request.
            header::UPGRADE => self.upgrade = true,
            header::EXPECT => {
                let known = value.eq_ignore_ascii_case(b"100-continue");
                self.expects = Some(known && self.expects.unwrap_or(true));
            }
            _ => {}
        }
        Ok(())
    }

    fn framing(&self, version: Version) -> Result<Framing, Refusal> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(framing("the request has both a content-length and a transfer-encoding")),
            (None, true) if version < Version::HTTP_11 => {
                Err(framing("a request of HTTP/1.0 has no transfer-encoding"))
            }
            (None, true) => Ok(Framing::Chunked),
            (Some(0) | None, false) => Ok(Framing::None),
            (Some(length), false) => Ok(Framing::Length(length)),
        }
    }
}

/// Digits alone: no sign, no list, nothing that does not fit.
fn length(value: &[u8]) -> Result<u64, Refusal> {
    let wrong = || framing("the content-length is no number");
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return Err(wrong());
    }
    std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()).ok_or_else(wrong)
}

fn bad_path(target: &[u8]) -> Refusal {
    match target.len() {
        // What an `http::Uri` can hold.
        0..=65_534 => Refusal::new(Kind::BadPath, "the request target is no URI"),
        _ => Refusal::new(Kind::UriTooLong, "the request's target is longer than is taken"),
    }
}

fn torn() -> Refusal {
    framing("a line of the head ends without a carriage return")
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
