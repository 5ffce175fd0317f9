//! Planted among the crates: forbidden edges, licences, origins, bans.

use super::mini::Mini;
use super::only;
use crate::tidy::metadata::Metadata;
use crate::tidy::tree::Tree;
use crate::tidy::{Facts, check};

#[test]
fn the_miniature_tree_is_tidy() {
    assert_eq!(Mini::tidy().findings(), []);
}

#[test]
fn allowed_edges_are_no_findings() {
    let mut mini = Mini::tidy();
    for name in ["bytes", "hyper", "insta", "tokio"] {
        mini.foreign(name);
    }
    mini.depend("core", "bytes", None);
    mini.depend("core", "insta", Some("dev"));
    mini.depend("wire", "core", None);
    mini.depend("wire", "tokio", Some("dev"));
    mini.depend("flow", "tokio", None);
    mini.depend("server", "hyper", None);
    mini.depend("server", "testkit", Some("dev"));
    mini.depend("sluicegate", "adapters", None);
    assert_eq!(mini.findings(), []);
}

#[test]
fn an_edge_between_rooms_that_the_table_lacks() {
    let mut mini = Mini::tidy();
    mini.depend("server", "wire", None);
    let findings = mini.findings();
    let (place, message) = only(&findings);
    assert_eq!(place, "walls crates/server/Cargo.toml:5");
    assert_eq!(message, "room server must not import wire; it may import core, http2");
}

#[test]
fn a_build_dependency_is_an_edge_too() {
    let mut mini = Mini::tidy();
    mini.depend("adapters", "flow", Some("build"));
    assert!(only(&mini.findings()).1.contains("must not import flow"));
}

#[test]
fn nobody_imports_the_binary() {
    let mut mini = Mini::tidy();
    mini.depend("server", "sluicegate", None);
    assert!(only(&mini.findings()).1.contains("must not import sluicegate"));
}

#[test]
fn the_testkit_outside_dev_dependencies() {
    let mut mini = Mini::tidy();
    mini.depend("sluicegate", "testkit", None);
    assert!(only(&mini.findings()).1.contains("outside dev-dependencies"));
}

#[test]
fn a_crate_that_the_room_must_never_import() {
    let mut mini = Mini::tidy();
    mini.foreign("hyper");
    mini.depend("flow", "hyper", None);
    let findings = mini.findings();
    let (place, message) = only(&findings);
    assert_eq!(place, "walls crates/flow/Cargo.toml:5");
    assert!(message.contains("must never import hyper"), "{message}");
}

#[test]
fn a_forbidden_crate_brought_along_by_another() {
    let mut mini = Mini::tidy();
    mini.foreign("bytes");
    mini.foreign("tokio");
    mini.depend("core", "bytes", None);
    mini.depend("bytes", "tokio", None);
    let findings = mini.findings();
    let (place, message) = only(&findings);
    assert_eq!(place, "walls crates/core/Cargo.toml:5");
    assert!(message.ends_with("sluicegate-core -> bytes -> tokio"), "{message}");
}

#[test]
fn a_crate_that_is_not_on_a_pure_rooms_list() {
    let mut mini = Mini::tidy();
    mini.foreign("rand");
    mini.depend("wire", "rand", None);
    assert!(only(&mini.findings()).1.contains("not on its list"));
}

#[test]
fn a_test_library_that_is_none() {
    let mut mini = Mini::tidy();
    mini.foreign("mockall");
    mini.depend("core", "mockall", Some("dev"));
    assert!(only(&mini.findings()).1.contains("TEST_LIBRARIES"));
}

#[test]
fn tests_of_a_room_do_not_reach_through_its_walls() {
    let mut mini = Mini::tidy();
    mini.depend("flow", "adapters", Some("dev"));
    assert!(only(&mini.findings()).1.contains("test through the testkit"));
}

