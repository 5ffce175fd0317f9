//! What was counted stays counted when the configuration changes.

use std::time::Duration;

use sluicegate_core::limits::{Claim, Limit, Subject, Verdict};

use super::{LimiterFixture, limit, one, passing};

const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn count_on(make: &dyn Fn() -> LimiterFixture) {
    equal_limits_are_carried_over(make);
    a_changed_rate_keeps_what_was_used(make);
    places_are_carried_over(make);
}

fn equal_limits_are_carried_over(make: &dyn Fn() -> LimiterFixture) {
    let LimiterFixture { limiter, epoch } = make();
    let kept = limit("kept", Some(("10/min", 10)), 0);
    let before = limiter.counters(std::slice::from_ref(&kept));
    assert!(passing(&*before, Subject::default(), 7, epoch) == 7, "generations: seven of ten");
    let after = limiter.counters(&[limit("new", Some(("10/min", 10)), 0), kept]);
    let rest = (0..20).filter(|_| after.take(&[one(1, Subject::default())], epoch).passed().is_some()).count();
    assert!(rest == 3, "generations: {rest} of the three that were left are there, at another place of the list");
    let other = passing(&*after, Subject::default(), 20, epoch);
    assert!(other == 10, "generations: a new limit has {other} of ten");
    let old = passing(&*before, Subject::default(), 20, epoch);
    assert!(old == 0, "generations: {old} pass by the generation before, of what the next one has used up");
}

fn a_changed_rate_keeps_what_was_used(make: &dyn Fn() -> LimiterFixture) {
    for (changed, left) in
        [(("20/min", 20), 13), (("10/s", 10), 3), (("7/h", 8), 1), (("5/min", 5), 0), (("999983/s", 999_983), 999_976)]
    {
        let LimiterFixture { limiter, epoch } = make();
        let before = limiter.counters(&[limit("one", Some(("10/min", 10)), 0)]);
        passing(&*before, Subject::default(), 7, epoch);
        let after = limiter.counters(&[limit("one", Some(changed), 0)]);
        let look = Claim { cost: 0, ..one(0, Subject::default()) };
        let standing = match after.take(&[look], epoch) {
            Verdict::Passed(passed) => passed.tightest,
            // More was used than there is now.
            Verdict::Refused(refused) => refused.standing,
        };
        let remaining = standing.map(|standing| standing.remaining);
        assert!(remaining == Some(left), "generations: at {changed:?} {remaining:?} are left, not {left}");
    }
    // Half of what was used is there again before the change, half of the rest behind it.
    let LimiterFixture { limiter, epoch } = make();
    let before = limiter.counters(&[limit("one", Some(("10/min", 10)), 0)]);
    passing(&*before, Subject::default(), 10, epoch);
    let now = epoch + MINUTE / 2;
    let after = limiter.counters(&[limit("one", Some(("20/h", 20)), 0)]);
    let passed = passing(&*after, Subject::default(), 50, now);
    assert!(passed == 15, "generations: {passed} of twenty pass when five were used");
    let passed = passing(&*after, Subject::default(), 50, now + 6 * MINUTE);
    assert!(passed == 2, "generations: {passed} of two that have come at the new rate");
}

fn places_are_carried_over(make: &dyn Fn() -> LimiterFixture) {
    let LimiterFixture { limiter, epoch } = make();
    let take = |limits: &[Limit]| {
        let counters = limiter.counters(limits);
        move || counters.take(&[one(0, Subject::default())], epoch).passed()
    };
    let before = take(&[limit("one", None, 3)]);
    let mut held: Vec<_> = (0..3).filter_map(|_| before()).collect();
    let after = take(&[limit("one", None, 4)]);
    held.extend((0..9).filter_map(|_| after()));
    assert!(held.len() == 4, "generations: {} places are held, of four", held.len());
    drop(before);
    drop(held);
    let free = (0..9).filter_map(|_| after()).collect::<Vec<_>>().len();
    assert!(free == 4, "generations: {free} of four places are free");
}
