use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use sluicegate_config::{Balance, Probing, Resilience};
use sluicegate_core::{Dice, Endpoint, Sent, Share};

use super::{Change, Fitness, Member, NoneFit, Picked, Pool, SOON, Wish};
use crate::verdict::Verdict;

const BROKEN: Verdict = Verdict::Transport(Sent::Nothing);

/// Even, and the same in every run.
struct Steps(AtomicU64);

impl Dice for Steps {
    fn roll(&self) -> u64 {
        // SplitMix64.
        let state = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

struct World {
    pool: Pool,
    dice: Steps,
    now: Instant,
}

#[expect(clippy::disallowed_methods, reason = "a starting point for made-up times")]
fn start() -> Instant {
    Instant::now()
}

fn endpoint(nth: usize) -> Endpoint {
    Endpoint { authority: format!("e{nth}").into(), prefix: "".into(), host: None, tls: None }
}

fn world(weights: &[u32], change: impl FnOnce(&mut Resilience)) -> World {
    let mut resilience = Resilience::default();
    resilience.eject.slow_start = Duration::ZERO;
    change(&mut resilience);
    let now = start();
    let endpoints = weights.iter().enumerate().map(|(nth, weight)| (endpoint(nth), *weight));
    World {
        pool: Pool::new(&Arc::from("b"), (endpoints, false), &resilience, None, now),
        dice: Steps(AtomicU64::new(1)),
        // What was begun a little ago was begun after the pool.
        now: now + Duration::from_secs(1),
    }
}

impl World {
    fn pick(&self) -> Result<Picked<'_>, NoneFit> {
        self.pick_for(None, &[])
    }

    fn pick_for(&self, key: Option<u64>, tried: &[Arc<Member>]) -> Result<Picked<'_>, NoneFit> {
        self.pool.pick(&Wish { now: self.now, dice: &self.dice, key, limit: 100_000, tried })
    }

    fn judge(&self, nth: usize, verdict: Verdict, took: u64) {
        let took = Duration::from_millis(took);
        let member = &self.pool.members()[nth];
        self.pool.judge(member, verdict, took, self.now, || "told to".to_owned());
        if matches!(verdict, Verdict::Good | Verdict::Client) {
            self.pool.ended_well(member, self.now.checked_sub(took).unwrap_or(self.now));
        }
    }

    /// How many of `count` calls, one after the other, each endpoint gets.
    fn shares(&self, count: usize) -> Vec<usize> {
        let mut shares = vec![0; self.pool.members().len()];
        for _ in 0..count {
            shares[self.nth(&self.pick().unwrap())] += 1;
        }
        shares
    }

    fn nth(&self, picked: &Picked<'_>) -> usize {
        self.pool.members().iter().position(|member| Arc::ptr_eq(member, picked.member())).unwrap()
    }

    fn fitness(&self, nth: usize) -> Fitness {
        self.pool.state(&self.pool.members()[nth], self.now).0
    }

    fn after(&mut self, time: Duration) {
        self.now += time;
    }

    fn answered(&self, mut picked: Picked<'_>, verdict: Verdict, took: u64) {
        let took = Duration::from_millis(took);
        self.pool.answered(&mut picked, verdict, took, self.now, || "told to".to_owned());
    }

    /// Calls at once to one endpoint, as many as `count`.
    fn held_at(&self, nth: usize, count: usize) -> Vec<Picked<'static>> {
        let member = || Arc::clone(&self.pool.members()[nth]);
        (0..count).map(|_| self.pool.pick_known(member(), self.now)).collect()
    }

    fn is_stuck(&self, nth: usize) -> bool {
        self.pool.members()[nth].is_stuck(self.pool.since(self.now))
    }
}

#[test]
fn calls_are_spread_by_weight() {
    for balance in [Balance::TwoChoices, Balance::LeastRequest, Balance::RoundRobin] {
        let world = world(&[1, 1, 1], |resilience| resilience.balance = balance.clone());
        let shares = world.shares(3000);
        assert!(shares.iter().all(|share| (850..1150).contains(share)), "{balance:?}: {shares:?}");
    }
    let world = world(&[3, 1, 4], |resilience| resilience.balance = Balance::RoundRobin);
    assert_eq!(world.shares(800), [300, 100, 400]);
    // Not all of a weight's turns come at once.
    let turns: Vec<usize> = (0..8).map(|_| world.nth(&world.pick().unwrap())).collect();
    assert!(turns.windows(3).all(|turns| turns.iter().any(|turn| *turn != turns[0])), "{turns:?}");
}

