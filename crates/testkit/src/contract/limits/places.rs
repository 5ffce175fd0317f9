//! Places are taken and given back, and none is lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;

use sluicegate_core::limits::{Passed, Subject};

use super::{LimiterFixture, limit, one};

pub(super) fn are_given_back(make: &dyn Fn() -> LimiterFixture) {
    let LimiterFixture { limiter, epoch } = make();
    let counters = limiter.counters(&[
        limit("places", None, 3),
        limit("rate", Some(("1/day", 4)), 0),
        limit("b", None, 9),
        limit("c", None, 9),
        limit("d", None, 9),
    ]);
    let take = |limits: &[usize]| -> Option<Passed> {
        let claims: Vec<_> = limits.iter().map(|limit| one(*limit, Subject::default())).collect();
        counters.take(&claims, epoch).passed()
    };
    let mut held: Vec<Passed> = (0..3).filter_map(|_| take(&[0, 1, 2, 3, 4])).collect();
    assert!(held.len() == 3, "places: {} of 3 can be had", held.len());
    assert!(take(&[0, 1]).is_none(), "places: a fourth of three is given");
    drop(held.pop());
    let Some(last) = take(&[0, 1]) else {
        panic!("places: one given back cannot be had again, or its refusal took a rate")
    };
    assert!(take(&[0]).is_none(), "places: more are given than were given back");
    assert!(take(&[1]).is_none(), "places: a rate passes more than it may");
    drop((last, held));
    let again = (0..9).filter_map(|_| take(&[0])).collect::<Vec<_>>().len();
    assert!(again == 3, "places: {again} of 3 can be had when all were given back");
    let others = (0..20).filter_map(|_| take(&[4])).collect::<Vec<_>>().len();
    assert!(others == 9, "places: {others} of 9 can be had of a limit that was claimed among many");
}

/// L-08: whatever becomes of those who hold them.
pub(super) fn none_is_lost(make: &dyn Fn() -> LimiterFixture) {
    const MOST: usize = 5;
    let LimiterFixture { limiter, epoch } = make();
    let counters = limiter.counters(&[limit("places", None, 5), limit("more", None, 6)]);
    let inside = AtomicUsize::new(0);
    let both = [one(0, Subject::default()), one(1, Subject::default())];
    thread::scope(|scope| {
        for number in 0..16 {
            let (counters, inside) = (&counters, &inside);
            scope.spawn(move || {
                for turn in 0..5_000 {
                    let Some(passed) = counters.take(&both, epoch).passed() else { continue };
                    let most = inside.fetch_add(1, SeqCst) + 1;
                    assert!(most <= MOST, "places: {most} hold one of {MOST}");
                    inside.fetch_sub(1, SeqCst);
                    match (number + turn) % 64 {
                        0 => drop(catch_unwind(AssertUnwindSafe(move || {
                            let _held = passed;
                            std::panic::resume_unwind(Box::new("told to"));
                        }))),
                        _ => drop(passed),
                    }
                }
            });
        }
    });
    let free = (0..20).filter_map(|_| counters.take(&both, epoch).passed()).collect::<Vec<_>>().len();
    assert!(free == MOST, "places: {free} of {MOST} are there when nobody holds one");
}
