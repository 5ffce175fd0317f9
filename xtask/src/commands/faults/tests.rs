//! Scripts, figures, verdicts, and where a report goes.

use std::collections::BTreeMap;

use super::answers::{Answer, Cost, Figures, Quantiles, Report, TIMEOUT, TRANSPORT, WRONG};
use super::field::Proxy;
use super::judge::{Bound, Verdict, judge, missed};
use super::options::Options;
use super::overload::{self, Phase};
use super::page::{Row, line, put_into};
use super::run::Measured;
use super::scenario::{ALL, Scenario};
use super::script::{Step, parse};

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn scripts_are_steps_in_time() {
    let step = |after, order: &str| Step { after, order: order.to_owned() };
    assert_eq!(parse("0 2 refuse").unwrap(), [step(0.0, "2 refuse")]);
    assert_eq!(parse("0 2 slow 10; 2.5 2 ok").unwrap(), [step(0.0, "2 slow 10"), step(2.5, "2 ok")]);
    for bad in ["", "0", "0 2", "0 two refuse", "soon 2 refuse", "1 2 refuse", "0 2 ok; 2 2 ok; 1 2 ok", "0 2 ok;"] {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn every_scenario_can_be_run_and_judged() {
    for (index, scenario) in ALL.iter().enumerate() {
        let steps = parse(scenario.script).unwrap();
        assert!(!scenario.bounds.is_empty() && !scenario.what.is_empty(), "{}", scenario.name);
        assert!(ALL[index + 1..].iter().all(|other| other.name != scenario.name), "{} twice", scenario.name);
        let last = steps.last().unwrap().after;
        assert!(scenario.seconds > last && scenario.quick.is_none_or(|quick| quick > last), "{}", scenario.name);
        // Whose traffic is to end must be one that something happens to.
        let touched = |bad: usize| steps.iter().any(|step| step.order.starts_with(&format!("{bad} ")));
        assert!(scenario.bad.is_none_or(touched), "{}", scenario.name);
        let asks_quiet = scenario.bounds.iter().any(|bound| matches!(bound, Bound::Quiet(_)));
        assert!(!asks_quiet || scenario.bad.is_some(), "{}", scenario.name);
        // Late is five seconds behind the onset.
        let asks_late = scenario.bounds.iter().any(|bound| matches!(bound, Bound::LateP99Times(_)));
        assert!(!asks_late || scenario.seconds > 6.0, "{}", scenario.name);
        // A share of failures that is less than one request says nothing.
        for bound in scenario.bounds {
            if let Bound::Success(part) = bound {
                assert!(scenario.rate * scenario.seconds > 400.0 && *part < 1.0, "{}", scenario.name);
            }
        }
    }
    let quick: f64 = ALL.iter().filter_map(|scenario| scenario.quick).map(|seconds| seconds + 1.0).sum();
    assert!(quick < 50.0, "`--quick` is to take less than a minute, and not {quick} s of requests alone");
    let full: f64 = ALL.iter().map(|scenario| (scenario.seconds + 4.0) * 3.0).sum();
    let load: f64 = overload::PHASES.iter().map(|(_, seconds)| seconds * 3.0).sum();
    assert!(full + load < 1200.0, "all is to take less than 20 minutes, and not {} s", full + load);
}

#[test]
fn a_part_of_the_answers_in_figures() {
    // One a millisecond; the first hundred take 1 to 100 ms, then some fail.
    let good = (0..100).map(|number| Answer(number * 1000, (number + 1) * 1000, 200));
    let bad = [(TRANSPORT, 7), (TIMEOUT, 3_000_000), (WRONG, 9), (503, 2000), (413, 4000)];
    let bad = (100..).zip(bad).map(|(number, (code, took))| Answer(number * 1000, took, code));
    let report = Report { answers: good.chain(bad).collect(), ..Report::default() };
    let all = report.between(0.0, f64::INFINITY, &[]);
    assert_eq!((all.sent, all.good, all.failures(), all.wrong()), (105, 100, 5, 1));
    assert_eq!(all.accepted, Some(Quantiles { p50: 50.0, p99: 99.0, p999: 100.0 }));
    assert_eq!(all.refused, Some(Quantiles { p50: 2.0, p99: 4.0, p999: 4.0 }));
    assert_eq!(all.bad, BTreeMap::from([(TRANSPORT, 1), (TIMEOUT, 1), (WRONG, 1), (413, 1), (503, 1)]));
    let served = report.between(0.100, 1.0, &[413]);
    assert_eq!((served.sent, served.good), (5, 1));
    assert_eq!(report.between(0.0, 0.010, &[]).sent, 10, "the end is not within");
    let none = report.between(5.0, 6.0, &[]);
    assert_eq!((none.sent, none.accepted, none.refused), (0, None, None));
}

#[test]
fn a_report_is_read_as_it_is_printed() {
    let printed = r#"{"answers":[[0,41000,200],[1333,3,0]],"phases":[{"seconds":2.0,"proxy_ns":1000000000,"busiest_thread_ns":1,
        "own_ns":500000000,"others_ns":0,"machine_ns":1,"steal_ns":0,"peak_kib":7,"pss_kib":8}],"complaints":["x"]}"#;
    let report: Report = serde_json::from_str(printed).unwrap();
    assert_eq!(report.answers, [Answer(0, 41_000, 200), Answer(1333, 3, 0)]);
    assert_eq!(report.phases[0].cores(report.phases[0].proxy_ns), 0.5);
}