#[test]
fn what_is_under_way_is_spread_by_weight() {
    for balance in [Balance::TwoChoices, Balance::LeastRequest] {
        let world = world(&[1, 3], |resilience| resilience.balance = balance.clone());
        let held: Vec<Picked> = (0..400).map(|_| world.pick().unwrap()).collect();
        let first = world.pool.members()[0].in_flight();
        assert!((90..110).contains(&first), "{balance:?}: {first}");
        drop(held);
        assert!(world.pool.members().iter().all(|member| member.in_flight() == 0));
    }
}

#[test]
fn the_slower_of_two_gets_less() {
    let mut world = world(&[1, 1, 1], |_| {});
    for _ in 0..50 {
        world.judge(0, Verdict::Good, 400);
        world.judge(1, Verdict::Good, 40);
        world.judge(2, Verdict::Good, 40);
    }
    let shares = world.shares(1000);
    assert_eq!(shares[0], 0, "{shares:?}");
    // It is tried again once its slowness is old.
    world.after(Duration::from_secs(12));
    for nth in [1, 2] {
        world.judge(nth, Verdict::Good, 40);
    }
    assert!(world.shares(100)[0] > 0);
}

#[test]
fn an_endpoint_that_fails_is_left_out_longer_each_time() {
    let mut world = world(&[1, 1, 1], |_| {});
    for _ in 0..4 {
        world.judge(0, BROKEN, 1);
    }
    assert_eq!(world.fitness(0), Fitness::Fit, "four are not five");
    world.judge(0, Verdict::Client, 0);
    for _ in 0..4 {
        world.judge(0, Verdict::Server, 1);
    }
    assert_eq!(world.fitness(0), Fitness::Fit, "in a row");
    // This one was begun before.
    world.judge(0, Verdict::Good, 1);
    world.judge(0, Verdict::Timeout(Sent::All), 1);
    assert_eq!(world.fitness(0), Fitness::Ejected);
    assert_eq!(world.shares(300)[0], 0);
    world.after(Duration::from_millis(5001));
    assert_eq!(world.fitness(0), Fitness::Trial);
    // One call shows; until it does there is no second.
    let held: Vec<Picked> = (0..60).map(|_| world.pick().unwrap()).collect();
    assert_eq!(world.pool.members()[0].in_flight(), 1);
    drop(held);
    world.judge(0, BROKEN, 1);
    world.after(Duration::from_millis(5001));
    assert_eq!(world.fitness(0), Fitness::Ejected, "twice as long");
    world.after(Duration::from_secs(5));
    world.judge(0, Verdict::Good, 1);
    assert_eq!(world.fitness(0), Fitness::Fit);
}

#[test]
fn an_endpoint_whose_answers_begin_well_and_break_is_left_out_as_soon() {
    let world = world(&[1, 1], |_| {});
    let member = &world.pool.members()[0];
    for _ in 0..5 {
        world.pool.judge(member, Verdict::Good, Duration::from_millis(1), world.now, String::new);
        assert_eq!(world.fitness(0), Fitness::Fit);
        world.pool.judge(member, BROKEN, Duration::ZERO, world.now, || "told to".to_owned());
    }
    assert_eq!(world.fitness(0), Fitness::Ejected);
}

#[test]
fn one_answer_that_was_held_up_is_soon_forgotten() {
    let mut world = world(&[1, 1], |_| {});
    let both = |world: &World| (0..2).for_each(|nth| world.judge(nth, Verdict::Good, 2));
    both(&world);
    world.judge(0, Verdict::Good, 10_000);
    assert_eq!(world.shares(50), [0, 50]);
    world.after(Duration::from_secs(4));
    world.judge(1, Verdict::Good, 2);
    assert!(world.shares(50)[0] > 0);
    // One that has become slow is known for it after a few answers.
    (0..10).for_each(|_| world.judge(0, Verdict::Good, 10_000));
    let known = world.pool.latency(&world.pool.members()[0], world.now).unwrap();
    assert!(known > Duration::from_secs(5), "{known:?}");
}

