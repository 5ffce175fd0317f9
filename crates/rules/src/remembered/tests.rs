//! What is remembered is bounded, and is never somebody else's.

use std::sync::Arc;

use sluicegate_core::{Operation, Principal, PrincipalKind};

use super::{Facts, MOST, Remembered};

fn named(id: &str) -> Principal {
    Principal { id: Arc::from(id), kind: PrincipalKind::Key, ..Principal::anonymous() }
}

#[test]
fn what_is_known_is_not_found_out_again() {
    let known = Remembered::weighing(1);
    assert_eq!(known.get_or(&named("key:a"), Some(Operation::Infer), || 1), 1);
    assert_eq!(known.get_or(&named("key:a"), Some(Operation::Infer), || 2), 1);
}

/// Principals that differ from `key:a` in one fact each.
fn others() -> [Principal; 5] {
    let one = named("key:a");
    let list = || Arc::from([Arc::from("g")]);
    [
        named("key:b"),
        Principal { kind: PrincipalKind::Anonymous, ..one.clone() },
        Principal { tenant: Some(Arc::from("t")), ..one.clone() },
        Principal { groups: list(), ..one.clone() },
        Principal { purposes: list(), ..one },
    ]
}

/// Also where two have one hash, which no test can wait for.
#[test]
fn requests_are_the_same_by_all_their_facts_whatever_their_hash() {
    let (one, infer) = (named("key:a"), Some(Operation::Infer));
    let facts = Facts::of(&one, infer);
    assert!(facts.are(&named("key:a"), infer));
    assert!(!facts.are(&one, Some(Operation::Chat)) && !facts.are(&one, None));
    for other in others() {
        assert!(!facts.are(&other, infer), "{other:?}");
        assert!(!Facts::of(&other, infer).are(&one, infer), "{other:?}");
    }
}

#[test]
fn each_fact_that_a_policy_reads_tells_requests_apart() {
    let known = Remembered::weighing(1);
    let one = named("key:a");
    assert_eq!(known.get_or(&one, Some(Operation::Infer), || 0), 0);
    for (number, other) in (1..).zip(&others()) {
        assert_eq!(known.get_or(other, Some(Operation::Infer), || number), number, "{other:?}");
    }
    assert_eq!(known.get_or(&one, Some(Operation::Chat), || 10), 10);
    assert_eq!(known.get_or(&one, None, || 11), 11);
    assert_eq!(known.get_or(&one, Some(Operation::Infer), || 12), 0);
}

#[test]
fn any_number_of_principals_takes_bounded_room() {
    for (weight, most) in [(1, MOST), (4, MOST / 4), (usize::MAX, 16)] {
        let known = Remembered::weighing(weight);
        for number in 0..3 * MOST {
            known.get_or(&named(&format!("key:{number}")), None, || number);
            assert!(known.count() <= most, "{}", known.count());
        }
        assert!(known.count() > 0);
    }
}
