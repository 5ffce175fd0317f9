//! What the contract does not say: how entries are shared when there are too many subjects, and threads that claim in
//! different orders.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use sluicegate_core::Clock as _;
use sluicegate_core::limits::{Claim, Counters, Limit, Limiter as _, Part, Passed, Quota, Rate, Subject};
use sluicegate_testkit::{FakeClock, contract};

use super::Memory;

fn limit(name: &str, rate: &str) -> Limit {
    let rate = Rate::read(rate).unwrap();
    Limit {
        name: name.into(),
        fingerprint: name.into(),
        requests: Some(Quota { rate, burst: rate.quantity }),
        concurrency: None,
    }
}

fn take(counters: &dyn Counters, address: u32, now: Instant) -> Option<Passed> {
    let parts = [Part::address(Ipv4Addr::from_bits(address).into())];
    counters
        .take(
            &[Claim { limit: 0, subject: Subject { tenant: None, parts: &parts }, cost: 1, place: true, tell: true }],
            now,
        )
        .passed()
}

#[test]
fn keeps_the_contract() {
    let epoch = FakeClock::still().now();
    contract::limiter(&|| contract::LimiterFixture { limiter: Arc::new(Memory::new(epoch, 1024)), epoch });
}

#[test]
fn a_flood_shares_one_counter_and_takes_nothing_from_those_who_have_their_own() {
    let epoch = FakeClock::still().now();
    let counters = Memory::new(epoch, 10).counters(&[limit("each", "5/min")]);
    for address in 0..10 {
        assert!((0..3).all(|_| take(&*counters, address, epoch).is_some()));
    }
    let passed = (10..100_000).filter(|address| take(&*counters, *address, epoch).is_some()).count();
    assert_eq!(passed, 5, "all that came too late together do what one may do");
    for address in 0..10 {
        assert_eq!(
            (0..10).filter(|_| take(&*counters, address, epoch).is_some()).count(),
            2,
            "of five three were taken"
        );
    }
    let later = epoch + Duration::from_secs(60);
    assert_eq!((0..10).filter(|_| take(&*counters, 77, later).is_some()).count(), 5, "idle entries have made room");
}

#[test]
fn claims_in_any_order_never_wait_for_each_other_in_a_ring() {
    let epoch = FakeClock::still().now();
    let memory = Memory::new(epoch, 16);
    let (one, other) = (limit("one", "100/min"), limit("other", "100/min"));
    let generations = [memory.counters(&[one.clone(), other.clone()]), memory.counters(&[other, one])];
    let passed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..8 {
            let (counters, passed) = (&generations[number % 2], &passed);
            scope.spawn(move || {
                let both =
                    [0, 1].map(|limit| Claim { limit, subject: Subject::default(), cost: 1, place: true, tell: true });
                let taken = (0..1000).filter(|_| counters.take(&both, epoch).passed().is_some()).count();
                passed.fetch_add(taken, Relaxed);
            });
        }
    });
    assert_eq!(passed.into_inner(), 100);
}

#[test]
fn a_limit_that_is_claimed_twice_is_claimed_once() {
    let epoch = FakeClock::still().now();
    let counters = Memory::new(epoch, 16).counters(&[limit("one", "3/min")]);
    let twice = [Claim { limit: 0, subject: Subject::default(), cost: 1, place: true, tell: true }; 2];
    assert_eq!((0..9).filter(|_| counters.take(&twice, epoch).passed().is_some()).count(), 3);
}

#[test]
fn what_nobody_has_is_forgotten() {
    let epoch = FakeClock::still().now();
    let memory = Memory::new(epoch, 16);
    let gone = [limit("gone", "5/day")];
    let counters = memory.counters(&gone);
    assert!((0..5).all(|_| take(&*counters, 1, epoch).is_some()));
    drop(counters);
    let without = memory.counters(&[]);
    assert!(memory.known.lock().tables.is_empty());
    assert!(take(&*without, 1, epoch).is_some(), "a limit that there is not refuses nothing");
    assert!(take(&*memory.counters(&gone), 1, epoch).is_some());
}
