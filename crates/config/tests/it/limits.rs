//! What is too much is refused with a mistake: never a crash, never an unbounded wait or answer.

use std::fmt::Write as _;

use sluicegate_config::{MAX_FILE, Resolved, Sources, includes, load};
use sluicegate_core::{Mistake, Source};

use crate::target::{CATALOG, Disk};

const HEAD: &str = "version: 1\nlisteners: { main: { address: 127.0.0.1:8080, authenticate: [anonymous] } }\n";
const BACKEND: &str = "backends: { b: { protocol: oip-rest, endpoints: [\"http://b\"] } }\n";

fn source(path: &str, text: impl Into<String>) -> Source {
    Source { path: path.into(), text: text.into().into() }
}

fn read(text: impl Into<String>) -> Result<Resolved, Vec<Mistake>> {
    load(&Sources { root: source("gateway.yaml", text), includes: Vec::new() }, &CATALOG, &mut Disk)
}

fn refused(text: impl Into<String>) -> Vec<String> {
    read(text).expect_err("taken").iter().map(ToString::to_string).collect()
}

fn models(count: usize) -> String {
    let mut text = format!("{HEAD}{BACKEND}models:\n");
    for index in 0..count {
        writeln!(text, "  m{index}: {{ backend: b }}").unwrap();
    }
    text
}

#[test]
fn ten_thousand_models_are_taken_and_announced() {
    let resolved = read(models(10_000)).unwrap();
    assert_eq!(resolved.models.len(), 10_000);
    assert!(resolved.warnings[0].message.contains("10000 models of at most 10000"), "{:?}", resolved.warnings);
    assert!(read(models(7_999)).unwrap().warnings.is_empty());
}

#[test]
fn one_model_more_is_refused_at_its_place() {
    assert_eq!(refused(models(10_001)), ["gateway.yaml:10005:3: more than 10000 models (use several gateways)"]);
}

#[test]
fn the_limit_counts_models_of_all_files() {
    let mut include = "owner: a\nmodels:\n".to_owned();
    for index in 0..2 {
        writeln!(include, "  i{index}: {{ backend: b }}").unwrap();
    }
    let sources = Sources { root: source("gateway.yaml", models(9_999)), includes: vec![source("a.yaml", include)] };
    let mistakes = load(&sources, &CATALOG, &mut Disk).unwrap_err();
    assert_eq!(mistakes.len(), 1);
    assert_eq!(mistakes[0].span.to_string(), "a.yaml:4:3");
}

#[test]
fn too_many_backends_and_listeners_are_refused() {
    let mut text = "version: 1\nbackends:\n".to_owned();
    for index in 0..1_001 {
        writeln!(text, "  b{index}: {{ protocol: embedded }}").unwrap();
    }
    writeln!(text, "listeners:").unwrap();
    for index in 0..101 {
        writeln!(text, "  l{index}: {{ address: 127.0.0.1:0, authenticate: [anonymous] }}").unwrap();
    }
    assert_eq!(
        refused(text),
        ["gateway.yaml:1003:3: more than 1000 backends", "gateway.yaml:1105:3: more than 100 listeners"]
    );
}

#[test]
fn too_many_tenants_and_rules_are_refused() {
    let mut text = format!("{HEAD}{BACKEND}tenants:\n");
    for index in 0..10_001 {
        writeln!(text, "  t{index}: {{}}").unwrap();
    }
    text.push_str("models:\n  m:\n    backend: b\n    access:\n");
    for index in 0..1_001 {
        writeln!(text, "      - {{ allow: t{index} }}").unwrap();
    }
    assert_eq!(
        refused(text),
        [
            "gateway.yaml:10005:3: more than 10000 tenants",
            "gateway.yaml:11010:9: more than 1000 rules of a model (use tenants and groups)",
        ]
    );
}

