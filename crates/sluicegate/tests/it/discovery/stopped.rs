//! A gateway that stands still for a while, and its servers with it, as when their machine does.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::behind::{BODY, Front, Servers};
use crate::http::Client;
use crate::support::eventually;

/// So many that each endpoint would have failed often enough, if what ran out meanwhile were its fault.
const CLIENTS: usize = 60;

/// How long it stands still: longer than an endpoint may be silent.
const STILL: Duration = Duration::from_secs(2);

#[test]
#[expect(clippy::disallowed_methods, reason = "what is tested is that nothing runs for a while")]
fn v_13_a_process_that_stood_still_blames_no_endpoint() {
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start(folder.path());
    let endpoints: Vec<String> = servers.at(&[1, 2, 3]).iter().map(|at| format!("\"http://{at}\"")).collect();
    let front = Front::of(
        folder.path(),
        &format!(
            "protocol: oip-rest, endpoints: [{}], health: {{ interval: 1s, timeout: 500ms }}, timeouts: {{ first_byte: 1500ms }}",
            endpoints.join(", ")
        ),
    );
    let (stop, answered, late) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let address = front.0.data;
    let more = |than: usize| eventually("requests are answered", || answered.load(Ordering::Relaxed) > than);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = Client::connect(address);
                while !stop.load(Ordering::Relaxed) {
                    // Whose time ran out while nothing ran is told so: those that were under way, and no others.
                    match client.post("/v2/models/iris/infer", BODY).status {
                        200 => answered.fetch_add(1, Ordering::Relaxed),
                        504 => late.fetch_add(1, Ordering::Relaxed),
                        status => panic!("{status}"),
                    };
                }
            });
        }
        more(100);
        servers.signal("STOP");
        // Each client has a request under way now, and nobody answers.
        front.0.wait_until_in_flight(CLIENTS);
        front.0.signal("STOP");
        // What is tested: a process that does not run for so long.
        std::thread::sleep(STILL);
        let so_far = answered.load(Ordering::Relaxed);
        front.0.signal("CONT");
        eventually("their time is over", || late.load(Ordering::Relaxed) >= CLIENTS);
        servers.signal("CONT");
        more(so_far + 100);
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(late.load(Ordering::Relaxed), CLIENTS, "those that were under way, and no others");
    let backend = front.backend();
    for endpoint in backend["endpoints"].as_array().unwrap() {
        assert_eq!((&endpoint["state"], &endpoint["ejections"]), (&"up".into(), &0.into()), "{backend}");
    }
}
