//! The life of a request, top to bottom. Each stage takes by value what the one before it returned, and only the stage
//! can make its own type: a skipped stage does not compile.
//!
//! Stages still to come stand between these, in this order: meter after reading; validate,
//! enrich, shadow and cache after the choice of a version; post after the call.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use sluicegate_core::{Body, Fact, Inbound, Kind, Operation, Outbound, Refusal, RequestHead};

use crate::control::Gateway;
use crate::snapshot::Snapshot;
use crate::stage::call::Replied;
use crate::stage::name::Named;
use crate::stage::{
    admit, call, encode, facts, identity, inquire, manage, name, permit, read, reflect, stream, traffic, values,
};
use crate::trail::Trail;

/// Answers one request. Never fails: what cannot be served is refused in the caller's protocol.
pub async fn serve(gateway: &Arc<Gateway>, inbound: Inbound) -> Outbound {
    // One generation, from here to the answer's last byte.
    let snapshot = gateway.current();
    let Inbound { listener, peer, head, body } = inbound;
    let mut trail = Trail::begin(gateway, &snapshot, (listener, peer), &head);
    let answer = AssertUnwindSafe(answer(gateway, &snapshot, (head, body), &mut trail)).catch_unwind().await;
    let answer = answer.unwrap_or_else(|_| Err(Refusal::new(Kind::Internal, "the gateway failed").because("panic")));
    match answer {
        Ok(outbound) => trail.answered(outbound),
        Err(refusal) => trail.refused(&refusal),
    }
}

async fn answer(
    gateway: &Arc<Gateway>,
    snapshot: &Arc<Snapshot>,
    (head, body): (Box<RequestHead>, Body),
    trail: &mut Trail,
) -> Result<Outbound, Refusal> {
    let identified = identity::identify((head, body), gateway, snapshot, trail)?;
    // What is not the running of a model is rare, and large: in a box it takes no room from what is common.
    let admitted = match name::name(identified, snapshot, trail).await? {
        Named::Model(named) if named.operation().runs_model() => {
            let permitted = permit::permit(named, trail)?;
            admit::admit(permitted, gateway, snapshot, trail)?
        }
        other => return Box::pin(others(other, gateway, snapshot, trail)).await,
    };
    let read = read::read(admitted, gateway, trail).await?;
    let chosen = traffic::choose(read, trail);
    if chosen.has_values() {
        return Box::pin(values::answer(chosen, gateway, trail)).await;
    }
    let (mut called, call) = call::prepare(chosen, gateway, trail)?;
    let outcome = call::attempt(&called, call, gateway, trail).await;
    match call::judge(&mut called, outcome, trail)? {
        // Nothing is to be done, and nothing is moved for it.
        Replied::Wire(outbound) => Ok(outbound),
        replied => encode::encode(replied, trail).await,
    }
}

/// What runs no model.
async fn others(
    named: Named<'_>,
    gateway: &Arc<Gateway>,
    snapshot: &Arc<Snapshot>,
    trail: &mut Trail,
) -> Result<Outbound, Refusal> {
    match &named {
        // Whether it lives is asked by those who would take it out, and a stream is admitted by itself.
        Named::Gateway(_) | Named::Stream(_) => {}
        Named::Models(..) | Named::Order(_) | Named::Reflection(_) | Named::Model(_) => {
            admit::ask(gateway, snapshot, trail)?;
        }
    }
    match named {
        Named::Gateway(asked) => Ok(encode::gateway(&asked, gateway)),
        Named::Models(asked, message, door) => {
            facts::of_all((&asked, &message), gateway, (snapshot, door), trail).await
        }
        Named::Order(ordered) => manage::manage(ordered, gateway, snapshot, trail).await,
        Named::Reflection(questions) => reflect::reflect(questions, snapshot.silence, trail),
        Named::Stream(named) => {
            let admitted = admit::admit(*named, gateway, snapshot, trail)?;
            stream::stream(admitted, gateway, snapshot, trail)
        }
        Named::Model(named) => {
            let operation = named.operation();
            let permitted = permit::permit(named, trail)?;
            let chosen = traffic::choose_for_inquiry(permitted, trail);
            match operation {
                Operation::Config => facts::of_model(chosen, Fact::Config, gateway, trail).await,
                Operation::Statistics => facts::of_model(chosen, Fact::Statistics, gateway, trail).await,
                _ => inquire::inquire(chosen, gateway, trail).await,
            }
        }
    }
}

#[cfg(test)]
mod tests;
