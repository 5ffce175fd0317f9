//! Endpoints that fail, hang or have no room, behind the whole request path, in paused time.

mod fleet;
mod found;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body::Frame;
use sluicegate_config::{Concurrency, Hedge, Priority, Probing};
use sluicegate_core::{Body, BodyError, Share};
use tokio::time::{Instant, sleep};

pub(super) use self::fleet::{Does, PLAIN, World, three};

const ALL: [&str; 3] = ["a:1", "b:1", "c:1"];

#[tokio::test(start_paused = true)]
async fn u01_what_one_refuses_another_answers() {
    let world = World::new(|_| {});
    world.let_do("b:1", Does::Refuse);
    assert_eq!(world.good(300).await, 300);
    assert!(world.calls("b:1") < 10, "left out after five: {}", world.calls("b:1"));
    assert_eq!(world.state("b:1"), "ejected");
    sleep(Duration::from_secs(6)).await;
    world.let_do("b:1", Does::Answer);
    assert_eq!(world.good(300).await, 300);
    assert!(world.calls("b:1") > 10, "it is back");
    assert_eq!(world.state("b:1"), "up");
    assert!(world.is_at_rest());
}

#[tokio::test(start_paused = true)]
async fn u04_what_may_have_run_is_not_run_twice_unless_that_is_allowed() {
    let world = World::new(|resilience| resilience.eject.failures = 0);
    world.let_do("b:1", Does::Reset);
    assert_eq!(world.good(30).await, 20);
    assert_eq!(world.all_calls(), 30);
    let world = World::new(|resilience| {
        resilience.retry.on_reset = true;
        resilience.retry.budget = Share::percent(100);
        resilience.eject.failures = 0;
    });
    world.let_do("b:1", Does::Reset);
    assert_eq!(world.good(30).await, 30);
}

#[tokio::test(start_paused = true)]
async fn u11_a_server_that_fails_is_left_out_within_15_failures() {
    let world = World::new(|_| {});
    world.let_do("b:1", Does::Status(500, None));
    let bad = 1000 - world.good(1000).await;
    assert!((1..=15).contains(&bad), "{bad}");
    assert_eq!(world.all_calls(), 1000, "a failure of the server's own is no reason to run it again");
}

#[tokio::test(start_paused = true)]
async fn a_server_without_room_rests_and_another_answers() {
    let world = World::new(|_| {});
    world.let_do("b:1", Does::Status(429, Some(3)));
    assert_eq!(world.good(99).await, 99);
    assert_eq!(world.calls("b:1"), 1);
    assert_eq!(world.state("b:1"), "resting");
    sleep(Duration::from_millis(3001)).await;
    assert_eq!(world.state("b:1"), "up");
}

#[tokio::test(start_paused = true)]
async fn u22_where_all_fail_hardly_more_calls_are_made_than_requests() {
    let world = World::new(|resilience| resilience.retry.on_reset = true);
    for endpoint in ALL {
        world.let_do(endpoint, Does::Reset);
    }
    for _ in 0..2000 {
        assert_eq!(world.ask(PLAIN.to_owned()).await.0, 502);
        sleep(Duration::from_millis(5)).await;
    }
    let calls = world.all_calls();
    assert!(calls <= 2400, "{calls} calls of 2000 requests: more than 1.2 times");
    assert!(calls > 2000, "some are made again");
}

#[tokio::test(start_paused = true)]
async fn u19_where_probes_find_all_down_requests_are_refused_at_once() {
    let second = Duration::from_secs(1);
    let probing = Probing { interval: second, timeout: second / 2, failures: 2, successes: 1 };
    let world = World::new(|resilience| resilience.health = Some(probing));
    for endpoint in ALL {
        world.let_do(endpoint, Does::Hang);
    }
    let probes = tokio::spawn(Arc::clone(&world.gateway).probe());
    sleep(Duration::from_secs(4)).await;
    let before = Instant::now();
    assert_eq!(world.ask(PLAIN.to_owned()).await, (503, Some("1".to_owned())));
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(world.all_calls(), 0);
    world.let_do("c:1", Does::Answer);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(world.good(10).await, 10);
    assert_eq!((world.state("a:1"), world.state("c:1")), ("down", "up"));
    probes.abort();
}

#[tokio::test(start_paused = true)]
async fn u02_an_endpoint_that_does_not_answer_costs_its_time_and_another_answers() {
    let world = World::new(|resilience| {
        resilience.timeouts.first_byte = Some(Duration::from_millis(300));
        resilience.retry.on_reset = true;
    });
    world.let_do("b:1", Does::Hang);
    let before = Instant::now();
    assert_eq!(world.good(300).await, 300);
    assert!(before.elapsed() <= Duration::from_millis(300 * 6), "{:?}", before.elapsed());
    assert!(world.is_at_rest());
}

#[tokio::test(start_paused = true)]
async fn a_callers_own_short_time_says_nothing_of_the_endpoint() {
    let world = World::new(|_| {});
    for endpoint in ALL {
        world.let_do(endpoint, Does::After(200));
    }
    for _ in 0..100 {
        let (status, _) = world.ask_with(&[("x-request-timeout", "0.05")], Body::from(PLAIN.to_owned())).await;
        assert_eq!(status, 504);
    }
    assert!(ALL.iter().all(|endpoint| world.state(endpoint) == "up"));
    assert!(world.is_at_rest());
}

