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
    for seed in 1..4 {
        let plan = Plan::of(seed);
        let run = world::run(&plan);
        println!("{seed}: {} {:?} {:#?}", fingerprint(&run.events), plan.settings, faults(&plan, &run));
    }
}
