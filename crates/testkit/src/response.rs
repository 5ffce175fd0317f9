//! Splits the raw bytes of an HTTP/1 answer, for asserts. No parser: takes no stand on what is allowed.

/// An answer split at its first empty line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status line and headers, without the empty line.
    pub head: String,
    /// All that followed, framing included.
    pub body: Vec<u8>,
}

impl Response {
    /// Splits `bytes`.
    ///
    /// # Panics
    /// They hold no empty line.
    #[must_use]
    pub fn split(bytes: &[u8]) -> Self {
        let Some(end) = head_end(bytes) else {
            panic!("no complete head in {:?}", String::from_utf8_lossy(bytes));
        };
        let (head, body) = bytes.split_at(end);
        Self { head: String::from_utf8_lossy(head).trim_end().to_owned(), body: body.to_vec() }
    }

    /// The status code; 0 where the status line has none.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|code| code.get(..3)).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The body as text, for messages and comparisons.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Where the head ends, behind its empty line.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|place| place + 4)
}

/// How many bytes of `bytes` are one message, head and body, by its own framing; `None` while it is not complete. A
/// message that names no length has no body.
#[must_use]
pub fn message_end(bytes: &[u8]) -> Option<usize> {
    let head = head_end(bytes)?;
    let split = Response::split(bytes);
    let chunked = split.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    let length = split.header("content-length").and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
    let rest = bytes.get(head..)?;
    if chunked {
        return chunked_end(rest).map(|end| head + end);
    }
    (rest.len() >= length).then_some(head.checked_add(length)?)
}

/// Where a chunked body without trailers ends.
fn chunked_end(mut bytes: &[u8]) -> Option<usize> {
    let mut passed: usize = 0;
    loop {
        let line = bytes.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(bytes.get(..line)?).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        let chunk = line.checked_add(size)?.checked_add(4)?;
        bytes = bytes.get(chunk..)?;
        passed = passed.checked_add(chunk)?;
        if size == 0 {
            return Some(passed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Response, message_end};

    #[test]
    fn splits() {
        let response = Response::split(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
        assert_eq!((response.status(), response.text().as_str()), (404, "no"));
        assert_eq!(response.header("content-length"), Some("2"));
        assert_eq!(response.header("date"), None);
    }

    #[test]
    fn finds_the_end_of_a_message() {
        assert_eq!(message_end(b"GET / HTTP/1.1\r\n\r\nrest"), Some(18));
        assert_eq!(message_end(b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nab"), None);
        assert_eq!(message_end(b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcd"), Some(41));
        let chunked = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        assert_eq!(message_end(chunked), Some(chunked.len()));
        assert_eq!(message_end(&chunked[..chunked.len() - 1]), None);
    }
}
