//! `sluicegate can`: what the rules of a configuration come to, and what to write.

use serde_json::{Value, json};

use crate::support::{sluicegate, stderr, stdout};

const TEXT: &str = "\
version: 1
listeners:
  main: { address: 127.0.0.1:0, authenticate: [anonymous] }
  operators: { address: 127.0.0.1:0, authenticate: [anonymous], management: allow }
backends: { b: { protocol: oip-rest, endpoints: [\"http://127.0.0.1:1\"] } }
tenants: { risk: {}, team-b: {} }
models:
  iris: { backend: b }
  credit@risk:
    versions: { \"3\": { backend: b }, \"4\": { backend: b } }
    traffic: { stable: \"3\" }
    access:
      - { allow: risk }
      - { allow: team-b, versions: [\"4\"], operations: [infer, ready] }
      - { allow: { group: operators }, operations: [manage] }
      - { deny: { principal: key:old } }
";

/// A file of `text`, and its folder.
fn configured(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.yaml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// Exit code and answer.
fn can(text: &str, words: &[&str]) -> (i32, Value) {
    let (_folder, path) = configured(text);
    let output = sluicegate(&[&["can"], words, &["--config", &path, "-o", "json"]].concat());
    let report = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| json!(stderr(&output)));
    (output.status.code().unwrap(), report)
}

fn lines(report: &Value) -> Vec<u64> {
    report["rules"].as_array().unwrap().iter().map(|rule| rule["line"].as_u64().unwrap()).collect()
}

#[test]
fn what_is_allowed_comes_with_its_versions_and_rules() {
    for (words, versions, decided) in [
        (&["key:a", "infer", "credit@risk", "--tenant", "risk"][..], json!(["3", "4"]), &[13][..]),
        (&["key:a", "infer", "credit@risk@3", "--tenant", "risk"], json!(["3"]), &[13]),
        (&["key:a", "infer", "credit@risk", "--tenant", "team-b"], json!(["4"]), &[14]),
        (&["key:a", "run", "credit@risk", "--tenant", "risk"], json!(["3", "4"]), &[13]),
        (&["key:a", "manage", "credit@risk", "--tenant", "team-b", "--group", "operators"], json!(["3", "4"]), &[15]),
        (&["anonymous", "infer", "iris"], json!(["1"]), &[]),
        (&["anonymous", "manage", "iris@1"], json!(["1"]), &[]),
    ] {
        let (code, report) = can(TEXT, words);
        assert_eq!((code, &report["allowed"], &report["versions"]), (0, &json!(true), &versions), "{words:?} {report}");
        assert_eq!(lines(&report), decided, "{words:?} {report}");
        assert_eq!(report["advice"], Value::Null, "{words:?}");
    }
}

#[test]
fn what_is_not_allowed_comes_with_what_to_write() {
    for (words, why, advice) in [
        (
            &["key:a", "infer", "iris", "--tenant", "risk"][..],
            "has no `access`",
            "`access: [{ allow: risk }]` at the model",
        ),
        (&["key:a", "infer", "credit@risk@3", "--tenant", "team-b"], "no rule", "{ allow: team-b, versions: [\"3\"] }"),
        (&["key:a", "run", "credit@risk", "--tenant", "team-b"], "no version", "add `{ allow: team-b }`"),
        (&["key:a", "manage", "credit@risk", "--tenant", "risk"], "no rule", "{ allow: risk, operations: [manage] }"),
        (&["key:old", "infer", "credit@risk", "--tenant", "risk"], "a rule denies it", "g.yaml:16:9 out"),
        (&["key:a", "infer", "credit@risk"], "belong to none", "--tenant"),
        (&["anonymous", "infer", "credit@risk"], "no rule", "{ principal: anonymous }"),
    ] {
        let (code, report) = can(TEXT, words);
        assert_eq!(
            (code, &report["allowed"], &report["versions"]),
            (1, &json!(false), &json!([])),
            "{words:?} {report}"
        );
        assert!(report["why"].as_str().unwrap().contains(why), "{words:?} {report}");
        assert!(report["advice"].as_str().unwrap().contains(advice), "{words:?} {report}");
    }
}

/// What `can` says to write is taken, and then it is allowed.
#[test]
fn the_advice_holds() {
    let ask = ["key:a", "infer", "credit@risk@3", "--tenant", "team-b"];
    let more = TEXT.replace("      - { deny:", "      - { allow: team-b, versions: [\"3\"] }\n      - { deny:");
    assert_eq!((can(TEXT, &ask).0, can(&more, &ask).0), (1, 0));
    let ask = ["key:a", "infer", "iris", "--tenant", "risk"];
    let more = TEXT.replace("iris: { backend: b }", "iris: { backend: b, access: [{ allow: risk }] }");
    assert_eq!((can(TEXT, &ask).0, can(&more, &ask).0), (1, 0));
    assert_eq!((can(TEXT, &["anonymous", "infer", "iris"]).0, can(&more, &["anonymous", "infer", "iris"]).0), (0, 1));
}

#[test]
fn a_listener_must_take_orders_and_callers() {
    let closed = TEXT.replace(", management: allow", "");
    let (code, report) = can(&closed, &["anonymous", "manage", "iris"]);
    assert_eq!(code, 1);
    assert!(report["advice"].as_str().unwrap().contains("management: allow"), "{report}");
    let (_, report) = can(TEXT, &["anonymous", "manage", "iris"]);
    let why = report["why"].as_str().unwrap();
    assert!(why.contains("operators") && !why.contains("main"), "{why}");
}

#[test]
fn a_question_that_makes_no_sense_says_so() {
    for (words, told) in [
        (&["key:a", "infer", "irs"][..], "did you mean `iris`?"),
        (&["key:a", "infer", "credit@risk@5"], "it has `3`, `4`"),
        (&["key:a", "infr", "iris"], "did you mean `infer`?"),
        (&["key:a", "server_live", "iris"], "nothing that is asked of models"),
        (&["a", "infer", "iris"], "`key:NAME`"),
        (&["key:a", "infer", "iris", "--tenant", "rsk"], "did you mean `risk`?"),
        (&["anonymous", "infer", "iris", "--group", "g"], "leave --tenant and --group out"),
    ] {
        let (code, said) = can(TEXT, words);
        assert_eq!(code, 2, "{words:?} {said}");
        assert!(said.as_str().unwrap().contains(told), "{words:?} {said}");
    }
    let (code, said) = can(&TEXT.replace("risk: {}", "rosk: {}"), &["key:a", "infer", "iris"]);
    assert_eq!(code, 2);
    assert!(said.as_str().unwrap().contains("g.yaml:13:18: there is no tenant `risk`"), "{said}");
}

#[test]
fn rules_that_are_merely_observed_say_no_and_that_it_is_served() {
    let observed = format!("{TEXT}defaults: {{ policy: observe }}\n");
    let ask = ["key:old", "infer", "credit@risk", "--tenant", "risk"];
    for (text, words, expected) in [
        (TEXT, &ask[..], false),
        (observed.as_str(), &ask, true),
        // Neither a tenant nor orders are the model's rules to waive.
        (observed.as_str(), &ask[..3], false),
        (observed.as_str(), &["key:old", "manage", "credit@risk", "--tenant", "risk"], false),
    ] {
        let (code, report) = can(text, words);
        assert_eq!((code, &report["observed"]), (1, &json!(expected)), "{words:?} {report}");
    }
    let (code, report) = can(&observed, &["anonymous", "infer", "iris"]);
    assert_eq!((code, &report["observed"]), (0, &json!(false)), "{report}");
}

#[test]
fn people_read_yes_or_no_first() {
    let (_folder, path) = configured(TEXT);
    let ask = |words: &[&str]| stdout(&sluicegate(&[&["can"], words, &["--config", &path]].concat()));
    let yes = ask(&["key:a", "infer", "credit@risk", "--tenant", "team-b"]);
    assert!(yes.starts_with("yes: key:a may `infer` credit@risk (version 4)\n"), "{yes}");
    assert!(yes.contains(&format!("{path}:14:9: allow tenant team-b, version 4: infer, ready")), "{yes}");
    let no = ask(&["key:old", "infer", "credit@risk", "--tenant", "risk"]);
    assert!(no.starts_with("no: key:old may not `infer` credit@risk\n"), "{no}");
    let yaml = stdout(&sluicegate(&["can", "anonymous", "infer", "iris", "--config", &path, "-o", "yaml"]));
    assert!(yaml.contains("allowed: true"), "{yaml}");
}