#[test]
fn an_endpoint_that_owes_answers_for_too_long_is_passed_over() {
    let mut world = world(&[1, 1], |_| {});
    world.judge(0, Verdict::Good, 40);
    // One call may take long; of several one should have been answered by now.
    let (one, several) = (world.held_at(0, 1), world.held_at(1, 4));
    world.judge(1, Verdict::Good, 40);
    world.after(Duration::from_millis(81));
    assert_eq!((world.is_stuck(0), world.is_stuck(1)), (false, true));
    world.after(Duration::from_millis(170));
    assert!(world.is_stuck(0));
    drop(one);
    assert!(!world.is_stuck(0), "nobody waits");
    let held = world.pick().unwrap();
    assert_eq!((world.nth(&held), world.is_stuck(0)), (0, true), "but one may");
    world.answered(held, Verdict::Good, 40);
    assert_eq!(world.shares(50), [50, 0]);
    // One answer is a sign of life.
    let mut several = several.into_iter();
    world.answered(several.next().unwrap(), Verdict::Client, 250);
    assert!(!world.is_stuck(1));
    world.after(Duration::from_secs(1));
    assert!(world.is_stuck(1), "and the others wait on");
}

#[test]
fn an_endpoint_that_was_silent_to_the_end_is_tried_by_one_call_at_a_time() {
    for balance in [Balance::TwoChoices, Balance::LeastRequest, Balance::RoundRobin] {
        let mut world = world(&[1, 1, 1], |resilience| {
            resilience.balance = balance.clone();
            resilience.eject.failures = 0;
        });
        for nth in 0..3 {
            world.judge(nth, Verdict::Good, 40);
        }
        let mut held = world.held_at(0, 6).into_iter();
        world.after(Duration::from_secs(2));
        world.answered(held.next().unwrap(), Verdict::Timeout(Sent::All), 2000);
        // Those whose second call was quicker are given up.
        drop(held);
        let tried = |world: &World| {
            let held: Vec<Picked<'_>> = (0..60).map(|_| world.pick().unwrap()).collect();
            let (tried, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|picked| world.nth(picked) == 0);
            others.into_iter().for_each(|picked| world.answered(picked, Verdict::Good, 40));
            tried.into_iter().map(Picked::lasting).collect::<Vec<_>>()
        };
        let mut trial = tried(&world);
        assert_eq!(trial.len(), 1, "{balance:?}");
        world.after(Duration::from_secs(1));
        assert_eq!(tried(&world).len(), 0, "{balance:?}: the one still waits");
        // That a connection is refused says nothing; an answer does.
        world.answered(trial.remove(0), BROKEN, 1000);
        let mut trial = tried(&world);
        assert_eq!(trial.len(), 1, "{balance:?}");
        world.answered(trial.remove(0), Verdict::Good, 40);
        assert!(tried(&world).len() > 10, "{balance:?}");
    }
}

#[test]
fn pushback_and_the_gateways_own_lateness_are_nothing_against_an_endpoint() {
    let world = world(&[1, 1], |_| {});
    for _ in 0..100 {
        world.judge(0, Verdict::Pushback(None), 1);
        world.judge(0, Verdict::Client, 1);
        world.judge(0, Verdict::Unknown, 1);
    }
    assert_eq!(world.fitness(0), Fitness::Fit);
}

#[test]
fn an_endpoint_that_fails_every_other_time_is_left_out_too() {
    let world = world(&[1, 1], |_| {});
    for _ in 0..40 {
        world.judge(0, Verdict::Good, 1);
        world.judge(0, Verdict::Unavailable, 1);
        world.judge(0, Verdict::Unavailable, 1);
    }
    assert_eq!(world.fitness(0), Fitness::Ejected);
}

#[test]
fn never_more_than_the_allowed_part_is_left_out() {
    let world = world(&[1; 5], |_| {});
    for nth in 0..5 {
        for _ in 0..20 {
            world.judge(nth, BROKEN, 1);
        }
    }
    let out = (0..5).filter(|nth| world.fitness(*nth) == Fitness::Ejected).count();
    assert_eq!(out, 2, "half of five, rounded down");
    let all = self::world(&[1, 1], |resilience| resilience.eject.most = Share::percent(100));
    for nth in 0..2 {
        for _ in 0..20 {
            all.judge(nth, BROKEN, 1);
        }
    }
    assert_eq!((0..2).filter(|nth| all.fitness(*nth) == Fitness::Ejected).count(), 1, "one is always left");
    let never = self::world(&[1, 1, 1], |resilience| resilience.eject.failures = 0);
    for _ in 0..100 {
        never.judge(0, BROKEN, 1);
    }
    assert_eq!(never.fitness(0), Fitness::Fit);
}

