//! Heads over HTTP/1.1: a request's written, an answer's read.

use std::mem::MaybeUninit;
use std::sync::LazyLock;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Version};
use memchr::memmem::Finder;

use super::super::Origin;
use super::super::headers::{is_hop_by_hop, strip_hop_by_hop};

/// Most fields of an answer.
const FIELDS: usize = 100;

/// Finds where a head ends. Made once: making it costs more than a search through a usual head.
static END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n\r\n"));

/// What an answer's head says of its connection and its framing. None of it is handed on.
#[derive(Debug, Default)]
pub(super) struct Hop {
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
    pub(super) close: bool,
    pub(super) keep: bool,
    nominated: Vec<HeaderName>,
}

/// Writes the head of a request whose body has `length` bytes, or goes in chunks: our own framing and host, nothing of
/// another connection.
pub(super) fn write<B>(request: &Request<B>, origin: &Origin, length: Option<u64>, out: &mut BytesMut) {
    out.reserve(1024);
    out.put_slice(request.method().as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(request.uri().path_and_query().map_or("/", |target| target.as_str()).as_bytes());
    out.put_slice(b" HTTP/1.1\r\n");
    field(&header::HOST, origin.host(), out);
    if request.headers().contains_key(header::CONNECTION) {
        let mut headers = request.headers().clone();
        strip_hop_by_hop(&mut headers);
        fields(&headers, out);
    } else {
        fields(request.headers(), out);
    }
    match length {
        // Servers ask for one also where there is nothing (RFC 9110, section 8.6).
        Some(0) if *request.method() != Method::POST && *request.method() != Method::PUT => {}
        Some(length) => {
            out.put_slice(b"content-length: ");
            out.put_slice(itoa::Buffer::new().format(length).as_bytes());
            out.put_slice(b"\r\n");
        }
        None => out.put_slice(b"transfer-encoding: chunked\r\n"),
    }
    out.put_slice(b"\r\n");
}

fn fields(headers: &HeaderMap, out: &mut BytesMut) {
    for (name, value) in headers {
        if !is_hop_by_hop(name) {
            field(name, value, out);
        }
    }
}

/// A value holds no line ends: its type sees to that.
fn field(name: &HeaderName, value: &HeaderValue, out: &mut BytesMut) {
    out.put_slice(name.as_str().as_bytes());
    out.put_slice(b": ");
    out.put_slice(value.as_bytes());
    out.put_slice(b"\r\n");
}

/// The head that `input` begins with, once it is complete.
///
/// # Errors
/// It is none, or larger than `limit`.
pub(super) fn read(input: &mut BytesMut, limit: usize) -> Result<Option<(Response<()>, Hop)>, &'static str> {
    let Some(end) = END.find(input) else {
        return if input.len() > limit { Err("the head of its answer is too large") } else { Ok(None) };
    };
    let length = end + 4;
    if length > limit {
        return Err("the head of its answer is too large");
    }
    let head = input.split_to(length).freeze();
    parse(&head).map(Some)
}

fn parse(head: &Bytes) -> Result<(Response<()>, Hop), &'static str> {
    const NONE: &str = "its answer is not HTTP";
    // Room that is written only as far as there are fields.
    let mut fields = [MaybeUninit::uninit(); FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut parsed, head, &mut fields) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(NONE),
        Err(httparse::Error::TooManyHeaders) => return Err("the head of its answer has too many fields"),
        Err(_) => return Err(NONE),
    }
    let mut response = Response::new(());
    *response.status_mut() = parsed.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(NONE)?;
    *response.version_mut() = match parsed.version {
        Some(1) => Version::HTTP_11,
        _ => Version::HTTP_10,
    };
    let mut hop = Hop::default();
    let headers = response.headers_mut();
    // With room for what the gateway adds: its id, the model and the version.
    headers.reserve(parsed.headers.len().saturating_add(3));
    for field in parsed.headers.iter() {
        let name = name_of(field.name).ok_or(NONE)?;
        if is_hop_by_hop(&name) {
            hop.note(&name, field.value)?;
            continue;
        }
        let value = HeaderValue::from_maybe_shared(head.slice_ref(field.value)).map_err(|_| NONE)?;
        headers.append(name, value);
    }
    // Fields that its `connection` names as belonging to the connection.
    for name in hop.nominated.drain(..) {
        headers.remove(name);
    }
    Ok((response, hop))
}

/// The name of a field. Those that nearly every answer has are known without the search through all there are.
fn name_of(name: &str) -> Option<HeaderName> {
    let usual = match name.len() {
        4 => header::DATE,
        6 => header::SERVER,
        10 => header::CONNECTION,
        12 => header::CONTENT_TYPE,
        14 => header::CONTENT_LENGTH,
        17 => header::TRANSFER_ENCODING,
        _ => return HeaderName::from_bytes(name.as_bytes()).ok(),
    };
    let same = name == usual.as_str() || name.eq_ignore_ascii_case(usual.as_str());
    if same { Some(usual) } else { HeaderName::from_bytes(name.as_bytes()).ok() }
}

impl Hop {
    fn note(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), &'static str> {
        match *name {
            header::CONTENT_LENGTH => {
                let digits = std::str::from_utf8(value).ok().filter(|_| value.iter().all(u8::is_ascii_digit));
                let number = digits.and_then(|digits| digits.parse().ok()).ok_or("its content-length is no number")?;
                if self.length.is_some_and(|length| length != number) {
                    return Err("it gave more than one content-length");
                }
                self.length = Some(number);
            }
            header::TRANSFER_ENCODING => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err("its transfer-encoding is not the one that is taken");
                }
                self.chunked = true;
            }
            header::CONNECTION => {
                for word in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    if word.eq_ignore_ascii_case(b"close") {
                        self.close = true;
                    } else if word.eq_ignore_ascii_case(b"keep-alive") {
                        self.keep = true;
                    } else {
                        self.nominated.extend(HeaderName::from_bytes(word));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}
