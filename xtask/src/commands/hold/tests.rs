//! What is asked for.

use super::field::Programs;
use super::options::Options;
use super::part::{Found, PARTS};
use super::{deadlines, load, page};
use crate::commands::faults::answers::{Answer, Report};
use crate::commands::faults::judge::missed;
use crate::commands::faults::page::put_into;

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn what_is_asked_for() {
    let full = Options::parse(&[]).unwrap();
    assert_eq!((full.parts.len(), full.quick), (PARTS.len(), false));
    let some = Options::parse(&words("--quick --only reloads --gateway a/b --out docs/x.md")).unwrap();
    assert_eq!(some.parts.iter().map(|part| part.name).collect::<Vec<_>>(), ["reloads"]);
    assert_eq!((some.quick, some.gateway, some.out), (true, Some("a/b".into()), Some("docs/x.md".into())));
    for (line, complaint) in
        [("--only floods", "no part `floods`"), ("--only", "wants a value"), ("--slow yes", "does not know `--slow`")]
    {
        let error = format!("{:#}", Options::parse(&words(line)).unwrap_err());
        assert!(error.contains(complaint), "{line}: {error}");
    }
}

#[test]
fn each_part_has_its_place_in_the_page() {
    let page = include_str!("../../../../docs/reliability.md");
    for (index, part) in PARTS.iter().enumerate() {
        assert!(PARTS[index + 1..].iter().all(|other| other.name != part.name), "{} twice", part.name);
        put_into(page, &format!("hold {}", part.name), "new").unwrap();
    }
}

fn programs(quick: bool) -> Programs {
    Programs { gateway: "gateway".into(), bench: "bench".into(), work: "work".into(), quick }
}

#[test]
fn a_quick_run_says_nothing_about_time() {
    let mut found = Found::default();
    found.bound_of_time(&programs(true), false, "late".to_owned());
    found.bound(false, "failed".to_owned());
    assert_eq!(missed(&found.verdicts).collect::<Vec<_>>(), ["failed"]);
    found.bound_of_time(&programs(false), false, "late".to_owned());
    assert_eq!(missed(&found.verdicts).collect::<Vec<_>>(), ["failed", "late"]);
}

#[test]
fn a_part_shows_its_table_notes_and_bounds() {
    let mut found = Found { columns: &["a", "b"], rows: vec![vec!["1".into(), "2".into()]], ..Found::default() };
    found.notes.push("by the way".to_owned());
    found.bound(true, "nothing failed".to_owned());
    found.bound(false, "it took long".to_owned());
    let wanted =
        "\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- by the way\n- kept: nothing failed\n- **missed**: it took long\n";
    assert_eq!(page::body(&found), wanted);
}

/// So many milliseconds each, all with this code.
fn report(took: &[u64], code: u16) -> Report {
    let answers = took.iter().map(|took| Answer(0, took * 1000, code)).collect();
    Report { answers, ..Report::default() }
}

#[test]
fn an_answer_may_be_neither_late_nor_early_nor_another() {
    let judged = |report: &Report| {
        let mut found = Found::default();
        deadlines::row(&programs(false), &mut found, "calls", 504, report);
        missed(&found.verdicts).count()
    };
    assert_eq!(judged(&report(&[250, 251, 300], 504)), 0);
    assert_eq!(judged(&report(&[250, 251, 301], 504)), 1, "late");
    assert_eq!(judged(&report(&[248, 251], 504)), 1, "early");
    let mut other = report(&[251, 251], 504);
    other.answers.extend(report(&[5], 503).answers);
    assert_eq!(judged(&other), 1, "refused");
    assert_eq!(judged(&report(&[5], 503)), 1, "nothing but others");
}

#[test]
fn a_stream_that_is_cut_is_a_bound_missed() {
    let mut found = Found::default();
    load::streamed(&mut found, &load::Streams { streams: 200, chunks: 9, ..load::Streams::default() });
    assert_eq!(missed(&found.verdicts).count(), 0);
    load::streamed(&mut found, &load::Streams { streams: 200, cut: 1, ..load::Streams::default() });
    assert_eq!(missed(&found.verdicts).collect::<Vec<_>>(), ["1 of 200 streams cut, 0 refused"]);
}