#[test]
fn a_room_that_the_table_does_not_know() {
    let mut mini = Mini::tidy();
    mini.room("shed");
    let findings = mini.findings();
    assert_eq!(only(&findings).0, "walls crates/shed/Cargo.toml:1");
}

#[test]
fn a_room_without_the_workspaces_lints() {
    let mini = Mini::tidy();
    mini.write("crates/core/Cargo.toml", "[dependencies]\n");
    assert!(only(&mini.findings()).1.contains("[lints]"));
}

#[test]
fn a_licence_that_is_not_allowed() {
    let mut mini = Mini::tidy();
    mini.foreign("fine");
    mini.depend("adapters", "fine", None);
    mini.foreign_with("viral", "MIT AND GPL-3.0", Some("registry+default"));
    let findings = mini.findings();
    let (place, message) = only(&findings);
    assert_eq!(place, "licences Cargo.lock:4");
    assert!(message.starts_with("viral 1.0.0 is under MIT AND GPL-3.0"), "{message}");
}

#[test]
fn a_licence_that_nobody_can_read() {
    let mut mini = Mini::tidy();
    mini.foreign("fine");
    mini.depend("adapters", "fine", None);
    mini.foreign_with("odd", "MIT OR", Some("registry+default"));
    assert!(only(&mini.findings()).1.contains("cannot be read"));
}

#[test]
fn a_package_from_git_or_another_registry_or_a_folder() {
    for source in [Some("git+https://example.com/x"), Some("registry+other"), None] {
        let mut mini = Mini::tidy();
        mini.foreign("fine");
        mini.depend("adapters", "fine", None);
        mini.foreign_with("strange", "MIT", source);
        let findings = mini.findings();
        let (place, message) = only(&findings);
        assert_eq!(place, "sources Cargo.lock:4");
        assert!(message.contains("only the default registry"), "{message}");
    }
}

#[test]
fn a_banned_crate_and_who_brings_it() {
    let mut mini = Mini::tidy();
    mini.foreign("friend");
    mini.foreign("openssl");
    mini.depend("adapters", "friend", None);
    mini.depend("friend", "openssl", None);
    let findings = mini.findings();
    let (place, message) = only(&findings);
    assert_eq!(place, "bans Cargo.lock:4");
    assert!(message.contains("it comes through friend"), "{message}");
}

#[test]
fn a_tolerated_way_is_tolerated_and_no_other() {
    let mut mini = Mini::tidy();
    mini.foreign("tract-core");
    mini.foreign("lazy_static");
    mini.depend("adapters", "tract-core", None);
    mini.depend("tract-core", "lazy_static", None);
    assert_eq!(mini.findings(), []);
    mini.depend("adapters", "lazy_static", None);
    assert!(only(&mini.findings()).1.contains("it comes through sluicegate-adapters"));
}

/// The same through cargo itself: manifests on disk, no JSON of our own making.
#[test]
fn cargos_own_metadata_shows_the_edge() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n");
    for (room, dependencies) in [("core", "sluicegate-wire = { path = \"../wire\" }\n"), ("wire", "")] {
        let head = format!("[package]\nname = \"sluicegate-{room}\"\nversion = \"0.1.0\"\nlicense = \"MIT\"\n");
        let tail = format!("[lints]\nworkspace = true\n[dependencies]\n{dependencies}");
        write(&format!("crates/{room}/Cargo.toml"), &(head + "edition = \"2024\"\n" + &tail));
        write(&format!("crates/{room}/src/lib.rs"), "//! A room.\n");
    }
    write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"crates/*\"]\n[workspace.lints]\n");
    let facts = Facts::new(Tree::walk(&root).unwrap(), Metadata::load(&root).unwrap());
    let walls: Vec<_> = check(&facts).into_iter().filter(|finding| finding.check == "walls").collect();
    let (place, message) = only(&walls);
    assert_eq!(place, "walls crates/core/Cargo.toml:9");
    assert!(message.contains("must not import wire"), "{message}");
}
