//! Makes streams of bytes that are HTTP/1, almost HTTP/1, or were once. The same seed makes the same stream.

mod pieces;

use sluicegate_core::Dice as _;
use sluicegate_testkit::SeededDice;

use self::pieces::*;

/// Of a hundred messages so many have one thing wrong by design.
const ODD: u64 = 30;

/// Of a hundred streams so many are damaged byte by byte when they are done.
const DAMAGED: u64 = 35;

/// Of a hundred streams so many are begun from one of the corpus.
const KNOWN: u64 = 10;

pub(super) struct Maker<'a> {
    dice: SeededDice,
    corpus: &'a [&'a [u8]],
}

/// What is wrong by design with a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Odd {
    Nothing,
    Method,
    Target,
    Version,
    Host,
    Framing,
    Chunks,
    Field,
    LineEnd,
}

const KINDS_OF_ODD: [Odd; 8] =
    [Odd::Method, Odd::Target, Odd::Version, Odd::Host, Odd::Framing, Odd::Chunks, Odd::Field, Odd::LineEnd];

impl<'a> Maker<'a> {
    pub(super) const fn new(seed: u64, corpus: &'a [&'a [u8]]) -> Self {
        Self { dice: SeededDice::new(seed), corpus }
    }

    /// What one connection sends, in the pieces it sends it in.
    pub(super) fn stream(&self) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        if self.percent(KNOWN) {
            bytes.extend_from_slice(self.one(self.corpus));
        }
        for _ in 0..=self.below(4) {
            let odd = if self.percent(ODD) { self.one(&KINDS_OF_ODD) } else { Odd::Nothing };
            self.message(odd, &mut bytes);
        }
        if self.percent(DAMAGED) {
            for _ in 0..=self.below(3) {
                self.damage(&mut bytes);
            }
        }
        self.cut(bytes)
    }

    fn message(&self, odd: Odd, bytes: &mut Vec<u8>) {
        let calls = self.percent(80);
        let method = if odd == Odd::Method {
            self.one(METHODS)
        } else if calls {
            "POST"
        } else {
            "GET"
        };
        let target = match (odd, calls) {
            (Odd::Target, _) => self.one(TARGETS),
            (_, true) => self.one(CALLS),
            (_, false) => self.one(QUESTIONS),
        };
        let version = if odd == Odd::Version { self.one(VERSIONS) } else { "HTTP/1.1" };
        let mut lines: Vec<Vec<u8>> = Vec::new();
        match odd {
            Odd::Host => lines.extend(self.one(HOSTS).iter().map(|line| line.to_vec())),
            _ => lines.push(self.spelled("Host", b"a")),
        }
        for _ in 0..self.below(5) {
            let (name, value) = self.one(FIELDS);
            lines.push(self.spelled(name, value));
        }
        if odd == Odd::Field {
            lines.push(self.one(ODD_FIELDS).to_vec());
        }
        let data = if calls || odd != Odd::Nothing || self.percent(20) { self.data() } else { Vec::new() };
        let body = self.framed(odd, &data, &mut lines);
        self.shuffle(&mut lines);
        let end: &[u8] = b"\r\n";
        let request = [method, " ", target, " ", version].concat().into_bytes();
        lines.insert(0, request);
        lines.push(Vec::new());
        let wrong = (odd == Odd::LineEnd).then(|| (self.below(lines.len() as u64), self.one(LINE_ENDS)));
        for (nth, line) in (0..).zip(&lines) {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(wrong.filter(|(place, _)| *place == nth).map_or(end, |(_, end)| end));
        }
        bytes.extend_from_slice(&body);
    }

    /// The body as it goes over the wire, and the lines that say so.
    fn framed(&self, odd: Odd, data: &[u8], lines: &mut Vec<Vec<u8>>) -> Vec<u8> {
        let length = data.len().to_string();
        match odd {
            Odd::Framing => {
                for line in self.one(FRAMINGS) {
                    let line = String::from_utf8_lossy(line).replace("LENGTH", &length);
                    lines.push(line.into_bytes());
                }
                if self.percent(50) { self.chunked(data, false) } else { data.to_vec() }
            }
            Odd::Chunks => {
                lines.push(self.spelled("Transfer-Encoding", b"chunked"));
                self.chunked(data, true)
            }
            _ if data.is_empty() && self.percent(50) => Vec::new(),
            _ if self.percent(50) => {
                lines.push(self.spelled("Transfer-Encoding", if self.percent(80) { b"chunked" } else { b"ChunkeD" }));
                self.chunked(data, false)
            }
            _ => {
                lines.push(self.spelled("Content-Length", length.as_bytes()));
                data.to_vec()
            }
        }
    }

    fn chunked(&self, mut data: &[u8], odd: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        while !data.is_empty() {
            let size = 1 + usize::try_from(self.below(data.len() as u64)).unwrap();
            let (chunk, rest) = data.split_at(size);
            let size = match self.below(6) {
                0 => format!("{size:X}"),
                1 => format!("{size:08x}"),
                2 => format!("{size:016x}"),
                _ => format!("{size:x}"),
            };
            bytes.extend_from_slice(size.as_bytes());
            if self.percent(20) {
                bytes.extend_from_slice(self.one(EXTENSIONS));
            }
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
            data = rest;
        }
        if odd {
            bytes.extend_from_slice(self.one(CHUNKS));
        }
        bytes.extend_from_slice(b"0\r\n");
        if self.percent(15) {
            bytes.extend_from_slice(self.one(TRAILERS));
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }

    fn data(&self) -> Vec<u8> {
        match self.below(12) {
            0 => Vec::new(),
            1 => (0..self.below(2000)).map(|_| self.dice.roll().to_le_bytes()[0]).collect(),
            2 => vec![b'0'; usize::try_from(self.below(20_000)).unwrap()],
            3..6 => self.one(BODIES).to_vec(),
            _ => format!("{{\"id\":\"{}\"}}", self.dice.roll()).into_bytes(),
        }
    }

    /// A field's line, the name in letters of any size, white space around the value as it may be.
    fn spelled(&self, name: &str, value: &[u8]) -> Vec<u8> {
        let name = match self.below(6) {
            0 => name.to_ascii_uppercase(),
            1 | 2 => name.to_ascii_lowercase(),
            _ => name.to_owned(),
        };
        let before: &[u8] = self.one(&[&b" "[..], b" ", b" ", b"", b"\t", b"  "]);
        let behind: &[u8] = self.one(&[&b""[..], b"", b"", b" ", b"\t "]);
        [name.as_bytes(), b":", before, value, behind].concat()
    }

    fn damage(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len() as u64;
        let place = usize::try_from(self.below(if self.percent(70) { length.min(300) } else { length })).unwrap();
        let more: &[u8] = self.one(SPLINTERS);
        match self.below(7) {
            0 => bytes[place] = self.dice.roll().to_le_bytes()[0],
            1 => bytes[place] = more.first().copied().unwrap_or(0),
            2 => drop(bytes.remove(place)),
            3 => {
                let end = (place + usize::try_from(self.below(12)).unwrap()).min(bytes.len());
                bytes.drain(place..end);
            }
            4 => {
                let end = (place + usize::try_from(self.below(60)).unwrap()).min(bytes.len());
                let again = bytes[place..end].to_vec();
                bytes.splice(end..end, again);
            }
            5 if self.percent(20) => bytes.truncate(place),
            _ => drop(bytes.splice(place..place, more.iter().copied())),
        }
        if bytes.is_empty() {
            bytes.push(b'G');
        }
    }

    /// Most leave in one piece.
    fn cut(&self, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        if self.percent(60) {
            return vec![bytes];
        }
        let mut cuts: Vec<usize> =
            (0..=self.below(4)).map(|_| usize::try_from(self.below(bytes.len() as u64)).unwrap()).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(bytes[from..cut].to_vec());
            from = cut;
        }
        pieces.push(bytes[from..].to_vec());
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    fn shuffle(&self, lines: &mut [Vec<u8>]) {
        for place in (1..lines.len()).rev() {
            lines.swap(place, usize::try_from(self.below(place as u64 + 1)).unwrap());
        }
    }

    fn percent(&self, share: u64) -> bool {
        self.below(100) < share
    }

    fn below(&self, bound: u64) -> u64 {
        self.dice.roll().checked_rem(bound).unwrap_or(0)
    }

    fn one<T: Copy>(&self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

#[test]
fn the_same_seed_makes_the_same_stream() {
    let corpus = [&b"GET / HTTP/1.1\r\n\r\n"[..]];
    let made = |seed| Maker::new(seed, &corpus).stream();
    assert_eq!(made(1), made(1));
    assert_ne!(made(1), made(2));
}
