//! One stream from its head to the last byte of its answer.

use std::future::{Future, poll_fn};
use std::ops::{Deref, DerefMut};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Method, Request};
use sluicegate_core::{Body, Inbound, Leisure, Outbound, Refusal, RequestHead};

use super::incoming::Incoming;
use super::outgoing;
use super::tally::Tally;
use crate::handler::Handler;
use crate::in_flight::{Gauge, InFlight};
use crate::opened::Opened;
use crate::{head, received};

/// What the streams of a connection share.
pub(super) struct Shared<H> {
    pub(super) opened: Opened<H>,
    pub(super) gauge: Gauge,
    pub(super) tally: Arc<Tally>,
}

/// Where the answer goes. A panic that unwinds through it is told to the client as what it is.
struct Reply(SendResponse<Bytes>);

/// Serves one request. Dropped, it drops the work for it and resets the stream.
pub(super) async fn serve<H: Handler>(
    shared: Arc<Shared<H>>,
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
) {
    let _in_flight = InFlight::new(&shared.gauge);
    let mut reply = Reply(respond);
    let opened = &shared.opened;
    let (head, stream) = request.into_parts();
    let head = RequestHead::from(head);
    let without_body = head.method == Method::HEAD;
    let grpc = head::is_grpc(head.version, &head.headers);
    let outbound = match shared.inbound(head, stream) {
        Ok(inbound) => {
            // Pinned here: handed over by value it would take its room twice.
            let handling = pin!(opened.handler.serve(inbound));
            match unless_reset(&mut reply, handling).await {
                Some(outbound) => outbound,
                None => return,
            }
        }
        Err(refusal) => {
            opened.handler.refused(&opened.listener, refusal.kind);
            head::answer(&refusal, grpc)
        }
    };
    let sent = outgoing::send(outbound, &mut reply, without_body, opened.limits.exposure.http2().stall, &shared.tally);
    if let Err(reason) = sent.await {
        reply.send_reset(reason);
    }
}

/// What the handler answers, unless the client takes its request back first.
async fn unless_reset(reply: &mut Reply, mut handling: Pin<&mut impl Future<Output = Outbound>>) -> Option<Outbound> {
    poll_fn(|context| match handling.as_mut().poll(context) {
        Poll::Ready(outbound) => Poll::Ready(Some(outbound)),
        // Also when the connection broke.
        Poll::Pending => reply.poll_reset(context).map(|_| None),
    })
    .await
}

impl<H: Handler> Shared<H> {
    fn inbound(&self, mut head: RequestHead, stream: RecvStream) -> Result<Inbound, Refusal> {
        let opened = &self.opened;
        head::check(&mut head, &opened.limits)?;
        super::head::check(&head)?;
        let mut incoming = Incoming::new(stream, &head.headers);
        let body = match incoming.whole(opened.limits.body) {
            Some(bytes) => Body::from(bytes),
            None => {
                let leisure = Leisure::default();
                head.leisure = Some(leisure.clone());
                received::body(incoming, &opened.limits, leisure)
            }
        };
        Ok(opened.inbound(head, body))
    }
}

impl Deref for Reply {
    type Target = SendResponse<Bytes>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Reply {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.send_reset(Reason::INTERNAL_ERROR);
        }
    }
}
