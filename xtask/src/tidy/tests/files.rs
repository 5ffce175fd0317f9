//! Planted among the other files: fuzz targets, tables, changelog, links, paths.

use super::mini::Mini;
use super::only;
use crate::tidy::fuzzed::PARSERS;

#[test]
fn a_fuzz_target_without_a_corpus() {
    let mini = Mini::tidy();
    mini.fuzz_target("planted");
    assert_eq!(mini.findings(), []);
    mini.remove("fuzz/corpus/planted/1");
    let findings = mini.findings();
    let (place, message) = only(&findings);
    assert_eq!(place, "fuzzed fuzz/targets/planted.rs:1");
    assert!(message.contains("fuzz/corpus/planted/"), "{message}");
}

#[test]
fn a_fuzz_target_that_is_not_built() {
    let mini = Mini::tidy();
    mini.fuzz_target("planted");
    mini.write(
        "fuzz/Cargo.toml",
        &PARSERS.iter().map(|(_, target)| format!("name = \"{target}\"\n")).collect::<String>(),
    );
    assert!(only(&mini.findings()).1.contains("[[bin]]"));
}

#[test]
fn a_fuzz_target_that_the_page_does_not_describe() {
    let mini = Mini::tidy();
    mini.fuzz_target("planted");
    let page: String = PARSERS.iter().map(|(_, target)| format!("| `{target}` | bytes |\n")).collect();
    mini.write("docs/fuzzing.md", &page);
    assert!(only(&mini.findings()).1.contains("docs/fuzzing.md"));
}

#[test]
fn a_fuzz_target_that_no_test_runs() {
    let mini = Mini::tidy();
    mini.fuzz_target("planted");
    mini.remove("crates/core/tests/planted.rs");
    assert!(only(&mini.findings()).1.contains("no ordinary test runs it"));
}

#[test]
fn a_parser_without_a_fuzz_target() {
    for (parser, target) in PARSERS {
        let mini = Mini::tidy();
        mini.remove(&format!("fuzz/targets/{target}.rs"));
        let findings = mini.findings();
        // A target that serves several parsers is missed by each of them.
        let served = PARSERS.iter().filter(|(_, other)| other == target).count();
        assert_eq!(findings.len(), served, "{findings:?}");
        let missing = format!("fuzz/targets/{target}.rs");
        assert!(findings.iter().all(|finding| finding.check == "fuzzed" && finding.message.contains(&missing)));
        assert!(findings.iter().any(|finding| finding.path == *parser), "{findings:?}");
    }
}

#[test]
fn a_parser_that_moved_without_its_row() {
    let mini = Mini::tidy();
    mini.remove("crates/config/src/text.rs");
    assert!(only(&mini.findings()).1.contains("correct PARSERS"));
}

#[test]
fn bans_that_differ_from_the_table() {
    let mini = Mini::tidy();
    mini.write("deny.toml", &include_str!("../../../../deny.toml").replace("\"openssl\"", "\"opensesame\""));
    let findings = mini.findings();
    let said: Vec<(&str, &str)> = findings.iter().map(|f| (f.check, f.message.as_str())).collect();
    assert_eq!(
        said,
        [
            ("deny", "ban opensesame is not in BANS of xtask; keep both in step"),
            ("deny", "ban openssl of xtask's BANS is missing here"),
        ]
    );
}

#[test]
fn licences_that_differ_from_the_table() {
    let mini = Mini::tidy();
    mini.write("deny.toml", &include_str!("../../../../deny.toml").replace("    \"ISC\",\n", ""));
    assert_eq!(only(&mini.findings()).1, "licence ISC of xtask's LICENCES is missing here");
}

#[test]
fn no_deny_file() {
    let mini = Mini::tidy();
    mini.remove("deny.toml");
    assert_eq!(only(&mini.findings()).0, "deny deny.toml:1");
}

#[test]
fn a_changelog_without_a_place_for_what_comes() {
    let mini = Mini::tidy();
    mini.write("CHANGELOG.md", "# Changelog\n\n## [0.1.0]\n");
    assert_eq!(only(&mini.findings()).0, "changelog CHANGELOG.md:1");
    mini.remove("CHANGELOG.md");
    assert!(mini.findings().iter().any(|finding| finding.check == "changelog"));
}

#[test]
fn a_link_that_leads_nowhere() {
    for target in ["missing.md", "../../outside.md", "missing.md#part", "/missing"] {
        let mini = Mini::tidy();
        mini.append("docs/b.md", &format!("\n[x]({target})\n\n```\n[not one](missing.md)\n```\n"));
        let findings = mini.findings();
        let (place, message) = only(&findings);
        assert_eq!(place, "links docs/b.md:3");
        assert!(message.contains(target), "{message}");
    }
}

#[test]
fn a_path_of_one_machine() {
    for path in
        [concat!("/wo", "rk/main"), concat!("/ro", "ot/.cache"), concat!("/Us", "ers/me"), concat!("../sha", "red/x")]
    {
        let mini = Mini::tidy();
        mini.append("docs/b.md", &format!("\nSee {path} for more.\n"));
        let findings = mini.findings();
        assert_eq!(only(&findings).0, "paths docs/b.md:3");
    }
}

#[test]
fn a_folder_of_that_name_elsewhere_is_fine() {
    let mini = Mini::tidy();
    mini.append("docs/b.md", concat!("\nhttps://example.com/wo", "rk/x and ./ro", "ot/x and $HOME/wo", "rk/x\n"));
    assert_eq!(mini.findings(), []);
}
