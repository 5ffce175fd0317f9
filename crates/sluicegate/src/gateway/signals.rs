//! The signals of the system.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Those the gateway acts on.
pub(super) struct Signals {
    /// Read the configuration anew.
    pub(super) hangup: Signal,
    /// Have another process take over.
    pub(super) replace: Signal,
    pub(super) stop: Stop,
}

/// Those that end it.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen to signals");
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            replace: listen(SignalKind::user_defined2())?,
            stop: Stop { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? },
        })
    }
}

impl Stop {
    /// Resolves when the gateway is told to stop.
    pub(super) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
