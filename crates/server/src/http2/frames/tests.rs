use tokio::io::AsyncReadExt as _;

use super::*;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ROOM: u8 = 8;
const CONTINUATION: u8 = 9;
const UNKNOWN: u8 = 42;

const CAP: u64 = 10;

fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
    let [.., high, middle, low] = length.to_be_bytes();
    let mut frame = vec![high, middle, low, kind, flags, 0, 0, 0, 1];
    frame.resize(HEADER + length, 0xff);
    frame
}

fn count() -> Count {
    Frames::new(tokio::io::empty(), Bytes::new(), 10, Arc::default()).count
}

/// How many frames of a kind are borne in a row, if not for ever.
fn borne(kind: u8, flags: u8, length: usize) -> Option<u64> {
    let (mut count, tally) = (count(), Tally::default());
    (0..10_000).find(|_| !count.bear(Frame { kind, flags, length }, &tally))
}

#[tokio::test(start_paused = true)]
async fn what_serves_nothing_is_borne_up_to_a_cap() {
    for (kind, flags, length) in [
        (PING, 0, 8),
        (PING, 1, 8),
        (SETTINGS, 0, 0),
        (PRIORITY, 0, 5),
        (DATA, 0, 0),
        (CONTINUATION, 0, 0),
        (UNKNOWN, 0, 0),
        (UNKNOWN, 0, 100),
    ] {
        assert_eq!(borne(kind, flags, length), Some(CAP), "{kind} {flags} {length}");
    }
    assert_eq!(borne(RESET, 0, 4), Some(CAP * 5));
    assert_eq!(borne(ROOM, 0, 4), Some(CAP * 10));
}

#[tokio::test(start_paused = true)]
async fn what_serves_is_not_counted() {
    for (kind, flags, length) in [(DATA, 0, 1), (DATA, 1, 0), (HEADERS, 5, 20), (SETTINGS, 1, 0), (CONTINUATION, 0, 1)]
    {
        assert_eq!(borne(kind, flags, length), None, "{kind} {flags} {length}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_cap_is_for_a_span() {
    let (mut count, tally) = (count(), Tally::default());
    let ping = Frame { kind: PING, flags: 0, length: 8 };
    for _ in 0..5 {
        for _ in 0..CAP {
            assert!(count.bear(ping, &tally));
        }
        tokio::time::advance(SPAN).await;
    }
    assert!((0..CAP).all(|_| count.bear(ping, &tally)));
    assert!(!count.bear(ping, &tally));
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_gives_reason() {
    let (mut count, tally) = (count(), Tally::default());
    let kind = |kind| Frame { kind, flags: 0, length: 4 };
    // A ping and room for each piece of an answer, as gRPC clients do.
    for _ in 0..10_000 {
        tally.sent(0);
        assert!(count.bear(kind(PING), &tally));
        assert!((0..4).all(|_| count.bear(kind(ROOM), &tally)));
    }
    // A request in two is taken back, as those do that ask two servers.
    for _ in 0..10_000 {
        tally.answered();
        assert!(count.bear(kind(RESET), &tally));
    }
    // What was sent before this span is no reason in it.
    tokio::time::advance(SPAN).await;
    assert_eq!((0..10_000).find(|_| !count.bear(kind(PING), &tally)), Some(CAP));
}

#[test]
fn frames_are_found_however_their_bytes_come() {
    let kinds = [HEADERS, DATA, PING, DATA, SETTINGS];
    let bytes: Vec<u8> = [20, 0, 8, 70_000, 0].into_iter().zip(kinds).flat_map(|(n, kind)| frame(kind, 0, n)).collect();
    for step in [1, 2, 8, 9, 10, 17, 4096, bytes.len()] {
        let (mut place, mut seen) = (Place::default(), Vec::new());
        for piece in bytes.chunks(step) {
            let followed = place.follow(piece, |frame| {
                seen.push(frame.kind);
                true
            });
            assert_eq!(followed, Ok(()));
        }
        assert_eq!(seen, kinds, "{step} bytes at a time");
    }
}

#[tokio::test(start_paused = true)]
async fn the_library_sees_all_before_the_frame_too_many_and_nothing_behind_it() {
    let served = frame(HEADERS, 5, 30);
    // The request gives reason for one more.
    let pings = frame(PING, 0, 8).repeat(usize::try_from(CAP + 1).unwrap());
    let sent = [served.clone(), pings.clone(), frame(PING, 0, 8), served.clone()].concat();
    for step in [1, 9, 13, sent.len()] {
        let tally = Arc::new(Tally::default());
        let (mut client, server) = tokio::io::duplex(step);
        let mut frames = Frames::new(server, Bytes::from_static(b"early"), 10, Arc::clone(&tally));
        let sent = sent.clone();
        tokio::spawn(async move { tokio::io::AsyncWriteExt::write_all(&mut client, &sent).await });
        let mut seen = Vec::new();
        let reading = async { while frames.read_buf(&mut seen).await.is_ok_and(|bytes| bytes > 0) {} };
        assert!(tokio::time::timeout(SPAN / 2, reading).await.is_err(), "not the end of the input");
        assert!(tally.is_flooded());
        let all = [b"early".to_vec(), served.clone(), pings.clone()].concat();
        // Of the last frame's header some bytes may have passed before it was known.
        let (before, behind) = seen.split_at(all.len().min(seen.len()));
        assert_eq!(before, all, "{step}");
        assert!(behind.len() < HEADER, "{step}: {}", behind.len());
    }
}
