//! One server: how it behaves now, what it can do at once, what it counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::behaviour::Behaviour;
use super::counts::{Counts, Onset};
use super::slots::Slots;

pub(super) struct Server {
    address: SocketAddr,
    behaviour: watch::Sender<Behaviour>,
    /// What changes the behaviour by itself.
    flapping: Mutex<Option<AbortHandle>>,
    slots: Slots,
    service: Duration,
    counts: Mutex<Counts>,
}

/// A request that was begun; who forgets to say that it was answered has seen its client leave.
pub(super) struct Begun<'a> {
    server: &'a Server,
    answered: bool,
}

impl Server {
    pub(super) fn new(address: SocketAddr, slots: usize, service: Duration) -> Self {
        Self {
            address,
            behaviour: watch::Sender::new(Behaviour::Ok),
            flapping: Mutex::new(None),
            slots: Slots::new(slots),
            service,
            counts: Mutex::new(Counts::default()),
        }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn behaviour(&self) -> Behaviour {
        *self.behaviour.borrow()
    }

    /// Behaves like this from now on.
    pub(super) fn set(self: &Arc<Self>, behaviour: Behaviour) {
        if let Some(before) = self.flapping.lock().take() {
            before.abort();
        }
        self.counts.lock().onset = Onset::new(Instant::now());
        let Behaviour::Flap(every) = behaviour else {
            self.behaviour.send_replace(behaviour);
            return;
        };
        let server = Arc::clone(self);
        let flapping = tokio::spawn(async move {
            loop {
                server.behaviour.send_replace(Behaviour::Refuse);
                sleep(every).await;
                server.behaviour.send_replace(Behaviour::Ok);
                sleep(every).await;
            }
        });
        *self.flapping.lock() = Some(flapping.abort_handle());
    }

    /// Waits until it behaves like this.
    pub(super) async fn until(&self, wanted: impl Fn(Behaviour) -> bool) {
        // The sender is ours: it cannot be gone.
        let _ = self.behaviour.subscribe().wait_for(|behaviour| wanted(*behaviour)).await;
    }

    /// A place and the time it takes.
    pub(super) async fn work(&self, times: u32) {
        self.slots.work(self.service * times).await;
    }

    pub(super) fn connected(&self) {
        self.counts.lock().connections += 1;
    }

    /// The head of a request for inference is here.
    pub(super) fn begin(&self) -> Begun<'_> {
        self.counts.lock().begin(Instant::now());
        Begun { server: self, answered: false }
    }

    pub(super) fn report(&self) -> Counts {
        let mut counts = self.counts.lock();
        counts.onset.look(Instant::now());
        counts.clone()
    }
}

impl Begun<'_> {
    /// With whatever it was.
    pub(super) const fn answered(&mut self) {
        self.answered = true;
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        let mut counts = self.server.counts.lock();
        counts.now = counts.now.saturating_sub(1);
        if self.answered {
            counts.answered += 1;
        } else {
            counts.cancelled += 1;
        }
    }
}
