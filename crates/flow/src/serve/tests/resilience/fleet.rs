//! Three endpoints that do as they are told, behind a gateway.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use sluicegate_config::{Balance, Resilience, Resolved};
use sluicegate_core::{
    BackendPlan, Body, BodyError, BoxFuture, BuildError, BuildUpstream, Call, CallBody, CallClass, CallError, Deadline,
    Endpoint, Inbound, Inquiry, ModelMetadata, Outbound, Protocol, Reply, Sent, Upstream,
};
use tokio::time::sleep;

use super::super::{Records, Sevens, TokioClock, resolved};
use crate::build::Builders;
use crate::control::Gateway;
use crate::serve;

/// A request for the model.
pub(in super::super) const PLAIN: &str = r#"{"inputs":[]}"#;

/// What an endpoint does.
#[derive(Clone, Debug)]
pub(in super::super) enum Does {
    Answer,
    /// After so many milliseconds.
    After(u64),
    Refuse,
    /// Breaks the connection off once it has the request.
    Reset,
    /// Answers with a status, and how many seconds to wait.
    Status(u16, Option<u64>),
    Hang,
    /// Answers, and never ends its answer.
    Endless,
}

#[derive(Clone, Default)]
struct Fleet {
    does: Arc<Mutex<HashMap<String, Does>>>,
    calls: Arc<Mutex<HashMap<String, usize>>>,
    /// The lengths of the bodies that came.
    bodies: Arc<Mutex<Vec<usize>>>,
    /// Calls under way, until they are answered or dropped.
    open: Arc<AtomicUsize>,
}

struct Open(Arc<AtomicUsize>);

/// A gateway before the endpoints.
pub(in super::super) struct World {
    pub(in super::super) gateway: Arc<Gateway>,
    fleet: Fleet,
}

/// A configuration with three endpoints.
pub(in super::super) fn three(change: impl FnOnce(&mut Resilience)) -> Resolved {
    let mut resolved = resolved();
    let backend = &mut resolved.backends[0];
    backend.weights = vec![1; 3];
    backend.plan.endpoints =
        super::ALL.map(|at| Endpoint { authority: at.into(), prefix: "".into(), host: None, tls: None }).to_vec();
    // The names of the versions are the backend's own: bytes pass as they are.
    backend.resilience.balance = Balance::RoundRobin;
    change(&mut backend.resilience);
    resolved
}

impl World {
    pub(in super::super) fn new(change: impl FnOnce(&mut Resilience)) -> Self {
        Self::of(&three(change))
    }

    pub(in super::super) fn of(resolved: &Resolved) -> Self {
        let fleet = Fleet::default();
        let gateway = Arc::new(Gateway::new(Arc::new(TokioClock), Arc::new(Sevens), Arc::new(Records::default())));
        let world = Self { gateway, fleet };
        world.gateway.install(world.gateway.build(resolved, &world.builders()).unwrap());
        world
    }

    /// What builds its backends.
    pub(super) fn builders(&self) -> Builders {
        vec![("scripted", Arc::new(self.fleet.clone()))]
    }

    pub(in super::super) fn let_do(&self, endpoint: &str, does: Does) {
        self.fleet.does.lock().insert(endpoint.to_owned(), does);
    }

    /// The answer's status, and its `retry-after`. The answer is read to its end.
    pub(in super::super) async fn ask(&self, body: impl Into<Body>) -> (u16, Option<String>) {
        self.ask_with(&[], body.into()).await
    }

    pub(in super::super) async fn ask_with(&self, headers: &[(&str, &str)], body: Body) -> (u16, Option<String>) {
        let (head, body) = self.put("l", headers, body).await.into_parts();
        let rest = head.headers.get("retry-after").map(|value| value.as_str().unwrap().to_owned());
        let _ = body.collect().await;
        (head.status.as_u16(), rest)
    }

    /// The answer, not read.
    pub(in super::super) async fn answer(&self, listener: &str, body: impl Into<Body>) -> Outbound {
        self.put(listener, &[], body.into()).await
    }

    async fn put(&self, listener: &str, headers: &[(&str, &str)], body: Body) -> Outbound {
        let mut request = http::Request::builder().method("POST").uri("/v2/models/m/infer");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let head = Box::new(request.body(()).unwrap().into_parts().0.into());
        serve(&self.gateway, Inbound { listener: listener.into(), peer: ([127, 0, 0, 1], 1).into(), head, body }).await
    }

