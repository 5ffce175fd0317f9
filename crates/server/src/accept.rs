//! Takes connections from a listener, no more than may be open, until told to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::connection;
use crate::handler::Handler;
use crate::leave::Leave;
use crate::listener::Listener;
use crate::opened::Opened;
use crate::plan::ListenerPlan;
use crate::seats::Seats;
use crate::spawn::{Crew, Workers};
use crate::tls::Slots;

/// Waits after a failed accept: doubled from the first to the last while it goes on failing.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// How a listener is told to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    /// Accept no more, finish what is in flight.
    pub(crate) drain: Leave,
    /// Drop what is still in flight.
    pub(crate) cut: CancellationToken,
}

/// Serves one listener until `shutdown` is cancelled and the last request then in flight is answered. `plan.address` is
/// not looked at: the listener is open already. Dropping the future cuts every connection.
pub async fn serve_listener<L: Listener, H: Handler>(
    listener: L,
    plan: ListenerPlan,
    handler: H,
    shutdown: CancellationToken,
) {
    let (_plan, plans) = watch::channel(plan);
    let stop = Stop { drain: Leave::when(shutdown), cut: CancellationToken::new() };
    run(listener, plans, handler, Arc::new(Workers::here()), stop).await;
}

/// As [`serve_listener`], on `workers`, with a plan that may change for connections yet to come.
pub(crate) async fn run<L: Listener, H: Handler>(
    mut listener: L,
    mut plans: watch::Receiver<ListenerPlan>,
    handler: H,
    workers: Arc<Workers>,
    stop: Stop,
) {
    let mut crew = Crew::new(workers);
    let mut pause = Pause::default();
    let (handshakes, seats) = (Slots::default(), Seats::default());
    // Once nobody can send a plan any more, the last one stays.
    let mut settled = false;
    loop {
        let room = crew.len() < plans.borrow().limits.connections;
        let accepted = tokio::select! {
            biased;
            () = stop.drain.asked() => break,
            true = crew.ended() => continue,
            changed = plans.changed(), if !settled => {
                settled = changed.is_err();
                continue;
            }
            accepted = pause.then(&mut listener), if room => accepted,
        };
        if let Some((io, peer)) = pause.after(accepted, &plans.borrow().name) {
            let plan = plans.borrow();
            pause.tighten(L::is_last(&io), &plan.name);
            let tls = plan.tls.clone().map(|tls| (tls, handshakes.clone()));
            let mut opened = Opened {
                handler: handler.clone(),
                listener: Arc::clone(&plan.name),
                peer,
                proxies: Arc::clone(&plan.proxies),
                limits: plan.limits,
                seat: None,
                seats: seats.clone(),
                tls,
            };
            if !opened.take_seat() {
                continue;
            }
            let leave = stop.drain.child();
            crew.start::<L, _>(io, |io, gauge| connection::serve(io, opened, gauge, leave));
        }
    }
    drop(listener);
    tokio::select! {
        biased;
        () = crew.all_ended() => return,
        () = stop.cut.cancelled() => {}
    }
    crew.cut().await;
}

/// Keeps a failing accept from spinning: out of file descriptors, it fails at once, each time. Before it comes to that, no
/// more are taken than leave some.
#[derive(Debug, Default)]
struct Pause {
    until: Option<Instant>,
    length: Duration,
    /// The last connection was one too many.
    tight: bool,
}

impl Pause {
    async fn then<L: Listener>(&self, listener: &mut L) -> io::Result<(L::Io, SocketAddr)> {
        if let Some(until) = self.until {
            sleep_until(until).await;
        }
        while self.tight && !listener.has_room() {
            // Connections of this listener that end are heard of; all else that gives room back is not.
            sleep(LAST_PAUSE).await;
        }
        listener.accept().await
    }

    /// Whether there may be no other connection for now.
    fn tighten(&mut self, last: bool, listener: &str) {
        if last && !self.tight {
            tracing::warn!(
                listener,
                "no more connections for now: the last file descriptors are kept; raise their limit"
            );
        }
        self.tight = last;
    }

    /// Sets the next pause by how this accept went.
    fn after<Io>(&mut self, accepted: io::Result<(Io, SocketAddr)>, listener: &str) -> Option<(Io, SocketAddr)> {
        match accepted {
            Ok(connection) => {
                *self = Self { tight: self.tight, ..Self::default() };
                Some(connection)
            }
            Err(error) if of_one_connection(&error) => None,
            Err(error) => {
                self.length = (self.length * 2).clamp(FIRST_PAUSE, LAST_PAUSE);
                self.until = Some(Instant::now() + self.length);
                tracing::warn!(listener, %error, pause = ?self.length, "cannot accept connections");
                None
            }
        }
    }
}

/// The peer was gone before it was accepted: says nothing about the next one.
fn of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
