//! A server is killed under load, and started again: what fails is what was under way there and must not be run twice.

use std::sync::atomic::Ordering::SeqCst;

use super::callers::Callers;
use super::pair::{Front, ask, servers};
use crate::support::{eventually, sluicegate, stdout};

const CALLERS: usize = 6;

/// Requests under way at the two servers together, to each model that is slow.
const SLOW: usize = 4;

/// `quick` bears with more failures than there are callers, so that what is refused there is tried elsewhere for a while.
const BACKENDS: [(&str, &str); 3] = [
    ("quick", ", eject: { failures: 14, time: 1s }"),
    ("once", ""),
    ("twice", ", retry: { when: [connect, unavailable, reset] }"),
];

const MODELS: &str =
    "echo: { backend: quick }, once: { backend: once, model: slow }, twice: { backend: twice, model: slow }";

#[test]
fn a_server_that_is_killed_costs_what_was_under_way_there_over_rest() {
    a_server_is_killed("oip-rest");
}

#[test]
fn a_server_that_is_killed_costs_what_was_under_way_there_over_grpc() {
    a_server_is_killed("oip-grpc");
}

fn a_server_is_killed(protocol: &'static str) {
    let mut servers = servers();
    let front = Front::of(&servers, protocol, &BACKENDS, MODELS);
    let callers = Callers::default();
    std::thread::scope(|scope| {
        let stop = callers.run(scope, CALLERS, front.gateway.data);
        callers.wait_for(200);
        let address = front.gateway.data;
        let slow = |model| [(); SLOW].map(|()| scope.spawn(move || ask(address, model, 2).status));
        let (once, twice) = (slow("once"), slow("twice"));
        // Half of each: they take turns.
        eventually("the model runs", || servers[0].log().matches("slow: begun").count() == SLOW);
        servers[0].kill();
        callers.server_is_lost();
        callers.wait_for(300);
        assert_eq!(callers.failed_after.load(SeqCst), 0, "of those begun after the loss");
        let failed = callers.failed_before.load(SeqCst);
        // A system that ends a process closes its sockets one after the other, and a busy machine looks at them late: a caller
        // may go on to one that is as good as closed.
        assert!(failed <= 2 * CALLERS, "{failed} failed, more than were under way");

        let of = |asked: [std::thread::ScopedJoinHandle<'_, u16>; SLOW]| asked.map(|one| one.join().unwrap());
        let once = of(once);
        assert_eq!(once.iter().filter(|status| **status == 200).count(), SLOW / 2, "{once:?}");
        let record = front.gateway.wait_for_record(|record| record["model"] == "once" && record["status"] != 200);
        let where_and_how_often = (record["endpoint"].as_str().unwrap(), record["tries"].as_u64().unwrap());
        assert_eq!(where_and_how_often, (front.address(&servers[0]).as_str(), 1), "{record}");
        assert_eq!(of(twice), [200; SLOW], "those that may run twice were put to the other");
        assert_eq!((front.counted("retries", "once"), front.counted("retries", "twice")), (0.0, SLOW as f64 / 2.0));

        the_loss_is_shown(&front, &servers[0]);
        eventually("it is tried, in vain", || front.counted("retries", "quick") >= 2.0);
        drop(stop);
    });
    servers[0].start_again();
    let calls = || front.endpoint("quick", &servers[0])["calls"].as_u64().unwrap();
    let before = calls();
    eventually("it is used again", || {
        ask(front.gateway.data, "echo", 1).expect(200);
        calls() >= before + 20
    });
    assert_eq!(front.endpoint("quick", &servers[0])["state"], "up");
    assert_eq!(callers.failed_after.load(SeqCst), 0, "of those begun after the loss, to the end");
    assert_eq!(front.counted("retries_denied", "quick"), 0.0);
}

/// In `sluicegate status`: the endpoint, its state, and why.
fn the_loss_is_shown(front: &Front, lost: &crate::mlserver::MlServer) {
    let admin = format!("http://{}", front.gateway.admin);
    let address = front.address(lost);
    eventually("the loss is shown", || {
        let shown = stdout(&sluicegate(&["status", "--admin", &admin]));
        let mut lines = shown.lines().filter(|line| line.contains(&address));
        lines.any(|line| line.contains("ejected for ") && line.contains("refused"))
    });
}
