//! Endpoints that are found while requests run, in paused time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_config::Resolved;
use sluicegate_core::{BoxFuture, Discover, Endpoint, EndpointSource, Found, Lookup};
use tokio::time::{Instant, sleep};

use super::fleet::{Does, PLAIN, World, three};

/// What is said of a name.
#[derive(Clone, Debug)]
enum Says {
    /// These, good for so many seconds.
    Found(&'static [&'static str], Option<u64>),
    Fails,
    Hangs,
}

/// Who is asked for names, and when that was.
#[derive(Clone, Default)]
struct Book {
    says: Arc<Mutex<HashMap<String, Says>>>,
    asked: Arc<Mutex<Vec<Instant>>>,
}

impl Book {
    fn says(&self, name: &str, what: Says) {
        self.says.lock().insert(name.to_owned(), what);
    }

    fn gateway(&self, resolved: &Resolved) -> World {
        let world = World::of(resolved);
        tokio::spawn(Arc::clone(&world.gateway).follow(Arc::new(self.clone())));
        world
    }

    /// The seconds between one question and the next, of those put within `time`.
    async fn pauses(&self, time: Duration) -> Vec<f64> {
        self.asked.lock().clear();
        sleep(time).await;
        let asked = self.asked.lock().clone();
        asked.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect()
    }
}

impl Discover for Book {
    fn find<'a>(&'a self, source: &'a EndpointSource) -> BoxFuture<'a, Result<Found, String>> {
        let Lookup::Dns { host, .. } = &source.lookup else { panic!("no name") };
        self.asked.lock().push(Instant::now());
        let says = self.says.lock().get(&**host).cloned().unwrap_or(Says::Fails);
        Box::pin(async move {
            match says {
                Says::Found(at, seconds) => {
                    let endpoints = at.iter().map(|at| (endpoint(at), source.weight)).collect();
                    Ok(Found { endpoints, left_out: 0, good_for: seconds.map(Duration::from_secs) })
                }
                Says::Fails => Err("told to".to_owned()),
                Says::Hangs => std::future::pending().await,
            }
        })
    }
}

fn endpoint(at: &str) -> Endpoint {
    Endpoint { authority: at.into(), prefix: "".into(), host: None, tls: None }
}

fn source(host: &str, refresh: u64) -> EndpointSource {
    EndpointSource {
        lookup: Lookup::Dns { host: host.into(), port: 1, server: None },
        prefix: "".into(),
        tls: None,
        grpc: false,
        weight: 1,
        refresh: Duration::from_secs(refresh),
    }
}

/// A configuration whose only backend finds its endpoints by these names.
fn found_by(sources: &[EndpointSource]) -> Resolved {
    let mut resolved = three(|_| {});
    let backend = &mut resolved.backends[0];
    backend.plan.endpoints.clear();
    backend.weights.clear();
    backend.sources = sources.to_vec();
    resolved
}

fn endpoints(world: &World) -> Vec<String> {
    let status = world.gateway.status();
    status.backends[0].endpoints.iter().map(|endpoint| endpoint.address.clone()).collect()
}

/// Long enough for a change to be noticed.
async fn soon() {
    sleep(Duration::from_millis(1500)).await;
}

#[tokio::test(start_paused = true)]
async fn names_are_asked_for_again_in_time_and_not_more_often() {
    let book = Book::default();
    book.says("x", Says::Found(&["a:1"], None));
    let world = book.gateway(&found_by(&[source("x", 60)]));
    soon().await;
    // A little early by chance, which is always the same here.
    let about = |pauses: &[f64], seconds: f64| {
        assert!(pauses.len() > 3, "{pauses:?}");
        for pause in pauses {
            assert!((seconds * 0.89..seconds * 1.11).contains(pause), "{seconds}: {pauses:?}");
        }
    };
    sleep(Duration::from_secs(60)).await;
    about(&book.pauses(Duration::from_secs(600)).await, 60.0);
    book.says("x", Says::Found(&["a:1"], Some(10)));
    sleep(Duration::from_secs(60)).await;
    about(&book.pauses(Duration::from_secs(100)).await, 10.0);
    // What is good for no time at all holds for a second, and what is good for a day not longer than it may.
    book.says("x", Says::Found(&["a:1"], Some(0)));
    sleep(Duration::from_secs(10)).await;
    about(&book.pauses(Duration::from_secs(20)).await, 1.0);
    book.says("x", Says::Found(&["a:1"], Some(86_400)));
    sleep(Duration::from_secs(60)).await;
    about(&book.pauses(Duration::from_secs(600)).await, 60.0);
    // Trouble is not waited out that long.
    book.says("x", Says::Fails);
    sleep(Duration::from_secs(70)).await;
    about(&book.pauses(Duration::from_secs(50)).await, 5.0);
    // One question at a time: the next only when the last was given up.
    book.says("x", Says::Hangs);
    sleep(Duration::from_secs(30)).await;
    about(&book.pauses(Duration::from_secs(100)).await, 9.75);
    assert_eq!(endpoints(&world), ["a:1"]);
    let source = world.gateway.status().backends[0].sources[0].clone();
    assert_eq!((source.endpoints, source.failure.as_deref()), (1, Some("no answer within 5s")));
    assert!(source.age_ms.unwrap() > 100_000, "{source:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_under_way_ends_well_at_an_endpoint_that_is_gone() {
    let book = Book::default();
    book.says("x", Says::Found(&["a:1", "b:1"], None));
    let world = Arc::new(book.gateway(&found_by(&[source("x", 1)])));
    soon().await;
    world.let_do("b:1", Does::After(4000));
    let asking = || {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.ask(PLAIN.to_owned()).await.0 })
    };
    let asked: Vec<_> = (0..2).map(|_| asking()).collect();
    sleep(Duration::from_millis(10)).await;
    assert_eq!((world.calls("a:1"), world.calls("b:1")), (1, 1));
    book.says("x", Says::Found(&["a:1", "c:1"], None));
    soon().await;
    assert_eq!(endpoints(&world), ["a:1", "c:1"]);
    assert_eq!(world.good(20).await, 20);
    assert_eq!(world.calls("b:1"), 1, "no new calls");
    assert!(world.calls("a:1") > 1 && world.calls("c:1") > 0, "what stays is called as before, what is new as well");
    let status = world.gateway.status();
    assert_eq!(status.backends[0].endpoints[0].calls, world.calls("a:1") as u64, "what was counted is kept");
    assert!(!asked.iter().all(tokio::task::JoinHandle::is_finished), "one is still under way");
    for asked in asked {
        assert_eq!(asked.await.unwrap(), 200);
    }
    assert!(world.is_at_rest());
}

