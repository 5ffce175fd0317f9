//! The two directions of a stream, each with a handle of its own. Dropping one ends what it was for.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, StatusCode, Uri};
use parking_lot::{Mutex, MutexGuard};
use sluicegate_core::{Fields, RequestHead, Response};

use crate::connection::Connection;
use crate::fault::{Code, Fault};
use crate::streams::{Key, Left, remember};

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
    /// All was sent, and the stream let go.
    over: bool,
}

/// Several steps of sending in one go: nobody else holds the connection between them.
#[derive(Debug)]
pub struct Held<'a> {
    connection: MutexGuard<'a, Connection>,
    key: Key,
    over: &'a mut bool,
}

/// What the peer sends on a stream. Dropped, it wants no more of it.
#[derive(Debug)]
pub struct Receiving {
    connection: Shared,
    key: Key,
    /// Bytes the connection had received when the stream began.
    before: u64,
    left: Left,
}

impl Connection {
    /// The next request that is to be taken up. `shared` is this connection.
    pub fn next_request(&mut self, shared: &Shared) -> Option<Incoming> {
        loop {
            let (key, request, whole) = self.take_asked()?;
            if self.take_up(key) {
                let mut left = Left::default();
                self.hand_over(key, &mut left);
                let body = Receiving { connection: Arc::clone(shared), key, before: self.received(), left };
                let reply = Sending { connection: Arc::clone(shared), key, over: false };
                return Some(Incoming { request, whole, body, reply });
            }
        }
    }
}

/// Begins a request. `end`: it has no body, or none but `data`, of which is sent what there is room for.
///
/// # Errors
/// The connection takes no more streams; nothing was sent.
pub fn ask(
    connection: &Shared,
    (method, uri): (&Method, &Uri),
    fields: &Fields,
    data: &mut Bytes,
    end: bool,
) -> Result<(Option<Sending>, Receiving), Fault> {
    let mut held = connection.lock();
    let (key, over) = held.ask((method, uri), fields, data, end)?;
    let before = held.received();
    drop(held);
    let sending = (!over).then(|| Sending { connection: Arc::clone(connection), key, over });
    Ok((sending, Receiving { connection: Arc::clone(connection), key, before, left: Left::default() }))
}

impl Sending {
    /// Holds the connection, for more than one step. Nothing else of it may be used or dropped meanwhile.
    pub fn hold(&mut self) -> Held<'_> {
        Held { connection: self.connection.lock(), key: self.key, over: &mut self.over }
    }

    /// [`Held::answer`].
    pub fn answer(&mut self, status: StatusCode, fields: &Fields, end: bool) -> bool {
        self.hold().answer(status, fields, end)
    }

    /// [`Held::poll_send`].
    pub fn poll_send(&mut self, data: &mut Bytes, last: bool, context: &Context<'_>) -> Poll<Option<usize>> {
        self.hold().poll_send(data, last, context)
    }

    /// Sends trailers, with which the stream ends. `false`: nobody waits for them any more.
    pub fn trail(&mut self, fields: &Fields) -> bool {
        self.hold().trail(fields)
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

impl Held<'_> {
    /// Sends an answer's head; `end`: that is all of it. `false`: nobody waits for it any more.
    pub fn answer(&mut self, status: StatusCode, fields: &Fields, end: bool) -> bool {
        let sent = self.connection.answer(self.key, status, fields, end);
        *self.over |= sent && end;
        sent
    }

    /// Sends what there is room for of `data`, and with the `last` of it the end; how many bytes that was. `None`: nobody
    /// waits for them any more.
    pub fn poll_send(&mut self, data: &mut Bytes, last: bool, context: &Context<'_>) -> Poll<Option<usize>> {
        let sent = self.connection.poll_send(self.key, data, last, context);
        *self.over |= matches!(sent, Poll::Ready(Some(_))) && last && data.is_empty();
        sent
    }

    /// Sends trailers, with which the stream ends. `false`: nobody waits for them any more.
    pub fn trail(&mut self, fields: &Fields) -> bool {
        let sent = self.connection.trail(self.key, fields);
        *self.over |= sent;
        sent
    }
}

impl Receiving {
    /// The head of the answer.
    pub fn poll_head(&mut self, context: &Context<'_>) -> Poll<Result<Response<()>, Fault>> {
        let mut connection = self.connection.lock();
        let Some(stream) = connection.stream(self.key) else { return Poll::Pending };
        match (stream.head.take(), stream.fault) {
            (Some(head), _) => {
                connection.hand_over(self.key, &mut self.left);
                Poll::Ready(Ok(*head))
            }
            (None, Some(fault)) => Poll::Ready(Err(fault)),
            (None, None) => {
                remember(&mut stream.reader, context);
                Poll::Pending
            }
        }
    }

    /// The next bytes; `None` behind the last. What is handed over is room for more.
    pub fn poll_data(&mut self, context: &Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        if self.left.over {
            return Poll::Ready(self.left.take().map(Ok));
        }
        let mut connection = self.connection.lock();
        match connection.read(self.key) {
            Some(Ok(piece)) => {
                connection.let_go(self.key, &mut self.left);
                Poll::Ready(piece.map(Ok))
            }
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
        if self.left.over {
            return (self.left.body.len() as u64 <= most).then(|| self.left.take().unwrap_or_default());
        }
        let mut connection = self.connection.lock();
        let stream = connection.stream(self.key)?;
        if stream.receiving || stream.fault.is_some() || stream.body.len() as u64 > most || !stream.body.is_one() {
            return None;
        }
        connection.read(self.key)?.ok().map(Option::unwrap_or_default)
    }

    /// The trailers, once all bytes were read.
    pub fn trailers(&mut self) -> Option<Fields> {
        let trailers = if self.left.over {
            self.left.trailers.take()
        } else {
            self.connection.lock().stream(self.key)?.trailers.take()
        };
        trailers.map(|trailers| *trailers)
    }

    /// Whether all was read.
    #[must_use]
    pub fn is_end(&self) -> bool {
        if self.left.over {
            return self.left.body.is_empty() && self.left.trailers.is_none();
        }
        let mut connection = self.connection.lock();
        connection.stream(self.key).is_none_or(|stream| {
            !stream.receiving && stream.body.len() == 0 && stream.trailers.is_none() && stream.head.is_none()
        })
    }

    /// Bytes that the connection had received when the stream began.
    #[must_use]
    pub const fn before(&self) -> u64 {
        self.before
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
        if self.over {
            return;
        }
        let code = if std::thread::panicking() { Code::INTERNAL_ERROR } else { Code::CANCEL };
        self.connection.lock().drop_sender(self.key, code);
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if !self.left.over {
            self.connection.lock().drop_reader(self.key);
        }
    }
}
