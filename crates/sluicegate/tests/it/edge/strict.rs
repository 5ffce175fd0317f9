//! A second reading of HTTP/1 requests, by the letter of RFC 9112 and without any leniency: what a message handed on must
//! be, and the most that a gate may take of what a client sent. Knows nothing of the gateway's own codec.

/// What the first bytes of a connection are.
#[derive(Debug)]
pub(crate) enum Reading {
    /// A message that ends here.
    Whole(Message, usize),
    /// The beginning of one.
    More,
    /// Nothing that may be taken, and why.
    Never(&'static str),
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) body: Vec<u8>,
}

/// How the body ends.
enum Framing {
    Length(usize),
    Chunked,
}

const CRLF: &[u8] = b"\r\n";

impl Message {
    /// As the readers of other makes say what they read.
    pub(crate) fn said(&self) -> String {
        format!("{} {} {}", self.method, self.target, self.body.len())
    }
}

/// All whole messages of a connection, and what is behind the last.
pub(crate) fn read_all(mut bytes: &[u8]) -> (Vec<(Message, Vec<u8>)>, Reading) {
    let mut messages = Vec::new();
    loop {
        match read(bytes) {
            Reading::Whole(message, end) => {
                messages.push((message, bytes[..end].to_vec()));
                bytes = &bytes[end..];
            }
            other => return (messages, other),
        }
    }
}

/// The first message.
pub(crate) fn read(bytes: &[u8]) -> Reading {
    // Empty lines before a request line mean nothing (RFC 9112, section 2.2).
    let mut place = 0;
    while bytes[place..].starts_with(CRLF) {
        place += 2;
    }
    let Some(end) = find(&bytes[place..], b"\r\n\r\n").map(|end| place + end) else {
        return unfinished(&bytes[place..]);
    };
    let mut lines = Lines(&bytes[place..end + 2]);
    let Some((method, target, old)) = lines.next().and_then(request_line) else {
        return Reading::Never("request line");
    };
    let framing = match framing(lines, old) {
        Ok(framing) => framing,
        Err(why) => return Reading::Never(why),
    };
    let start = end + 4;
    let whole = |body, end| Reading::Whole(Message { method, target, body }, end);
    match framing {
        Framing::Length(length) => match start.checked_add(length).and_then(|end| bytes.get(start..end)) {
            Some(body) => whole(body.to_vec(), start + length),
            None => Reading::More,
        },
        Framing::Chunked => match chunks(&bytes[start..]) {
            Ok(Some((body, length))) => whole(body, start + length),
            Ok(None) => Reading::More,
            Err(why) => Reading::Never(why),
        },
    }
}

/// A head that has not ended: wrong already where a line holds what no line may.
fn unfinished(bytes: &[u8]) -> Reading {
    let bare = bytes.iter().enumerate().any(|(place, byte)| match byte {
        b'\n' => place == 0 || bytes[place - 1] != b'\r',
        b'\r' => bytes.get(place + 1).is_some_and(|next| *next != b'\n'),
        _ => false,
    });
    if bare { Reading::Never("a bare line end") } else { Reading::More }
}

fn request_line(line: &[u8]) -> Option<(String, String, bool)> {
    let text = std::str::from_utf8(line).ok()?;
    let mut words = text.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let fits = words.next().is_none()
        && is_token(method.as_bytes())
        && !target.is_empty()
        && target.bytes().all(|byte| byte.is_ascii_graphic())
        && matches!(version, "HTTP/1.1" | "HTTP/1.0");
    fits.then(|| (method.to_owned(), target.to_owned(), version == "HTTP/1.0"))
}

fn framing(lines: Lines<'_>, old: bool) -> Result<Framing, &'static str> {
    let (mut hosts, mut length, mut chunked) = (0, None, false);
    for line in lines {
        let (name, value) = field(line)?;
        match name.as_str() {
            "host" => hosts += 1,
            "content-length" if length.is_some() => return Err("two lengths"),
            "content-length" => length = Some(number(value, 10).ok_or("length")?),
            "transfer-encoding" if chunked || !value.eq_ignore_ascii_case(b"chunked") => return Err("coding"),
            "transfer-encoding" => chunked = true,
            _ => {}
        }
    }
    match (hosts, length, chunked) {
        (2.., ..) => Err("two hosts"),
        (0, ..) if !old => Err("no host"),
        (_, Some(_), true) => Err("length and coding"),
        (_, _, true) if old => Err("coding of an old version"),
        (.., true) => Ok(Framing::Chunked),
        (_, length, _) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

fn field(line: &[u8]) -> Result<(String, &[u8]), &'static str> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or("a line without a colon")?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if !is_token(name) {
        return Err("a field's name");
    }
    if !value.iter().all(|byte| is_text(*byte)) {
        return Err("a field's value");
    }
    Ok((String::from_utf8_lossy(name).to_ascii_lowercase(), trim(value)))
}

/// The body of a chunked message and how many bytes it took.
fn chunks(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, &'static str> {
    let (mut body, mut place) = (Vec::new(), 0);
    loop {
        let Some(end) = find(&bytes[place..], CRLF) else { return Ok(None) };
        let line = &bytes[place..place + end];
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
        // White space before an extension is allowed in name only (RFC 9112, section 7.1.1).
        let size = number(trim(digits), 16).ok_or("chunk size")?;
        if digits.starts_with(b" ") || digits.starts_with(b"\t") || !line.iter().all(|byte| is_text(*byte)) {
            return Err("chunk line");
        }
        place += end + 2;
        if size == 0 {
            break;
        }
        let Some(end) = place.checked_add(size) else { return Err("chunk size") };
        let Some(data) = bytes.get(place..end) else { return Ok(None) };
        body.extend_from_slice(data);
        match bytes.get(end..end + 2) {
            Some(CRLF) => place = end + 2,
            Some(_) => return Err("chunk end"),
            None => return Ok(None),
        }
    }
    loop {
        let Some(end) = find(&bytes[place..], CRLF) else { return Ok(None) };
        let line = &bytes[place..place + end];
        place += end + 2;
        if line.is_empty() {
            return Ok(Some((body, place)));
        }
        field(line)?;
    }
}

/// At most sixteen digits, nothing else.
fn number(text: &[u8], radix: u32) -> Option<usize> {
    let digits = (1..=16).contains(&text.len()) && text.iter().all(|byte| char::from(*byte).is_digit(radix));
    digits.then(|| usize::from_str_radix(std::str::from_utf8(text).ok()?, radix).ok()).flatten()
}

fn is_token(text: &[u8]) -> bool {
    let one = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(one)
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

pub(crate) fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Lines by CRLF alone: a line may hold a bare CR or LF, which no rule above lets pass.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = find(self.0, CRLF)?;
        let line = &self.0[..end];
        self.0 = &self.0[end + 2..];
        Some(line)
    }
}

#[test]
fn takes_what_is_plain_and_nothing_else() {
    let whole = |bytes: &[u8]| matches!(read(bytes), Reading::Whole(..));
    let never = |bytes: &[u8]| matches!(read(bytes), Reading::Never(_));
    assert!(whole(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
    assert!(whole(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: Chunked\r\n\r\n1;a=b\r\nx\r\n0\r\nt: 1\r\n\r\n"));
    assert!(matches!(read(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nx"), Reading::More));
    for wrong in [
        &b"GET / HTTP/1.1\n\n"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n folded: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost : a\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\nx",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\nx",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\nx",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        assert!(never(wrong), "{:?}", String::from_utf8_lossy(wrong));
    }
}
