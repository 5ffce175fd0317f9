//! A gateway that has as much to do, or to hold, as it may.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use sluicegate_config::{Overload, Priority};
use sluicegate_core::{Body, BodyError};
use tokio::time::sleep;

use super::resilience::{Does, PLAIN, World, three};

/// A body of so many pieces of 64 KiB, one every ten milliseconds.
fn slowly(pieces: usize) -> Body {
    let pieces = stream::unfold(0, move |count| async move {
        sleep(Duration::from_millis(10)).await;
        let piece = Ok::<_, BodyError>(Frame::data(Bytes::from(vec![b' '; 64 << 10])));
        (count < pieces).then_some((piece, count + 1))
    });
    Body::stream(StreamBody::new(Box::pin(pieces)))
}

/// V-04: what matters most is let in when the rest is not; what costs nothing is always answered.
#[tokio::test(start_paused = true)]
async fn v04_a_full_gateway_lets_in_what_matters_most() {
    let mut resolved = three(|resilience| resilience.concurrency.limit = Some(1000));
    resolved.overload = Overload { requests: 20, memory: None };
    let (mut critical, mut sheddable) = (resolved.listeners[0].clone(), resolved.listeners[0].clone());
    (critical.name, critical.priority) = ("first".into(), Some(Priority::Critical));
    (sheddable.name, sheddable.priority) = ("last".into(), Some(Priority::Sheddable));
    resolved.listeners.extend([critical, sheddable]);
    let world = Arc::new(World::of(&resolved));
    for endpoint in ["a:1", "b:1", "c:1"] {
        world.let_do(endpoint, Does::After(1000));
    }
    let ask = async |listener: &'static str, count: usize| {
        let mut refused = 0;
        for _ in 0..count {
            let world = Arc::clone(&world);
            let mut answer = Box::pin(async move { world.answer(listener, PLAIN.to_owned()).await.status });
            match (&mut answer).now_or_never() {
                Some(status) => refused += usize::from(status == 503),
                None => drop(tokio::spawn(answer)),
            }
        }
        refused
    };
    assert_eq!(ask("last", 20).await, 4);
    assert_eq!(ask("l", 20).await, 17);
    assert_eq!(ask("first", 20).await, 19);
    let load = world.gateway.status().load;
    assert_eq!((load.requests, load.most_requests, load.refused), (20, 20, 40));
    assert_eq!(world.get("l", "/v2/health/live").await, 200, "its health is told all the same");
    assert_eq!(world.get("l", "/v2/models/m/ready").await, 200);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(world.gateway.status().load.requests, 0);
    assert_eq!(world.good(5).await, 5);
}

#[tokio::test(start_paused = true)]
async fn bodies_that_are_held_are_bounded_together() {
    let mut resolved = three(|_| {});
    resolved.overload = Overload { requests: 1000, memory: Some(1 << 20) };
    let world = Arc::new(World::of(&resolved));
    // Each is 448 KiB, and what is read out of it as much again.
    let (first, second) = (world.ask(slowly(7)), world.ask(slowly(7)));
    // The second is nonsense to its reader, but came in whole.
    let (first, (second, _)) = tokio::join!(first, second);
    assert_eq!((first, second), ((503, Some("1".to_owned())), 400));
    assert_eq!(world.gateway.status().load.memory, 0);
    assert_eq!(world.ask(slowly(30)).await.0, 503, "one alone is bounded, too");
    assert_eq!(world.ask(slowly(7)).await.0, 400);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_gives_its_room_back() {
    let mut resolved = three(|_| {});
    resolved.overload = Overload { requests: 1000, memory: Some(1 << 20) };
    let world = World::of(&resolved);
    {
        let mut leaving = Box::pin(world.ask(slowly(15)));
        let _ = tokio::time::timeout(Duration::from_millis(105), &mut leaving).await;
        assert_eq!(world.gateway.status().load.memory, 9 * (64 << 10), "ten pieces, of which one is free");
        assert_eq!(world.gateway.status().load.requests, 1);
    }
    let load = world.gateway.status().load;
    assert_eq!((load.memory, load.requests), (0, 0));
}
