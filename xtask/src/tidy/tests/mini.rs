//! The miniature tree: the fewest files and packages that every check accepts, and ways to spoil them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tidy::fuzzed::PARSERS;
use crate::tidy::metadata::Metadata;
use crate::tidy::tree::Tree;
use crate::tidy::{Facts, Finding, check};

/// Stands for the default registry; the checks learn its name from the packages.
const REGISTRY: &str = "registry+default";

/// A tree in a temporary folder, and what cargo would say about it.
pub(super) struct Mini {
    folder: TempDir,
    packages: Vec<Value>,
    nodes: Vec<Value>,
    members: Vec<String>,
}

impl Mini {
    /// Tidy.
    pub(super) fn tidy() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut mini = Self { folder, packages: Vec::new(), nodes: Vec::new(), members: Vec::new() };
        for room in ["core", "wire", "flow", "server", "adapters", "testkit"] {
            mini.room(room);
            mini.write(&format!("crates/{room}/src/lib.rs"), "//! A room.\n");
        }
        mini.room("sluicegate");
        mini.write("crates/sluicegate/src/main.rs", "//! The binary.\n\nfn main() {}\n");
        mini.write(
            "crates/flow/src/lib.rs",
            "//! Flow.\n\npub mod access;\npub mod build;\npub mod control;\nmod serve;\n\npub use serve::serve;\n",
        );
        mini.write("crates/adapters/src/upstream/table.rs", "//! Table.\nuse super::one::ONE;\n");
        mini.write("crates/adapters/src/upstream/one.rs", "//! One.\nuse crate::http::Client;\n");
        mini.write("crates/adapters/src/upstream/two.rs", "//! Two.\n");
        mini.write("crates/adapters/src/http/pool.rs", "//! Shared.\nuse super::dial;\nuse crate::http::dial::Dial;\n");
        mini.write("crates/adapters/src/http/dial.rs", "//! Shared.\n");
        mini.write("deny.toml", include_str!("../../../../deny.toml"));
        mini.write("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n");
        mini.write(
            "docs/a.md",
            "See [the other](b.md#part), [the log](../CHANGELOG.md), [elsewhere](https://example.com/x).\n",
        );
        mini.write("docs/b.md", "# Part\n");
        mini.write("Cargo.lock", "");
        mini.write("fuzz/Cargo.toml", "");
        mini.write("docs/fuzzing.md", "# Fuzzing\n\n");
        for (parser, target) in PARSERS {
            if Path::new(parser).extension().is_some() {
                mini.write(parser, "//! A parser.\n");
            } else {
                mini.write(&format!("{parser}/any.rs"), "//! A parser.\n");
            }
            mini.fuzz_target(target);
        }
        mini
    }

    /// A target with a corpus, its entry in the manifest and the test that runs it.
    pub(super) fn fuzz_target(&self, target: &str) {
        self.write(&format!("fuzz/targets/{target}.rs"), "//! A target.\n");
        self.write(&format!("fuzz/corpus/{target}/1"), "input");
        self.write(
            &format!("crates/core/tests/{target}.rs"),
            &format!("#[path = \"../../../fuzz/targets/{target}.rs\"]\nmod target;\n"),
        );
        self.append("fuzz/Cargo.toml", &format!("[[bin]]\nname = \"{target}\"\n"));
        self.append("docs/fuzzing.md", &format!("| `{target}` | what it reads |\n"));
    }

    /// Adds a room with an empty dependency table.
    pub(super) fn room(&mut self, room: &str) {
        let name = package(room);
        let manifest = format!("crates/{room}/Cargo.toml");
        self.write(&manifest, "[lints]\nworkspace = true\n\n[dependencies]\n");
        self.packages.push(json!({
            "id": name, "name": name, "version": "0.1.0", "license": "Apache-2.0", "source": null,
            "manifest_path": format!("/mini/{manifest}"), "dependencies": []
        }));
        self.nodes.push(json!({ "id": name, "deps": [] }));
        self.members.push(name);
    }

    /// Adds a package of others that nobody depends on yet.
    pub(super) fn foreign(&mut self, name: &str) {
        self.foreign_with(name, "MIT", Some(REGISTRY));
    }

    /// The same, under any licence and from anywhere.
    pub(super) fn foreign_with(&mut self, name: &str, license: &str, source: Option<&str>) {
        self.packages.push(json!({
            "id": name, "name": name, "version": "1.0.0", "license": license, "source": source,
            "manifest_path": format!("/elsewhere/{name}/Cargo.toml"), "dependencies": []
        }));
        self.nodes.push(json!({ "id": name, "deps": [] }));
        self.append("Cargo.lock", &format!("[[package]]\nname = \"{name}\"\n"));
    }

    /// Adds an edge between two packages, named by room or name; a kind is `dev` or `build`.
    pub(super) fn depend(&mut self, from: &str, to: &str, kind: Option<&str>) {
        let (from_name, to_name) = (self.named(from), self.named(to));
        let source = self.packages.iter().find(|package| package["id"] == *to_name).unwrap()["source"].clone();
        let dependency = json!({ "name": to_name, "kind": kind, "source": source, "registry": null });
        let edge = json!({ "pkg": to_name, "dep_kinds": [{ "kind": kind }] });
        let package = self.packages.iter_mut().find(|package| package["id"] == *from_name).unwrap();
        package["dependencies"].as_array_mut().unwrap().push(dependency);
        let node = self.nodes.iter_mut().find(|node| node["id"] == *from_name).unwrap();
        node["deps"].as_array_mut().unwrap().push(edge);
        if self.members.contains(&from_name) {
            self.append(&format!("crates/{from}/Cargo.toml"), &format!("{to_name}.workspace = true\n"));
        }
    }

    fn named(&self, name: &str) -> String {
        let ours = package(name);
        if self.members.contains(&ours) { ours } else { name.to_owned() }
    }

    /// Writes a file.
    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Adds to a file.
    pub(super) fn append(&self, path: &str, text: &str) {
        let old = fs::read_to_string(self.folder.path().join(path)).unwrap();
        self.write(path, &(old + text));
    }

    /// Removes a file.
    pub(super) fn remove(&self, path: &str) {
        fs::remove_file(self.folder.path().join(path)).unwrap();
    }

    /// What tidy says.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let metadata = json!({
            "packages": self.packages, "workspace_members": self.members, "workspace_root": "/mini",
            "resolve": { "nodes": self.nodes }
        });
        let metadata = Metadata::parse(&metadata.to_string()).unwrap();
        check(&Facts::new(Tree::walk(self.folder.path()).unwrap(), metadata))
    }
}

fn package(room: &str) -> String {
    if room == "sluicegate" { room.to_owned() } else { format!("sluicegate-{room}") }
}
