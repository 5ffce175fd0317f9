//! Whatever may be asked, by whomever, of models with access lists that chance wrote: what comes of it is what the
//! documentation says (`expected.rs`), in every protocol, and no model server hears of what is refused.

mod asked;
mod chance;
mod expected;
mod told;
mod world;

use std::collections::HashMap;

use sluicegate_testkit::SeededDice;

use self::asked::What;
use self::chance::house;
use self::expected::{Caller, Outcome};
use self::told::Matrix;
use super::*;

/// Access lists, each with a listener of its own.
const LISTS: u64 = 240;

/// Of the questions of every caller one in so many is put to each list: to another list the others.
const ONE_IN: u64 = 6;

/// What all of them come to at least.
const REQUESTS: usize = 50_000;

/// Nobody, bad keys, keys of no tenant, all roles of both tenants, and keys with bounds.
const CALLERS: &[Caller] = &[
    caller("", None, &[]),
    bad("unknown"),
    bad("malformed"),
    bad("revoked"),
    bad("expired"),
    caller("homeless", None, &["ops"]),
    caller("foreign", Some("elsewhere"), &["ops"]),
    caller("r", Some("risk"), &[]),
    caller("r-i", Some("risk"), &["interns"]),
    caller("r-o", Some("risk"), &["ops"]),
    caller("r-io", Some("risk"), &["interns", "ops"]),
    caller("b", Some("team-b"), &[]),
    caller("b-i", Some("team-b"), &["interns"]),
    caller("b-o", Some("team-b"), &["ops"]),
    caller("b-io", Some("team-b"), &["interns", "ops"]),
    scoped("s-usual", &["run", "read"]),
    scoped("s-run", &["run"]),
    scoped("s-read", &["read"]),
    scoped("s-infer", &["infer"]),
    scoped("s-stream", &["stream_infer", "ready"]),
    scoped("s-manage", &["manage"]),
    only("only-m", &["m"]),
    only("only-t", &["t"]),
    only("only-x", &["x"]),
];

const fn caller(key: &'static str, tenant: Option<&'static str>, groups: &'static [&'static str]) -> Caller {
    Caller { key, good: !key.is_empty(), tenant, groups, scopes: None, models: None }
}

const fn bad(key: &'static str) -> Caller {
    Caller { good: false, ..caller(key, None, &[]) }
}

const fn scoped(key: &'static str, words: &'static [&'static str]) -> Caller {
    Caller { scopes: Some(words), ..caller(key, Some("risk"), &["ops"]) }
}

const fn only(key: &'static str, models: &'static [&'static str]) -> Caller {
    Caller { models: Some(models), ..caller(key, Some("team-b"), &["interns"]) }
}

#[test]
fn whatever_is_asked_comes_out_as_the_documentation_says() {
    let next = std::sync::atomic::AtomicU64::new(0);
    let told = Mutex::new((0, HashMap::<(usize, usize), usize>::new(), HashMap::<String, usize>::new(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, |count| count.get().min(8)) {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= LISTS {
                        return;
                    }
                    let of_list = runtime.block_on(ask_all(seed));
                    let mut told = told.lock();
                    for (pair, expected, wrong) in of_list {
                        told.0 += 1;
                        *told.1.entry(pair).or_default() += 1;
                        *told.2.entry(expected).or_default() += 1;
                        told.3.extend(wrong);
                    }
                }
            });
        }
    });
    let (requests, pairs, outcomes, wrong) = told.into_inner();
    println!(
        "{requests} requests to {LISTS} access lists; {} callers, {} questions",
        CALLERS.len(),
        asked::all().len()
    );
    println!("outcomes: {outcomes:?}; deviations: {}", wrong.len());
    assert!(wrong.is_empty(), "{} deviations:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    assert!(requests >= REQUESTS, "{requests}");
    assert_eq!(pairs.len(), CALLERS.len() * asked::all().len(), "somebody was never asked for something");
    assert!(outcomes.len() == 7 && outcomes.values().all(|count| *count >= 100), "chance was kind: {outcomes:?}");
}

/// What was put to one list: which caller and question, what was to come of it, and what was wrong.
type Told = ((usize, usize), String, Option<String>);

async fn ask_all(seed: u64) -> Vec<Told> {
    let dice = SeededDice::new(seed);
    let house = house(&dice);
    let world = Matrix::new(&house);
    let questions = asked::all();
    let mut all = Vec::new();
    for (at, caller) in CALLERS.iter().enumerate() {
        for (number, ask) in questions.iter().enumerate() {
            if !dice.roll().is_multiple_of(ONE_IN) {
                continue;
            }
            let expected = house.at_the_door(caller).unwrap_or_else(|| match ask.what {
                What::Model(operation, model, version) => house.about(caller, operation, model, version),
                What::List(operation, talks) => house.shown(caller, operation, talks),
                What::Order(model) => house.order(caller, model),
                What::OrderToAll => house.order_to_all(caller),
            });
            let found = world.outcome(caller, ask).await;
            let told = match (&expected, &ask.what) {
                (Outcome::Version(_), What::Model(operation, model, version)) => {
                    house.told(caller, operation, model, *version)
                }
                _ => None,
            };
            let (observed, told): (_, Result<_, String>) = (world.would_refuse(), Ok(told));
            let label = match &expected {
                Outcome::Refused(status) => status.to_string(),
                Outcome::Version(_) if told != Ok(None) => "would refuse".to_owned(),
                Outcome::Version(_) => "version".to_owned(),
                Outcome::Shown(_) => "shown".to_owned(),
                Outcome::Told => "told".to_owned(),
            };
            let wrong = (found.as_ref() != Ok(&expected) || observed != told).then(|| {
                let what = &ask.what;
                format!("list {seed}, {caller:?}, {what:?}: {found:?} for {expected:?}, {observed:?} for {told:?}\n  {house:?}")
            });
            all.push(((at, number), label, wrong));
        }
    }
    all
}
