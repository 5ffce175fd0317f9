//! One gateway, three model servers and clients in a simulated network, whose time, delays and failures follow from a seed
//! (turmoil). The gateway is the real one, from its listener to its connections; only the sockets, the clock and the dice
//! are the simulation's.

mod chance;
mod checks;
mod client;
mod journal;
mod message;
mod network;
mod panics;
mod plan;
mod server;
mod weather;
mod world;

use checks::faults;
use journal::fingerprint;
use plan::Plan;

#[test]
fn whatever_happens_every_request_has_one_outcome() {
    let from: u64 = std::env::var("SEED").map_or(1, |seed| seed.parse().unwrap());
    let count: u64 = std::env::var("COUNT").map_or(6, |seed| seed.parse().unwrap());
    for seed in from..from + count {
        let plan = Plan::of(seed);
        let run = world::run(&plan);
        let mut seen: std::collections::BTreeMap<String, usize> = Default::default();
        for event in &run.events {
            let word = match &event.what {
                journal::What::Saw { outcome: journal::Outcome::Answered { status, well, .. }, .. } => format!("answered {status} {well}"),
                journal::What::Saw { outcome, .. } => format!("saw {outcome:?}"),
                journal::What::Served { deed, .. } => format!("served {deed:?}"),
                journal::What::Recorded { outcome, .. } => format!("record {outcome}"),
                other => format!("{other:?}").split([' ', '(']).next().unwrap().to_owned(),
            };
            *seen.entry(word).or_default() += 1;
        }
        println!("{seed}: {} {:?} {seen:?} {:#?}", fingerprint(&run.events), plan.settings, faults(&plan, &run));
        if std::env::var("TWICE").is_ok() {
            let again = world::run(&plan);
            println!("{seed}: again {}", fingerprint(&again.events));
            if let Some(place) = run.events.iter().zip(&again.events).position(|(one, other)| format!("{one:?}") != format!("{other:?}")) {
                for place in place.saturating_sub(3)..place + 3 {
                    println!("{place}: {:?}\n   {:?}", run.events.get(place), again.events.get(place));
                }
            }
        }
    }
}
