//! Where state is kept, asked for by itself.

use sluicegate_config::{Method, Pepper, Sources, load, state};
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
fn a_listener_that_takes_keys_needs_a_store() {
    let read = |methods: &str, rest: &str| {
        let text =
            format!("version: 1\nlisteners: {{ main: {{ address: 127.0.0.1:1, authenticate: {methods} }} }}\n{rest}");
        load(&Sources { root: source(&text), includes: Vec::new() }, &CATALOG, &mut Disk)
    };
    let lacking = |rest: &str, methods: &str| -> Vec<String> {
        let mistakes = read(methods, rest).expect_err(rest);
        mistakes.iter().map(ToString::to_string).filter(|words| words.contains("takes keys")).collect()
    };
    let words = "`main` takes keys, and nothing says where they are kept (write `state: { store: { sqlite: PATH } }`)";
    assert_eq!(lacking("", "[api_key]"), [format!("etc/gateway.yaml:2:59: {words}")]);
    assert_eq!(lacking("", "[anonymous, api_key]"), [format!("etc/gateway.yaml:2:70: {words}")]);
    // What is wrong with `state` is told there, and once.
    for broken in ["state:\n", "state: { store: {} }\n", "state: { store: { postgres: {} } }\n"] {
        assert!(lacking(broken, "[api_key]").is_empty(), "{broken}");
    }
    let store = "state: { store: { sqlite: a.db } }\n";
    for (methods, known) in [
        ("[api_key]", &[Method::ApiKey][..]),
        ("[api_key, anonymous]", &[Method::ApiKey, Method::Anonymous]),
        ("[anonymous]", &[Method::Anonymous]),
    ] {
        assert_eq!(read(methods, store).unwrap().listeners[0].authenticate, known);
    }
    let twice = read("[api_key, api_key]", store).expect_err("twice");
    assert!(twice[0].to_string().starts_with("etc/gateway.yaml:2:68: a method of `main` is given twice"), "{twice:?}");
}
