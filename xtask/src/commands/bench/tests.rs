//! Figures in, figures out; what makes a window void; what may be asked for.

use super::cell::Cell;
use super::figures::{Summary, added, ratio};
use super::machine::class;
use super::options::{Gateway, Options};
use super::page::{Circumstances, section};
use super::table::{bars, short};
use super::verdict::{Void, judge};
use super::window::{Delays, Window};
use super::workload::Workload;

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn summary(figures: &[f64]) -> Summary {
    Summary::of(figures.iter().copied()).unwrap()
}

#[test]
fn quartiles_lie_between_figures_where_none_is_there() {
    let odd = summary(&[5.0, 1.0, 3.0, 2.0, 4.0]);
    assert_eq!(odd, Summary { least: 1.0, lower: 2.0, median: 3.0, upper: 4.0, greatest: 5.0 });
    let even = summary(&[4.0, 1.0, 2.0, 3.0]);
    assert_eq!((even.lower, even.median, even.upper), (1.75, 2.5, 3.25));
    let one = summary(&[7.0]);
    assert_eq!((one.least, one.lower, one.median, one.upper, one.greatest), (7.0, 7.0, 7.0, 7.0, 7.0));
    assert_eq!(Summary::of([]), None);
}

#[test]
fn ratios_are_taken_round_by_round_where_both_were_measured() {
    // The medians are 20 and 10, but in each round one is three times the other, up or down.
    let ours = [Some(30.0), Some(10.0), None, Some(60.0), Some(1.0)];
    let theirs = [Some(10.0), Some(30.0), Some(1.0), Some(20.0), None];
    assert_eq!(ratio(&ours, &theirs).unwrap().median, 3.0);
    assert_eq!(ratio(&ours, &theirs).unwrap().least, 1.0 / 3.0);
    assert_eq!(added(&ours, &theirs).unwrap().greatest, 40.0);
    assert_eq!(ratio(&[None], &[Some(1.0)]), None);
}

/// A window of a second on two cores: the proxy and the clients took one each.
fn good() -> Window {
    Window {
        completed: 50_000,
        seconds: 1.0,
        proxy_ns: 900_000_000,
        own_ns: 800_000_000,
        machine_ns: 1_710_000_000,
        ..Window::default()
    }
}

#[test]
fn a_window_counts_only_when_its_load_was_its_own() {
    assert_eq!(judge(&good(), 2, None), Ok(()));
    let with = |change: fn(&mut Window)| {
        let mut window = good();
        change(&mut window);
        judge(&window, 2, None)
    };
    assert_eq!(with(|window| window.others_ns = 49_000_000), Ok(()));
    assert_eq!(with(|window| window.others_ns = 51_000_000), Err(Void::Others(0.051)));
    assert_eq!(with(|window| window.machine_ns = 1_840_000_000), Ok(()), "the machine counts coarsely");
    assert!(matches!(with(|window| window.machine_ns = 1_860_000_000), Err(Void::Others(_))), "short-lived ones");
    assert_eq!(with(|window| window.steal_ns = 39_000_000), Ok(()));
    assert_eq!(with(|window| window.steal_ns = 42_000_000), Err(Void::Steal(0.021)));
    assert_eq!(with(|window| window.completed = 0), Err(Void::Nothing));
    let failed = with(|window| (window.errors, window.first_error) = (2, Some("refused: 503".to_owned())));
    assert_eq!(failed.unwrap_err().to_string(), "2 errors, the first: refused: 503");
}

#[test]
fn a_rate_must_have_been_kept() {
    let window = Window { completed: 1_900, ..good() };
    assert_eq!(judge(&window, 2, Some(1_950.0)), Ok(()));
    assert_eq!(judge(&window, 2, Some(2_000.0)), Err(Void::Behind(1_900.0)));
}

#[test]
fn a_window_is_read_as_it_is_printed() {
    let printed = r#"{"completed":10,"chunks":40,"errors":0,"seconds":2.0,"delays":{"count":40,"p50":1.5,"p99":9.0},
        "proxy_ns":80000,"busiest_thread_ns":60000,"own_ns":1,"others_ns":2,"machine_ns":3,"steal_ns":4,"peak_kib":5,"pss_kib":6}"#;
    let window: Window = serde_json::from_str(printed).unwrap();
    assert_eq!(window.delays, Some(Delays { count: 40, p50: 1.5, p99: 9.0 }));
    assert_eq!((window.rate(), window.busiest(), window.cores(1_000_000_000)), (5.0, 0.75, 0.5));
    let cost = |workload: &str| Workload::named(workload).unwrap().cost(&window);
    assert_eq!((cost("json"), cost("sse"), cost("paced")), (8.0, 8.0, 2.0), "a request, a stream, a chunk");
}

