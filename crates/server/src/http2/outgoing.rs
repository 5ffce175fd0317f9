//! An answer on its way out over one stream. No more is handed to the library than its client has room for, so that what
//! the client does not take stays with whoever makes it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::{Body as _, Frame};
use sluicegate_core::{BodyError, Fields, Outbound};

use super::tally::Tally;
use crate::date;
use crate::joined::Joined;
use crate::patience::Patience;

/// Fields about the one connection an answer came over (RFC 9113, section 8.2.2).
const OF_ITS_CONNECTION: [&str; 6] =
    ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"];

/// What to do next.
enum Step {
    Frame(Option<Result<Frame<Bytes>, BodyError>>),
    /// The client does not want it any more, or is gone.
    Gone,
}

/// Sends all of it.
///
/// # Errors
/// What the stream is to be reset with; its client may know of it already.
pub(super) async fn send(
    outbound: Outbound,
    reply: &mut SendResponse<Bytes>,
    without_body: bool,
    stall: Duration,
    tally: &Tally,
) -> Result<(), Reason> {
    let (mut head, body) = outbound.into_parts();
    let mut body = Joined::new(body);
    let over = without_body || body.is_end_stream() || is_without_body(head.status);
    prepare(&mut head.headers, body.size_hint().exact().filter(|_| without_body || !over));
    tally.sent(0);
    let mut response = Response::new(());
    *response.status_mut() = head.status;
    *response.headers_mut() = HeaderMap::from(&head.headers);
    let stream = reply.send_response(response, over);
    let mut stream = stream.map_err(|_| Reason::INTERNAL_ERROR)?;
    if over {
        tally.answered();
        return Ok(());
    }
    let mut patience = Patience::new(stall);
    loop {
        let (data, last) = match poll_fn(|context| poll_step(&mut body, &mut stream, context)).await {
            Step::Gone => return Ok(()),
            Step::Frame(None) => (Bytes::new(), true),
            Step::Frame(Some(Err(_))) => return Err(Reason::INTERNAL_ERROR),
            Step::Frame(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => (data, body.is_end_stream()),
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    tally.sent(0);
                    stream.send_trailers(trailers).map_err(|_| Reason::INTERNAL_ERROR)?;
                    break;
                }
            },
        };
        if !send_data(data, last, &mut stream, &mut patience, tally).await? {
            return Ok(());
        }
        if last {
            break;
        }
    }
    tally.answered();
    Ok(())
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

fn poll_step(body: &mut Joined, stream: &mut SendStream<Bytes>, context: &mut Context<'_>) -> Poll<Step> {
    match Pin::new(body).poll_frame(context) {
        Poll::Ready(frame) => Poll::Ready(Step::Frame(frame)),
        Poll::Pending => stream.poll_reset(context).map(|_| Step::Gone),
    }
}

/// Hands over `data` as its client makes room; `false` if the client is gone.
async fn send_data(
    mut data: Bytes,
    last: bool,
    stream: &mut SendStream<Bytes>,
    patience: &mut Patience,
    tally: &Tally,
) -> Result<bool, Reason> {
    // Asked for when there is something to send: room that waits for a body is room no other stream of its connection has.
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let room = match stream.capacity() {
            0 => poll_fn(|context| poll_room(stream, patience, context)).await?,
            room => Some(room),
        };
        let Some(room) = room else { return Ok(false) };
        let part = data.split_to(room.min(data.len()));
        patience.took(part.len());
        tally.sent(part.len());
        if stream.send_data(part, last && data.is_empty()).is_err() {
            return Ok(false);
        }
        if data.is_empty() {
            return Ok(true);
        }
    }
    // No byte to be sent needs no room.
    Ok(!last || stream.send_data(Bytes::new(), true).is_ok())
}

/// Waits for room; `None` if the stream is over.
fn poll_room(
    stream: &mut SendStream<Bytes>,
    patience: &mut Patience,
    context: &mut Context<'_>,
) -> Poll<Result<Option<usize>, Reason>> {
    match stream.poll_capacity(context) {
        Poll::Ready(Some(Ok(room))) => Poll::Ready(Ok(Some(room))),
        Poll::Ready(Some(Err(_)) | None) => Poll::Ready(Ok(None)),
        Poll::Pending => patience.poll_over(context).map(|()| Err(Reason::ENHANCE_YOUR_CALM)),
    }
}
