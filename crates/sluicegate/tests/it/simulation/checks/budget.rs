//! How many further tries there were at any time, beside what the budget allows: ten to begin with, a share of the
//! requests so far, and three a second. Counted anew here, not by the gateway's own arithmetic.

use std::collections::BTreeSet;

use super::super::journal::What;
use super::super::plan::Plan;
use super::super::world::Run;

const FIRST: f64 = 10.0;
const A_SECOND: f64 = 3.0;

pub(super) fn kept(plan: &Plan, run: &Run, faults: &mut Vec<String>) {
    let (mut begun, mut further) = (0.0, 0.0);
    let mut tried = BTreeSet::new();
    for event in &run.events {
        match &event.what {
            What::Begun => begun += 1.0,
            What::Tried { request, .. } if !tried.insert(*request) => further += 1.0,
            _ => continue,
        }
        let at = event.at.as_secs_f64();
        let budget = |share: u32| FIRST + begun * f64::from(share) / 100.0 + at * A_SECOND + 1.0;
        let hedges = plan.settings.hedges.map_or(0.0, budget);
        // One that is given no more than one attempt makes none.
        let retries = if plan.settings.attempts > 1 { budget(plan.settings.budget) } else { 0.0 };
        if further > retries + hedges {
            faults.push(format!("budget: {further} further tries for {begun} requests in {at} s"));
            return;
        }
    }
}
