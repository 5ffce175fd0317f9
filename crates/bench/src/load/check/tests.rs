//! Answers in pieces, right and wrong.

use bytes::Bytes;

use super::Check;
use crate::work::{CHUNKS, Expected, paced_chunk};

/// What is said of an answer that comes in these pieces, and the delays it told at time 1000.
fn judged(expected: &Expected, pieces: &[&[u8]]) -> (anyhow::Result<()>, Vec<u64>) {
    let mut check = Check::new(expected.clone());
    let mut delays = Vec::new();
    let mut all = || {
        for piece in pieces {
            check.piece(piece, 1000, |delay| delays.push(delay))?;
        }
        check.end()
    };
    (all(), delays)
}

#[test]
fn an_answer_is_exactly_the_expected_one() {
    let expected = Expected::Exactly(Bytes::from_static(b"hello"));
    let right = |pieces: &[&[u8]]| judged(&expected, pieces).0.is_ok();
    assert!(right(&[b"hello"]) && right(&[b"h", b"", b"ello"]));
    assert!(!right(&[b"hell"]) && !right(&[b"hello", b"!"]) && !right(&[b"hallo"]) && !right(&[]));
}

#[test]
fn or_holds_what_it_must() {
    let expected = Expected::Among(Bytes::from_static(b"hello"));
    let right = |pieces: &[&[u8]]| judged(&expected, pieces).0.is_ok();
    assert!(right(&[b"oh, he", b"llo"]) && !right(&[b"hell", b"-o"]));
}

#[test]
fn a_check_begins_anew_with_each_answer() {
    let mut check = Check::new(Expected::Exactly(Bytes::from_static(b"ab")));
    for _ in 0..2 {
        check.piece(b"ab", 0, |_| {}).unwrap();
        check.end().unwrap();
    }
}

#[test]
fn each_chunk_tells_how_long_it_travelled_wherever_it_is_cut() {
    let expected = Expected::Stamped(3);
    let stream: Vec<u8> = [990, 995, 1000].iter().flat_map(|sent| payload(&paced_chunk(*sent))).collect();
    for cut in 0..stream.len() {
        let (front, back) = stream.split_at(cut);
        let (verdict, delays) = judged(&expected, &[front, back]);
        verdict.unwrap();
        assert_eq!(delays, [10, 5, 0], "cut at {cut}");
    }
    let short = &stream[..stream.len() / 3 * 2];
    assert!(judged(&expected, &[short]).0.is_err(), "a chunk is missing");
    assert!(judged(&Expected::Stamped(CHUNKS), &[b"data: {}\n\n"]).0.is_err(), "a chunk without a time");
}

/// Without the lines around it.
fn payload(chunk: &[u8]) -> Vec<u8> {
    let start = chunk.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    chunk[start..chunk.len() - 2].to_vec()
}