#[tokio::test(start_paused = true)]
async fn while_none_is_known_requests_are_refused_with_the_reason_and_then_answered() {
    let book = Book::default();
    let world = book.gateway(&found_by(&[source("x", 60)]));
    soon().await;
    assert!(world.gateway.ready());
    assert_eq!(world.ask(PLAIN.to_owned()).await, (503, Some("1".to_owned())));
    book.says("x", Says::Found(&["a:1"], None));
    sleep(Duration::from_secs(6)).await;
    assert_eq!(world.good(3).await, 3);
    // Neither nothing nor trouble takes them away.
    for says in [Says::Found(&[], None), Says::Fails, Says::Hangs] {
        book.says("x", says);
        sleep(Duration::from_secs(120)).await;
        assert_eq!(world.good(3).await, 3);
    }
}

#[tokio::test(start_paused = true)]
async fn one_address_that_is_found_twice_is_one_endpoint() {
    let book = Book::default();
    book.says("x", Says::Found(&["b:1", "c:1"], None));
    book.says("y", Says::Found(&["a:1", "b:1"], None));
    let mut resolved = found_by(&[source("x", 1), source("y", 1)]);
    resolved.backends[0].plan.endpoints = vec![endpoint("a:1")];
    resolved.backends[0].weights = vec![7];
    let world = book.gateway(&resolved);
    soon().await;
    soon().await;
    assert_eq!(endpoints(&world), ["a:1", "b:1", "c:1"]);
    book.says("x", Says::Found(&["c:1"], None));
    soon().await;
    soon().await;
    assert_eq!(endpoints(&world), ["a:1", "c:1", "b:1"], "the other source still has it");
}

#[tokio::test(start_paused = true)]
async fn a_new_configuration_begins_with_what_was_found_for_it() {
    let book = Book::default();
    book.says("x", Says::Found(&["a:1"], None));
    book.says("y", Says::Found(&["b:1"], None));
    let discover: Arc<dyn Discover> = Arc::new(book.clone());
    let world = World::of(&found_by(&[]));
    let builders = world.builders();
    let install = async |sources: &[EndpointSource], fingerprint: &str| {
        let mut resolved = found_by(sources);
        resolved.backends[0].plan.fingerprint = fingerprint.to_owned();
        let sought = world.gateway.seek(&discover, &resolved).await;
        world.gateway.install(world.gateway.build_with(&resolved, &builders, &sought).unwrap());
    };
    // Nobody follows yet: what is there was found before it was installed.
    install(&[source("x", 5)], "1").await;
    assert_eq!(endpoints(&world), ["a:1"]);
    assert_eq!(world.good(2).await, 2);
    // The same name, to be asked for at other times: it is not asked for again, and what is known of its endpoints stays.
    book.says("x", Says::Fails);
    install(&[source("x", 9), source("y", 5)], "2").await;
    assert_eq!(endpoints(&world), ["a:1", "b:1"]);
    assert_eq!(world.gateway.status().backends[0].endpoints[0].calls, 2);
    // One that hangs holds up nothing for long.
    book.says("z", Says::Hangs);
    let began = Instant::now();
    install(&[source("x", 9), source("z", 5)], "3").await;
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    assert_eq!(endpoints(&world), ["a:1"]);
}
