//! The line and its threads, with work that waits for the test's word.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_core::{Clock, Deadline};
use sluicegate_testkit::{FakeClock, wait_for, within};

use super::{JobError, Pool};
use crate::engine::RunError;

/// One thread, and a job that holds it until it is let go.
struct Held {
    pool: Arc<Pool>,
    clock: Arc<FakeClock>,
    release: mpsc::Sender<()>,
    holder: tokio::task::JoinHandle<Result<(), JobError>>,
}

fn pool(limit: usize) -> (Arc<Pool>, Arc<FakeClock>) {
    let clock = Arc::new(FakeClock::still());
    let pool = Pool::start(1, limit, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    (Arc::new(pool), clock)
}

fn soon(clock: &FakeClock) -> Deadline {
    Deadline(clock.now() + Duration::from_secs(10))
}

async fn held(limit: usize) -> Held {
    let (pool, clock) = pool(limit);
    let (release, wait) = mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let wait = Mutex::new(wait);
    let deadline = soon(&clock);
    let holder = tokio::spawn({
        let pool = Arc::clone(&pool);
        async move {
            let work = move |_: &crate::engine::Watch| {
                begun.send(()).unwrap();
                wait.lock().recv().map_err(|_| RunError::Dropped)
            };
            pool.run(deadline, work).await
        }
    });
    within("the job to begin", has_begun).await.unwrap();
    Held { pool, clock, release, holder }
}

/// Puts a job into the line and waits until it stands there.
async fn queue(
    held: &Held,
    ran: &Arc<AtomicUsize>,
    deadline: Deadline,
) -> tokio::task::JoinHandle<Result<usize, JobError>> {
    let before = held.pool.waiting();
    let (pool, ran) = (Arc::clone(&held.pool), Arc::clone(ran));
    let task = tokio::spawn(async move { pool.run(deadline, move |_| Ok(ran.fetch_add(1, Ordering::SeqCst))).await });
    wait_for(|| held.pool.waiting() > before, "the job to stand in the line").await;
    task
}

#[tokio::test]
async fn a_full_line_refuses_and_a_free_place_is_taken() {
    let held = held(2).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let first = queue(&held, &ran, soon(&held.clock)).await;
    let second = queue(&held, &ran, soon(&held.clock)).await;
    let third = held.pool.run(soon(&held.clock), |_| Ok(())).await;
    assert_eq!(third, Err(JobError::Full));
    held.release.send(()).unwrap();
    assert_eq!(within("the holder", held.holder).await.unwrap(), Ok(()));
    assert_eq!(within("the first job", first).await.unwrap(), Ok(0));
    assert_eq!(within("the second job", second).await.unwrap(), Ok(1));
}

#[tokio::test]
async fn a_job_whose_deadline_passed_in_the_line_never_runs() {
    let held = held(4).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let late = queue(&held, &ran, Deadline(held.clock.now() + Duration::from_secs(1))).await;
    held.clock.advance(Duration::from_secs(2));
    held.release.send(()).unwrap();
    assert_eq!(within("the late job", late).await.unwrap(), Err(JobError::Expired));
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn late_jobs_make_room_in_a_full_line() {
    let held = held(1).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let late = queue(&held, &ran, Deadline(held.clock.now() + Duration::from_secs(1))).await;
    held.clock.advance(Duration::from_secs(2));
    let pool = Arc::clone(&held.pool);
    let deadline = soon(&held.clock);
    let fresh = tokio::spawn(async move { pool.run(deadline, |_| Ok("fresh")).await });
    assert_eq!(within("the late job", late).await.unwrap(), Err(JobError::Expired));
    held.release.send(()).unwrap();
    assert_eq!(within("the fresh job", fresh).await.unwrap(), Ok("fresh"));
}

#[tokio::test]
async fn a_caller_that_leaves_takes_its_job_out_of_the_line() {
    let held = held(1).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let left = queue(&held, &ran, soon(&held.clock)).await;
    left.abort();
    assert!(within("the job that left", left).await.unwrap_err().is_cancelled());
    assert_eq!(held.pool.waiting(), 0);
    held.release.send(()).unwrap();
    assert_eq!(within("the holder", held.holder).await.unwrap(), Ok(()));
    assert_eq!(held.pool.run(soon(&held.clock), |_| Ok(7)).await, Ok(7));
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_caller_that_leaves_stops_its_running_job_at_the_next_step() {
    let (pool, clock) = pool(1);
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (stopped, has_stopped) = tokio::sync::oneshot::channel();
    let deadline = soon(&clock);
    let caller = tokio::spawn(async move {
        let work = move |watch: &crate::engine::Watch| {
            begun.send(()).unwrap();
            let end = loop {
                if let Err(end) = watch.check() {
                    break end;
                }
                std::thread::yield_now();
            };
            stopped.send(end.clone()).unwrap();
            Err::<(), _>(end)
        };
        pool.run(deadline, work).await
    });
    within("the job to begin", has_begun).await.unwrap();
    caller.abort();
    assert_eq!(within("the job to stop", has_stopped).await.unwrap(), RunError::Dropped);
}

#[tokio::test]
async fn a_deadline_that_passes_stops_a_running_job_at_the_next_step() {
    let held = held(1).await;
    let deadline = soon(&held.clock);
    let (pool, clock) = (Arc::clone(&held.pool), Arc::clone(&held.clock));
    held.release.send(()).unwrap();
    let late = pool.run(deadline, move |watch| {
        watch.check()?;
        clock.advance(Duration::from_secs(60));
        watch.check()
    });
    assert_eq!(within("the late job", late).await, Err(JobError::Run(RunError::Late)));
}

#[tokio::test]
async fn a_panic_costs_one_job() {
    let (pool, clock) = pool(4);
    let panicked = pool.run(soon(&clock), |_| -> Result<(), RunError> { panic!("as an engine may") }).await;
    assert_eq!(panicked, Err(JobError::Panicked));
    assert_eq!(pool.run(soon(&clock), |_| Ok(3)).await, Ok(3));
}
