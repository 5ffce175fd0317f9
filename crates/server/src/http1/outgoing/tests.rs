use bytes::BytesMut;

use super::write_size;

#[test]
fn sizes_are_hexadecimal() {
    for length in [0, 1, 9, 10, 15, 16, 255, 256, 65_535, 1 << 20, usize::MAX] {
        let mut out = BytesMut::new();
        write_size(length, &mut out);
        assert_eq!(out, format!("{length:x}\r\n"));
    }
}