fn figures(sent: u64, failed: u64, p99: f64) -> Figures {
    let accepted = Some(Quantiles { p50: 40.0, p99, p999: p99 + 5.0 });
    let bad = if failed > 0 { BTreeMap::from([(502, failed)]) } else { BTreeMap::new() };
    Figures { sent, good: sent - failed, bad, accepted, refused: None }
}

/// 10,000 requests of which one failed, half again as slow as before, and in order after five seconds.
fn measured() -> Measured {
    Measured {
        calm: figures(1000, 0, 44.0),
        after: figures(10_000, 1, 66.0),
        late: figures(5000, 0, 46.0),
        until_quiet: Some(15),
        amplification: 1.05,
        ..Measured::default()
    }
}

fn judged(bounds: &'static [Bound], measured: &Measured, quick: bool) -> Vec<Verdict> {
    judge(&Scenario { bounds, ..ALL[0] }, measured, quick)
}

#[test]
fn bounds_are_kept_up_to_their_figure() {
    let kept = |bounds: &'static [Bound]| judged(bounds, &measured(), false).iter().all(|verdict| verdict.kept);
    assert!(kept(&[Bound::Success(0.9999)]) && !kept(&[Bound::Success(0.99991)]));
    assert!(kept(&[Bound::Failures(1)]) && !kept(&[Bound::Failures(0)]));
    assert!(kept(&[Bound::Quiet(15)]) && !kept(&[Bound::Quiet(14)]));
    assert!(kept(&[Bound::Amplification(1.05)]) && !kept(&[Bound::Amplification(1.04)]));
    assert!(kept(&[Bound::P99Times(1.5)]) && !kept(&[Bound::P99Times(1.2)]));
    assert!(kept(&[Bound::LateP99Times(1.2)]) && !kept(&[Bound::LateP99Times(1.01)]));
    assert!(kept(&[Bound::P999Added(0.022)]) && !kept(&[Bound::P999Added(0.021)]));
    assert!(!kept(&[Bound::Failures(1), Bound::Failures(0)]), "all of them");
}

#[test]
fn what_was_never_seen_is_not_kept() {
    let nothing = Measured { calm: figures(1, 0, 44.0), ..Measured::default() };
    for bounds in [&[Bound::Quiet(15)][..], &[Bound::P99Times(2.0)], &[Bound::LateP99Times(2.0)]] {
        let scenario = Scenario { bounds: bounds.to_vec().leak(), ..ALL[0] };
        assert!(!judge(&scenario, &nothing, false)[0].kept, "{bounds:?}");
    }
}

#[test]
fn a_quick_run_says_nothing_about_time() {
    let bounds = &[Bound::P99Times(1.2), Bound::Success(0.999)];
    let busy = Measured { cost: Cost { seconds: 1.0, own_ns: 900_000_000, ..Cost::default() }, ..measured() };
    assert_eq!(missed(&judged(bounds, &busy, true)).count(), 0);
    let all: Vec<Verdict> = judged(bounds, &busy, false);
    let texts: Vec<&str> = missed(&all).collect();
    assert!(texts.len() == 2 && texts[0].starts_with("p99 66 ms") && texts[1].starts_with("void"), "{texts:?}");
}

#[test]
fn anothers_answer_and_failures_without_a_fault_are_never_kept() {
    let mut found = measured();
    found.after.bad = BTreeMap::from([(WRONG, 1)]);
    found.calm = figures(1000, 2, 44.0);
    let verdicts = judged(&[Bound::Failures(5)], &found, true);
    let texts: Vec<&str> = missed(&verdicts).collect();
    assert!(texts.len() == 2 && texts[0].contains("another request") && texts[1].contains("before"), "{texts:?}");
}

#[test]
fn a_row_shows_what_was_found_and_judges_the_gateway_only() {
    let verdicts = judged(&[Bound::Failures(0)], &measured(), false);
    let mut row = Row { scenario: &ALL[0], proxy: Proxy::Gateway, measured: measured(), verdicts };
    assert_eq!(
        line(&row),
        "| refuse | gateway | 10000 | 99.990 | 1 502 | 40.0 | 66.0 | 71.0 | 44.0 | 15 | 1.050 | **missed** |"
    );
    assert_eq!(row.missed(), ["refuse: 1 of 10000 failed, at most 0 may"]);
    row.proxy = Proxy::Nginx;
    assert!(line(&row).ends_with("| 1.050 | - |") && row.missed().is_empty());
}

