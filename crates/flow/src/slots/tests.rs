use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use sluicegate_config::{Concurrency, Priority};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep};

use super::{NoTurn, Slot, Slots};
use crate::verdict::Verdict;

fn slots(limit: Option<usize>, queue: usize, wait: u64) -> Arc<Slots> {
    Slots::new(Concurrency { limit, queue, wait: Some(Duration::from_millis(wait)) }, Instant::now().into_std())
}

fn enter(slots: &Arc<Slots>, priority: Priority, within: u64) -> JoinHandle<Result<Slot<'static>, NoTurn>> {
    let slots = Arc::clone(slots);
    tokio::spawn(async move {
        let now = Instant::now().into_std();
        slots.enter(priority, now, now + Duration::from_millis(within)).await.map(Slot::lasting)
    })
}

/// Has a call that is spawned come as far as it can.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn turns_are_handed_on_in_order_and_all_come_back() {
    let slots = slots(Some(2), 10, 1000);
    let held = [enter(&slots, Priority::Normal, 9000).await, enter(&slots, Priority::Normal, 9000).await];
    let mut waiting = Vec::new();
    for priority in [Priority::Sheddable, Priority::Normal, Priority::Critical, Priority::Normal] {
        waiting.push(enter(&slots, priority, 9000));
        settle().await;
    }
    assert_eq!(slots.state(), (2, 4, 2));
    let mut order = Vec::new();
    drop(held);
    for _ in 0..2 {
        settle().await;
        for (nth, call) in waiting.iter_mut().enumerate() {
            if let Some(turn) = call.now_or_never() {
                order.push((nth, turn.unwrap().unwrap()));
            }
        }
        waiting.retain(|call| !call.is_finished());
        if order.len() == 2 {
            assert_eq!(slots.state().0, 2);
        }
    }
    assert_eq!(order.len(), 2);
    assert!(order.iter().all(|(nth, _)| [1, 2].contains(nth)), "the critical one, and the first of the normal");
    drop(order);
    for call in waiting {
        drop(call.await.unwrap().unwrap());
    }
    assert_eq!(slots.state(), (0, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_the_queue_leaves_nothing_behind() {
    let slots = slots(Some(1), 10, 1000);
    let held = enter(&slots, Priority::Normal, 9000).await.unwrap().unwrap();
    let calls: Vec<_> = (0..5).map(|_| enter(&slots, Priority::Normal, 9000)).collect();
    settle().await;
    for call in &calls[..4] {
        call.abort();
    }
    settle().await;
    assert_eq!(slots.state(), (1, 1, 1));
    drop(held);
    // Its turn came, but nobody takes it any more.
    calls[4].abort();
    settle().await;
    assert_eq!(slots.state(), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_served_in_time_is_refused_at_once() {
    let slots = slots(Some(1), 3, 1000);
    let held = enter(&slots, Priority::Normal, 9000).await.unwrap().unwrap();
    slots.judge(Verdict::Good, Duration::from_millis(400), Duration::ZERO, Instant::now().into_std());
    let first = enter(&slots, Priority::Normal, 2000);
    settle().await;
    let late = enter(&slots, Priority::Normal, 300);
    settle().await;
    assert!(late.is_finished(), "the one before it takes 400 ms");
    assert_eq!(late.await.unwrap().err(), Some(NoTurn::Full));
    let more: Vec<_> = (0..3).map(|_| enter(&slots, Priority::Normal, 9000)).collect();
    settle().await;
    assert_eq!(more.iter().filter(|call| call.is_finished()).count(), 1, "three may wait");
    let critical = enter(&slots, Priority::Critical, 9000);
    settle().await;
    assert!(!critical.is_finished());
    assert_eq!(slots.state().1, 3, "the last made room");
    advance(Duration::from_millis(2001)).await;
    settle().await;
    assert_eq!(first.await.unwrap().err(), Some(NoTurn::Late), "its time is over");
    drop(held);
    drop(critical.await.unwrap().unwrap());
    drop(more);
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_as_long_as_calls_are_worth_waiting_for() {
    let slots = Slots::new(Concurrency { limit: Some(2), queue: 1000, wait: None }, Instant::now().into_std());
    let mut held: Vec<Slot> = Vec::new();
    for _ in 0..2 {
        held.push(enter(&slots, Priority::Normal, 99_000).await.unwrap().unwrap());
    }
    for _ in 0..100 {
        slots.judge(Verdict::Good, Duration::from_millis(40), Duration::ZERO, Instant::now().into_std());
    }
    let calls: Vec<_> = (0..50).map(|_| enter(&slots, Priority::Normal, 99_000)).collect();
    settle().await;
    assert_eq!(slots.state().1, 12, "up to five times 40 ms");
    let hurried = enter(&slots, Priority::Normal, 300);
    settle().await;
    assert!(hurried.is_finished(), "half of its time is 150 ms");
    drop(held);
    let mut served = 0;
    for call in calls {
        served += usize::from(call.await.unwrap().is_ok());
    }
    assert_eq!(served, 12);
    assert_eq!(slots.state(), (0, 0, 2));
}

/// With nothing written in the configuration.
fn by_itself() -> Arc<Slots> {
    Slots::new(Concurrency { limit: None, queue: 1000, wait: None }, Instant::now().into_std())
}

/// A backend with so many places, each of which takes a call `service` long; what finds none waits there.
struct Backend {
    places: Arc<tokio::sync::Semaphore>,
    service: Duration,
}

/// Offers `rate` calls a second for `seconds`. The good answers of the last half a second, the limit, and the mean time
/// of an answer.
async fn offer(slots: &Arc<Slots>, backend: &Arc<Backend>, rate: u64, seconds: u64) -> (f64, usize, f64) {
    let pace = Arc::new(crate::pace::Pace::new(Instant::now().into_std()));
    let done = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let begun = Instant::now();
    for nth in 0..rate * seconds {
        tokio::time::sleep_until(begun + Duration::from_nanos(nth * 1_000_000_000 / rate)).await;
        let (slots, backend, done, pace) =
            (Arc::clone(slots), Arc::clone(backend), Arc::clone(&done), Arc::clone(&pace));
        tokio::spawn(async move {
            let now = Instant::now();
            let until = now + Duration::from_secs(2);
            let Ok(slot) = slots.enter(Priority::Normal, now.into_std(), until.into_std()).await else { return };
            let called = Instant::now();
            let place = backend.places.acquire().await;
            sleep(backend.service).await;
            drop(place);
            let end = Instant::now();
            let least = pace.took(end - called, end.into_std());
            slots.judge(Verdict::Good, end - called, least, end.into_std());
            drop(slot);
            done.lock().push((end - begun, end - now));
        });
    }
    let half = Duration::from_secs(seconds) / 2;
    let done = done.lock();
    let late: Vec<f64> = done.iter().filter(|(at, _)| *at > half).map(|(_, took)| took.as_secs_f64()).collect();
    let mean = late.iter().sum::<f64>() / late.len() as f64;
    (late.len() as f64 / half.as_secs_f64(), slots.state().2, mean)
}

#[tokio::test(start_paused = true)]
async fn the_limit_is_found_and_what_is_too_much_is_turned_away() {
    // 500 a second.
    let backend =
        Arc::new(Backend { places: Arc::new(tokio::sync::Semaphore::new(20)), service: Duration::from_millis(40) });
    for times in [2, 10] {
        let slots = by_itself();
        let (good, limit, mean) = offer(&slots, &backend, 500 * times, 45).await;
        assert!(good > 470.0, "{times} times: {good} a second of 500");
        assert!((20..50).contains(&limit), "{times} times: limit {limit}");
        assert!(mean < 0.7, "{times} times: {mean} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_with_few_places_is_found_out_too() {
    let backend =
        Arc::new(Backend { places: Arc::new(tokio::sync::Semaphore::new(4)), service: Duration::from_millis(40) });
    let slots = by_itself();
    let (good, limit, _) = offer(&slots, &backend, 500, 100).await;
    assert!(good > 95.0, "{good} a second of 100");
    assert!(limit <= 16, "{limit}");
}

#[tokio::test(start_paused = true)]
async fn the_limit_grows_where_there_is_room() {
    let backend =
        Arc::new(Backend { places: Arc::new(tokio::sync::Semaphore::new(400)), service: Duration::from_millis(40) });
    let slots = by_itself();
    let (good, limit, mean) = offer(&slots, &backend, 5000, 10).await;
    assert!(good > 4900.0, "{good} a second");
    assert!(limit > 200, "{limit}");
    assert!(mean < 0.1, "{mean} s");
}
