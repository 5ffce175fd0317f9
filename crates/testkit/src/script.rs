//! What a scripted server does with a connection.

use std::sync::Arc;

use bytes::Bytes;

use crate::event::Event;

/// Makes an answer's bytes of a request's.
pub type Answering = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// One thing to do. A step that reads ends the script when the client has ended.
#[derive(Clone)]
pub enum Step {
    /// Read a request's head.
    ReadHead,
    /// Read a whole request, by its own framing.
    ReadRequest,
    /// Read so many bytes.
    ReadBytes(usize),
    /// Read until the client ends or breaks the connection.
    ReadToEnd,
    /// Send these bytes, whatever they are.
    Send(Bytes),
    /// Read a whole request and send what is made of it.
    Answer(Answering),
    /// Do nothing until the event; goes on recording what the client sends meanwhile, and whether it leaves.
    Wait(Event),
    /// Open this event: tells the test that the script has come so far.
    Tell(Event),
    /// Send no more, but go on.
    Finish,
    /// Break the connection with a reset.
    Reset,
    /// Begin again with the first step.
    Again,
}

/// Steps in order; when they are done, the connection is closed.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(crate) steps: Vec<Step>,
}

impl Script {
    /// Closes at once.
    #[must_use]
    pub const fn new() -> Self {
        Self { steps: Vec::new() }
    }

    /// The same script and one more step.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The same script, then these bytes.
    #[must_use]
    pub fn send(self, bytes: impl Into<Bytes>) -> Self {
        self.then(Step::Send(bytes.into()))
    }

    /// Answers each request of the connection with the same bytes.
    #[must_use]
    pub fn always(answer: impl Into<Bytes>) -> Self {
        Self::new().then(Step::ReadRequest).send(answer).then(Step::Again)
    }

    /// Answers each request of the connection with what `answer` makes of its bytes.
    #[must_use]
    pub fn answering(answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::new().then(Step::Answer(Arc::new(answer))).then(Step::Again)
    }

    /// Reads one request, sends these bytes, closes.
    #[must_use]
    pub fn once(answer: impl Into<Bytes>) -> Self {
        Self::new().then(Step::ReadRequest).send(answer)
    }

    /// Reads one request, sends nothing until `event`, then `answer`.
    #[must_use]
    pub fn stalled(event: &Event, answer: impl Into<Bytes>) -> Self {
        Self::new().then(Step::ReadRequest).then(Step::Wait(event.clone())).send(answer)
    }

    /// A well-formed answer: status line, headers, a right content length.
    #[must_use]
    pub fn response(status: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Bytes {
        let body = body.as_ref();
        let mut bytes = format!("HTTP/1.1 {status}\r\n").into_bytes();
        for (name, value) in headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(body);
        bytes.into()
    }

    /// A well-formed JSON answer.
    #[must_use]
    pub fn json(status: &str, body: impl AsRef<[u8]>) -> Bytes {
        Self::response(status, &[("content-type", "application/json")], body)
    }
}

impl std::fmt::Debug for Step {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ReadHead => formatter.write_str("ReadHead"),
            Self::ReadRequest => formatter.write_str("ReadRequest"),
            Self::ReadBytes(count) => write!(formatter, "ReadBytes({count})"),
            Self::ReadToEnd => formatter.write_str("ReadToEnd"),
            Self::Send(bytes) => write!(formatter, "Send({} bytes)", bytes.len()),
            Self::Answer(_) => formatter.write_str("Answer"),
            Self::Wait(_) => formatter.write_str("Wait"),
            Self::Tell(_) => formatter.write_str("Tell"),
            Self::Finish => formatter.write_str("Finish"),
            Self::Reset => formatter.write_str("Reset"),
            Self::Again => formatter.write_str("Again"),
        }
    }
}