/// Each of many rules names each of many versions: what is known is looked up, not searched.
#[test]
fn rules_that_name_many_versions_are_read_in_time() {
    let mut text = format!("{HEAD}{BACKEND}models:\n  m:\n    traffic: {{ stable: v0 }}\n    versions:\n");
    let names: Vec<String> = (0..1_000).map(|index| format!("v{index}")).collect();
    for name in &names {
        writeln!(text, "      {name}: {{ backend: b }}").unwrap();
    }
    writeln!(text, "    access:\n      - {{ allow: everyone, versions: &all [{}] }}", names.join(",")).unwrap();
    for _ in 0..300 {
        text.push_str("      - { allow: everyone, versions: *all }\n");
    }
    let resolved = read(text).unwrap();
    let access = resolved.models[0].access.as_ref().unwrap();
    assert!(access.len() == 301 && access.iter().all(|rule| rule.versions.as_ref().unwrap().len() == 1_000));
}

#[test]
fn too_many_includes_and_versions_are_refused() {
    let mut text = format!("{HEAD}{BACKEND}models:\n  m:\n    traffic: {{ stable: v0 }}\n    versions:\n");
    for index in 0..1_001 {
        writeln!(text, "      v{index}: {{ backend: b }}").unwrap();
    }
    let includes = (0..1_001).map(|index| source(&format!("{index}.yaml"), "owner: a\n")).collect();
    let mistakes = load(&Sources { root: source("gateway.yaml", text), includes }, &CATALOG, &mut Disk).unwrap_err();
    let shown: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "gateway.yaml:1:1: `include` takes in more than 1000 files",
            "gateway.yaml:1008:7: more than 1000 versions of a model",
        ]
    );
}

#[test]
fn a_list_of_mistakes_ends() {
    let mut text = HEAD.to_owned();
    for index in 0..50_000 {
        writeln!(text, "unknown-{index}: 1").unwrap();
    }
    let mistakes = refused(text);
    assert_eq!(mistakes.len(), 1_001);
    assert_eq!(
        mistakes[0],
        "gateway.yaml:3:1: unknown key `unknown-0` (known here: `version`, `config`, `include`, \
                             `listeners`, `admin`, `shutdown`, `overload`, `defaults`, `backends`, `models`, `identity`, `state`, `tenants`, `limits`)"
    );
    assert!(mistakes[1_000].ends_with(": and 49000 more mistakes"), "{}", mistakes[1_000]);
}

#[test]
fn the_search_for_what_was_meant_ends() {
    let mut text = format!("{HEAD}backends:\n");
    for index in 0..1_000 {
        writeln!(text, "  backend-{index}: {{ protocol: embedded }}").unwrap();
    }
    writeln!(text, "models:").unwrap();
    for index in 0..150 {
        writeln!(text, "  m{index}: {{ backend: bakend-{index}, source: a }}").unwrap();
    }
    let mistakes = refused(text);
    assert_eq!(mistakes.len(), 150);
    assert!(mistakes[99].ends_with("(did you mean `backend-99`?)"), "{}", mistakes[99]);
    assert!(mistakes[100].ends_with("(it is not among those known)"), "{}", mistakes[100]);
}

#[test]
fn a_file_has_a_size() {
    let filler = "#".repeat(MAX_FILE - HEAD.len());
    assert!(read(format!("{HEAD}{filler}")).is_ok());
    assert_eq!(
        refused(format!("{HEAD}{filler}#")),
        ["gateway.yaml:1:1: the file is larger than 4 MiB (use several files (`include`))"]
    );
}

#[test]
fn a_file_has_a_number_of_values() {
    let text = format!("{HEAD}include: [{}]\n", "a,".repeat(500_000));
    let mistakes = refused(text);
    assert_eq!(mistakes.len(), 1);
    assert!(mistakes[0].contains("the file holds more than 500000 values"), "{}", mistakes[0]);
}

#[test]
fn long_text_cannot_be_multiplied_by_aliases() {
    let text = format!("{HEAD}include: [&a {}{}]\n", "x".repeat(1 << 20), ", *a".repeat(20));
    let mistakes = refused(text);
    assert_eq!(mistakes.len(), 1);
    assert!(mistakes[0].contains("the file holds more than 16 MiB of text"), "{}", mistakes[0]);
}

#[test]
fn nesting_without_end_is_refused() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
        for depth in [65, 300, 20_000] {
            let text = format!("{HEAD}models:\n  {}x{}\n", open.repeat(depth), close.repeat(depth));
            assert!(read(text).is_err(), "{open} {depth}");
        }
    }
}

