//! Against the bytes that protoc writes.

use super::{Message, infer_request, yes};

#[test]
fn a_request_is_what_protoc_writes() {
    let expected =
        b"\x00\x00\x00\x00\x26\x0a\x01m\x1a\x01i\x2a\x0e\x0a\x01x\x12\x04FP32\x1a\x03\x01\xac\x02\x3a\x0a0123456789";
    let length = u8::try_from(expected.len() - 5).unwrap();
    assert_eq!(infer_request("m", "i", &[1, 300], b"0123456789"), [&[0, 0, 0, 0, length], &expected[5..]].concat());
    assert_eq!(yes(), [0, 0, 0, 0, 2, 8, 1]);
}

#[test]
fn lengths_beyond_a_byte_are_written_in_groups_of_seven_bits() {
    let framed = Message::default().bytes(7, &[9; 300]).framed();
    assert_eq!(framed[..8], [0, 0, 0, 1, 0x2f, 0x3a, 0xac, 0x02]);
    assert_eq!(framed.len(), 308);
}
