//! What happens to the servers, and when: `SECONDS SERVER BEHAVIOUR`, apart by semicolons.

use anyhow::{Context, Result, ensure};

/// One order, so many seconds after the onset.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) after: f64,
    /// As `sluicegate-bench faulty` takes it.
    pub(super) order: String,
}

/// The steps in the order of their times. The first is the onset itself, at 0.
pub(super) fn parse(script: &str) -> Result<Vec<Step>> {
    let steps = script.split(';').map(|step| {
        let step = step.trim();
        let (after, order) = step.split_once(' ').with_context(|| format!("`{step}` is no step"))?;
        let after: f64 = after.parse().with_context(|| format!("`{after}` is no time"))?;
        let (server, behaviour) = order.split_once(' ').with_context(|| format!("`{step}` tells no behaviour"))?;
        ensure!(server.parse::<usize>().is_ok(), "`{server}` is no server");
        ensure!(!behaviour.trim().is_empty(), "`{step}` tells no behaviour");
        Ok(Step { after, order: order.to_owned() })
    });
    let steps: Vec<Step> = steps.collect::<Result<_>>()?;
    let mut before = 0.0;
    for step in &steps {
        ensure!(step.after >= before, "steps go forward in time");
        before = step.after;
    }
    ensure!(steps.first().is_some_and(|step| step.after == 0.0), "the first step is the onset, at 0");
    Ok(steps)
}
