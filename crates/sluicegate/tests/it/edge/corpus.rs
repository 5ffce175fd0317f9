//! The corpus of `tests/edge`, a test a file, and the rows that are too much for a file.

use std::io::{BufReader, Write as _};

use super::answers;
use super::case::{load, names};
use super::play::{Stage, play_all};

macro_rules! corpus {
    ($($name:ident)+) => {
        $(
            #[test]
            fn $name() {
                play_all(&load(stringify!($name)));
            }
        )+

        #[test]
        fn every_file_has_its_test() {
            assert_eq!(names(), [$(stringify!($name)),+]);
        }
    };
}

corpus! {
    h01_length_then_coding
    h02_coding_then_length
    h04_lengths
    h05_codings
    h07_line_ends
    h08_chunks
    h10_trailers
    h11_host
    h12_absolute
    h13_upgrade
    h16_bad_request
    h16_head_too_large
    h16_not_found
    h16_too_large
    h17_sizes
    h19_hop_by_hop
    h20_credentials
    h22_methods
    h23_fragment
    h26_splitting
    h28_bodies
    h28_fields
    h28_versions
    p01_paths
}

#[test]
fn h25_a_thousand_requests_in_one_packet_are_served_in_order() {
    const REQUESTS: usize = 1000;
    let stage = Stage::with("authenticate: [anonymous]");
    let mut packet = Vec::new();
    for nth in 0..REQUESTS {
        let body = format!("{{\"id\":\"{nth}\"}}");
        let length = body.len();
        let head = format!("POST /v2/models/iris/infer HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        packet.extend([head.as_bytes(), body.as_bytes()].concat());
    }
    let stream = stage.connect();
    let mut to = stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || to.write_all(&packet));
    let mut from = BufReader::new(stream);
    for nth in 0..REQUESTS {
        let answer = answers::next(&mut from, false).unwrap().unwrap_or_else(|| panic!("closed before answer {nth}"));
        assert_eq!(answer.status, 200, "answer {nth}");
    }
    sending.join().unwrap().unwrap();
    let bodies: Vec<_> = stage.calls().into_iter().map(|call| String::from_utf8(call.body).unwrap()).collect();
    let sent: Vec<_> = (0..REQUESTS).map(|nth| format!("{{\"id\":\"{nth}\"}}")).collect();
    assert_eq!(bodies, sent, "in order");
}
