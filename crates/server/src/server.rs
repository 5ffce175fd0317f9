//! The listeners a gateway has open, kept in step with what it should have.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::accept::{Stop, run};
use crate::bind::{BindError, listen};
use crate::handler::Handler;
use crate::plan::ListenerPlan;
use crate::spawn::Workers;

/// Owns open listeners. Dropping it cuts their connections; [`Server::drain`] ends them in good order.
#[derive(Debug)]
pub struct Server<H> {
    handler: H,
    entries: Vec<Entry>,
    tasks: JoinSet<()>,
    workers: Arc<Workers>,
    /// Drops what is in flight on all listeners, also on those removed earlier.
    stop: Stop,
    next_id: u64,
}

/// What a reload needs, opened and ready, serving nothing yet. Dropped without [`Server::commit`], it closes what it
/// opened and nothing has changed.
#[derive(Debug)]
pub struct Prepared {
    slots: Vec<Slot>,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Requests that were still in flight when the grace was over, and were cut.
    pub cut: usize,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    plan: watch::Sender<ListenerPlan>,
    bound: SocketAddr,
    stop: Stop,
}

#[derive(Debug)]
enum Slot {
    Kept { id: u64, plan: ListenerPlan },
    New { plan: ListenerPlan, listener: TcpListener, bound: SocketAddr },
}

impl<H: Handler> Server<H> {
    /// A server without listeners, whose connections run in the runtime that accepts them.
    pub fn new(handler: H) -> Self {
        Self::on(Workers::here(), handler)
    }

    /// A server without listeners, whose connections run on `workers`. Accepting them, and all else it does, stays in the
    /// runtime it is used in.
    pub fn on(workers: Workers, handler: H) -> Self {
        Self {
            handler,
            entries: Vec::new(),
            tasks: JoinSet::new(),
            workers: Arc::new(workers),
            stop: Stop::default(),
            next_id: 0,
        }
    }

    /// Opens what `plans` need beyond what is open. A listener whose address stays is kept, also under another name;
    /// one with port 0 is kept if its name stays too. From here on the kernel queues connections to the new ones; none
    /// is served before [`Server::commit`]. Must run within a tokio runtime.
    ///
    /// # Errors
    /// Every listener that cannot be opened. Nothing has changed then.
    pub fn prepare(&self, plans: &[ListenerPlan]) -> Result<Prepared, Vec<BindError>> {
        let mut slots = Vec::with_capacity(plans.len());
        let mut errors = Vec::new();
        let mut kept = Vec::new();
        for plan in plans {
            if let Some(entry) = self.entries.iter().find(|entry| !kept.contains(&entry.id) && entry.serves(plan)) {
                kept.push(entry.id);
                slots.push(Slot::Kept { id: entry.id, plan: plan.clone() });
                continue;
            }
            match listen(plan.address).and_then(|listener| Ok((listener.local_addr()?, listener))) {
                Ok((bound, listener)) => slots.push(Slot::New { plan: plan.clone(), listener, bound }),
                Err(cause) => errors.push(BindError { name: Arc::clone(&plan.name), address: plan.address, cause }),
            }
        }
        if errors.is_empty() { Ok(Prepared { slots }) } else { Err(errors) }
    }

    /// Makes the listeners those of `prepared`: starts the new, gives the kept their new name and limits (for
    /// connections yet to come), and drains the rest. Their requests in flight have the time they need.
    pub fn commit(&mut self, prepared: Prepared) {
        let mut before = std::mem::take(&mut self.entries);
        for slot in prepared.slots {
            match slot {
                Slot::Kept { id, plan } => {
                    // Absent only if another commit came between: then that one has drained it.
                    let Some(place) = before.iter().position(|entry| entry.id == id) else {
                        tracing::error!(listener = %plan.name, "the listener was removed while it was to be kept");
                        continue;
                    };
                    let entry = before.swap_remove(place);
                    entry.plan.send_replace(plan);
                    self.entries.push(entry);
                }
                Slot::New { plan, listener, bound } => self.start(plan, listener, bound),
            }
        }
        for removed in before {
            removed.stop.drain.cancel();
        }
        while self.tasks.try_join_next().is_some() {}
    }

    /// Names and real addresses of the open listeners, in the order of the plans.
    pub fn addresses(&self) -> Vec<(Arc<str>, SocketAddr)> {
        self.entries.iter().map(|entry| (Arc::clone(&entry.plan.borrow().name), entry.bound)).collect()
    }

    /// Requests in flight on all listeners.
    pub fn in_flight(&self) -> usize {
        self.workers.in_flight()
    }

    /// Accepts no more, tells clients to go elsewhere (HTTP/1 `connection: close`, HTTP/2 GOAWAY), waits up to `grace`
    /// for the requests in flight, then cuts what is left. When it returns all work for requests has been dropped.
    pub async fn drain(mut self, grace: Duration) -> Drained {
        self.stop.drain.cancel();
        let finished = tokio::time::timeout(grace, self.ended()).await.is_ok();
        let cut = if finished { 0 } else { self.in_flight() };
        if !finished {
            self.stop.cut.cancel();
            self.ended().await;
        }
        Drained { cut }
    }

    async fn ended(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if ended.is_err_and(|error| error.is_panic()) {
                tracing::error!("a listener's task panicked");
            }
        }
    }

    fn start(&mut self, plan: ListenerPlan, listener: TcpListener, bound: SocketAddr) {
        let (sender, plans) = watch::channel(plan);
        let stop = Stop { drain: self.stop.drain.child_token(), cut: self.stop.cut.child_token() };
        self.tasks.spawn(run(listener, plans, self.handler.clone(), Arc::clone(&self.workers), stop.clone()));
        self.entries.push(Entry { id: self.next_id, plan: sender, bound, stop });
        self.next_id += 1;
    }
}

impl Entry {
    fn serves(&self, plan: &ListenerPlan) -> bool {
        let current = self.plan.borrow();
        current.address == plan.address && (plan.address.port() != 0 || current.name == plan.name)
    }
}
