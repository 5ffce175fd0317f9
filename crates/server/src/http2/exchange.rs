//! One stream from its head to the last byte of its answer.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use http::Method;
use sluicegate_core::{Body, Inbound, Kind, Leisure, Outbound, Refusal, RequestHead};
use sluicegate_http2::{Incoming as Asked, Receiving, Sending};

use super::incoming::Incoming;
use super::outgoing;
use crate::handler::Handler;
use crate::in_flight::{Gauge, InFlight};
use crate::opened::Opened;
use crate::{head, received};

/// What the streams of a connection share.
pub(super) struct Shared<H> {
    pub(super) opened: Opened<H>,
    pub(super) gauge: Gauge,
}

/// Serves one request. Dropped, it drops the work for it and resets the stream.
pub(super) async fn serve<H: Handler>(shared: Arc<Shared<H>>, asked: Asked) {
    let _in_flight = InFlight::new(&shared.gauge);
    let opened = &shared.opened;
    let Asked { request: head, whole, body, mut reply } = asked;
    let without_body = head.method == Method::HEAD;
    let grpc = head::is_grpc(head.version, &head.headers);
    let outbound = match shared.inbound(head, whole, body) {
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
    let sent = outgoing::send(outbound, &mut reply, without_body, opened.limits.exposure.http2().stall);
    if let Err(code) = sent.await {
        reply.reset(code);
    }
}

/// What the handler answers, unless the client takes its request back first.
async fn unless_reset(reply: &mut Sending, mut handling: Pin<&mut impl Future<Output = Outbound>>) -> Option<Outbound> {
    poll_fn(|context| match handling.as_mut().poll(context) {
        Poll::Ready(outbound) => Poll::Ready(Some(outbound)),
        // Also when the connection broke.
        Poll::Pending => reply.poll_ended(context).map(|_| None),
    })
    .await
}

impl<H: Handler> Shared<H> {
    fn inbound(&self, mut head: Box<RequestHead>, whole: bool, mut stream: Receiving) -> Result<Inbound, Refusal> {
        let opened = &self.opened;
        if !whole {
            return Err(Refusal::new(Kind::HeadTooLarge, "the request's head is larger than is taken"));
        }
        head::check(&mut head, &opened.limits)?;
        super::head::check(&head)?;
        let body = match stream.whole(opened.limits.body) {
            Some(bytes) => Body::from(bytes),
            None => {
                let incoming = Incoming::new(stream, &head.headers);
                let leisure = Leisure::default();
                head.leisure = Some(leisure.clone());
                received::body(incoming, &opened.limits, leisure)
            }
        };
        Ok(opened.inbound(head, body))
    }
}
