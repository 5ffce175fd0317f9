//! Plays cases against the real binary, with a backend that records every byte it gets.

use std::io::{self, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use sluicegate_testkit::{Ended, Recorder, Script, Upstream as Backend};
use tokio::runtime::Runtime;

use super::answers::{self, Answer};
use super::case::{Case, Cases, End, Step, Upstream};
use super::strict::{self, Reading, find};
use crate::support::Gateway;

/// Far longer than any answer takes. A gateway that says nothing has not understood.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the gateway alone: readiness would ask the backend.
const PROBE: &str = "GET /v2/health/live HTTP/1.1\r\nHost: probe\r\n\r\n";

/// What a model server with one model says, whatever it is asked.
pub(super) const SAYS: &str =
    r#"{"name":"iris","model_name":"iris","versions":["1"],"platform":"p","inputs":[],"outputs":[]}"#;

pub(super) struct Stage {
    gateway: Gateway,
    backend: Backend,
    // Runs the backend.
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

/// What the backend had seen at one time: bytes on each connection.
struct Seen(Vec<usize>);

impl Stage {
    pub(super) fn with(listener: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let answer = Script::json("200 OK", SAYS);
        let backend = runtime.block_on(Backend::start(Script::always(answer)));
        let folder = tempfile::tempdir().unwrap();
        let configuration = format!(
            "version: 1\nlisteners: {{ l: {{ address: 127.0.0.1:0, {listener} }} }}\nbackends: {{ b: {{ protocol: oip-rest, \
             binary: always, endpoints: [\"http://{}\"] }} }}\nmodels: {{ iris: {{ backend: b }} }}\n",
            backend.authority()
        );
        let (gateway, _) = Gateway::of(folder.path(), &configuration);
        // A gateway that starts asks for an example to show.
        runtime.block_on(backend.recorder().wait_text(0, "\r\n\r\n"));
        Self { gateway, backend, runtime, _folder: folder }
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.gateway.data).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// All calls that the backend got, connection after connection.
    pub(super) fn calls(&self) -> Vec<strict::Message> {
        let connections = (0..self.recorder().connections()).map(|nth| self.recorder().connection(nth).bytes);
        let messages = connections.flat_map(|bytes| strict::read_all(&bytes).0);
        messages.map(|(message, _)| message).filter(|message| message.method == "POST").collect()
    }

    fn recorder(&self) -> &Recorder {
        self.backend.recorder()
    }

    fn seen(&self) -> Seen {
        Seen((0..self.recorder().connections()).map(|nth| self.recorder().connection(nth).bytes.len()).collect())
    }

    /// What is wrong, in words; nothing where all came as it must.
    fn play(&self, case: &Case) -> Result<(), String> {
        let before = self.seen();
        let stream = self.connect();
        let mut from = BufReader::new(stream.try_clone().unwrap());
        let mut answers = Vec::new();
        let bare = case.bytes().starts_with(b"HEAD ");
        let mut sending = None;
        for step in &case.sent {
            match step {
                // Beside the reading: a gateway that answers while it is sent to must not wait for this client.
                Step::Send(bytes) => {
                    let (mut to, bytes) = (stream.try_clone().unwrap(), bytes.clone());
                    sending = Some(std::thread::spawn(move || drop(to.write_all(&bytes))));
                }
                Step::WaitForAnswer => answers
                    .extend(answers::next(&mut from, bare).map_err(|error| format!("waiting for an answer: {error}"))?),
            }
        }
        let outcome = self.rest(case, &mut from, &mut answers, bare);
        let _ = stream.shutdown(std::net::Shutdown::Both);
        if let Some(sending) = sending {
            let _ = sending.join();
        }
        self.probe().map_err(|error| format!("afterwards the gateway is not well: {error}"))?;
        outcome?;
        for lacking in &case.answer_lacks {
            if answers.iter().any(|answer| find(answer.head.as_bytes(), lacking).is_some()) {
                return Err(format!("an answer's head holds {:?}", String::from_utf8_lossy(lacking)));
            }
        }
        self.check_backend(case, &before)
    }

    /// The answers that are still to come, and the end.
    fn rest(
        &self,
        case: &Case,
        from: &mut BufReader<TcpStream>,
        answers: &mut Vec<Answer>,
        bare: bool,
    ) -> Result<(), String> {
        while answers.len() < case.answers.len() {
            match answers::next(from, bare) {
                Ok(Some(answer)) => answers.push(answer),
                Ok(None) => break,
                Err(error) => return Err(format!("{error}, with the answers {}", told(answers))),
            }
        }
        let as_wanted = answers.len() == case.answers.len()
            && answers.iter().zip(&case.answers).all(|(answer, wanted)| wanted.contains(&answer.status));
        if !as_wanted {
            return Err(format!("answers {}, not {:?}", told(answers), case.answers));
        }
        let closed = match case.end {
            End::Closed => true,
            End::Open => false,
            End::Either => answers.last().is_none_or(|answer| answer.header("connection") == Some("close")),
        };
        if closed { ends(from) } else { goes_on(from, case.end == End::Either) }
    }

    fn probe(&self) -> Result<(), String> {
        let mut from = BufReader::new(self.connect());
        goes_on(&mut from, false)
    }

    fn check_backend(&self, case: &Case, before: &Seen) -> Result<(), String> {
        let (mut got, mut all) = (Vec::new(), Vec::new());
        for nth in 0..self.recorder().connections() {
            let skipped = before.0.get(nth).copied().unwrap_or(0);
            let bytes = self.recorder().connection(nth).bytes;
            let bytes = bytes.get(skipped..).unwrap_or_default();
            all.extend_from_slice(bytes);
            let (messages, rest) = strict::read_all(bytes);
            for (message, _) in messages {
                let strict::Message { method, target, body } = message;
                got.push(Upstream::Whole { method, target, body });
            }
            match rest {
                Reading::Never(why) => return Err(format!("no HTTP was handed on ({why}): {:?}", lossy(bytes))),
                Reading::More if !bytes.is_empty() && !self.is_between_messages(bytes) => {
                    if self.ended(nth) == Ended::ByScript {
                        return Err("the backend ended it".to_owned());
                    }
                    got.push(Upstream::Unfinished);
                }
                _ => {}
            }
        }
        // Whether a request that fails has been begun at the backend by then is no matter.
        if case.upstream == [Upstream::Unfinished] && got.is_empty() {
            got.push(Upstream::Unfinished);
        }
        if got != case.upstream {
            return Err(format!("the backend got {}, not {}", list(&got), list(&case.upstream)));
        }
        if let Some(lacking) = case.holds.iter().find(|bytes| find(&all, bytes).is_none()) {
            return Err(format!("the backend did not get {:?}, but {:?}", lossy(lacking), lossy(&all)));
        }
        if let Some(too_much) = case.lacks.iter().find(|bytes| find(&all, bytes).is_some()) {
            return Err(format!("the backend got {:?}: {:?}", lossy(too_much), lossy(&all)));
        }
        Ok(())
    }

    fn is_between_messages(&self, bytes: &[u8]) -> bool {
        let whole: usize = strict::read_all(bytes).0.iter().map(|(_, bytes)| bytes.len()).sum();
        whole == bytes.len()
    }

    /// A request that is broken off ends its connection.
    fn ended(&self, nth: usize) -> Ended {
        self.runtime.block_on(self.recorder().wait_ended(nth))
    }
}

/// All of a file's cases, and every one that went wrong.
pub(super) fn play_all(cases: &Cases) {
    let stage = Stage::with(&cases.listener);
    assert!(!cases.cases.is_empty());
    let wrong: Vec<String> =
        cases.cases.iter().filter_map(|case| Some(format!("{}: {}", case.name, stage.play(case).err()?))).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.cases.len(), wrong.join("\n"));
}

/// The connection is closed and nothing more comes. A reset behind the answers is an end too.
fn ends(from: &mut BufReader<TcpStream>) -> Result<(), String> {
    let mut rest = Vec::new();
    match from.read_to_end(&mut rest) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(format!("the connection is not closed; behind the answers {:?}", lossy(&rest)))
        }
        _ if rest.is_empty() => Ok(()),
        _ => Err(format!("behind the answers came {:?}", lossy(&rest))),
    }
}

