//! A server that stands still: it takes connections, and never answers.

use std::sync::Barrier;

use super::pair::{Front, ask, servers};
use crate::support::eventually;

/// Requests at once: half of them to each server.
const AT_ONCE: usize = 8;

#[test]
fn requests_to_a_server_that_stands_still_are_answered_by_the_other() {
    let servers = servers();
    let backend = [("hedged", ", hedge: { after: 20ms }")];
    let front = Front::of(&servers, "oip-rest", &backend, "echo: { backend: hedged }");
    let [stuck, other] = servers.each_ref().map(|server| front.address(server));
    let address = front.gateway.data;
    // How long calls take must be known first.
    for _ in 0..60 {
        ask(address, "echo", 1).expect(200);
        front.gateway.wait_for_record(|_| true);
    }
    let before = front.counted("hedges", "hedged");

    servers[0].signal("STOP");
    let together = Barrier::new(AT_ONCE);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                together.wait();
                ask(address, "echo", 1).expect(200);
            });
        }
    });
    let mut hedged = 0.0;
    for _ in 0..AT_ONCE {
        let record = front.gateway.wait_for_record(|_| true);
        assert_eq!(record["endpoint"], other.as_str(), "{record}");
        assert!(record["total_ms"].as_f64().unwrap() < 10_000.0, "half of what the model may take: {record}");
        hedged += f64::from(u8::from(record["tries"] == 2));
    }
    assert!(hedged > 0.0, "none of them was put to the one that stands still");
    assert!(front.counted("hedges", "hedged") >= before + hedged);

    servers[0].signal("CONT");
    eventually("it is used again", || {
        ask(address, "echo", 1).expect(200);
        front.gateway.wait_for_record(|_| true)["endpoint"] == stuck.as_str()
    });
    assert_eq!(front.endpoint("hedged", &servers[0])["failures"], 0, "nothing is held against it");
}
