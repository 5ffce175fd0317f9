//! Heads over HTTP/1.1: a request's written, an answer's read.

use std::sync::LazyLock;

use bytes::{BufMut, Bytes, BytesMut};
use http::{Method, StatusCode, Version};
use memchr::memmem::Finder;
use sluicegate_core::http1::{LastHead, Scan, Stop};
use sluicegate_core::{Fields, Response};

use super::super::Origin;
use super::super::headers::{is_hop_by_hop, strip_hop_by_hop};
use super::super::request::Request;

/// Most fields of an answer.
const FIELDS: usize = 100;

/// Finds where a head ends. Made once: making it costs more than a search through a usual head.
static END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n\r\n"));

/// Reads one answer's head after another.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Up to where its end was looked for in vain, so that trickling bytes are looked at once.
    seen: usize,
    last: LastHead,
    /// What the last one was read as, less its text, where that is kept.
    kept: Option<Box<(Response<()>, Hop)>>,
}

/// What an answer's head says of its connection and its framing. None of it is handed on.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) version: Version,
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
    pub(super) close: bool,
    pub(super) keep: bool,
    /// Fields that its `connection` names as belonging to the connection, in lower case.
    nominated: Vec<Vec<u8>>,
}

/// Writes the head of a request whose body has `length` bytes, or goes in chunks: our own framing and host, nothing of
/// another connection.
pub(super) fn write<B>(head: &Request<B>, origin: &Origin, length: Option<u64>, out: &mut BytesMut) {
    out.reserve(1024);
    out.put_slice(head.method.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(head.target.path_and_query().map_or("/", |target| target.as_str()).as_bytes());
    out.put_slice(b" HTTP/1.1\r\n");
    out.put_slice(b"host: ");
    out.put_slice(origin.host().as_bytes());
    out.put_slice(b"\r\n");
    if head.headers.contains("connection") {
        let mut headers = head.headers.clone();
        strip_hop_by_hop(&mut headers);
        fields(&headers, out);
    } else {
        fields(&head.headers, out);
    }
    match length {
        // Servers ask for one also where there is nothing (RFC 9110, section 8.6).
        Some(0) if head.method != Method::POST && head.method != Method::PUT => {}
        Some(length) => {
            out.put_slice(b"content-length: ");
            out.put_slice(itoa::Buffer::new().format(length).as_bytes());
            out.put_slice(b"\r\n");
        }
        None => out.put_slice(b"transfer-encoding: chunked\r\n"),
    }
    out.put_slice(b"\r\n");
}

fn fields(headers: &Fields, out: &mut BytesMut) {
    headers.put_lines(out, |name| !is_hop_by_hop(name.as_bytes()));
}

impl Search {
    /// The head that `input` begins with, once it is complete.
    ///
    /// # Errors
    /// It is none, or larger than `limit`.
    pub(super) fn found(
        &mut self,
        input: &mut BytesMut,
        limit: usize,
    ) -> Result<Option<(Response<()>, Hop)>, &'static str> {
        if self.seen == 0 {
            if let Some(known) = self.again(input) {
                return Ok(Some(known));
            }
            self.kept = None;
            self.last.note(input);
        }
        let read = self.read(input, limit)?;
        if let Some((response, hop)) = &read
            && hop.nominated.is_empty()
            && self.last.keep(response.headers.received())
        {
            let response = Response { headers: response.headers.in_text(Bytes::new()), ..*response };
            self.kept = Some(Box::new((response, hop.clone())));
        }
        Ok(read)
    }

    /// The head that came last, once more.
    fn again(&mut self, input: &mut BytesMut) -> Option<(Response<()>, Hop)> {
        let (response, hop) = self.kept.as_deref()?;
        let (text, length) = self.last.again(input)?;
        let response = Response { headers: response.headers.in_text(text), ..*response };
        Some((response, Hop { length, nominated: Vec::new(), ..*hop }))
    }

    fn read(&mut self, input: &mut BytesMut, limit: usize) -> Result<Option<(Response<()>, Hop)>, &'static str> {
        const LARGE: &str = "the head of its answer is too large";
        // Nearly every head comes at once, and is read without a search for its end.
        if self.seen > 0 {
            let rest = input.get(self.seen.saturating_sub(3)..).unwrap_or_default();
            if END.find(rest).is_none() {
                self.seen = input.len();
                return if input.len() > limit { Err(LARGE) } else { Ok(None) };
            }
        }
        let most = input.len().min(limit);
        let read = match read(input.get_mut(..most).unwrap_or_default()) {
            Err(Why::Short) if input.len() > limit => return Err(LARGE),
            Err(Why::Short) => {
                self.seen = input.len();
                return Ok(None);
            }
            Err(Why::Not(why)) => return Err(why),
            Ok(read) => read,
        };
        self.seen = 0;
        let Read { mut response, hop, length } = read;
        response.headers.stand_in(input.split_to(length).freeze());
        if !hop.nominated.is_empty() {
            response.headers.retain(|name, _| !hop.nominated.iter().any(|other| other == name.as_bytes()));
        }
        Ok(Some((response, hop)))
    }
}

