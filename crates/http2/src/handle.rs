//! The two directions of a stream, each with a handle of its own. Dropping one ends what it was for.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, StatusCode, Uri};
use parking_lot::Mutex;
use sluicegate_core::{Fields, RequestHead, Response};

use crate::connection::Connection;
use crate::fault::{Code, Fault};
use crate::streams::{Key, remember};

/// A connection that those share who drive and use it. They run on one thread: it is never waited for.
pub type Shared = Arc<Mutex<Connection>>;

/// A request that came.
#[derive(Debug)]
pub struct Incoming {
    /// Its head.
    pub request: Box<RequestHead>,
    /// Whether that is all of it; what was too much was left out.
    pub whole: bool,
    /// Its body.
    pub body: Receiving,
    /// For its answer.
    pub reply: Sending,
}

/// What this side sends on a stream. Dropped before the end, it resets the stream.
#[derive(Debug)]
pub struct Sending {
    connection: Shared,
    key: Key,
}

/// What the peer sends on a stream. Dropped, it wants no more of it.
#[derive(Debug)]
pub struct Receiving {
    connection: Shared,
    key: Key,
}

impl Connection {
    /// The next request that is to be taken up. `shared` is this connection.
    pub fn next_request(&mut self, shared: &Shared) -> Option<Incoming> {
        loop {
            let (key, request, whole) = self.take_asked()?;
            if self.take_up(key) {
                let body = Receiving { connection: Arc::clone(shared), key };
                let reply = Sending { connection: Arc::clone(shared), key };
                return Some(Incoming { request, whole, body, reply });
            }
        }
    }
}

/// Begins a request. `end`: it has no body.
///
/// # Errors
/// The connection takes no more streams; nothing was sent.
pub fn ask(
    connection: &Shared,
    (method, uri): (&Method, &Uri),
    fields: &Fields,
    end: bool,
) -> Result<(Sending, Receiving), Fault> {
    let key = connection.lock().ask(method, uri, fields, end)?;
    let sending = Sending { connection: Arc::clone(connection), key };
    Ok((sending, Receiving { connection: Arc::clone(connection), key }))
}

impl Sending {
    /// Sends an answer's head; `end`: that is all of it. `false`: nobody waits for it any more.
    pub fn answer(&mut self, status: StatusCode, fields: &Fields, end: bool) -> bool {
        self.connection.lock().answer(self.key, status, fields, end)
    }

    /// Sends what there is room for of `data`, and with the `last` of it the end; how many bytes that was. `None`: nobody
    /// waits for them any more.
    pub fn poll_send(&mut self, data: &mut Bytes, last: bool, context: &Context<'_>) -> Poll<Option<usize>> {
        self.connection.lock().poll_send(self.key, data, last, context)
    }

    /// Sends trailers, with which the stream ends. `false`: nobody waits for them any more.
    pub fn trail(&mut self, fields: &Fields) -> bool {
        self.connection.lock().trail(self.key, fields)
    }

    /// Ready once the stream has ended before its end.
    pub fn poll_ended(&mut self, context: &Context<'_>) -> Poll<Option<Fault>> {
        self.connection.lock().poll_ended(self.key, context)
    }

    /// Ends the stream before its end.
    pub fn reset(&mut self, code: Code) {
        self.connection.lock().reset(self.key, code);
    }
}

impl Receiving {
    /// The head of the answer.
    pub fn poll_head(&mut self, context: &Context<'_>) -> Poll<Result<Response<()>, Fault>> {
        let mut connection = self.connection.lock();
        let Some(stream) = connection.stream(self.key) else { return Poll::Pending };
        match (stream.head.take(), stream.fault) {
            (Some(head), _) => Poll::Ready(Ok(*head)),
            (None, Some(fault)) => Poll::Ready(Err(fault)),
            (None, None) => {
                remember(&mut stream.reader, context);
                Poll::Pending
            }
        }
    }

    /// The next bytes; `None` behind the last. What is handed over is room for more.
    pub fn poll_data(&mut self, context: &Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        let mut connection = self.connection.lock();
        match connection.read(self.key) {
            Some(Ok(piece)) => Poll::Ready(piece.map(Ok)),
            Some(Err(fault)) => Poll::Ready(Some(Err(fault))),
            None => {
                if let Some(stream) = connection.stream(self.key) {
                    remember(&mut stream.reader, context);
                }
                Poll::Pending
            }
        }
    }

    /// All bytes, if they are here and no more than `most`.
    pub fn whole(&mut self, most: u64) -> Option<Bytes> {
        let mut connection = self.connection.lock();
        let stream = connection.stream(self.key)?;
        if stream.receiving || stream.fault.is_some() || stream.body.len() as u64 > most || !stream.body.is_one() {
            return None;
        }
        connection.read(self.key)?.ok().map(Option::unwrap_or_default)
    }

    /// The trailers, once all bytes were read.
    pub fn trailers(&mut self) -> Option<Fields> {
        self.connection.lock().stream(self.key)?.trailers.take().map(|trailers| *trailers)
    }

    /// Whether all was read.
    #[must_use]
    pub fn is_end(&self) -> bool {
        let mut connection = self.connection.lock();
        connection.stream(self.key).is_none_or(|stream| {
            !stream.receiving && stream.body.len() == 0 && stream.trailers.is_none() && stream.head.is_none()
        })
    }

    /// Whether anything of the request has left.
    #[must_use]
    pub fn has_left(&self) -> bool {
        let mut connection = self.connection.lock();
        let written = connection.output().written();
        connection.stream(self.key).is_none_or(|stream| written > stream.head_at)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let code = if std::thread::panicking() { Code::INTERNAL_ERROR } else { Code::CANCEL };
        self.connection.lock().drop_sender(self.key, code);
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.connection.lock().drop_reader(self.key);
    }
}