#[test]
fn every_broken_half_of_a_file_is_refused_or_whole() {
    let text = format!("{}admin: {{ address: 127.0.0.1:9902 }}\n", models(3));
    for end in text.char_indices().map(|(index, _)| index) {
        // A half-written file may happen to be a whole one; it then has what every file must have.
        if let Ok(resolved) = read(text.get(..end).unwrap()) {
            assert_eq!(resolved.listeners.len(), 1);
        }
    }
}

#[test]
fn patterns_are_found_in_spite_of_mistakes() {
    for (text, expected) in [
        ("include: [teams/*.yaml, extra.yaml]\nversion: 7\nnonsense: {", &["teams/*.yaml", "extra.yaml"][..]),
        ("include: [a.yaml, [b], '', ~, { c: d }]", &["a.yaml"]),
        ("include: a.yaml", &[]),
        ("version: 1", &[]),
        ("]", &[]),
        ("", &[]),
    ] {
        assert_eq!(includes(&source("gateway.yaml", text)), expected, "{text}");
    }
}

#[test]
fn the_digest_is_of_the_meaning() {
    let digest_of = |text: &str, files: &str| {
        let sources = Sources { root: source("gateway.yaml", text), includes: Vec::new() };
        let resolved = load(&sources, &CATALOG, &mut |_: &str| Ok(files.to_owned())).unwrap();
        resolved.digest.to_string()
    };
    let text =
        format!("{HEAD}backends: {{ e: {{ protocol: embedded }} }}\nmodels: {{ m: {{ backend: e, source: a }} }}\n");
    let same = format!("# a comment\n{}", text.replace("version: 1", "version:   \"1\""));
    let other = text.replace("source: a", "source: b");
    assert_eq!(digest_of(&text, "one"), digest_of(&same, "one"));
    assert_ne!(digest_of(&text, "one"), digest_of(&other, "one"));
    assert_ne!(digest_of(&text, "one"), digest_of(&text, "two"), "another model file is another configuration");
}

#[test]
fn the_order_of_gathering_does_not_matter() {
    let files = [source("a.yaml", "owner: a\nmodels: { x: { backend: b } }\n"), source("b.yaml", "owner: b\n")];
    let resolve = |includes: Vec<Source>| {
        let root = source("gateway.yaml", format!("{HEAD}{BACKEND}"));
        load(&Sources { root, includes }, &CATALOG, &mut Disk).unwrap()
    };
    let [a, b] = files;
    let one = resolve(vec![a.clone(), b.clone()]);
    let other = resolve(vec![b, a.clone(), a]);
    assert_eq!(one.digest, other.digest);
    assert_eq!(other.models.len(), 1);
}

#[test]
fn a_model_file_is_asked_for_once() {
    let text = format!(
        "{HEAD}backends: {{ e: {{ protocol: embedded }} }}\nmodels: {{ m: {{ backend: e, source: a }}, n: {{ backend: e, source: a }} }}\n"
    );
    let mut asked = Vec::new();
    let sources = Sources { root: source("etc/gateway.yaml", text), includes: Vec::new() };
    load(&sources, &CATALOG, &mut |path: &str| {
        asked.push(path.to_owned());
        Ok("0".repeat(64))
    })
    .unwrap();
    assert_eq!(asked, ["etc/a"]);
}

#[test]
fn values_are_not_repeated_in_mistakes() {
    let secret = "s3cr3t-c4n4ry";
    let places = [
        format!("{HEAD}admin: {{ address: {secret} }}\n"),
        format!("{HEAD}shutdown: {{ grace: {secret} }}\n"),
        format!("{HEAD}config: {{ owner: {secret} }}\n"),
        format!("{HEAD}backends: {{ b: {{ protocol: oip-rest, endpoints: [\"http://u:{secret}@h\"] }} }}\n"),
        format!("{HEAD}backends: {{ b: {{ protocol: oip-rest, endpoints: [{secret}] }} }}\n"),
        format!("{HEAD}backends: {{ b: {{ protocol: {secret} }} }}\n"),
        format!("{HEAD}backends: {{ b: {{ protocol: embedded, threads: {secret}, warm: {secret} }} }}\n"),
        format!("{HEAD}admin: \"{secret}\n"),
        format!("{HEAD}admin: [{secret}\n"),
        format!("{HEAD}admin: {secret}\n"),
    ];
    for text in places {
        let mistakes = refused(text.clone());
        assert!(!mistakes.iter().any(|mistake| mistake.contains(secret)), "{text}{mistakes:?}");
    }
}

