//! `sluicegate top` in a real terminal, while an endpoint of a real server's backend is down.

use crate::mlserver::mlserver;
use crate::support::{Gateway, script};

const INTERRUPT: i64 = 2;

#[test]
fn top_shows_an_endpoint_that_is_down_and_leaves_the_terminal_as_it_was() {
    let mlserver = mlserver();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "version: 1\nlisteners: {{ l: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}\nbackends: {{ pair: {{ protocol: \
         oip-rest, endpoints: [\"http://127.0.0.1:{}\", \"http://127.0.0.1:1\"], health: {{ interval: 200ms, timeout: 10s }} }} \
         }}\nmodels: {{ echo: {{ backend: pair }} }}\n",
        mlserver.port
    );
    let (gateway, _) = Gateway::of(folder.path(), &text);
    let admin = format!("http://{}", gateway.admin);
    let top = |arguments: &[&str], more: &[&str]| {
        let command = ["--", env!("CARGO_BIN_EXE_sluicegate"), "top", "--interval", "200ms", "--admin", &admin];
        script("SLUICEGATE_PYTHON_CLIENT", "terminal.py", &[arguments, &command, more].concat())
    };

    let seen = top(&["--shows", "down: "], &[]);
    let picture = seen["picture"].as_str().unwrap();
    let line = |address: &str| picture.lines().find(|line| line.contains(address)).unwrap_or_else(|| panic!("{seen}"));
    let down = line("127.0.0.1:1 ");
    assert!(down.contains("down: ") && down.contains("refused"), "{down}");
    assert!(line(&format!("127.0.0.1:{}", mlserver.port)).trim_end().ends_with("up"), "{picture}");
    assert!(picture.contains("echo") && picture.contains(": ready, generation 1"), "{picture}");
    assert!(seen["pictures"].as_u64().unwrap() > 1, "it goes on: {seen}");
    assert_eq!(seen["signal"], INTERRUPT, "{seen}");
    assert_eq!((&seen["set_as_before"], &seen["modes_left"]), (&true.into(), &serde_json::json!([])), "{seen}");

    let seen = top(&[], &["--count", "2"]);
    assert_eq!((&seen["code"], &seen["pictures"]), (&0.into(), &2.into()), "{seen}");
    assert!(seen["came"].as_str().unwrap().ends_with('\n'), "what comes next has a line of its own: {seen}");
}
