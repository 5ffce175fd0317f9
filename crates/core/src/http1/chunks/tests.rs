use bytes::{Bytes, BytesMut};

use super::{ChunkRead, Chunks};

/// The whole body, or what is wrong; `None` while more is needed. Fed in pieces of `step` bytes.
fn read(input: &[u8], step: usize) -> Result<Option<(Vec<u8>, usize)>, &'static str> {
    let mut chunks = Chunks::default();
    let mut body = Vec::new();
    let mut buffer = BytesMut::new();
    for (nth, piece) in input.chunks(step).enumerate() {
        buffer.extend_from_slice(piece);
        loop {
            match chunks.read(&mut buffer)? {
                ChunkRead::Data(data) => body.extend_from_slice(&data),
                ChunkRead::More => break,
                ChunkRead::Done => {
                    let unread = input.len() - ((nth + 1) * step).min(input.len());
                    return Ok(Some((body, buffer.len() + unread)));
                }
            }
        }
    }
    Ok(None)
}

#[test]
fn bodies_are_read_in_any_pieces() {
    for (input, body, behind) in [
        (&b"0\r\n\r\n"[..], &b""[..], 0),
        (b"3\r\nabc\r\n0\r\n\r\nGET", b"abc", 3),
        (b"03\r\nabc\r\n00\r\n\r\n", b"abc", 0),
        (b"A\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n", b"0123456789x", 0),
        (b"3;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n", b"abc", 0),
        (b"3 ;a\r\nabc\r\n0\r\n\r\n", b"abc", 0),
        // H-10: whatever stands among trailers is read over.
        (b"3\r\nabc\r\n0\r\ncontent-length: 7\r\nauthorization: x\r\n\r\nGET", b"abc", 3),
    ] {
        for step in [1, 2, 3, 1000] {
            assert_eq!(
                read(input, step),
                Ok(Some((body.to_vec(), behind))),
                "{:?} by {step}",
                Bytes::copy_from_slice(input)
            );
        }
    }
    assert_eq!(read(b"3\r\nab", 1), Ok(None));
    assert_eq!(read(b"3\r\nabc\r\n0\r\n", 1), Ok(None));
}

#[test]
fn h_08_chunks_by_the_grammar() {
    for input in [
        &b"0x3\r\nabc\r\n0\r\n\r\n"[..],
        b"0_3\r\nabc\r\n0\r\n\r\n",
        b"\r\nabc\r\n0\r\n\r\n",
        b";a\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"-1\r\nabc\r\n0\r\n\r\n",
        b" 3\r\nabc\r\n0\r\n\r\n",
        b"3 x\r\nabc\r\n0\r\n\r\n",
        b"00000000000000003\r\nabc\r\n0\r\n\r\n",
        b"ffffffffffffffff\r\nabc",
        b"8000000000000000\r\nabc",
        b"3\nabc\r\n0\r\n\r\n",
        b"3;a\nb\r\nabc\r\n0\r\n\r\n",
        b"3;a\rb\r\nabc\r\n0\r\n\r\n",
        b"3\r\r\nabc\r\n0\r\n\r\n",
        b"3;\0\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\r\nabc0\r\n\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"3\r\nabc\rx0\r\n\r\n",
        b"0\r\n\n",
        b"0\r\nx: y\n\r\n",
        b"0\nx",
        b"0\r\nlate\r\n\r\n",
        b"0\r\nx : y\r\n\r\n",
        b"0\r\nx: y\r\n folded\r\n\r\n",
        b"0\r\n: y\r\n\r\n",
        b"0\r\nx\ty: z\r\n\r\n",
        b"0\r\nx: \0\r\n\r\n",
        b"0\r\n\rX",
        b"3\rX",
        "g\r\n".as_bytes(),
    ] {
        for step in [1, 1000] {
            assert!(read(input, step).is_err(), "{:?} by {step}", Bytes::copy_from_slice(input));
        }
    }
}

#[test]
fn extensions_and_trailers_are_bounded() {
    assert!(read(format!("3;{}", "a".repeat(1100)).as_bytes(), 7).is_err(), "a line without end");
    assert!(read(format!("1;{}\r\nx\r\n", "a".repeat(1000)).repeat(20).as_bytes(), 1000).is_err(), "many extensions");
    assert!(read(format!("0\r\n{}", "a: b\r\n".repeat(2000)).as_bytes(), 1000).is_err(), "many trailers");
}
