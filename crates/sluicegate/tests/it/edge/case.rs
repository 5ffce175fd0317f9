//! Cases as text: what a client sends and what must come of it. `tests/edge/README.md` describes the lines.

use std::path::{Path, PathBuf};

/// One file.
#[derive(Debug)]
pub(crate) struct Cases {
    /// The listener's settings, as configuration.
    pub(crate) listener: String,
    pub(crate) cases: Vec<Case>,
}

/// A client's doing on one connection, and what must come of it.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) sent: Vec<Step>,
    /// Of each final answer the statuses that will do.
    pub(crate) answers: Vec<Vec<u16>>,
    pub(crate) end: End,
    pub(crate) upstream: Vec<Upstream>,
    pub(crate) holds: Vec<Vec<u8>>,
    pub(crate) lacks: Vec<Vec<u8>>,
    pub(crate) answer_lacks: Vec<Vec<u8>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Send(Vec<u8>),
    WaitForAnswer,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    #[default]
    Closed,
    Open,
    Either,
}

/// What the backend got.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    Whole { method: String, target: String, body: Vec<u8> },
    Unfinished,
}

impl Case {
    /// All it sends.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let sent = self.sent.iter().map(|step| match step {
            Step::Send(bytes) => bytes.as_slice(),
            Step::WaitForAnswer => &[],
        });
        sent.collect::<Vec<_>>().concat()
    }

    fn send(&mut self, more: &[u8]) {
        match self.sent.last_mut() {
            Some(Step::Send(bytes)) => bytes.extend_from_slice(more),
            _ => self.sent.push(Step::Send(more.to_vec())),
        }
    }
}

/// Where the files are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edge")
}

/// The files' names, less the ending, in order.
pub(crate) fn names() -> Vec<String> {
    let listed = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = listed.filter_map(|name| Some(name.strip_suffix(".txt")?.to_owned())).collect();
    names.sort();
    names
}

pub(crate) fn load(name: &str) -> Cases {
    let text = std::fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap();
    let mut cases = Cases { listener: "authenticate: [anonymous]".to_owned(), cases: Vec::new() };
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(settings) = line.strip_prefix("listener: ") {
            cases.listener = settings.to_owned();
        } else if let Some(name) = line.strip_prefix("== ") {
            cases.cases.push(Case { name: name.to_owned(), ..Case::default() });
        } else if !line.is_empty() && !line.starts_with('#') {
            let case = cases.cases.last_mut().unwrap_or_else(|| panic!("{name}.txt:{number}: no case has begun"));
            read(case, line).unwrap_or_else(|| panic!("{name}.txt:{number}: not understood: {line}"));
        }
    }
    cases
}

fn read(case: &mut Case, line: &str) -> Option<()> {
    if line == "~ wait" {
        case.sent.push(Step::WaitForAnswer);
        return Some(());
    }
    if let Some(rest) = line.strip_prefix('|') {
        case.send(&unescaped(rest.strip_prefix(' ').unwrap_or(rest))?);
        case.send(b"\r\n");
        return Some(());
    }
    if let Some(rest) = line.strip_prefix("> ") {
        case.send(&unescaped(rest)?);
        return Some(());
    }
    let (key, value) = line.split_once(": ")?;
    match (key, value) {
        ("answers", "none") | ("upstream", "nothing") => {}
        ("answers", statuses) => {
            for one in statuses.split(' ') {
                case.answers.push(one.split('|').map(|status| status.parse().ok()).collect::<Option<_>>()?);
            }
        }
        ("end", "closed") => case.end = End::Closed,
        ("end", "open") => case.end = End::Open,
        ("end", "either") => case.end = End::Either,
        ("upstream", "unfinished") => case.upstream.push(Upstream::Unfinished),
        ("upstream", message) => {
            let (method, rest) = message.split_once(' ')?;
            let (target, body) = rest.split_once(' ').unwrap_or((rest, ""));
            let (method, target, body) = (method.to_owned(), target.to_owned(), unescaped(body)?);
            case.upstream.push(Upstream::Whole { method, target, body });
        }
        ("holds", bytes) => case.holds.push(unescaped(bytes)?),
        ("lacks", bytes) => case.lacks.push(unescaped(bytes)?),
        ("answer-lacks", bytes) => case.answer_lacks.push(unescaped(bytes)?),
        _ => return None,
    }
    Some(())
}

fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let mut letters = escape.chars();
        rest = match letters.next()? {
            'x' => {
                bytes.push(u8::from_str_radix(escape.get(1..3)?, 16).ok()?);
                escape.get(3..)?
            }
            '{' => {
                let (repeated, after) = escape.get(1..)?.split_once('}')?;
                let (count, text) = repeated.split_once('*')?;
                bytes.extend(unescaped(text)?.repeat(count.parse().ok()?));
                after
            }
            letter => {
                bytes.push(match letter {
                    'r' => b'\r',
                    'n' => b'\n',
                    't' => b'\t',
                    '0' => 0,
                    '\\' => b'\\',
                    _ => return None,
                });
                letters.as_str()
            }
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

#[test]
fn bytes_are_written_readably() {
    assert_eq!(unescaped(r"a\r\n\x00\{3*\x41b}c").unwrap(), b"a\r\n\0AbAbAbc");
    assert_eq!(unescaped(r"\q"), None);
}
