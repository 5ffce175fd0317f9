//! What is written where a server does not answer as it should.

use bytes::Bytes;

use crate::work::Numbered;

pub(super) const NOT_FOUND: &[u8] =
    b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\r\n\
                                      {\"error\":\"not found\"}";
pub(super) const ERROR_500: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\n\
                                      content-length: 25\r\n\r\n{\"error\":\"out of memory\"}";
pub(super) const TOO_LARGE: &[u8] = b"HTTP/1.1 413 Content Too Large\r\ncontent-type: application/json\r\n\
                                      connection: close\r\ncontent-length: 21\r\n\r\n{\"error\":\"too large\"}";
pub(super) const GARBAGE: &[u8] = b"\x15\x03\x01\x00\x02\x02\x46 this is not the protocol you are looking for\r\n\r\n";
pub(super) const ENDLESS_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
/// A chunk of 1024 spaces, which a JSON text may begin with for ever.
pub(super) const ENDLESS_CHUNK: [u8; 1031] = {
    let mut chunk = [b' '; 1031];
    let (head, rest) = chunk.split_at_mut(5);
    head.copy_from_slice(b"400\r\n");
    let (_, end) = rest.split_at_mut(1024);
    end.copy_from_slice(b"\r\n");
    chunk
};

/// An answer and a second one behind it, to somebody else's request.
pub(super) fn long(whose: Numbered) -> Bytes {
    let other = Numbered(whose.0 ^ 1);
    [whose.answer(), other.answer()].concat().into()
}

/// The first half of the body.
pub(super) fn half(whose: Numbered) -> Bytes {
    let (answer, body) = (whose.answer(), whose.answer_body().len());
    answer.slice(..answer.len().saturating_sub(body / 2))
}

#[cfg(test)]
mod tests {
    use super::{ENDLESS_CHUNK, ENDLESS_HEAD, ERROR_500, TOO_LARGE, half, long};
    use crate::http1::{Event, Reader, Side};
    use crate::work::Numbered;

    /// Whole messages, and the bytes that are left.
    fn read(mut input: &[u8]) -> (usize, usize) {
        let mut reader = Reader::new(Side::Answers);
        let mut whole = 0;
        while let Some((event, taken)) = reader.next(input).unwrap() {
            whole += usize::from(event == Event::End);
            input = &input[taken..];
        }
        (whole, input.len())
    }

    #[test]
    fn refusals_are_whole_messages() {
        assert_eq!((read(ERROR_500), read(TOO_LARGE)), ((1, 0), (1, 0)));
    }

    #[test]
    fn what_is_wrong_about_the_others_is_what_should_be() {
        assert_eq!(read(&long(Numbered(6))), (2, 0));
        assert_eq!(read(&half(Numbered(6))), (0, 0));
        let endless = [ENDLESS_HEAD, &ENDLESS_CHUNK, &ENDLESS_CHUNK].concat();
        assert_eq!(read(&endless), (0, 0));
    }
}
