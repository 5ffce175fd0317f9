//! The commands' arguments and the pure parts of what they do.

use std::path::Path;

use super::fuzz::{Options as FuzzOptions, Report};
use super::test::Options;
use super::{COMMANDS, differential, dispatch, env, fuzz, instructions, properties, schema, simulate, stages};

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn command_names_are_unique_and_described() {
    for (index, command) in COMMANDS.iter().enumerate() {
        assert!(!command.summary.is_empty());
        assert!(COMMANDS[index + 1..].iter().all(|other| other.name != command.name), "{} twice", command.name);
    }
}

#[test]
fn an_unknown_command_says_where_the_list_is() {
    let error = dispatch(Path::new("."), &words("tidyy")).unwrap_err().to_string();
    assert!(error.contains("`tidyy`") && error.contains("cargo xtask help"), "{error}");
}

#[test]
fn commands_without_arguments_refuse_them() {
    for name in ["tidy", "ci", "env"] {
        let error = dispatch(Path::new("/nonexistent"), &words(&format!("{name} --all"))).unwrap_err().to_string();
        assert!(error.contains("takes no argument"), "{error}");
    }
}

#[test]
fn test_passes_on_what_follows_the_dashes() {
    let options = Options::parse(&words("--fast -- -p core -- --nocapture")).unwrap();
    assert_eq!(options, Options { fast: true, passed_on: words("-p core -- --nocapture") });
    assert_eq!(Options::parse(&[]).unwrap(), Options::default());
    assert!(Options::parse(&words("-p core")).unwrap_err().to_string().contains("after `--`"));
}

#[test]
fn the_whole_workspace_is_tested_unless_packages_are_named() {
    for (line, expected) in [
        ("", "test --no-fail-fast --workspace"),
        ("-- some_test", "test --no-fail-fast --workspace some_test"),
        ("-- -- -p", "test --no-fail-fast --workspace -- -p"),
        ("-- -p core", "test --no-fail-fast -p core"),
        ("-- --package=core", "test --no-fail-fast --package=core"),
        ("-- --profile release", "test --no-fail-fast --workspace --profile release"),
    ] {
        assert_eq!(Options::parse(&words(line)).unwrap().cargo_arguments(), words(expected), "{line}");
    }
}

