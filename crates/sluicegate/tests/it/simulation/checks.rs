//! What must hold of every run, whatever happened in it. Each check is over what the run left behind, and says in words
//! what is wrong.

mod budget;
mod outcomes;
mod tries;

use super::plan::Plan;
use super::world::Run;

/// Everything that is wrong with a run.
pub(super) fn faults(plan: &Plan, run: &Run) -> Vec<String> {
    let mut faults = Vec::new();
    outcomes::one_each(run, &mut faults);
    outcomes::own_answers(run, &mut faults);
    outcomes::broken_for_a_reason(run, &mut faults);
    outcomes::well_in_the_end(plan, run, &mut faults);
    outcomes::one_record_each(run, &mut faults);
    nothing_kept(run, &mut faults);
    tries::no_more_than_allowed(plan, run, &mut faults);
    tries::none_after_the_client_saw_something(run, &mut faults);
    tries::none_where_the_model_may_have_run(plan, run, &mut faults);
    budget::kept(plan, run, &mut faults);
    faults.extend(run.panics.iter().map(|panic| format!("panicked: {panic}")));
    faults
}

/// Every turn, every place in a queue and every call has been given back.
fn nothing_kept(run: &Run, faults: &mut Vec<String>) {
    for backend in &run.told.status.backends {
        if (backend.in_flight, backend.waiting) != (0, 0) {
            let (taken, waiting) = (backend.in_flight, backend.waiting);
            faults.push(format!("kept: {taken} turns are taken and {waiting} calls wait where nobody calls"));
        }
        for endpoint in backend.endpoints.iter().filter(|endpoint| endpoint.in_flight != 0) {
            faults.push(format!("kept: {} has {} calls where nobody calls", endpoint.address, endpoint.in_flight));
        }
    }
    let load = &run.told.status.load;
    if (load.requests, load.memory) != (0, 0) {
        faults
            .push(format!("kept: {} requests and {} bytes are counted where nobody calls", load.requests, load.memory));
    }
    if run.told.in_flight != Some(0) {
        faults.push(format!("kept: the gauge of requests in flight shows {:?}", run.told.in_flight));
    }
    if !run.told.ended {
        faults.push("kept: the listener was told to end, and something is still under way".to_owned());
    }
}
