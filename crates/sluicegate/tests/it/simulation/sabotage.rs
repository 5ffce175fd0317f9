//! Gateways that are broken on purpose, one in each way that a check is for: a check that none of them fails shows nothing.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::poll;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use sluicegate_core::{Body, Inbound, Outbound};
use sluicegate_flow::control::Gateway;
use tokio::time::sleep;

use super::plan::Settings;

/// What is wrong with a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sabotage {
    /// It tries more often than it was told.
    MoreAttempts,
    /// ... than the budget allows.
    MoreBudget,
    /// ... also where the model may have run.
    AlsoAfterReset,
    /// ... also when the answer has begun.
    AlsoAfterTheAnswer,
    /// It keeps what some requests hold, and lets go of their clients.
    Keeps,
    /// It never answers some requests.
    Silent,
    /// It hangs up on some.
    HangsUp,
    /// It gives some clients what was another's.
    Swaps,
    /// It serves some requests twice.
    Twice,
    /// It answers some of which it writes nothing down.
    Unheard,
    /// It does not recover.
    StaysDown,
    Panics,
    /// It does not go by the seed alone.
    Erratic,
}

/// The gateway's work for a request, and what is wrong with it.
pub(super) struct Handling {
    gateway: Arc<Gateway>,
    sabotage: Option<Sabotage>,
    /// From then on all should be well.
    trouble: Duration,
    count: AtomicU32,
    kept: Mutex<Vec<Pin<Box<dyn Future<Output = Outbound> + Send>>>>,
    last: Mutex<Option<Bytes>>,
}

impl Sabotage {
    /// With which settings the gateway really runs.
    pub(super) fn settings(self, settings: &Settings) -> Settings {
        let mut settings = settings.clone();
        match self {
            Self::MoreAttempts => (settings.attempts, settings.budget) = (5, 100),
            Self::MoreBudget => settings.budget = 100,
            Self::AlsoAfterReset => settings.reset = true,
            _ => {}
        }
        settings
    }
}

impl Handling {
    pub(super) fn new(gateway: Arc<Gateway>, sabotage: Option<Sabotage>, trouble: Duration) -> Self {
        Self { gateway, sabotage, trouble, count: AtomicU32::new(0), kept: Mutex::default(), last: Mutex::default() }
    }

    pub(super) async fn serve(&self, inbound: Inbound) -> Outbound {
        let nth = self.count.fetch_add(1, Ordering::Relaxed);
        match self.sabotage {
            Some(sabotage) if nth % 20 == 19 || sabotage == Sabotage::StaysDown => self.spoil(sabotage, inbound).await,
            _ => sluicegate_flow::serve(&self.gateway, inbound).await,
        }
    }

    async fn spoil(&self, sabotage: Sabotage, inbound: Inbound) -> Outbound {
        match sabotage {
            Sabotage::MoreAttempts | Sabotage::MoreBudget | Sabotage::AlsoAfterReset => {}
            Sabotage::AlsoAfterTheAnswer => {
                let (inbound, again) = two(inbound).await;
                let gateway = Arc::clone(&self.gateway);
                tokio::spawn(async move {
                    sleep(Duration::from_secs(1)).await;
                    sluicegate_flow::serve(&gateway, again).await;
                });
                return sluicegate_flow::serve(&self.gateway, inbound).await;
            }
            Sabotage::Keeps => {
                let gateway = Arc::clone(&self.gateway);
                let mut serving = Box::pin(async move { sluicegate_flow::serve(&gateway, inbound).await });
                let _ = poll!(&mut serving);
                self.kept.lock().push(serving);
                return Outbound::new(Body::Empty);
            }
            Sabotage::Silent => pending().await,
            Sabotage::HangsUp => {
                let broken = futures_util::stream::once(async { Err(sluicegate_core::BodyError::TimedOut) });
                return Outbound::new(Body::stream(http_body_util::StreamBody::new(broken)));
            }
            Sabotage::Swaps => {
                let (head, body) = sluicegate_flow::serve(&self.gateway, inbound).await.into_parts();
                let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                let last = self.last.lock().replace(body).unwrap_or_default();
                return head.with(Body::Full(last));
            }
            Sabotage::Twice => {
                let (inbound, again) = two(inbound).await;
                sluicegate_flow::serve(&self.gateway, inbound).await;
                return sluicegate_flow::serve(&self.gateway, again).await;
            }
            Sabotage::Unheard => {
                let mut answer = Outbound { status: http::StatusCode::IM_A_TEAPOT, ..Outbound::default() };
                answer.headers.adopt(&inbound.head.headers, |name, _| name == "x-request-id");
                return answer;
            }
            Sabotage::StaysDown if turmoil::sim_elapsed().is_some_and(|now| now > self.trouble) => {
                return Outbound::new(Body::Empty);
            }
            Sabotage::StaysDown => {}
            Sabotage::Panics => panic!("as planned"),
            Sabotage::Erratic => {
                use std::hash::BuildHasher as _;
                let chance = std::hash::RandomState::new().hash_one(0);
                sleep(Duration::from_millis(chance % 100)).await;
            }
        }
        sluicegate_flow::serve(&self.gateway, inbound).await
    }
}

/// The same request twice.
async fn two(inbound: Inbound) -> (Inbound, Inbound) {
    let Inbound { listener, peer, head, body } = inbound;
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let one = || Inbound { listener: Arc::clone(&listener), peer, head: head.clone(), body: Body::Full(body.clone()) };
    (one(), one())
}
