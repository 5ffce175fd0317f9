//! One gateway, three model servers and clients in a simulated network, whose time, delays and failures follow from a seed
//! (turmoil). The gateway is the real one, from its listener to its connections; only the sockets, the clock and the dice
//! are the simulation's.
//!
//! What a failed seed did, once more: `cargo xtask simulate --seed N`.

mod campaign;
mod chance;
mod checks;
mod client;
mod journal;
mod message;
mod network;
mod panics;
mod plan;
mod sabotage;
mod server;
mod weather;
mod world;

use std::time::Duration;

use campaign::Campaign;
use chance::Chance;
use checks::faults;
use journal::fingerprint;
use plan::{Deed, Mood, Plan};
use sabotage::Sabotage;

/// Seeds that run in any case, and the time for more, where the command does not say which.
const LEAST: u64 = 50;
const TIME: Duration = Duration::from_secs(90);

#[test]
fn whatever_happens_every_request_has_one_outcome() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let from = number("SLUICEGATE_SIMULATION_FROM").unwrap_or(1);
    let seeds = number("SLUICEGATE_SIMULATION_SEEDS");
    let time = if seeds.is_some() { Duration::ZERO } else { TIME };
    let report = Campaign { from, least: seeds.unwrap_or(LEAST), time }.run();
    println!("| seeds | {} |", report.seeds);
    for (name, count) in &report.counts {
        println!("| {name} | {count} |");
    }
    println!("| faults | {} |", report.faults.len());
    let again = |(seed, fault): &(u64, String)| format!("{fault}\n    again: cargo xtask simulate --seed {seed}");
    let faults: Vec<String> = report.faults.iter().map(again).collect();
    assert!(faults.is_empty(), "{} faults in {} seeds:\n{}", faults.len(), report.seeds, faults.join("\n"));
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 1..=5 {
        let plan = Plan::of(seed);
        let (one, other) = (world::run(&plan).events, world::run(&plan).events);
        let place = one.iter().zip(&other).position(|(one, other)| format!("{one:?}") != format!("{other:?}"));
        let event = |place: Option<usize>| place.map(|place| (&one[place], &other[place]));
        assert_eq!(fingerprint(&one), fingerprint(&other), "seed {seed} first differs in {:?}", event(place));
    }
}

#[test]
fn a_run_that_goes_by_more_than_its_seed_is_told_from_another() {
    let plan = Plan { sabotage: Some(Sabotage::Erratic), ..Plan::still(1, &Mood::good(&Chance::of(1, "mood"))) };
    assert_ne!(fingerprint(&world::run(&plan).events), fingerprint(&world::run(&plan).events));
}

#[test]
fn each_check_finds_the_gateway_that_is_broken_its_way() {
    let [good, unavailable, closes] = moods();
    let cases: [(Sabotage, &Mood, &[&str]); 12] = [
        (Sabotage::MoreAttempts, &unavailable, &["tries: request"]),
        (Sabotage::MoreBudget, &unavailable, &["budget:"]),
        (Sabotage::AlsoAfterReset, &closes, &["may have run it"]),
        (Sabotage::AlsoAfterTheAnswer, &good, &["when its answer had begun"]),
        (
            Sabotage::Keeps,
            &good,
            &[
                "turns are taken",
                "calls where nobody calls",
                "are counted",
                "the gauge of requests in flight",
                "records written",
            ],
        ),
        (Sabotage::Silent, &good, &["had none in its time"]),
        (Sabotage::HangsUp, &good, &["was broken off"]),
        (Sabotage::Swaps, &good, &["answer: request"]),
        (Sabotage::Twice, &good, &["has several"]),
        (Sabotage::Unheard, &good, &["and recorded as None"]),
        (Sabotage::StaysDown, &good, &["fresh:"]),
        (Sabotage::Panics, &good, &["panicked: "]),
    ];
    for (sabotage, mood, wanted) in cases {
        for grpc in [false, true] {
            let mut plan = Plan { sabotage: Some(sabotage), ..still(mood, grpc) };
            if sabotage == Sabotage::MoreAttempts {
                plan.settings.attempts = 1;
            }
            let found = faults(&plan, &world::run(&plan));
            for wanted in wanted {
                assert!(
                    found.iter().any(|found| found.contains(wanted)),
                    "{sabotage:?}: none says {wanted:?}: {found:#?}"
                );
            }
        }
    }
}

/// Whatever is broken in the path of a request ends with its client's connection: nothing in it keeps a listener open.
#[test]
fn a_listener_that_does_not_end_is_found() {
    let [good, ..] = moods();
    let plan = still(&good, false);
    let mut run = world::run(&plan);
    assert_eq!(faults(&plan, &run), [""; 0]);
    run.told.ended = false;
    assert!(faults(&plan, &run).iter().any(|found| found.contains("still under way")));
}

#[test]
fn no_check_finds_fault_with_the_same_runs_of_a_gateway_that_is_well() {
    for mood in &moods() {
        for grpc in [false, true] {
            let plan = still(mood, grpc);
            assert_eq!(faults(&plan, &world::run(&plan)), [""; 0], "{mood:?}");
        }
    }
}

/// Servers that are well; that have no room; that hang up.
fn moods() -> [Mood; 3] {
    let always = |deed: Deed| Mood { pace: (1, 10), trouble: 100, deeds: vec![deed] };
    [Mood::good(&Chance::of(1, "mood")), always(Deed::Unavailable), always(Deed::Close)]
}

/// A short run over a network that is well.
fn still(mood: &Mood, grpc: bool) -> Plan {
    let mut plan = Plan { senders: 10, ..Plan::still(3, mood) };
    let settings = &mut plan.settings;
    (settings.grpc, settings.attempts, settings.budget, settings.reset) = (grpc, 3, 5, false);
    (settings.hedges, settings.limit) = (None, Some(100));
    plan
}
