//! What is counted is what an exact reckoning says, whatever comes when.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use sluicegate_core::limits::{Claim, Counters, Limit, Quota, Rate, Refused, Standing, Subject, Verdict, Window};

use super::bucket::Bucket;
use super::{LimiterFixture, one};

/// Requests one after another: how long behind the one before, and what each would take of each limit.
type Requests<const N: usize> = Vec<(Duration, [Option<u64>; N])>;

pub(super) fn counts_exactly(make: &dyn Fn() -> LimiterFixture) {
    against_buckets::<1>("limits: exact", make);
}

pub(super) fn takes_from_all_or_from_none(make: &dyn Fn() -> LimiterFixture) {
    against_buckets::<3>("limits: all or none", make);
}

fn against_buckets<const N: usize>(part: &str, make: &dyn Fn() -> LimiterFixture) {
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let cases = prop::array::uniform::<_, N>(quotas()).prop_flat_map(|quotas| {
        let steps = prop::collection::vec((gaps(), prop::array::uniform::<_, N>(costs())), 1..60);
        (Just(quotas), steps)
    });
    let outcome = runner.run(&cases, |(quotas, requests)| run(make(), quotas, requests));
    if let Err(wrong) = outcome {
        panic!("{part}: {wrong}");
    }
}

fn quotas() -> impl Strategy<Value = Quota> {
    let window = prop::sample::select(&Window::ALL[..]);
    let quantity = prop_oneof![1..=10_u64, 1..=10_000_u64, 1..=1_000_000_u64];
    let burst = prop_oneof![1..=20_u64, 1..=1_000_000_000_u64];
    (quantity, window, burst).prop_filter_map("more than nothing", |(quantity, window, burst)| {
        Some(Quota { rate: Rate { quantity: NonZeroU64::new(quantity)?, window }, burst: NonZeroU64::new(burst)? })
    })
}

fn gaps() -> impl Strategy<Value = Duration> {
    let nanos = prop_oneof![Just(0_u64), 1..=1000_u64, 1..=2_000_000_000_u64, 1..=200_000_000_000_000_u64];
    nanos.prop_map(Duration::from_nanos)
}

fn costs() -> impl Strategy<Value = Option<u64>> {
    let cost = prop_oneof![4 => Just(1_u64), 2 => 0..=10_u64, 1 => 0..=1_000_000_u64, 1 => any::<u64>()];
    prop::option::weighted(0.8, cost)
}

fn run<const N: usize>(
    LimiterFixture { limiter, epoch }: LimiterFixture,
    quotas: [Quota; N],
    requests: Requests<N>,
) -> Result<(), TestCaseError> {
    let limits: Vec<Limit> = (0..N)
        .zip(quotas)
        .map(|(number, quota)| {
            let name = format!("limit {number}");
            let fingerprint = name.as_str().into();
            Limit { name: name.into(), fingerprint, requests: Some(quota), concurrency: None }
        })
        .collect();
    let counters = limiter.counters(&limits);
    let mut buckets = quotas.map(Bucket::new);
    let mut now = Duration::ZERO;
    for (gap, costs) in requests {
        now += gap;
        buckets.iter_mut().for_each(|bucket| bucket.fill(now));
        let claim = |(limit, cost): (usize, Option<u64>)| Some(Claim { cost: cost?, ..one(limit, Subject::default()) });
        let claims: Vec<Claim<'_>> = costs.into_iter().enumerate().filter_map(claim).collect();
        compare(&*counters, &claims, &mut buckets, epoch + now)?;
    }
    Ok(())
}

#[expect(clippy::indexing_slicing, reason = "a limit that is not among those that were claimed is a failed test")]
fn compare(
    counters: &dyn Counters,
    claims: &[Claim<'_>],
    buckets: &mut [Bucket],
    now: Instant,
) -> Result<(), TestCaseError> {
    let lacking = |claim: &&Claim<'_>| !buckets[claim.limit].has(claim.cost);
    let waits: Vec<_> = claims.iter().filter(lacking).map(|claim| buckets[claim.limit].wait(claim.cost)).collect();
    let wrong = |told: String| Err(TestCaseError::fail(told));
    match counters.take(claims, now) {
        Verdict::Passed(_) if !waits.is_empty() => wrong(format!("passes, and lacks {waits:?}")),
        Verdict::Refused(refused) if waits.is_empty() => wrong(format!("{refused:?}, and there is enough")),
        Verdict::Passed(passed) => {
            claims.iter().for_each(|claim| buckets[claim.limit].take(claim.cost));
            let all = claims.iter().map(|claim| buckets[claim.limit].standing(claim.limit));
            let tightest = all.reduce(|least, other| if other.is_tighter_than(&least) { other } else { least });
            // Of equals it does not matter which.
            let told = passed.tightest.map(|told| Standing { limit: 0, ..told });
            if told == tightest.map(|known| Standing { limit: 0, ..known }) {
                Ok(())
            } else {
                wrong(format!("tells {:?}, and it is {tightest:?}", passed.tightest))
            }
        }
        Verdict::Refused(Refused { limit, wait, standing: told }) => {
            let known = buckets[limit].standing(limit);
            let right = Some(&wait) == waits.iter().max() && told == Some(known);
            if right { Ok(()) } else { wrong(format!("tells {wait:?} {told:?}, and it is {waits:?} {known:?}")) }
        }
    }
}