/// Another request gets its own answer, and nothing else comes.
fn goes_on(from: &mut BufReader<TcpStream>, may_end: bool) -> Result<(), String> {
    let sent = from.get_mut().write_all(PROBE.as_bytes());
    match (sent.and_then(|()| answers::next(from, false)), may_end) {
        (Ok(Some(answer)), _) if matches!(answer.status, 200 | 401) => Ok(()),
        (Ok(Some(answer)), _) => Err(format!("the next request is answered by {}", answer.head)),
        (Ok(None), true) => Ok(()),
        (Ok(None), false) => Err("the connection was closed".to_owned()),
        (Err(error), true) if error.kind() != io::ErrorKind::WouldBlock => Ok(()),
        (Err(error), _) => Err(format!("the next request: {error}")),
    }
}

fn told(answers: &[Answer]) -> String {
    format!("{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>())
}

fn list(messages: &[Upstream]) -> String {
    let texts = messages.iter().map(|message| match message {
        Upstream::Whole { method, target, body } => format!("`{method} {target} {}`", lossy(body)),
        Upstream::Unfinished => "`unfinished`".to_owned(),
    });
    if messages.is_empty() { "nothing".to_owned() } else { texts.collect::<Vec<_>>().join(", ") }
}

fn lossy(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.len() > 600 { format!("{}...", text.chars().take(600).collect::<String>()) } else { text.into_owned() }
}