#[test]
fn fuzz_takes_a_target_and_a_time() {
    let parse = |line: &str| FuzzOptions::parse(&words(line));
    assert_eq!(parse("").unwrap(), FuzzOptions { target: None, seconds: 30, record: false });
    let expected = FuzzOptions { target: Some("yaml".into()), seconds: 5, record: true };
    assert_eq!(parse("yaml --seconds 5 --record").unwrap(), expected);
    for bad in ["--seconds", "--seconds x", "--seconds 0", "one two", "--jobs 2"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_fuzz_report_reads_the_last_figures() {
    let log = "#2 INITED cov: 10 ft: 11 corp: 1/1b\n#99 DONE   cov: 321 ft: 400 corp: 9/99b\n\
               stat::number_of_executed_units: 12345\nstat::peak_rss_mb: 40\n";
    let report = Report::read(log, false);
    assert_eq!(report, Report { executions: Some(12345), coverage: Some(321), crashed: false });
    assert_eq!(Report::read("", true).to_string(), "unknown executions, coverage unknown, CRASHED");
}

#[test]
fn fuzz_runs_add_up_in_their_table() {
    let page = "# Fuzzing\n\n| target | time | executions | coverage |\n|---|---|---|---|\n| a | 0:59:50 | 999 | 7 |\n\nEnd.\n";
    let report = Report { executions: Some(1_000_001), coverage: Some(8), crashed: false };
    let page = fuzz::add(page, "a", 75, &report).unwrap();
    assert!(page.ends_with("|---|\n| a | 1:01:05 | 1,001,000 | 8 |\n\nEnd.\n"), "{page}");
    // A crash that told nothing adds its time; a new target gets its row in order.
    let page = fuzz::add(&page, "A", 5, &Report { executions: None, coverage: None, crashed: true }).unwrap();
    assert!(page.contains("|---|\n| A | 0:00:05 | 0 | 0 |\n| a | 1:01:05 | 1,001,000 | 8 |\n\nEnd."), "{page}");
    assert!(fuzz::add("no table", "a", 1, &report).unwrap_err().to_string().contains("docs/fuzzing.md"));
    assert!(fuzz::add(&page.replace("0:00:05", "soon"), "a", 1, &report).unwrap_err().to_string().contains("`soon`"));
}

#[test]
fn properties_take_a_number_of_messages() {
    assert_eq!(properties::cases(&[]).unwrap(), 100_000);
    assert_eq!(properties::cases(&words("--cases 7")).unwrap(), 7);
    for bad in ["--cases", "--cases 0", "--cases x", "7", "--cases 7 8"] {
        assert!(properties::cases(&words(bad)).is_err(), "{bad}");
    }
}

#[test]
fn properties_replace_the_rows_of_their_table() {
    let output = "running 2 tests\ntest a ... | b: way, two | 1000 | 900 | 100 |\n| a: way | 1000 | 1000 | 0 |\nok\n";
    let rows = properties::rows(output).unwrap();
    assert_eq!(rows, ["| a: way | 1,000 | 1,000 | 0 |", "| b: way, two | 1,000 | 900 | 100 |"]);
    let head = "| way | messages | the same | refused by the rule |\n|---|---|---|---|\n";
    let page = properties::with_table(&format!("# F\n\n{head}| old | 1 | 1 | 0 |\n\n## G\n"), &rows).unwrap();
    assert_eq!(page, format!("# F\n\n{head}{}\n\n## G\n", rows.join("\n")));
    assert!(properties::rows("running 0 tests\n").is_err() && properties::with_table("# F\n", &rows).is_err());
}

#[test]
fn differential_takes_a_number_of_streams_and_a_seed() {
    let parse = |line: &str| differential::Options::parse(&words(line));
    assert_eq!(parse("").unwrap(), differential::Options { cases: 1_000_000, seed: 0 });
    assert_eq!(parse("--seed 3 --cases 7").unwrap(), differential::Options { cases: 7, seed: 3 });
    for bad in ["--cases", "--cases 0", "--cases x", "--seed -1", "7"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn differential_replaces_the_rows_of_its_table() {
    let rows = differential::rows("test a ... | nginx | 12345 | 0 |\n| the letter | 7 | 1 |\nok\n").unwrap();
    assert_eq!(rows, ["| nginx | 12,345 | 0 |\n", "| the letter | 7 | 1 |\n"]);
    let head = "| reader | messages | read otherwise |\n|---|---|---|\n";
    let page = differential::with_rows(&format!("# E\n\n{head}| old | 1 | 1 |\n\nEnd.\n"), &rows).unwrap();
    assert_eq!(page, format!("# E\n\n{head}{}\nEnd.\n", rows.concat()));
    assert!(differential::rows("ok\n").is_err() && differential::with_rows("# E\n", &rows).is_err());
}

#[test]
fn instructions_are_read_from_what_valgrind_says() {
    let said = "==7== Cachegrind\n==7== \n==7== I   refs:      12,345,678\n";
    assert_eq!(instructions::total(said), Some(12_345_678));
    assert_eq!(instructions::total("==7== I refs: 5\n"), Some(5));
    assert_eq!(instructions::total("valgrind: cannot execute\n"), None);
}

#[test]
fn instructions_that_grew_are_told_from_noise() {
    assert!(!instructions::is_growth(10_000, 10_500) && !instructions::is_growth(10_000, 9_000));
    assert!(instructions::is_growth(10_000, 10_501));
}

#[test]
fn instructions_are_written_as_they_are_read() {
    let page =
        "# I\n\n| request | instructions | of client and server alone |\n|---|---|---|\n| a, b | 1 | 1 |\n\nEnd.\n";
    assert_eq!(instructions::figures(page).unwrap(), [("a, b".to_owned(), 1)]);
    let row = instructions::shown("c", instructions::Count { gateway: 40_000, others: 2_000 });
    let page = instructions::with_table(page, &[row]).unwrap();
    assert!(page.ends_with("|---|---|---|\n| c | 40,000 | 2,000 |\n\nEnd.\n"), "{page}");
    assert_eq!(instructions::figures(&page).unwrap(), [("c".to_owned(), 40_000)]);
    assert!(instructions::figures("# I\n").is_err() && instructions::with_table("# I\n", &[]).is_err());
    assert!(instructions::figures(&page.replace("40,000", "many")).unwrap_err().to_string().contains("`many`"));
}

#[test]
fn stages_replace_the_rows_of_their_table() {
    let head = "| room | stage | ns, median | ns, quartiles | allocations |\n|---|---|---|---|---|\n";
    let row = "| server | strict head | 500 | 490 to 510 | 3 |".to_owned();
    let page = stages::with_table(&format!("# S\n\n{head}| old | a | 1 | 1 to 1 | 0 |\n"), std::slice::from_ref(&row))
        .unwrap();
    assert_eq!(page.trim_end(), format!("# S\n\n{head}{row}"));
    assert!(stages::with_table("# S\n", &[row]).is_err());
}

#[test]
fn exports_survive_a_shell() {
    assert_eq!(env::quoted("/a b/c"), "'/a b/c'");
    assert_eq!(env::quoted("it's"), r"'it'\''s'");
}

#[test]
fn schema_check_names_the_first_line_that_differs() {
    assert_eq!(schema::first_difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(schema::first_difference("a\nb\n", "a\nc\n"), Some(2));
    assert_eq!(schema::first_difference("", "a\n"), Some(1));
    assert_eq!(schema::first_difference("a\n", "a"), Some(2));
}

#[test]
fn generated_protocol_types_are_in_step() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    super::proto::check(root).unwrap();
}

#[test]
fn simulate_takes_many_seeds_or_one() {
    let parse = |line: &str| simulate::Options::parse(&words(line));
    assert_eq!(parse("").unwrap(), simulate::Options { seeds: 1000, from: 1 });
    assert_eq!(parse("--seeds 7 --from 30").unwrap(), simulate::Options { seeds: 7, from: 30 });
    assert_eq!(parse("--seed 30").unwrap(), simulate::Options { seeds: 1, from: 30 });
    for (line, said) in [
        ("--seeds 0", "nothing"),
        ("--seed", "wants a number"),
        ("--seed x", "no number"),
        ("--all", "does not know `--all`"),
    ] {
        let error = parse(line).unwrap_err().to_string();
        assert!(error.contains(said), "{line}: {error}");
    }
    let output = "test simulation::whatever ... | seeds | 7 |\n| faults | 0 |\nok\n";
    assert_eq!(simulate::rows_of(output).collect::<Vec<_>>(), ["| seeds | 7 |", "| faults | 0 |"]);
}
