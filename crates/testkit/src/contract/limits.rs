//! The contract of `core::limits::Limiter`.

mod bucket;
mod exact;
mod generations;
mod places;
#[expect(clippy::indexing_slicing, reason = "a claim on a limit that there is not is a failed test")]
mod plain;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use sluicegate_core::limits::{Claim, Counters, Limit, Limiter, Part, Quota, Rate, Subject, Verdict};

pub use self::plain::Plain;

/// An implementation under test that has counted nothing yet.
pub struct LimiterFixture {
    /// The implementation. It takes times from `epoch` on, and gives a thousand subjects a counter each.
    pub limiter: Arc<dyn Limiter>,
    /// Before all times.
    pub epoch: Instant,
}

/// Runs the whole contract, over implementations that `make` makes.
///
/// # Panics
/// A part of it is broken: the message names it.
pub fn limiter(make: &dyn Fn() -> LimiterFixture) {
    exact::counts_exactly(make);
    exact::takes_from_all_or_from_none(make);
    lets_through_no_more_and_no_less_however_many_ask(make);
    tells_subjects_apart(make);
    tells_which_limit_and_until_when(make);
    places::are_given_back(make);
    places::none_is_lost(make);
    generations::count_on(make);
}

fn limit(name: &str, requests: Option<(&str, u64)>, concurrency: u64) -> Limit {
    let quota = |(rate, burst): (&str, u64)| Some(Quota { rate: Rate::read(rate)?, burst: NonZeroU64::new(burst)? });
    Limit {
        name: name.into(),
        fingerprint: name.into(),
        requests: requests.and_then(quota),
        concurrency: NonZeroU64::new(concurrency),
    }
}

fn one<'a>(limit: usize, subject: Subject<'a>) -> Claim<'a> {
    Claim { limit, subject, cost: 1, place: true, tell: true }
}

/// How many of so many claims for one pass.
fn passing(counters: &dyn Counters, subject: Subject<'_>, tries: usize, now: Instant) -> usize {
    (0..tries).filter(|_| counters.take(&[one(0, subject)], now).passed().is_some()).count()
}

fn lets_through_no_more_and_no_less_however_many_ask(make: &dyn Fn() -> LimiterFixture) {
    for most in [1, 37, 100] {
        let LimiterFixture { limiter, epoch } = make();
        let counters = limiter.counters(&[
            limit("one of all", Some(("1/day", most)), 0),
            limit("one of each", Some(("1/day", 1)), 0),
            limit("wide", Some(("1/day", 1_000_000)), 0),
        ]);
        let (passed, together) = (AtomicUsize::new(0), Barrier::new(100));
        thread::scope(|scope| {
            for number in 0..100 {
                let (counters, passed, together) = (&counters, &passed, &together);
                scope.spawn(move || {
                    let id = number.to_string();
                    let parts = [Part::Principal(&id)];
                    let own = Subject { tenant: None, parts: &parts };
                    let claims = [one(2, own), one(0, Subject::default()), one(1, own)];
                    together.wait();
                    passed.fetch_add(usize::from(counters.take(&claims, epoch).passed().is_some()), SeqCst);
                });
            }
        });
        let passed = passed.into_inner();
        assert!(u64::try_from(passed) == Ok(most), "limits: of 100 at once {passed} passed where {most} may");
    }
}

fn tells_subjects_apart(make: &dyn Fn() -> LimiterFixture) {
    let LimiterFixture { limiter, epoch } = make();
    let counters = limiter.counters(&[limit("each", Some(("1/day", 1)), 0)]);
    let addresses = [IpAddr::from(Ipv4Addr::new(192, 0, 2, 1)), Ipv4Addr::new(192, 0, 2, 2).into()];
    let [near, far] = addresses.map(|address| [Part::Address(address)]);
    let v6 = [Part::Address(Ipv6Addr::LOCALHOST.into())];
    let (principal, group) = ([Part::Principal("a")], [Part::Group("a")]);
    let (model, listener) = ([Part::Model("a")], [Part::Listener("a")]);
    let (two, run_together) = ([Part::Principal("a"), Part::Model("b")], [Part::Principal("ab"), Part::Model("")]);
    let parts: [&[Part<'_>]; 10] = [&[], &near, &far, &v6, &principal, &group, &model, &listener, &two, &run_together];
    for tenant in [None, Some(""), Some("a"), Some("b")] {
        for parts in parts {
            let passed = passing(&*counters, Subject { tenant, parts }, 3, epoch);
            assert!(passed == 1, "limits: {parts:?} of tenant {tenant:?} passes {passed} times, not once");
        }
    }
}

fn tells_which_limit_and_until_when(make: &dyn Fn() -> LimiterFixture) {
    let LimiterFixture { limiter, epoch } = make();
    let counters = limiter.counters(&[
        limit("wide", Some(("1000/s", 1000)), 0),
        limit("soon", Some(("1/s", 1)), 0),
        limit("late", Some(("1/min", 1)), 0),
        limit("places", None, 1),
    ]);
    let all: [Claim<'_>; 4] = std::array::from_fn(|limit| one(limit, Subject::default()));
    let Verdict::Passed(first) = counters.take(&all, epoch) else { panic!("limits: the first request is refused") };
    let tightest = first.tightest.map(|standing| (standing.limit, standing.remaining, standing.whole_in.as_secs()));
    assert!(tightest == Some((2, 0, 60)), "limits: the tightest is {tightest:?}");
    let refused = |claims: &[Claim<'_>]| match counters.take(claims, epoch) {
        Verdict::Passed(_) => panic!("limits: what is used up passes"),
        Verdict::Refused(refused) => (refused.limit, refused.wait.map(|wait| wait.as_secs())),
    };
    assert!(refused(&all) == (2, Some(60)), "limits: of several it is the one that takes longest");
    assert!(refused(&[all[0], all[1]]) == (1, Some(1)), "limits: only what is claimed refuses");
    assert!(refused(&[all[0], all[3]]) == (3, None), "limits: nobody knows when a place is free");
    let more_than_all = Claim { cost: 1001, ..all[0] };
    assert!(refused(&[more_than_all]) == (0, None), "limits: more than all is never there");
    let without = Claim { place: false, ..all[3] };
    assert!(counters.take(&[without], epoch).passed().is_some(), "limits: a place is wanted that is not claimed");
    let silent = counters.take(&[Claim { tell: false, ..all[0] }], epoch).passed();
    assert!(silent.is_some_and(|passed| passed.tightest.is_none()), "limits: what nobody wants to know is told");
}

#[cfg(test)]
mod tests;