#[test]
fn certificates_and_keys_are_part_of_the_digest() {
    let tls = "version: 1\nlisteners: { main: { address: 127.0.0.1:1, authenticate: [anonymous], tls: { cert: c, key: k } } }\n\
               backends: { b: { protocol: oip-rest, endpoints: [\"https://a\"], tls: { ca: r, cert: c, key: k } } }\n\
               models: { m: { backend: b } }\n";
    let resolved = |changed: &str| {
        let sources = Sources { root: source("gateway.yaml", tls), includes: Vec::new() };
        load(&sources, &CATALOG, &mut |path: &str| {
            Ok(format!("{path}{}", if path == changed { "another" } else { "" }))
        })
        .unwrap()
    };
    let identity = |changed: &str| resolved(changed).backends[0].plan.endpoints[0].tls.clone().unwrap();
    let before = resolved("");
    assert_eq!(before.digest, resolved("").digest);
    assert_eq!(identity(""), identity(""));
    for file in ["c", "k", "r"] {
        assert_ne!(before.digest, resolved(file).digest, "{file}");
        assert_ne!(identity(""), identity(file), "{file}: another identity shares no connection");
    }
    assert_eq!(&*before.listeners[0].tls.clone().unwrap().key.bytes, b"k", "what was digested is what is used");
}

#[test]
fn each_part_of_an_identity_counts_as_itself() {
    let identity = |tls: &str| {
        let text = format!(
            "{HEAD}backends: {{ b: {{ protocol: oip-rest, endpoints: [\"https://a\"], tls: {tls} }} }}\nmodels: {{ m: {{ backend: b }} }}\n"
        );
        let sources = Sources { root: source("gateway.yaml", text), includes: Vec::new() };
        let resolved = load(&sources, &CATALOG, &mut |_: &str| Ok("the same content".to_owned())).unwrap();
        resolved.backends[0].plan.endpoints[0].tls.clone().unwrap().digest.clone()
    };
    let all =
        ["{}", "{ ca: f }", "{ name: f }", "{ cert: f, key: f }", "{ ca: f, name: f }", "{ ca: f, cert: f, key: f }"];
    let digests: std::collections::BTreeSet<_> = all.iter().map(|tls| identity(tls)).collect();
    assert_eq!(digests.len(), all.len());
}

#[test]
fn too_many_limits_are_refused_at_the_first_that_is_too_much() {
    let limits = |count| format!("{HEAD}limits:\n{}", "  - { requests: 1/s }\n".repeat(count));
    assert_eq!(read(limits(1000)).unwrap().limits.len(), 1000);
    assert_eq!(refused(limits(1001)), ["gateway.yaml:1004:5: more than 1000 limits"]);
}

#[test]
fn a_limit_is_known_again_by_what_it_counts_and_not_by_how_much() {
    let fingerprints = |limits: &str| -> Vec<String> {
        let limits = read(format!("{HEAD}limits:\n{limits}")).unwrap().limits;
        limits.iter().map(|limit| limit.fingerprint.to_string()).collect()
    };
    let before = fingerprints("  - { requests: 1/s }\n  - { per: principal, requests: 1/s }\n");
    let after = fingerprints(
        "  - { for: { listener: main }, requests: 9/s }\n  - { concurrency: 7, mode: observe }\n  - { per: [principal], requests: 5/day, burst: 2 }\n",
    );
    assert_eq!(before, after[1..], "at other places, and allowing more");
    let alike = fingerprints("  - { requests: 1/s }\n  - { requests: 9/h }\n  - { requests: 9/day, name: daily }\n");
    assert!(alike[0] != alike[1] && alike[1] != alike[2] && alike[0] == before[0], "{alike:?}");
}