#[test]
fn an_endpoint_that_asks_for_rest_gets_it_while_others_can() {
    let mut world = world(&[1, 1], |_| {});
    world.judge(0, Verdict::Pushback(Some(Duration::from_secs(2))), 1);
    assert_eq!(world.shares(50), [0, 50]);
    world.judge(1, Verdict::Pushback(Some(Duration::from_secs(1))), 1);
    assert!(world.shares(50).iter().all(|share| *share > 0), "nobody else is there");
    world.after(Duration::from_millis(1500));
    assert_eq!(world.shares(50), [0, 50]);
}

#[test]
fn probes_take_endpoints_out_and_back_and_none_left_is_said_at_once() {
    let probing =
        Probing { interval: Duration::from_secs(2), timeout: Duration::from_secs(1), failures: 2, successes: 2 };
    let world = world(&[1, 1], |resilience| resilience.health = Some(probing));
    let probe = |nth: usize, good: bool| {
        let outcome = if good { Ok(()) } else { Err("told to".to_owned()) };
        world.pool.probed(&world.pool.members()[nth], outcome, &probing, world.now);
    };
    probe(0, false);
    probe(0, true);
    probe(0, false);
    assert_eq!(world.fitness(0), Fitness::Fit, "two in a row");
    probe(0, false);
    assert_eq!(world.fitness(0), Fitness::Down);
    assert_eq!(world.shares(20), [0, 20]);
    probe(1, false);
    probe(1, false);
    assert!(world.pick().is_err());
    probe(1, true);
    assert!(world.pick().is_err());
    probe(1, true);
    assert_eq!(world.shares(20), [0, 20]);
}

#[test]
fn in_panic_all_are_used() {
    let probing =
        Probing { interval: Duration::from_secs(2), timeout: Duration::from_secs(1), failures: 1, successes: 1 };
    let world = world(&[1; 4], |resilience| {
        resilience.health = Some(probing);
        resilience.eject.panic = Share::percent(50);
    });
    let down = |nth: usize| {
        world.pool.probed(&world.pool.members()[nth], Err(String::new()), &probing, world.now);
    };
    down(0);
    down(1);
    assert_eq!(world.shares(100)[..2], [0, 0], "half of them are fit");
    down(2);
    assert!(world.shares(200).iter().all(|share| *share > 20), "it is hardly three that failed");
}

#[test]
fn one_that_comes_back_gets_less_at_first() {
    for balance in [Balance::TwoChoices, Balance::RoundRobin] {
        let mut world = world(&[1, 1], |resilience| {
            resilience.balance = balance.clone();
            resilience.eject.slow_start = Duration::from_secs(10);
        });
        for _ in 0..5 {
            world.judge(0, BROKEN, 1);
        }
        world.after(Duration::from_secs(6));
        world.judge(0, Verdict::Good, 1);
        world.judge(1, Verdict::Good, 1);
        world.after(Duration::from_secs(2));
        let held: Vec<Picked> = (0..120).map(|_| world.pick().unwrap()).collect();
        let first = held.iter().filter(|picked| world.nth(picked) == 0).count();
        assert!((8..40).contains(&first), "{balance:?}: a fifth of its part: {first}");
        drop(held);
        world.after(Duration::from_secs(9));
        let shares = world.shares(200);
        assert!(shares[0] > 80, "{balance:?}: {shares:?}");
    }
}

#[test]
fn a_retry_goes_elsewhere() {
    for balance in [Balance::TwoChoices, Balance::LeastRequest, Balance::RoundRobin, Balance::Hash("x".into())] {
        let world = world(&[1, 1, 1], |resilience| resilience.balance = balance.clone());
        for _ in 0..100 {
            let first = world.pick_for(Some(7), &[]).unwrap();
            let tried = [Arc::clone(first.member())];
            let second = world.pick_for(Some(7), &tried).unwrap();
            assert!(!Arc::ptr_eq(first.member(), second.member()), "{balance:?}");
            let tried = [Arc::clone(first.member()), Arc::clone(second.member())];
            let third = world.pick_for(Some(7), &tried).unwrap();
            assert!(!tried.iter().any(|tried| Arc::ptr_eq(tried, third.member())), "{balance:?}");
        }
    }
    let world = world(&[1], |_| {});
    let only = Arc::clone(world.pick().unwrap().member());
    assert!(world.pick_for(None, &[only]).is_ok(), "there is no other");
}

