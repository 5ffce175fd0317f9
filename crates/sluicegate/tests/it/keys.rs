//! Keys of callers on the command line, beside gateways that run and without one.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Gateway, sluicegate, stderr, stdout};

const HEAD: &str = "version: 1\nlisteners: { main: { address: 127.0.0.1:0, authenticate: [anonymous] } }\n";

/// A folder with a configuration that says where keys are kept.
struct House {
    folder: TempDir,
    config: PathBuf,
}

impl House {
    fn new() -> Self {
        Self::with(&format!("{HEAD}state: {{ store: {{ sqlite: state.db }} }}\n"))
    }

    fn with(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("gateway.yaml");
        fs::write(&config, configuration).unwrap();
        Self { folder, config }
    }

    fn keys(&self, arguments: &[&str]) -> Output {
        sluicegate(&[&["keys"], arguments, &["--config", self.config.to_str().unwrap()]].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.keys(&[arguments, &["-o", "json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    }

    /// What is said about it when it fails.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.keys(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stdout(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
        stderr(&output)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

#[test]
fn a_key_is_shown_once_and_kept_as_a_digest() {
    let house = House::new();
    let output = house.keys(&["create", "batch", "--tenant", "risk", "--expires", "90d"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("it is not shown again"), "{}", stderr(&output));
    let shown = stdout(&output);
    let key = shown.split_whitespace().find(|word| word.starts_with("sgk_")).unwrap();
    assert_eq!(key.len(), 55);
    let secret = key.get(17..).unwrap();
    for listed in [&["list"][..], &["list", "--all", "-o", "json"], &["list", "-o", "yaml"]] {
        let listed = stdout(&house.keys(listed));
        assert!(listed.contains("batch") && listed.contains("risk") && !listed.contains(secret), "{listed}");
    }
    for file in ["state.db", "state.db.pepper"] {
        assert_eq!(mode(&house.file(file)), 0o600, "{file}");
        let kept = fs::read(house.file(file)).unwrap();
        assert!(!kept.windows(32).any(|window| window == &secret.as_bytes()[..32]), "{file}");
    }
    assert!(!house.file("state.db-wal").exists(), "nothing is left open");
}

#[test]
fn what_is_granted_is_listed() {
    let house = House::new();
    let made = house.json(&[
        "create",
        "scoring",
        "--tenant",
        "risk",
        "--group",
        "b",
        "--group",
        "a",
        "--scope",
        "infer",
        "--scope",
        "read",
        "--model",
        "fraud",
        "--purpose",
        "scoring",
        "--author",
        "ops",
        "--reason",
        "asked for by risk",
    ]);
    assert_eq!(made["name"], "scoring");
    let listed = house.json(&["list"]);
    let row = &listed[0];
    assert_eq!(row["id"].as_str(), made["key"].as_str().unwrap().get(4..16));
    assert_eq!(row["groups"], serde_json::json!(["a", "b"]));
    assert_eq!(row["scopes"], serde_json::json!(["infer", "read"]));
    assert_eq!((&row["models"], &row["purposes"]), (&serde_json::json!(["fraud"]), &serde_json::json!(["scoring"])));
    assert_eq!((&row["state"], &row["author"]), (&Value::from("live"), &Value::from("ops")));
    assert_eq!((&row["ends"], &row["revoked"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_key_is_rotated_and_revoked() {
    let house = House::new();
    let first = house.json(&["create", "batch", "--tenant", "risk"]);
    let second = house.json(&["rotate", "batch", "--overlap", "2h"]);
    assert_ne!(first["key"], second["key"]);
    assert!(second["overlap_until"].is_string(), "{second}");
    let states = |listed: Value| -> Vec<String> {
        listed.as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(house.json(&["list"])), ["overlapping", "live"]);
    house.json(&["rotate", "batch", "--overlap", "0s"]);
    assert_eq!(states(house.json(&["list"])), ["live"]);
    let words = house.refused(&["revoke", "batch"]);
    assert!(words.contains("`--reason TEXT`"), "{words}");
    let ended = house.json(&["revoke", "batch", "--reason", "lost"]);
    assert_eq!(ended["secrets"], 1);
    assert_eq!(states(house.json(&["list"])), [""; 0]);
    assert_eq!(states(house.json(&["list", "--all"])), ["replaced", "replaced", "revoked"]);
}

#[test]
fn errors_say_what_to_do_next() {
    let house = House::new();
    house.json(&["create", "batch", "--tenant", "risk"]);
    let cases: [(&[&str], &str); 9] = [
        (&["create", "batch", "--tenant", "risk"], "`sluicegate keys rotate batch`"),
        (&["rotate", "other"], "`sluicegate keys list`"),
        (&["revoke", "other", "--reason", "x"], "`sluicegate keys list`"),
        (&["create", "Upper", "--tenant", "risk"], "1 to 64 characters of `a-z`"),
        (&["create", "a", "--tenant", "a b"], "the name of a tenant"),
        (&["create", "a", "--tenant", "t", "--scope", "all"], "a scope is one of `run`, `read`"),
        (&["create", "a", "--tenant", "t", "--expires", "0s"], "expires after it is made"),
        (&["rotate", "batch", "--overlap", "91d"], "at most 90d"),
        (&["create", "a", "--tenant", "t", "--author", "two\nlines"], "an author has"),
    ];
    for (arguments, words) in cases {
        let said = house.refused(arguments);
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    let listed = house.json(&["list", "--all"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "what is refused changes nothing: {listed}");
    let usage = house.keys(&["create", "a", "--tenant", "t", "--expires", "soon"]);
    assert!(stderr(&usage).contains("a time such as `90d`"), "{}", stderr(&usage));
}

#[test]
fn it_says_where_the_configuration_lacks_something() {
    let without = House::with(HEAD);
    let words = without.refused(&["list"]);
    assert!(words.contains("write `state: { store: { sqlite: PATH } }`"), "{words}");
    let wrong = House::with("version: 1\nstate: { store: { sqllite: a.db } }\n");
    let words = wrong.refused(&["list"]);
    assert!(words.contains("gateway.yaml:2:19: ") && words.contains("did you mean `sqlite`?"), "{words}");
    let broken = House::with("nonsense: 1\nstate: { store: { sqlite: state.db } }\n");
    broken.json(&["create", "batch", "--tenant", "risk"]);
    let missing = House::with(&format!("{HEAD}state: {{ store: {{ sqlite: no/state.db }} }}\n"));
    let words = missing.refused(&["list"]);
    assert!(words.contains("gateway.yaml:3:27: ") && words.contains("write to the folder"), "{words}");
}

#[test]
fn what_was_written_by_hand_does_not_reach_a_terminal_as_it_is() {
    let house = House::new();
    house.json(&["create", "batch", "--tenant", "risk", "--author", "\u{200b}ops\u{202e}"]);
    let shown = stdout(&house.keys(&["list"]));
    assert!(shown.contains("\\u{200b}ops\\u{202e}") && !shown.contains('\u{202e}'), "{shown}");
}

/// `check` says it before a start does.
#[test]
fn a_listener_that_takes_keys_and_no_store_is_a_mistake() {
    let takes = |methods: &str, rest: &str| {
        let listener = format!("main: {{ address: 127.0.0.1:0, authenticate: {methods} }}");
        let house = House::with(&format!("version: 1\nlisteners: {{ {listener} }}\n{rest}"));
        let output = sluicegate(&["check", house.config.to_str().unwrap()]);
        (output.status.code(), stdout(&output), house)
    };
    for (methods, place) in [("[api_key]", "2:59"), ("[anonymous, api_key]", "2:70")] {
        let (code, words, _) = takes(methods, "");
        assert_eq!(code, Some(1), "{words}");
        assert!(words.contains(&format!("gateway.yaml:{place}: `main` takes keys")), "{words}");
        assert!(words.contains("write `state: { store: { sqlite: PATH } }`"), "{words}");
        let (code, words, house) = takes(methods, "state: { store: { sqlite: state.db } }\n");
        assert_eq!(code, Some(0), "{words}");
        assert!(!house.file("state.db").exists(), "a check makes nothing");
    }
}

/// The command as a user who may not write to the folder.
#[test]
fn in_a_folder_that_cannot_be_written_it_says_so() {
    let house = House::new();
    fs::set_permissions(house.folder.path(), Permissions::from_mode(0o555)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command.args(["keys", "list", "--config"]).arg(&house.config);
    if fs::metadata(&house.config).unwrap().uid() == 0 {
        // Nothing keeps root from writing.
        command.uid(65_534);
    }
    let output = command.output().unwrap();
    fs::set_permissions(house.folder.path(), Permissions::from_mode(0o755)).unwrap();
    let words = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("state.db") && words.contains("write to the folder"), "{words}");
}

#[test]
fn the_pepper_can_be_kept_apart() {
    let pepper = |at: &str| format!("{HEAD}state: {{ store: {{ sqlite: state.db }}, pepper: {at} }}\n");
    let house = House::with(&pepper("{ file: pepper }"));
    let words = house.refused(&["list"]);
    assert!(words.contains("there is no file") && words.contains("pepper"), "{words}");
    fs::write(house.file("pepper"), "ab".repeat(32)).unwrap();
    fs::set_permissions(house.file("pepper"), Permissions::from_mode(0o644)).unwrap();
    let words = house.refused(&["list"]);
    assert!(words.contains("`chmod 640 "), "{words}");
    fs::set_permissions(house.file("pepper"), Permissions::from_mode(0o400)).unwrap();
    house.json(&["create", "batch", "--tenant", "risk"]);
    assert!(!house.file("state.db.pepper").exists());
    fs::write(&house.config, pepper("{ env: NO_SUCH_PEPPER }")).unwrap();
    let words = house.refused(&["list"]);
    assert!(words.contains("there is no environment variable `NO_SUCH_PEPPER`"), "{words}");
    for at in ["env", "file"] {
        fs::write(&house.config, pepper(&format!("{{ {at}: \"{}\" }}", "cd".repeat(32)))).unwrap();
        let words = house.refused(&["list"]);
        assert!(words.contains("make another") && !words.contains("cdcd"), "{words}");
    }
    fs::write(&house.config, format!("{HEAD}state: {{ store: {{ sqlite: state.db }} }}\n")).unwrap();
    let words = house.refused(&["list"]);
    assert!(words.contains("state.db.pepper is gone"), "no other is made: {words}");
}

#[test]
fn keys_are_managed_beside_a_gateway_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let text = |store: &str| format!("{HEAD}state: {{ store: {{ sqlite: {store} }} }}\n");
    let (mut gateway, config) = Gateway::of(folder.path(), &text("state.db"));
    assert_eq!(mode(&folder.path().join("state.db")), 0o600, "the gateway makes it");
    let house = House { folder, config };
    for name in ["one", "other"] {
        house.json(&["create", name, "--tenant", "risk"]);
    }
    house.json(&["revoke", "one", "--reason", "lost"]);
    assert_eq!(house.json(&["list"]).as_array().map(Vec::len), Some(1));
    fs::write(house.file("damaged.db"), "no database".repeat(500)).unwrap();
    fs::set_permissions(house.file("damaged.db"), Permissions::from_mode(0o600)).unwrap();
    fs::write(&house.config, text("damaged.db")).unwrap();
    gateway.wait_for("that it is refused", |line| line.contains("put a backup in its place"));
    fs::write(&house.config, text("another.db")).unwrap();
    gateway.wait_for("that it serves", |line| line.contains("new configuration serves"));
    assert_eq!(house.json(&["list"]).as_array().map(Vec::len), Some(0));
}

#[test]
fn a_store_that_vanishes_under_a_gateway_is_told_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut gateway, config) =
        Gateway::of(folder.path(), &format!("{HEAD}state: {{ store: {{ sqlite: state.db }} }}\n"));
    let house = House { folder, config };
    house.json(&["create", "one", "--tenant", "risk"]);
    let metrics = |gateway: &Gateway| gateway.admin("/metrics").text().to_owned();
    fs::rename(house.file("state.db"), house.file("away.db")).unwrap();
    gateway.wait_for("that it is gone", |line| line.contains("the store of keys cannot be read"));
    let now = metrics(&gateway);
    assert!(now.contains("\nsluicegate_keys_failing{} 1.0"), "{now}");
    assert!(!house.file("state.db").exists(), "it makes no other");
    fs::rename(house.file("away.db"), house.file("state.db")).unwrap();
    gateway.wait_for("that it is back", |line| line.contains("the store of keys can be read again"));
    let now = metrics(&gateway);
    assert!(now.contains("\nsluicegate_keys_failing{} 0.0") && now.contains("\nsluicegate_keys_known{} 1.0"), "{now}");
}

#[test]
fn a_gateway_whose_store_cannot_be_had_does_not_start() {
    let house = House::new();
    fs::write(house.file("state.db"), "no database".repeat(500)).unwrap();
    fs::set_permissions(house.file("state.db"), Permissions::from_mode(0o600)).unwrap();
    let output = sluicegate(&["serve", "--config", house.config.to_str().unwrap(), "--admin", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let words = stderr(&output);
    assert!(words.contains("gateway.yaml:3:27: ") && words.contains("put a backup in its place"), "{words}");
}
