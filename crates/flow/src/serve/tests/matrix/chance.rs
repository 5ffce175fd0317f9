//! Listeners, models and access lists as chance has them.

use sluicegate_core::Dice as _;
use sluicegate_testkit::SeededDice;

use super::expected::{self, House, Rule, Who};

/// One of `all`.
fn one<T: Copy>(dice: &SeededDice, all: &[T]) -> T {
    all[usize::try_from(dice.roll() % all.len() as u64).unwrap()]
}

/// Some of `all`, at least one.
fn some<T: Copy>(dice: &SeededDice, all: &[T]) -> Vec<T> {
    let mut some: Vec<T> = all.iter().copied().filter(|_| dice.roll().is_multiple_of(3)).collect();
    if some.is_empty() {
        some.push(one(dice, all));
    }
    some
}

pub(super) fn house(dice: &SeededDice) -> House {
    let in_ten = |chance: u64| dice.roll() % 10 < chance;
    let exposes_all = in_ten(6);
    let model = |name| {
        let versions = vec!["1", "2", "3"];
        let stable = one(dice, &versions);
        let access = (!in_ten(1)).then(|| {
            // Of chance alone hardly anybody could manage all versions.
            let managed = in_ten(4).then(|| rule(dice)).map(|rule| Rule {
                versions: None,
                operations: Some(vec!["manage"]),
                ..rule
            });
            (0..dice.roll() % 7).map(|_| rule(dice)).chain(managed).collect()
        });
        let observed = in_ten(3);
        expected::Model { name, versions, stable, access, observed, exposed: exposes_all || in_ten(7) }
    };
    House {
        takes_anonymous: in_ten(6),
        management: in_ten(8),
        exposes_all,
        tenants: if in_ten(9) { vec!["risk", "team-b"] } else { Vec::new() },
        models: vec![model("m"), model("t")],
    }
}

fn rule(dice: &SeededDice) -> Rule {
    let in_ten = |chance: u64| dice.roll() % 10 < chance;
    let who = match dice.roll() % 7 {
        0 | 1 => Who::Everyone,
        2 | 3 => Who::Tenant(one(dice, &["risk", "team-b"])),
        4 => Who::Group(one(dice, &["interns", "ops"])),
        5 => Who::Principal(one(dice, &["key:r", "key:b-io", "key:only-m", "key:s-run"])),
        _ => Who::Principal("anonymous"),
    };
    let words: Vec<&str> = ["run", "read", "manage"].into_iter().chain(expected::RUN).chain(expected::READ).collect();
    Rule {
        allows: in_ten(8),
        who,
        versions: in_ten(4).then(|| some(dice, &["1", "2", "3"])),
        operations: in_ten(5).then(|| (0..=dice.roll() % 3).map(|_| one(dice, &words)).collect()),
    }
}
