//! From hyper's request to an `Inbound`, and back.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use sluicegate_core::{Inbound, Leisure};

use crate::answer::Answer;
use crate::handler::Handler;
use crate::limits::Limits;
use crate::pulse::{Pulse, Ticket};
use crate::tls::{Slots, Tls};
use crate::{head, received};

/// All that is known of a connection when it is opened.
#[derive(Clone)]
pub(crate) struct Opened<H> {
    pub(crate) handler: H,
    pub(crate) listener: Arc<str>,
    pub(crate) peer: SocketAddr,
    pub(crate) limits: Limits,
    /// Where it is over TLS: what its handshake needs.
    pub(crate) tls: Option<(Tls, Slots)>,
}

impl<H: Handler> Opened<H> {
    /// Serves one request of a connection.
    pub(crate) fn serve(
        &self,
        pulse: &Arc<Pulse>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Answer>, Infallible>> + Send + use<H> {
        let (mut head, incoming) = request.into_parts();
        let ticket = pulse.begin(http_body::Body::is_end_stream(&incoming));
        let grpc = head::is_grpc(&head);
        let checked = head::check(&mut head, &self.limits);
        let leisure = Leisure::default();
        let body = received::body(incoming, &self.limits, leisure.clone());
        head.extensions.insert(leisure);
        let inbound = Inbound { listener: Arc::clone(&self.listener), peer: self.peer, head, body };
        let handler = self.handler.clone();
        async move {
            let outbound = match checked {
                Ok(()) => handler.serve(inbound).await,
                Err(refusal) => {
                    handler.refused(&inbound.listener, refusal.kind);
                    head::answer(&refusal, grpc)
                }
            };
            Ok(with(ticket, outbound))
        }
    }
}

fn with(ticket: Ticket, outbound: sluicegate_core::Outbound) -> Response<Answer> {
    outbound.map(|body| Answer::new(body, ticket))
}
