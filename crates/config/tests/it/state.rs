//! Where state is kept, asked for by itself.

use sluicegate_config::{Pepper, Sources, load, state};
use sluicegate_core::Source;

use crate::target::{CATALOG, Disk};

fn source(text: &str) -> Source {
    Source { path: "etc/gateway.yaml".into(), text: text.into() }
}

#[test]
fn it_is_found_whatever_is_wrong_elsewhere() {
    let broken = "listeners: 7\nnonsense: 1\nstate: { store: { sqlite: a.db }, pepper: { env: P } }\n";
    let found = state(&source(broken), &CATALOG).unwrap().unwrap();
    assert_eq!((&*found.sqlite, found.pepper), ("etc/a.db", Pepper::Env("P".into())));
    assert_eq!(found.span.to_string(), "etc/gateway.yaml:3:27");
    assert_eq!(state(&source("version: 1\nstate:\n"), &CATALOG), Ok(None));
}

#[test]
fn its_own_mistakes_are_told() {
    for text in ["state: 7\n", "state: { pepper: { env: P } }\n", "state: { store: { sqlite: [] } }\n", "state: {\n"] {
        let mistakes = state(&source(text), &CATALOG).expect_err(text);
        assert!(!mistakes.is_empty(), "{text}");
    }
}

#[test]
fn keys_without_a_store_are_a_mistake() {
    let head = "version: 1\nlisteners: { main: { address: 127.0.0.1:1, authenticate: [anonymous] } }\n";
    let read = |text: String| {
        let sources = Sources { root: source(&text), includes: Vec::new() };
        load(&sources, &CATALOG, &mut Disk).unwrap()
    };
    let (without, with) = (read(head.to_owned()), read(format!("{head}state: {{ store: {{ sqlite: a.db }} }}\n")));
    let mistake = without.lacks_store(&without.listeners[0].span).unwrap();
    assert!(mistake.to_string().ends_with("(write `state: { store: { sqlite: PATH } }`)"), "{mistake}");
    assert_eq!(with.lacks_store(&with.listeners[0].span), None);
}