/// Why a head could not be read.
enum Why {
    /// It is not whole.
    Short,
    /// It is none.
    Not(&'static str),
}

/// A head whose places are known.
struct Read {
    response: Response<()>,
    hop: Hop,
    length: usize,
}

fn read(bytes: &mut [u8]) -> Result<Read, Why> {
    let mut scan = Scan::new(bytes);
    let line = scan.rest_of_line()?;
    let (status, version) = status_line(scan.text(line)).ok_or(Why::Not(NONE))?;
    let mut hop = Hop { version, length: None, chunked: false, close: false, keep: false, nominated: Vec::new() };
    // With room for what the gateway adds: its id, the model and the version.
    let mut headers = Fields::with_capacity(12, 0);
    let mut count = 0;
    while let Some((name, value)) = scan.field()? {
        count += 1;
        if count > FIELDS {
            return Err(Why::Not("the head of its answer has too many fields"));
        }
        if is_hop_by_hop(scan.text(name)) {
            hop.note(scan.text(name), scan.text(value)).map_err(Why::Not)?;
        } else {
            headers.push_received(scan.text(name), name, value);
        }
    }
    Ok(Read { response: Response { status, headers, body: () }, hop, length: scan.at() })
}

/// `HTTP/1.1 200 OK`; what stands behind the number is for nobody.
fn status_line(line: &[u8]) -> Option<(StatusCode, Version)> {
    let (version, rest) = line.split_at_checked(9)?;
    let version = match version {
        b"HTTP/1.1 " => Version::HTTP_11,
        b"HTTP/1.0 " => Version::HTTP_10,
        _ => return None,
    };
    let (number, reason) = rest.split_at_checked(3)?;
    let status = StatusCode::from_bytes(number).ok()?;
    matches!(reason.first(), None | Some(b' ')).then_some((status, version))
}

/// What is no head.
const NONE: &str = "its answer is not HTTP";

impl From<Stop> for Why {
    fn from(stop: Stop) -> Self {
        if stop == Stop::Short { Self::Short } else { Self::Not(NONE) }
    }
}

impl Hop {
    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
        match name {
            b"content-length" => {
                let digits = std::str::from_utf8(value).ok().filter(|_| value.iter().all(u8::is_ascii_digit));
                let number = digits.and_then(|digits| digits.parse().ok()).ok_or("its content-length is no number")?;
                if self.length.is_some_and(|length| length != number) {
                    return Err("it gave more than one content-length");
                }
                self.length = Some(number);
            }
            b"transfer-encoding" => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err("its transfer-encoding is not the one that is taken");
                }
                self.chunked = true;
            }
            b"connection" => {
                for word in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    if word.eq_ignore_ascii_case(b"close") {
                        self.close = true;
                    } else if word.eq_ignore_ascii_case(b"keep-alive") {
                        self.keep = true;
                    } else {
                        self.nominated.push(word.to_ascii_lowercase());
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}
