//! A client and a model server over HTTP/1.1 that do next to nothing: they send fixed bytes, and count those that come.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

/// The end of a body in chunks.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

const ROOM: usize = 256 * 1024;

/// Sends `request` so many times, each when the one before is answered.
pub(crate) async fn ask(mut io: DuplexStream, request: &[u8], requests: usize) {
    let mut came = Vec::with_capacity(ROOM);
    let mut length = None;
    for _ in 0..requests {
        io.write_all(request).await.unwrap();
        came.clear();
        while !is_whole(&came, &mut length) {
            assert!(io.read_buf(&mut came).await.unwrap() > 0, "the answer broke off");
        }
        assert!(came.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&came));
    }
}

/// Says `answer` to every request.
pub(crate) async fn answer(mut io: DuplexStream, answer: &[u8]) {
    let mut came = Vec::with_capacity(ROOM);
    let mut length = None;
    loop {
        came.clear();
        while !is_whole(&came, &mut length) {
            if io.read_buf(&mut came).await.unwrap_or(0) == 0 {
                return;
            }
        }
        assert_eq!(length, Some(came.len()), "a request unlike the first");
        if io.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// Whether a message is all there. Its length is found out once: all are alike.
fn is_whole(came: &[u8], length: &mut Option<usize>) -> bool {
    let length = match *length {
        Some(length) => length,
        None => {
            let Some(body) = came.windows(4).position(|end| end == b"\r\n\r\n").map(|end| end + 4) else {
                return false;
            };
            let head = String::from_utf8_lossy(&came[..body]).to_ascii_lowercase();
            let announced = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let found = match announced {
                Some(announced) => body + announced.parse::<usize>().unwrap(),
                // In chunks, told by their end alone.
                None if head.contains("transfer-encoding: chunked") => 0,
                None => body,
            };
            *length.insert(found)
        }
    };
    if length == 0 { came.ends_with(LAST_CHUNK) } else { came.len() >= length }
}
