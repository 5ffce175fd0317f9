//! A client and a model server over gRPC that do next to nothing: frames of HTTP/2 made beforehand. Heads are sent as a
//! usual client sends them, with the fields that repeat themselves in the dynamic table.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// Bytes of a frame's head.
const HEAD: usize = 9;

/// Frames as they come.
struct Frames {
    io: DuplexStream,
    came: Vec<u8>,
    /// Up to where they were taken.
    taken: usize,
}

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frames {
    fn new(io: DuplexStream) -> Self {
        Self { io, came: Vec::with_capacity(256 * 1024), taken: 0 }
    }

    /// The next frame; `None` at the end. What is asked of a peer is answered here.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some([a, b, c, kind, flags, s, t, u, v, rest @ ..]) = self.came.get(self.taken..) {
                let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
                if let Some(payload) = rest.get(..length) {
                    let frame = Frame { kind: *kind, flags: *flags, stream: u32::from_be_bytes([*s, *t, *u, *v]) };
                    let answer = match (frame.kind, frame.flags & ACK) {
                        (SETTINGS, 0) => Some(frame_of(SETTINGS, ACK, 0, &[])),
                        (PING, 0) => Some(frame_of(PING, ACK, 0, payload)),
                        _ => None,
                    };
                    self.taken += HEAD + length;
                    if let Some(answer) = answer {
                        self.io.write_all(&answer).await.ok()?;
                    }
                    return Some(frame);
                }
            }
            if self.taken == self.came.len() {
                self.came.clear();
                self.taken = 0;
            }
            if self.io.read_buf(&mut self.came).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
    }
}

/// Sends `message` so many times, each on a stream of its own when the one before is answered.
pub(crate) async fn ask(io: DuplexStream, message: &[u8], requests: usize) {
    let mut frames = Frames::new(io);
    frames.send(&[PREFACE, &opening()].concat()).await;
    let first = [
        &[0x83, 0x86][..],
        &literal(4, "/inference.GRPCInferenceService/ModelInfer"),
        &literal(1, "models.example.org"),
        &literal(31, "application/grpc"),
        &named("te", "trailers"),
        &literal(58, "grpc-python/1.76.0 grpc-c/51.0.0 (linux; chttp2)"),
    ]
    .concat();
    let again = vec![0x83, 0x86, 0xc2, 0xc1, 0xc0, 0xbf, 0xbe];
    for (number, stream) in (0..requests).zip((1_u32..).step_by(2)) {
        let head = frame_of(HEADERS, END_HEADERS, stream, if number == 0 { &first } else { &again });
        frames.send(&[head, frame_of(DATA, END_STREAM, stream, message)].concat()).await;
        let mut had_message = false;
        loop {
            let frame = frames.next().await.expect("the connection broke");
            had_message |= frame.kind == DATA;
            if frame.stream == stream && frame.flags & END_STREAM != 0 && matches!(frame.kind, DATA | HEADERS) {
                break;
            }
        }
        assert!(had_message, "an answer without a message");
    }
}

/// Answers every stream with `message`.
pub(crate) async fn answer(io: DuplexStream, message: &[u8]) {
    let mut frames = Frames::new(io);
    let mut preface = [0; PREFACE.len()];
    if frames.io.read_exact(&mut preface).await.is_err() {
        return;
    }
    frames.send(&opening()).await;
    let first = [&[0x88][..], &literal(31, "application/grpc")].concat();
    let (mut head, mut tail) = (first, named("grpc-status", "0"));
    while let Some(frame) = frames.next().await {
        if frame.flags & END_STREAM == 0 || !matches!(frame.kind, DATA | HEADERS) {
            continue;
        }
        let answer = [
            frame_of(HEADERS, END_HEADERS, frame.stream, &head),
            frame_of(DATA, 0, frame.stream, message),
            frame_of(HEADERS, END_HEADERS | END_STREAM, frame.stream, &tail),
        ];
        frames.send(&answer.concat()).await;
        (head, tail) = (vec![0x88, 0xbf], vec![0xbe]);
    }
}

/// The first frames of a side that takes all there is.
fn opening() -> Vec<u8> {
    let most = 0x7fff_ffff_u32 - 0xffff;
    [frame_of(SETTINGS, 0, 0, &[]), frame_of(WINDOW_UPDATE, 0, 0, &most.to_be_bytes())].concat()
}

fn frame_of(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[a, b, c, kind, flags][..], &stream.to_be_bytes(), payload].concat()
}

/// A field whose name stands in the static table; it goes into the dynamic one.
fn literal(name: u8, value: &str) -> Vec<u8> {
    [&[0x40 | name], &text(value)[..]].concat()
}

/// A field with its name; it goes into the dynamic table.
fn named(name: &str, value: &str) -> Vec<u8> {
    [&[0x40], &text(name)[..], &text(value)].concat()
}

/// Not longer than one byte can say.
fn text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 127);
    [&[length], text.as_bytes()].concat()
}