    /// The status of a question.
    pub(in super::super) async fn get(&self, listener: &str, path: &str) -> u16 {
        let head = Box::new(http::Request::builder().uri(path).body(()).unwrap().into_parts().0.into());
        let inbound = Inbound { listener: listener.into(), peer: ([127, 0, 0, 1], 1).into(), head, body: Body::Empty };
        serve(&self.gateway, inbound).await.status.as_u16()
    }

    /// How many of `count` requests, one after the other, are answered well.
    pub(in super::super) async fn good(&self, count: usize) -> usize {
        let mut good = 0;
        for _ in 0..count {
            good += usize::from(self.ask(PLAIN.to_owned()).await.0 == 200);
        }
        good
    }

    pub(in super::super) fn calls(&self, endpoint: &str) -> usize {
        self.fleet.calls.lock().get(endpoint).copied().unwrap_or(0)
    }

    pub(in super::super) fn all_calls(&self) -> usize {
        self.fleet.calls.lock().values().sum()
    }

    pub(in super::super) fn bodies(&self) -> Vec<usize> {
        self.fleet.bodies.lock().clone()
    }

    pub(in super::super) fn forget_bodies(&self) {
        self.fleet.bodies.lock().clear();
    }

    pub(in super::super) fn state(&self, endpoint: &str) -> &'static str {
        let status = self.gateway.status();
        status.backends[0].endpoints.iter().find(|at| at.address == endpoint).unwrap().state
    }

    /// Nothing is held any more.
    pub(in super::super) fn is_at_rest(&self) -> bool {
        let backend = &self.gateway.status().backends[0];
        let endpoints = backend.endpoints.iter().map(|endpoint| endpoint.in_flight).sum::<usize>();
        (backend.in_flight, backend.waiting, endpoints, self.fleet.open.load(SeqCst)) == (0, 0, 0, 0)
    }
}

impl Fleet {
    fn does(&self, endpoint: &Endpoint) -> Does {
        self.does.lock().get(&*endpoint.authority).cloned().unwrap_or(Does::Answer)
    }
}

impl Upstream for Fleet {
    fn native(&self) -> Option<Protocol> {
        Some(Protocol::OipRest)
    }

    fn call<'a>(&'a self, endpoint: &'a Endpoint, call: Call) -> BoxFuture<'a, Result<Reply, CallError>> {
        let does = self.does(endpoint);
        *self.calls.lock().entry(endpoint.authority.to_string()).or_default() += 1;
        self.open.fetch_add(1, SeqCst);
        let open = Open(Arc::clone(&self.open));
        Box::pin(async move {
            let _open = open;
            if matches!(does, Does::Refuse) {
                return Err(CallError::new(CallClass::Transport, Sent::Nothing, "refused"));
            }
            let CallBody::Wire(body) = call.body else { panic!("the payload has the wrong form") };
            let bytes = body.collect().await.expect("a whole body").to_bytes();
            self.bodies.lock().push(bytes.len());
            let mut response = Outbound::new(Body::from(bytes));
            match does {
                Does::Answer | Does::Refuse => {}
                Does::After(milliseconds) => sleep(Duration::from_millis(milliseconds)).await,
                Does::Reset => return Err(CallError::new(CallClass::Transport, Sent::All, "reset")),
                Does::Hang => std::future::pending().await,
                Does::Endless => response.body = Body::stream(Never),
                Does::Status(status, rest) => {
                    response.status = status.try_into().unwrap();
                    if let Some(rest) = rest {
                        response.headers.insert("retry-after", http::HeaderValue::from(rest));
                    }
                }
            }
            Ok(Reply::Wire(response))
        })
    }

    fn metadata<'a>(&'a self, _: &'a Endpoint, _: Inquiry) -> BoxFuture<'a, Result<Option<ModelMetadata>, CallError>> {
        Box::pin(async { Ok(None) })
    }

    fn ready<'a>(&'a self, _: &'a Endpoint, _: Inquiry) -> BoxFuture<'a, Result<bool, CallError>> {
        Box::pin(async { Ok(true) })
    }

    fn probe<'a>(&'a self, endpoint: &'a Endpoint, _: Deadline) -> BoxFuture<'a, Result<(), CallError>> {
        let does = self.does(endpoint);
        Box::pin(async move {
            match does {
                Does::Answer => Ok(()),
                Does::Hang => std::future::pending().await,
                _ => Err(CallError::new(CallClass::Transport, Sent::Nothing, "told to")),
            }
        })
    }
}

impl BuildUpstream for Fleet {
    fn build(&self, _: &BackendPlan) -> Result<Arc<dyn Upstream>, Vec<BuildError>> {
        Ok(Arc::new(self.clone()))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// A body that goes on for ever, with nothing in it.
struct Never;

impl http_body::Body for Never {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Pending
    }
}
