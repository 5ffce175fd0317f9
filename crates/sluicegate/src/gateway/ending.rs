//! The end of a gateway: it is told to stop, or another process takes its place.

use std::process::ExitCode;

use super::Assembly;
use super::replace::Replacement;
use super::signals::Stop;
use crate::systemd;

/// Why the gateway ends.
pub(super) enum End {
    /// It was told to.
    Stopped,
    /// Another process serves in its place.
    Replaced,
}

impl Assembly {
    /// Has another process take this one's place. If it does not come to serve, this one serves on.
    pub(super) async fn replace(&mut self, stop: &mut Stop) -> Option<End> {
        tracing::info!("SIGUSR2: a new process is to take over");
        let within = self.resolved.as_ref().map_or_else(Default::default, |known| known.replace_timeout);
        let replaced = async {
            let mut sockets = self.server.sockets()?;
            sockets.extend(self.admin.socket()?);
            let mut replacement = Replacement::start(&self.binary, &sockets)?;
            replacement.serves(within).await?;
            anyhow::Ok(replacement.id())
        };
        let replaced = tokio::select! {
            biased;
            () = stop.asked() => return Some(End::Stopped),
            replaced = replaced => replaced,
        };
        match replaced {
            Ok(process) => {
                systemd::main_process(process);
                tracing::info!(process, "replaced: the new process serves, this one ends");
                Some(End::Replaced)
            }
            Err(error) => {
                tracing::error!("not replaced, this process serves on: {error:#}");
                *self.not_replaced.write() = Some(format!("{error:#}"));
                None
            }
        }
    }

    /// Readiness off first; then no new connections; then the requests under way get their grace. Where another process
    /// serves on, its address stays ready.
    pub(super) async fn end(mut self, end: End) -> ExitCode {
        let (grace, delay) = self.resolved.as_ref().map_or_else(Default::default, |known| (known.grace, known.delay));
        let drained = match end {
            End::Stopped => {
                self.gateway.begin_drain();
                tracing::info!(?grace, "shutting down: not ready from now on");
                tokio::time::sleep(delay).await;
                self.server.drain(grace).await
            }
            End::Replaced => {
                self.admin.close();
                self.server.yield_to_successor(grace).await
            }
        };
        if drained.cut > 0 {
            tracing::warn!(requests = drained.cut, "cut after the grace time");
        }
        self.admin.stop().await;
        tracing::info!("stopped");
        ExitCode::SUCCESS
    }
}