#[test]
fn the_same_value_goes_to_the_same_endpoint_within_its_part_of_the_load() {
    let by_hash = |weights: &[u32]| world(weights, |resilience| resilience.balance = Balance::Hash("x".into()));
    let (five, four) = (by_hash(&[1; 5]), by_hash(&[1; 4]));
    let mut moved = 0;
    let mut counts = [0; 5];
    for key in 0..5000 {
        let at = five.nth(&five.pick_for(Some(key), &[]).unwrap());
        assert_eq!(at, five.nth(&five.pick_for(Some(key), &[]).unwrap()));
        counts[at] += 1;
        // The fifth endpoint goes: only its keys move.
        let without = four.nth(&four.pick_for(Some(key), &[]).unwrap());
        moved += usize::from(at != without);
        assert!(at == without || at == 4);
    }
    assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    assert_eq!(moved, counts[4]);
    // One value that everybody asks for does not drown its endpoint.
    let held: Vec<Picked> = (0..500).map(|_| five.pick_for(Some(1), &[]).unwrap()).collect();
    assert!(five.pool.members().iter().all(|member| member.in_flight() <= 127));
    drop(held);
}

#[test]
fn what_is_known_of_an_endpoint_outlives_a_change() {
    let before = world(&[1, 1], |_| {});
    for _ in 0..5 {
        before.judge(1, BROKEN, 1);
    }
    let endpoints = [(endpoint(1), 7), (endpoint(2), 1)];
    let after = Pool::new(&Arc::from("b"), (endpoints, false), &Resilience::default(), Some(&before.pool), before.now);
    assert!(Arc::ptr_eq(&after.members()[0], &before.pool.members()[1]));
    assert_eq!(after.state(&after.members()[0], before.now).0, Fitness::Ejected);
    assert_eq!(after.members()[1].counts(), (0, 0, 0));
}

#[test]
fn endpoints_come_and_go_and_those_that_stay_are_the_same() {
    let (now, resilience) = (start(), Resilience::default());
    let listed = |all: &[usize]| -> Vec<(Endpoint, u32)> { all.iter().map(|nth| (endpoint(*nth), 1)).collect() };
    let pool = Pool::new(&Arc::from("b"), (listed(&[0, 1]), true), &resilience, None, now);
    let world = World { pool, dice: Steps(AtomicU64::new(1)), now };
    for _ in 0..5 {
        world.judge(1, BROKEN, 1);
    }
    let held = world.pool.pick(&Wish { now, dice: &world.dice, key: None, limit: 100, tried: &[] }).unwrap();
    let staying = Arc::clone(&world.pool.members()[1]);
    assert_eq!(world.pool.replace(listed(&[2, 1, 3]), now), Change { added: 2, removed: 1 });
    assert!(Arc::ptr_eq(&world.pool.members()[1], &staying));
    assert_eq!(world.fitness(1), Fitness::Ejected, "its state stays");
    assert_eq!(held.endpoint(), &endpoint(0), "a call goes on where it is");
    // New ones begin with less than their part, and have all of it in the end.
    let ramp = |nth: usize, after: u64| {
        let now = world.pool.since(now + Duration::from_secs(after));
        world.pool.members()[nth].health.ramp(resilience.eject.slow_start, now)
    };
    assert!(ramp(0, 0) < 0.2 && (0.4..0.6).contains(&ramp(0, 5)), "{} {}", ramp(0, 0), ramp(0, 5));
    assert_eq!((ramp(2, 11), ramp(1, 0)), (1.0, 1.0));
    // To the first ones there is nothing to compare.
    assert_eq!(world.pool.replace(listed(&[]), now), Change { added: 0, removed: 3 });
    assert_eq!(world.pick().map(drop), Err(NoneFit { retry_after: SOON }));
    assert!(world.pool.in_turn(now).is_none());
    world.pool.replace(listed(&[4]), now);
    assert_eq!(ramp(0, 0), 1.0);
    // Those that configuration lists do not change.
    let fixed = Pool::new(&Arc::from("b"), (listed(&[0]), false), &resilience, None, now);
    assert_eq!(fixed.replace(listed(&[1]), now), Change::default());
}
