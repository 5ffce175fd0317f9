//! Planted into code: long files and functions, missing headers, forbidden words, reaches through walls.

use super::mini::Mini;
use super::only;
use crate::tidy::Level;

const FILE: &str = "crates/core/src/planted.rs";

/// Tidy, but for this file.
fn with(path: &str, text: &str) -> Mini {
    let mini = Mini::tidy();
    mini.write(path, text);
    mini
}

fn headed(code: &str) -> String {
    format!("//! Planted.\n{code}")
}

fn function(name: &str, lines: usize) -> String {
    format!("fn {name}() {{\n{}}}\n", "    f();\n".repeat(lines))
}

#[test]
fn a_file_over_its_budget() {
    let mini = with(FILE, &headed(&"const A: u8 = 1;\n".repeat(500)));
    let findings = mini.findings();
    let (place, message) = only(&findings);
    assert_eq!(place, format!("file-length {FILE}:1"));
    assert!(message.starts_with("501 production lines of at most 500"), "{message}");
}

#[test]
fn a_file_on_the_way_there_is_a_warning() {
    let findings = with(FILE, &headed(&"const A: u8 = 1;\n".repeat(350))).findings();
    assert_eq!(findings.iter().map(|finding| finding.level).collect::<Vec<_>>(), [Level::Warn]);
    assert_eq!(with(FILE, &headed(&"const A: u8 = 1;\n".repeat(349))).findings(), []);
}

#[test]
fn tests_and_generated_files_have_no_budget() {
    let long = "const A: u8 = 1;\n".repeat(600);
    assert_eq!(with("crates/core/src/planted/tests.rs", &long).findings(), []);
    assert_eq!(with("crates/core/tests/planted.rs", &long).findings(), []);
    assert_eq!(with("crates/wire/src/generated/planted.rs", &long).findings(), []);
    let inline = headed(&format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n"));
    assert_eq!(with(FILE, &inline).findings(), []);
}

#[test]
fn main_and_serve_have_shorter_budgets() {
    for (path, lines) in [("crates/sluicegate/src/main.rs", 150), ("crates/flow/src/serve.rs", 200)] {
        let findings = with(path, &headed(&"const A: u8 = 1;\n".repeat(lines))).findings();
        assert_eq!(only(&findings).0, format!("file-length {path}:1"));
    }
}

#[test]
fn a_function_over_its_budget() {
    let findings = with(FILE, &headed(&(function("short", 70) + &function("long", 71)))).findings();
    let (place, message) = only(&findings);
    assert_eq!(place, format!("function-length {FILE}:74"));
    assert!(message.contains("`long` has 71 lines"), "{message}");
}

#[test]
fn a_waiver_beyond_the_agreed_number() {
    let mini = with(FILE, &headed(&function("long", 71)));
    mini.write("xtask/waivers.txt", &format!("# why\n{FILE}::long 71 it is a table\n"));
    let findings = mini.findings();
    let (place, message) = only(&findings);
    assert_eq!(place, "function-length xtask/waivers.txt:1");
    assert!(message.contains("may only shrink"), "{message}");
}

#[test]
fn a_waiver_that_is_not_needed_or_too_large() {
    for (lines, says) in [(70, "needs no waiver"), (71, "lower its waiver")] {
        let mini = with(FILE, &headed(&function("long", lines)));
        mini.write("xtask/waivers.txt", &format!("{FILE}::long 72 it is a table\n"));
        let findings = mini.findings();
        assert!(findings.iter().any(|finding| finding.message.contains(says)), "{findings:#?}");
    }
}

#[test]
fn a_waiver_without_a_reason() {
    let mini = Mini::tidy();
    mini.write("xtask/waivers.txt", "crates/core/src/lib.rs::f 80\n");
    assert!(only(&mini.findings()).1.contains("reason"));
}

#[test]
fn a_file_without_a_header() {
    for text in ["fn a() {}\n", "// Planted.\nfn a() {}\n", "//!\nfn a() {}\n"] {
        assert_eq!(only(&with(FILE, text).findings()).0, format!("headers {FILE}:1"));
    }
}

#[test]
fn a_file_named_after_nothing() {
    for name in ["mod.rs", "utils.rs"] {
        let path = format!("crates/core/src/planted/{name}");
        assert_eq!(only(&with(&path, &headed("")).findings()).0, format!("headers {path}:1"));
    }
}

#[test]
fn words_that_production_code_must_not_contain() {
    for code in
        ["x.unwrap();", "x.expect(\"it\");", "x.expect(&format!(\"it\"));", "todo!();", "unimplemented!();", "dbg!(x);"]
    {
        let findings = with(FILE, &headed(&format!("\nfn a() {{ {code} }}\n"))).findings();
        assert_eq!(only(&findings).0, format!("habits {FILE}:3"), "{code}");
        let in_test = headed(&format!("#[cfg(test)]\nmod tests {{ fn a() {{ {code} }} }}\n"));
        assert_eq!(with(FILE, &in_test).findings(), [], "{code}");
    }
}

#[test]
fn words_in_texts_and_methods_of_parsers_are_fine() {
    let code =
        "/// Never `.unwrap()`, never todo!\nfn a(p: P) { p.expect(b'{'); p.expect(':'); p.unwrap_or(\"dbg!\"); }\n";
    assert_eq!(with(FILE, &headed(code)).findings(), []);
}

#[test]
fn unsafe_outside_the_runtime() {
    let code = headed("fn a() { unsafe { b() } }\n");
    assert_eq!(only(&with(FILE, &code).findings()).0, format!("habits {FILE}:2"));
    let test = "crates/core/tests/planted.rs";
    assert_eq!(only(&with(test, &code).findings()).0, format!("habits {test}:2"));
    assert_eq!(with("crates/runtime/src/planted.rs", &code).findings(), []);
    assert_eq!(with(FILE, &headed("#![forbid(unsafe_code)]\n// unsafe\n")).findings(), []);
}

#[test]
fn sockets_and_files_where_a_room_has_none() {
    for (path, code) in [
        (FILE, "use std::net::TcpStream;"),
        ("crates/config/src/planted.rs", "fn a() { std::fs::read(\"x\"); }"),
        ("crates/flow/src/planted.rs", "use tokio::net::lookup_host;"),
        ("crates/wire/src/planted.rs", "use std::process::Command;"),
    ] {
        assert_eq!(only(&with(path, &headed(code)).findings()).0, format!("reach {path}:2"));
    }
    assert_eq!(with("crates/server/src/planted.rs", &headed("use tokio::net::TcpListener;")).findings(), []);
}

#[test]
fn an_adapter_that_uses_another() {
    let two = "crates/adapters/src/upstream/two.rs";
    for code in ["use super::one::ONE;\n", "use crate::upstream::one::ONE;\n"] {
        let findings = with(two, &headed(code)).findings();
        let (place, message) = only(&findings);
        assert_eq!(place, format!("siblings {two}:2"));
        assert!(message.contains("upstream/two uses adapter upstream/one"), "{message}");
    }
}

#[test]
fn a_fifth_door_into_flow() {
    let path = "crates/flow/src/lib.rs";
    let mini = Mini::tidy();
    mini.append(path, "pub mod stage;\n");
    assert_eq!(only(&mini.findings()).0, format!("flow-root {path}:9"));
}

#[test]
fn a_door_of_flow_that_is_gone() {
    let path = "crates/flow/src/lib.rs";
    let findings = with(path, "//! Flow.\npub mod access;\npub mod build;\npub use serve::serve;\n").findings();
    assert_eq!(only(&findings).1, "flow does not export `control`");
}
