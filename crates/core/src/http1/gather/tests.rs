use bytes::{Bytes, BytesMut};

use super::{Gather, LARGE, write_size};

/// All that would be written, by steps of `step` bytes.
fn written(gather: &mut Gather, step: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while !gather.is_empty() {
        let (pieces, count) = gather.pieces();
        let together: Vec<u8> = pieces[..count].iter().flat_map(|piece| piece.iter().copied()).collect();
        let taken = step.min(together.len());
        all.extend_from_slice(&together[..taken]);
        gather.advance(taken);
    }
    all
}

#[test]
fn pieces_leave_in_order_however_they_are_taken() {
    let large = Bytes::from(vec![b'x'; LARGE]);
    for step in [1, 7, LARGE, LARGE + 9, usize::MAX] {
        let mut gather = Gather::default();
        gather.head().extend_from_slice(b"head");
        gather.put_chunk(Bytes::from_static(b"abc"));
        gather.put_chunk(Bytes::new());
        gather.put_chunk(large.clone());
        assert!(gather.is_full());
        gather.put_last_chunk();
        let expected = [&b"head3\r\nabc\r\n4000\r\n"[..], &large, b"\r\n0\r\n\r\n"].concat();
        assert_eq!(written(&mut gather, step), expected, "{step}");
    }
}

#[test]
fn sizes_are_hexadecimal() {
    for length in [0, 1, 9, 10, 15, 16, 255, 256, 65_535, 1 << 20, usize::MAX] {
        let mut out = BytesMut::new();
        write_size(length, &mut out);
        assert_eq!(out, format!("{length:x}\r\n"));
    }
}
