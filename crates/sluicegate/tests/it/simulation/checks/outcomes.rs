//! What clients saw, and what the gateway wrote down of it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::journal::{Number, Outcome, What};
use super::super::plan::{Plan, SERVERS};
use super::super::world::Run;

#[derive(Debug)]
struct Answer<'a> {
    request: Number,
    status: u16,
    well: bool,
    of: Option<Number>,
    id: Option<&'a str>,
}

/// Every request that was sent has one outcome, in its time.
pub(super) fn one_each(run: &Run, faults: &mut Vec<String>) {
    let mut outcomes: BTreeMap<Number, usize> = BTreeMap::new();
    for event in &run.events {
        match &event.what {
            What::Sent { request, .. } => {
                outcomes.entry(*request).or_default();
            }
            What::Saw { request, outcome } => {
                *outcomes.entry(*request).or_default() += 1;
                if *outcome == Outcome::Nothing {
                    faults
                        .push(format!("outcome: request {request} had none in its time, {:?} into the run", event.at));
                }
            }
            What::NotTaken => faults.push(format!("outcome: no connection {:?} into the run", event.at)),
            _ => {}
        }
    }
    for (request, count) in outcomes.into_iter().filter(|(_, count)| *count != 1) {
        faults.push(format!("outcome: request {request} had {count}"));
    }
}

/// No client gets what is another's.
pub(super) fn own_answers(run: &Run, faults: &mut Vec<String>) {
    for answer in answers(run) {
        let Answer { request, well, of, .. } = answer;
        let own = if well { of == Some(request) } else { of.is_none_or(|of| of == request) };
        if !own || answer.id != Some(format!("r{request}").as_str()) {
            faults.push(format!("answer: request {request} got {answer:?}"));
        }
    }
}

/// Over a network that is well an answer breaks off only where the gateway knows why.
pub(super) fn broken_for_a_reason(run: &Run, faults: &mut Vec<String>) {
    let known = recorded(run, &["upstream_fault", "deadline_exceeded"]);
    for event in &run.events {
        if let What::Saw { request, outcome: Outcome::Broken } = event.what
            && !known.contains(format!("r{request}").as_str())
        {
            faults.push(format!("outcome: request {request} was broken off, {:?} into the run", event.at));
        }
    }
}

/// When all is well again, requests succeed. Over HTTP/2 one for each server may find that its connection died unheard: it
/// is kept for long, and nothing tells before the next request that a server knows nothing of it any more.
pub(super) fn well_in_the_end(plan: &Plan, run: &Run, faults: &mut Vec<String>) {
    let known = recorded(run, &["upstream_fault", "deadline_exceeded"]);
    let mut excused = if plan.settings.grpc { SERVERS.len() } else { 0 };
    let mut fresh = 0;
    for event in &run.events {
        let What::Fresh { request } = event.what else { continue };
        fresh += 1;
        if answers(run).any(|answer| answer.request == request && answer.well) {
            continue;
        }
        if excused > 0 && known.contains(format!("r{request}").as_str()) {
            excused -= 1;
        } else {
            faults.push(format!("fresh: request {request} failed where all is well"));
        }
    }
    if fresh == 0 {
        faults.push("fresh: no request was sent when all was well".to_owned());
    }
}

/// Every request that reached the gateway has one record, and it says what the client saw.
pub(super) fn one_record_each(run: &Run, faults: &mut Vec<String>) {
    let mut records: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
    let mut begun = 0_usize;
    for event in &run.events {
        match &event.what {
            What::Begun => begun += 1,
            What::Recorded { id, status, .. } => records.entry(id).or_default().push(*status),
            _ => {}
        }
    }
    let count: usize = records.values().map(Vec::len).sum();
    if begun != count {
        faults.push(format!("record: {begun} requests were begun, and {count} records written"));
    }
    for (id, statuses) in records.iter().filter(|(_, statuses)| statuses.len() > 1) {
        faults.push(format!("record: request {id} has several, of {statuses:?}"));
    }
    for Answer { request, status, .. } in answers(run) {
        let recorded = records.get(format!("r{request}").as_str());
        if recorded.is_none_or(|recorded| !recorded.contains(&status)) {
            faults.push(format!("record: request {request} was answered {status}, and recorded as {recorded:?}"));
        }
    }
}

/// The ids of the requests that the gateway has written down with one of these outcomes.
fn recorded<'a>(run: &'a Run, outcomes: &[&str]) -> BTreeSet<&'a str> {
    let ids = run.events.iter().filter_map(|event| match &event.what {
        What::Recorded { id, outcome, .. } if outcomes.contains(outcome) => Some(id.as_str()),
        _ => None,
    });
    ids.collect()
}

/// The whole answers that clients got.
fn answers(run: &Run) -> impl Iterator<Item = Answer<'_>> {
    run.events.iter().filter_map(|event| match &event.what {
        What::Saw { request, outcome: Outcome::Answered { status, well, of, id } } => {
            Some(Answer { request: *request, status: *status, well: *well, of: *of, id: id.as_deref() })
        }
        _ => None,
    })
}
