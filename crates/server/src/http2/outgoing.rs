//! An answer on its way out over one stream. No more is handed on than its client has room for, so that what
//! the client does not take stays with whoever makes it.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use sluicegate_core::{BodyError, Fields, Outbound, Part};
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
    if !reply.answer(head.status, &head.headers, over) || over {
        return Ok(());
    }
    drop(head);
    let mut patience = Patience::new(stall);
    loop {
        let (data, last) = match poll_fn(|context| poll_step(&mut body, reply, context)).await {
            Step::Gone => return Ok(()),
            Step::Part(None) => (Bytes::new(), true),
            Step::Part(Some(Err(_))) => return Err(Code::INTERNAL_ERROR),
            Step::Part(Some(Ok(Part::Data(data)))) => (data, body.is_over()),
            Step::Part(Some(Ok(Part::Trailers(trailers)))) => {
                reply.trail(&trailers);
                return Ok(());
            }
        };
        if !send_data(data, last, reply, &mut patience).await? || last {
            return Ok(());
        }
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

fn poll_step(body: &mut Joined, reply: &mut Sending, context: &mut Context<'_>) -> Poll<Step> {
    match body.poll_part(context) {
        Poll::Ready(part) => Poll::Ready(Step::Part(part)),
        Poll::Pending => reply.poll_ended(context).map(|_| Step::Gone),
    }
}

/// Hands over `data` as its client makes room; `false` if the client is gone.
async fn send_data(mut data: Bytes, last: bool, reply: &mut Sending, patience: &mut Patience) -> Result<bool, Code> {
    loop {
        let sent = poll_fn(|context| match reply.poll_send(&mut data, last, context) {
            Poll::Ready(sent) => Poll::Ready(Ok(sent)),
            Poll::Pending => patience.poll_over(context).map(|()| Err(Code::ENHANCE_YOUR_CALM)),
        });
        let Some(sent) = sent.await? else { return Ok(false) };
        patience.took(sent);
        if data.is_empty() {
            return Ok(true);
        }
    }
}
