//! An answer on its way out over one stream. No more is handed on than its client has room for, so that what
//! the client does not take stays with whoever makes it.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use sluicegate_core::{BodyError, Fields, Outbound, Part, Response};
use sluicegate_http2::{Code, Sending};

use crate::date;
use crate::joined::Joined;
use crate::patience::Patience;

/// Fields about the one connection an answer came over (RFC 9113, section 8.2.2).
const OF_ITS_CONNECTION: [&str; 6] =
    ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];

/// What to do next.
enum Step {
    Part(Option<Result<Part, BodyError>>),
    /// The client does not want it any more, or is gone.
    Gone,
}

/// Sends all of it.
///
/// # Errors
/// What the stream is to be reset with; its client may know of it already.
pub(super) async fn send(
    outbound: Outbound,
    reply: &mut Sending,
    without_body: bool,
    stall: Duration,
) -> Result<(), Code> {
    let (mut head, body) = outbound.into_parts();
    let mut body = Joined::new(body);
    let over = without_body || body.is_over() || is_without_body(head.status);
    prepare(&mut head.headers, body.length().exact().filter(|_| without_body || !over));
    if over {
        reply.answer(head.status, &head.headers, true);
        return Ok(());
    }
    let mut answer = Answer { reply, head: Some(head), patience: Patience::new(stall) };
    loop {
        let piece = match poll_fn(|context| poll_step(&mut body, &mut answer, context)).await {
            Step::Gone => return Ok(()),
            Step::Part(None) => Piece { last: true, ..Piece::default() },
            Step::Part(Some(Err(_))) => {
                answer.begin();
                return Err(Code::INTERNAL_ERROR);
            }
            Step::Part(Some(Ok(Part::Data(data)))) => {
                let trailers = body.take_trailers();
                Piece { data, last: trailers.is_none() && body.is_over(), trailers }
            }
            Step::Part(Some(Ok(Part::Trailers(trailers)))) => Piece { trailers: Some(trailers), ..Piece::default() },
        };
        let end = piece.last || piece.trailers.is_some();
        if !answer.send(piece).await? || end {
            return Ok(());
        }
    }
}

/// An answer under way.
struct Answer<'a> {
    reply: &'a mut Sending,
    /// What was not sent yet: it leaves with the first piece, or alone where that is waited for.
    head: Option<Response<()>>,
    patience: Patience,
}

/// What leaves in one go where there is room for it.
#[derive(Default)]
struct Piece {
    data: Bytes,
    /// No data follows.
    last: bool,
    trailers: Option<Fields>,
}

impl Answer<'_> {
    /// Sends the head; `false` if the client is gone.
    fn begin(&mut self) -> bool {
        self.head.take().is_none_or(|head| self.reply.answer(head.status, &head.headers, false))
    }

    /// Hands over `piece` as its client makes room; `false` if the client is gone.
    async fn send(&mut self, mut piece: Piece) -> Result<bool, Code> {
        loop {
            let sent = poll_fn(|context| match self.poll_send(&mut piece, context) {
                Poll::Ready(sent) => Poll::Ready(Ok(sent)),
                Poll::Pending => self.patience.poll_over(context).map(|()| Err(Code::ENHANCE_YOUR_CALM)),
            });
            let Some(sent) = sent.await? else { return Ok(false) };
            self.patience.took(sent);
            if piece.data.is_empty() {
                return Ok(true);
            }
        }
    }

    /// How much of the data there was room for; with the rest of it leave the trailers. `None`: the client is gone.
    fn poll_send(&mut self, piece: &mut Piece, context: &Context<'_>) -> Poll<Option<usize>> {
        let mut held = self.reply.hold();
        if let Some(head) = self.head.take()
            && !held.answer(head.status, &head.headers, false)
        {
            return Poll::Ready(None);
        }
        let sent = ready!(held.poll_send(&mut piece.data, piece.last, context));
        if piece.data.is_empty()
            && sent.is_some()
            && let Some(trailers) = piece.trailers.take()
        {
            held.trail(&trailers);
        }
        Poll::Ready(sent)
    }
}

fn is_without_body(status: StatusCode) -> bool {
    status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

fn prepare(headers: &mut Fields, length: Option<u64>) {
    for name in OF_ITS_CONNECTION {
        headers.remove(name);
    }
    if !headers.contains(header::DATE) {
        headers.append(header::DATE, date::value());
    }
    if let Some(length) = length.filter(|_| !headers.contains(header::CONTENT_LENGTH)) {
        headers.append(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}

fn poll_step(body: &mut Joined, answer: &mut Answer<'_>, context: &mut Context<'_>) -> Poll<Step> {
    match body.poll_part(context) {
        Poll::Ready(part) => Poll::Ready(Step::Part(part)),
        Poll::Pending if !answer.begin() => Poll::Ready(Step::Gone),
        Poll::Pending => answer.reply.poll_ended(context).map(|_| Step::Gone),
    }
}
