//! Orders to model servers, where the listener allows them. One about a model goes to every endpoint of the model's
//! backends, under their own name for it; one that names no model to every endpoint of every backend that has such calls.
//! It is done when all have done it: half an order is told as a failure, with how far it came.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use sluicegate_core::{
    CallClass, CallError, Deadline, Endpoint, Kind, ManageCall, Management, Order, Outbound, Protocol, Refusal,
};
use sluicegate_wire::codec;
use tokio::time::{Instant, timeout_at};

use super::call::late;
use super::refused;
use crate::control::Gateway;
use crate::snapshot::{Backend, Model, Snapshot};
use crate::trail::Trail;

/// Loading a large model takes minutes.
const LONGEST: Duration = Duration::from_secs(600);

/// Orders under way at once.
const AT_ONCE: usize = 16;

/// An order whose model, if it names one, this generation has.
pub(crate) struct Ordered<'a> {
    pub(super) protocol: Protocol,
    pub(super) order: Order,
    pub(super) model: Option<&'a Model>,
    pub(super) patience: Option<Duration>,
}

/// Where an order goes, and under which name of the model.
type Target<'a> = (&'a Backend, Endpoint, Option<Arc<str>>);

pub(crate) async fn manage(
    ordered: Box<Ordered<'_>>,
    gateway: &Gateway,
    snapshot: &Snapshot,
    trail: &mut Trail,
) -> Result<Outbound, Refusal> {
    let Ordered { protocol, order, model, patience } = *ordered;
    let Some(manage) = codec(protocol).manage else {
        return Err(Refusal::new(Kind::NoSuchPath, "this protocol manages no servers"));
    };
    let began = gateway.clock.now();
    let deadline = Deadline(began + patience.map_or(LONGEST, |patience| patience.min(LONGEST)));
    let targets = match model {
        Some(model) => of_model(model),
        None => of_all(snapshot),
    };
    let headers = trail.headers();
    let calls: Vec<_> = targets
        .into_iter()
        .map(|(backend, endpoint, name)| {
            let order = Order { model: name, ..order.clone() };
            put(backend, endpoint, ManageCall { order, headers: headers.clone(), deadline })
        })
        .collect();
    // All are asked, also behind one that fails: what was ordered is wanted everywhere.
    let told: Vec<Result<Option<Bytes>, CallError>> = stream::iter(calls).buffered(AT_ONCE).collect().await;
    trail.waited(gateway.clock.now().saturating_duration_since(began));
    (manage.encode)(order.what, judge(order.what, told)?)
}

async fn put(backend: &Backend, endpoint: Endpoint, call: ManageCall) -> Result<Option<Bytes>, CallError> {
    let deadline = Instant::from_std(call.deadline.0);
    timeout_at(deadline, backend.upstream.manage(&endpoint, call)).await.unwrap_or_else(|_| Err(late()))
}

/// Every endpoint of every version, each once.
fn of_model(model: &Model) -> Vec<Target<'_>> {
    let mut targets: Vec<Target<'_>> = Vec::new();
    for version in &model.versions {
        for endpoint in version.backend.endpoints() {
            let known = |(backend, other, name): &Target<'_>| {
                std::ptr::eq(*backend, &*version.backend)
                    && *other == endpoint
                    && name.as_ref() == Some(&version.model.name)
            };
            if !targets.iter().any(known) {
                targets.push((&version.backend, endpoint, Some(Arc::clone(&version.model.name))));
            }
        }
    }
    targets
}

fn of_all(snapshot: &Snapshot) -> Vec<Target<'_>> {
    let mut backends: Vec<&Backend> = snapshot.backends.values().map(|backend| &**backend).collect();
    backends.sort_by(|left, right| left.plan.name.cmp(&right.plan.name));
    backends
        .into_iter()
        .flat_map(|backend| backend.endpoints().into_iter().map(move |at| (backend, at, None)))
        .collect()
}

/// What the first told, if all that have such a call did it.
fn judge(what: Management, told: Vec<Result<Option<Bytes>, CallError>>) -> Result<Bytes, Refusal> {
    let (mut first, mut failure, mut done, mut all) = (None, None, 0_usize, 0_usize);
    for told in told {
        match told {
            Ok(None) => continue,
            Ok(Some(json)) => {
                done += 1;
                first.get_or_insert(json);
            }
            Err(error) => drop(failure.get_or_insert(error)),
        }
        all += 1;
    }
    match (failure, first) {
        (None, Some(json)) => Ok(if is_told(what) { json } else { Bytes::new() }),
        (None, None) => Err(Refusal::new(Kind::NotInThisBuild, "no backend that was meant has such a call")),
        (Some(error), _) => Err(failed(error, done, all)),
    }
}

/// Whether the answer says something beyond that it was done; what servers say there is their own.
const fn is_told(what: Management) -> bool {
    matches!(what, Management::Trace | Management::Log | Management::SystemMemoryStatus | Management::CudaMemoryStatus)
}

fn failed(error: CallError, done: usize, all: usize) -> Refusal {
    let class = error.class;
    let refusal = refused::refusal(error);
    let kind = match class {
        CallClass::Client => Kind::BadRequest,
        _ => refusal.kind,
    };
    let public = format!("{done} of {all} servers did it; the first that did not: {}", refusal.public);
    Refusal { kind, public: public.into(), ..refusal }
}