/// The phases with so many good answers a second; in the first seconds of the last one answers are slow.
fn overloaded(good: [u64; 6], slow_seconds: u64) -> Report {
    let phases: [(u64, u64); 6] = [(400, 8), (500, 8), (1000, 8), (2500, 10), (5000, 10), (400, 10)];
    let mut report = Report::default();
    let mut from = 0;
    for (phase, ((rate, seconds), good)) in phases.into_iter().zip(good).enumerate() {
        for second in 0..seconds {
            let slow = phase == 5 && second < slow_seconds;
            for number in 0..rate {
                let due = (from + second) * 1_000_000 + number * 1_000_000 / rate;
                let (took, code) = if number < good { (if slow { 500_000 } else { 41_000 }, 200) } else { (4000, 503) };
                report.answers.push(Answer(due, took, code));
            }
        }
        from += seconds;
        report.phases.push(Cost { seconds: seconds as f64, proxy_ns: seconds * 500_000_000, ..Cost::default() });
    }
    report
}

#[test]
fn overload_is_judged_by_goodput_refusals_and_recovery() {
    let load = overload::told(overloaded([400, 500, 500, 450, 400, 400], 5));
    assert_eq!(load.phases.iter().map(Phase::goodput).collect::<Vec<_>>(), [400.0, 500.0, 500.0, 450.0, 400.0, 400.0]);
    assert_eq!(load.recovery, Some(5.0));
    assert_eq!(missed(&overload::judge(&load)).collect::<Vec<_>>(), Vec::<&str>::new());

    let load = overload::told(overloaded([400, 500, 500, 449, 399, 400], 6));
    assert_eq!(missed(&overload::judge(&load)).count(), 3, "both goodputs and the recovery");
    let load = overload::told(overloaded([400, 500, 500, 500, 500, 300], 0));
    assert_eq!((load.recovery, load.each.len()), (None, 54), "requests fail to the end");

    let mut report = overloaded([400, 500, 500, 500, 500, 400], 0);
    report.phases[4].proxy_ns = 7_100_000_000;
    report.answers.iter_mut().filter(|answer| answer.2 == 503).for_each(|answer| answer.1 = 5001);
    let verdicts = overload::judge(&overload::told(report));
    let texts: Vec<&str> = missed(&verdicts).collect();
    assert!(texts.len() == 3 && texts[2].starts_with("void: at 10 times it used 71 %"), "{texts:?}");
}

#[test]
fn what_is_asked_for() {
    let full = Options::parse(&[]).unwrap();
    assert_eq!((full.scenarios.len(), full.proxies.len(), full.overload, full.quick), (ALL.len(), 3, true, false));
    let quick = Options::parse(&words("--quick")).unwrap();
    assert_eq!((quick.proxies.as_slice(), quick.overload), (&[Proxy::Gateway][..], false));
    assert!(quick.scenarios.len() < ALL.len() && quick.scenarios.iter().all(|scenario| scenario.quick.is_some()));
    let some =
        Options::parse(&words("--only reset,overload --proxies nginx,gateway --gateway a/b --out docs/x.md")).unwrap();
    assert_eq!(some.scenarios.iter().map(|scenario| scenario.name).collect::<Vec<_>>(), ["reset"]);
    assert_eq!((some.proxies, some.overload), (vec![Proxy::Nginx, Proxy::Gateway], true));
    assert_eq!((some.gateway, some.out), (Some("a/b".into()), Some("docs/x.md".into())));
    for (line, complaint) in [
        ("--only flood", "no scenario `flood`"),
        ("--only", "wants a value"),
        ("--quick --only overload", "not quick"),
        ("--proxies envoy", "no proxy `envoy`"),
        ("--slow yes", "does not know `--slow`"),
    ] {
        let error = format!("{:#}", Options::parse(&words(line)).unwrap_err());
        assert!(error.contains(complaint), "{line}: {error}");
    }
}

#[test]
fn a_report_takes_the_place_of_the_one_before() {
    let page = "# R\n\n<!-- cargo xtask faults: begin -->\nold\n<!-- cargo xtask faults: end -->\n\nEnd.\n";
    let after = put_into(page, "faults", "new\n").unwrap();
    assert_eq!(after, page.replace("\nold\n", "\n\nnew\n\n"));
    assert_eq!(put_into(&after, "faults", "new").unwrap(), after);
    assert!(put_into("# R\n", "faults", "new").unwrap_err().to_string().contains("begin"));
}
