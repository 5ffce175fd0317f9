//! The listeners a gateway has open, kept in step with what it should have.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::accept::{Stop, run};
use crate::bind::{BindError, listen, listen_on};
use crate::handler::Handler;
use crate::handover::Handed;
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
    /// Sockets of the process before this one, until listeners were made of them.
    inherited: Vec<Handed>,
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
    /// The listener's socket, for the process after this one.
    socket: OwnedFd,
}

#[derive(Debug)]
enum Slot {
    Kept { id: u64, plan: ListenerPlan },
    New { plan: ListenerPlan, listener: TcpListener, bound: SocketAddr, socket: OwnedFd },
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
            inherited: Vec::new(),
        }
    }

    /// Takes over sockets of the process before this one: instead of opening an address, [`Server::prepare`] takes the
    /// socket that listens there. Those that the next [`Server::commit`] has no use for are closed by it.
    pub fn inherit(&mut self, sockets: Vec<Handed>) {
        self.inherited = sockets;
    }

    /// The listening sockets, for the process after this one. They stay open here.
    ///
    /// # Errors
    /// The system's.
    pub fn sockets(&self) -> io::Result<Vec<Handed>> {
        let handed = self.entries.iter().map(|entry| {
            let plan = entry.plan.borrow();
            let socket = entry.socket.try_clone()?;
            Ok(Handed { name: Some(Arc::clone(&plan.name)), address: plan.address, socket })
        });
        handed.collect()
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
            match self.open(plan) {
                Ok(slot) => slots.push(slot),
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
                Slot::New { plan, listener, bound, socket } => self.start(plan, listener, bound, socket),
            }
        }
        self.inherited.clear();
        for removed in before {
            removed.stop.drain.ask();
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
    pub async fn drain(self, grace: Duration) -> Drained {
        self.stop.drain.ask();
        self.end(grace).await
    }

    /// As [`Server::drain`] where another process has the same sockets and serves: a connection on which a request may be
    /// on its way is not closed, but has one more answered. What has no request within `grace` is cut.
    pub async fn yield_to_successor(self, grace: Duration) -> Drained {
        self.stop.drain.ask_gently();
        self.end(grace).await
    }

    async fn end(mut self, grace: Duration) -> Drained {
        // With the sockets in them: only then does the system refuse connections.
        self.entries.clear();
        let finished = tokio::time::timeout(grace, self.ended()).await.is_ok();
        let cut = if finished { 0 } else { self.in_flight() };
        if !finished {
            self.stop.cut.cancel();
            self.ended().await;
        }
        Drained { cut }
    }

    fn open(&self, plan: &ListenerPlan) -> io::Result<Slot> {
        let fitting = |handed: &&Handed| handed.name.as_ref().is_some_and(|name| fits(plan, handed.address, name));
        let listener = match self.inherited.iter().find(fitting) {
            Some(handed) => listen_on(&handed.socket)?,
            None => listen(plan.address)?,
        };
        let (bound, socket) = (listener.local_addr()?, listener.as_fd().try_clone_to_owned()?);
        Ok(Slot::New { plan: plan.clone(), listener, bound, socket })
    }

    async fn ended(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if ended.is_err_and(|error| error.is_panic()) {
                tracing::error!("a listener's task panicked");
            }
        }
    }

    fn start(&mut self, plan: ListenerPlan, listener: TcpListener, bound: SocketAddr, socket: OwnedFd) {
        let (sender, plans) = watch::channel(plan);
        let stop = Stop { drain: self.stop.drain.child(), cut: self.stop.cut.child_token() };
        self.tasks.spawn(run(listener, plans, self.handler.clone(), Arc::clone(&self.workers), stop.clone()));
        self.entries.push(Entry { id: self.next_id, plan: sender, bound, stop, socket });
        self.next_id += 1;
    }
}

impl Entry {
    fn serves(&self, plan: &ListenerPlan) -> bool {
        let current = self.plan.borrow();
        fits(plan, current.address, &current.name)
    }
}

/// Whether what listens at `address` under `name` is what `plan` asks for.
fn fits(plan: &ListenerPlan, address: SocketAddr, name: &str) -> bool {
    address == plan.address && (plan.address.port() != 0 || *name == *plan.name)
}