#[test]
fn builds_of_the_gateway_are_named_and_compared() {
    let options = Options::parse(&words(
        "--quick --gateway old=/tmp/a --gateway new=b,--threads,1,KEY=v,--x=y --workloads grpc,json --connections 2",
    ))
    .unwrap();
    assert_eq!((options.rounds, options.seconds, options.connections), (3, 0.7, Some(2)));
    let [old, new] = &options.gateways[..] else { panic!("two") };
    assert_eq!(*old, Gateway { name: "old".to_owned(), path: Some("/tmp/a".into()), ..Gateway::default() });
    assert_eq!(new.arguments, words("--threads 1 --x=y"));
    assert_eq!(new.variables, [("KEY".to_owned(), "v".to_owned())]);
    assert_eq!(options.workloads.iter().map(|workload| workload.name).collect::<Vec<_>>(), ["grpc", "json"]);
    assert!(options.wants("nginx") && options.wants("old"));
    let plain = Options::parse(&[]).unwrap();
    assert_eq!((plain.rounds, plain.seconds, plain.gateways[0].name.as_str()), (9, 1.5, "gateway"));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    for (line, complaint) in [
        ("--rounds 0", "zero"),
        ("--rounds many", "no number"),
        ("--rounds", "wants a value"),
        ("--seconds -1", "a time"),
        ("--workloads json,xml", "no workload `xml`"),
        ("--proxies envoy", "no proxy `envoy`"),
        ("--gateway nginx=a", "taken"),
        ("--gateway a=b --gateway a=c", "taken"),
        ("--gateway a", "NAME=PATH"),
        ("--fast yes", "does not know `--fast`"),
    ] {
        let error = format!("{:#}", Options::parse(&words(line)).unwrap_err());
        assert!(error.contains(complaint), "{line}: {error}");
    }
}

#[test]
fn figures_are_written_with_three_digits() {
    let written: Vec<String> = [0.0, 0.854, 9.994, 9.996, 99.94, 99.96, 12_345.6, -0.5].map(short).to_vec();
    assert_eq!(written, ["0.00", "0.85", "9.99", "10.0", "99.9", "100", "12346", "-0.50"]);
    let picture = bars(&[("a".to_owned(), Some(summary(&[10.0]))), ("b".to_owned(), Some(summary(&[5.0])))]);
    assert_eq!(picture.matches('#').count(), 60, "{picture}");
    assert_eq!(bars(&[("a".to_owned(), None)]), "```text\n```\n");
}

#[test]
fn the_scheduling_class_is_named() {
    let stat = |policy| {
        format!("7 (a) b) S 1 7 7 0 -1 4 1 0 0 0 5 6 0 0 20 5 3 0 99 1 1 1 1 1 1 1 1 0 0 0 0 0 0 0 17 1 0 {policy} 0")
    };
    assert_eq!(class(&stat(0)), "SCHED_OTHER, nice 5");
    assert_eq!(class(&stat(2)), "SCHED_RR, nice 5");
    assert_eq!(class(""), "unknown, nice unknown");
}

#[test]
fn a_report_shows_each_proxy_its_ratios_and_what_was_void() {
    let cell = |name: &str, costs: [u64; 2]| {
        let mut cell = Cell::new(name);
        for proxy_ns in costs.map(|cost| cost * 50_000_000) {
            cell.add(Ok(Window { proxy_ns, ..good() }));
        }
        cell
    };
    let mut cells = [cell("old", [20, 30]), cell("new", [10, 15]), cell("nginx", [20, 20])];
    let around = |first: Option<&str>| Circumstances {
        before: "0.1 0.2 0.3".to_owned(),
        during: "2.1 0.2 0.3".to_owned(),
        class: "SCHED_OTHER, nice 0".to_owned(),
        first: first.map(str::to_owned),
    };
    let json = Workload::named("json").unwrap();
    let text = section(json, &cells, &around(Some("old")));
    let row = |name: &str| text.lines().find(|line| line.starts_with(&format!("| {name} |"))).unwrap();
    assert!(
        row("new").contains("| 12.5 [11.2-13.8] (10.0-15.0) | 0.62 [0.56-0.69] | 0.50 [0.50-0.50] | 50000 |"),
        "{text}"
    );
    assert!(text.contains("ratio to nginx | ratio to old |") && text.contains("SCHED_OTHER"), "{text}");
    assert!(!text.contains("Void"), "{text}");

    cells[2].add(Err(Void::Steal(0.03)));
    let text = section(json, &cells, &around(None));
    assert!(text.contains("- nginx: 1 of 3 rounds (the host withheld 3.0 % of the time)"), "{text}");
    assert!(!text.contains("ratio to old"), "{text}");
    assert!(!cells[2].has_errors(), "an accident of the machine");
}