#[tokio::test(start_paused = true)]
async fn u25_a_streamed_body_is_sent_again_if_little_of_it_has_passed() {
    let mut one = three(|_| {});
    one.backends[0].plan.endpoints.truncate(1);
    one.backends[0].weights.truncate(1);
    let world = World::of(&one);
    for (size, status, sent) in [(1000, 200, 2), (100_000, 503, 1)] {
        world.let_do("a:1", Does::Status(503, Some(1)));
        let pieces: Vec<Result<Frame<Bytes>, BodyError>> =
            (0..10).map(|_| Ok(Frame::data(Bytes::from(vec![b' '; size / 10])))).collect();
        let body = Body::stream(http_body_util::StreamBody::new(futures_util::stream::iter(pieces)));
        let recovers = async {
            while world.bodies().is_empty() {
                sleep(Duration::from_millis(1)).await;
            }
            world.let_do("a:1", Does::Answer);
        };
        let ((answered, _), ()) = tokio::join!(world.ask(body), recovers);
        assert_eq!(answered, status, "{size}");
        assert_eq!(world.bodies(), vec![size; sent], "no half a body");
        world.forget_bodies();
    }
}

#[tokio::test(start_paused = true)]
async fn u26_a_slow_call_is_made_a_second_time_and_the_loser_is_dropped() {
    let hedge = Hedge { percentile: Share::percent(90), after: Duration::from_millis(5), budget: Share::percent(10) };
    let world = World::new(|resilience| resilience.hedge = Some(hedge));
    for endpoint in ALL {
        world.let_do(endpoint, Does::After(20));
    }
    assert_eq!(world.good(300).await, 300);
    let before = world.all_calls();
    world.let_do("b:1", Does::After(2000));
    let mut slow = 0;
    for _ in 0..60 {
        let begun = Instant::now();
        assert_eq!(world.ask(PLAIN.to_owned()).await.0, 200);
        slow += usize::from(begun.elapsed() > Duration::from_millis(100));
    }
    assert!(slow <= 2, "{slow} of 20 slow ones");
    let more = world.all_calls() - before - 60;
    assert!((15..=36).contains(&more), "{more}: a tenth of all that were made");
    assert!(world.is_at_rest(), "the loser is dropped");
}

#[tokio::test(start_paused = true)]
async fn g17_whoever_leaves_gives_everything_back() {
    let world = World::new(|_| {});
    for does in [Does::Hang, Does::Endless, Does::After(50)] {
        for endpoint in ALL {
            world.let_do(endpoint, does.clone());
        }
        for wait in [0, 1, 10, 60] {
            let mut asking = Box::pin(world.ask(PLAIN.to_owned()));
            assert!((&mut asking).now_or_never().is_none());
            tokio::select! {
                biased;
                _ = &mut asking => {}
                () = sleep(Duration::from_millis(wait)) => {}
            }
            drop(asking);
            assert!(world.is_at_rest(), "{does:?} after {wait} ms");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answers_turn_is_over_with_its_last_byte() {
    let world = World::new(|resilience| {
        resilience.concurrency = Concurrency { limit: Some(1), queue: 0, wait: Some(Duration::from_millis(100)) };
    });
    for endpoint in ALL {
        world.let_do(endpoint, Does::Endless);
    }
    let answer = world.answer("l", PLAIN.to_owned()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(world.ask(PLAIN.to_owned()).await, (503, Some("1".to_owned())), "its answer is still on its way");
    drop(answer);
    world.let_do("b:1", Does::Answer);
    assert_eq!(world.ask(PLAIN.to_owned()).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn long_answers_keep_nobody_waiting_where_the_limit_is_found() {
    let world = World::new(|_| {});
    for endpoint in ALL {
        world.let_do(endpoint, Does::Endless);
    }
    let mut answers = Vec::new();
    for _ in 0..500 {
        answers.push(world.answer("l", PLAIN.to_owned()).await);
        sleep(Duration::from_millis(20)).await;
    }
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert!(!world.is_at_rest());
    drop(answers);
    assert!(world.is_at_rest());
}

#[tokio::test(start_paused = true)]
async fn v04_the_critical_are_served_while_the_others_are_turned_away() {
    let mut spec = three(|resilience| {
        resilience.concurrency = Concurrency { limit: Some(4), queue: 8, wait: Some(Duration::from_millis(200)) };
    });
    for (name, priority) in [("high", Priority::Critical), ("low", Priority::Sheddable)] {
        let mut listener = spec.listeners[0].clone();
        (listener.name, listener.priority) = (name.into(), Some(priority));
        spec.listeners.push(listener);
    }
    let world = Arc::new(World::of(&spec));
    for endpoint in ALL {
        world.let_do(endpoint, Does::After(20));
    }
    // In the 2.8 seconds of it 560 calls fit; 200 critical ones and 1,200 others come.
    let mut asked = Vec::new();
    for nth in 0..1400 {
        let (listener, world) = (if nth % 7 == 0 { "high" } else { "low" }, Arc::clone(&world));
        asked.push(tokio::spawn(
            async move { (listener, world.answer(listener, PLAIN.to_owned()).await.status.as_u16()) },
        ));
        sleep(Duration::from_millis(2)).await;
    }
    let (mut high, mut low) = (0, 0);
    for answer in asked {
        match answer.await.unwrap() {
            ("high", status) => high += usize::from(status == 200),
            (_, status) => low += usize::from(status == 200),
        }
    }
    assert_eq!(high, 200, "every critical one");
    assert!((300..=380).contains(&low), "the rest of the room: {low}");
    assert!(world.is_at_rest());
}
