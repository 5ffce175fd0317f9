//! The life of a request, top to bottom. Each stage takes by value what the one before it returned, and only the stage
//! can make its own type: a skipped stage does not compile.
//!
//! Stages still to come stand between these, in this order: permit and admit after naming; meter after reading; validate,
//! enrich, shadow, cache and slot after the choice of a version; post after the call.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use sluicegate_core::{Inbound, Kind, Operation, Outbound, Refusal};

use crate::control::Gateway;
use crate::snapshot::Snapshot;
use crate::stage::{call, encode, identity, inquire, name, read, traffic};
use crate::trail::Trail;

/// Answers one request. Never fails: what cannot be served is refused in the caller's protocol.
pub async fn serve(gateway: &Gateway, inbound: Inbound) -> Outbound {
    // One generation, from here to the answer's last byte.
    let snapshot = gateway.current();
    let mut trail = Trail::begin(gateway, &snapshot, &inbound);
    let answer = AssertUnwindSafe(answer(gateway, &snapshot, inbound, &mut trail)).catch_unwind().await;
    let answer = answer.unwrap_or_else(|_| Err(Refusal::new(Kind::Internal, "the gateway failed").because("panic")));
    match answer {
        Ok(outbound) => trail.answered(outbound),
        Err(refusal) => trail.refused(&refusal),
    }
}

async fn answer(
    gateway: &Gateway,
    snapshot: &Arc<Snapshot>,
    inbound: Inbound,
    trail: &mut Trail,
) -> Result<Outbound, Refusal> {
    let identified = identity::identify(inbound, snapshot, trail)?;
    match name::name(identified, snapshot, trail)? {
        name::Named::Gateway(asked) => Ok(encode::gateway(&asked, gateway)),
        name::Named::Model(named) if named.operation() == Operation::Infer => {
            let read = read::read(named, gateway, trail).await?;
            let chosen = traffic::choose(read, trail);
            let replied = call::call(chosen, gateway, trail).await?;
            encode::encode(replied)
        }
        name::Named::Model(named) => {
            let chosen = traffic::choose_for_inquiry(named, trail);
            inquire::inquire(chosen, gateway, trail).await
        }
    }
}

#[cfg(test)]
mod tests;
