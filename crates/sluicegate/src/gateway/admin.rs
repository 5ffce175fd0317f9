//! The admin listener's life: opened, moved at a reload, stopped last.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::RwLock;
use sluicegate_adapters::meter::prometheus::{CONTENT_TYPE, Meter};
use sluicegate_control::{Admin, Listening};
use sluicegate_flow::control::Gateway;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(super) struct AdminPlane {
    admin: Arc<Admin>,
    serving: Option<Serving>,
}

struct Serving {
    asked: SocketAddr,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// What a reload does to the admin listener.
pub(super) enum Prepared {
    Keep,
    Close,
    Open(SocketAddr, TcpListener),
}

impl AdminPlane {
    pub(super) fn new(gateway: Arc<Gateway>, meter: Arc<Meter>, open: Arc<RwLock<Vec<Listening>>>) -> Self {
        let admin = Admin {
            gateway,
            version: env!("CARGO_PKG_VERSION"),
            metrics: Box::new(move || {
                meter.encode().map(|text| (text, CONTENT_TYPE)).map_err(|error| error.to_string())
            }),
            listeners: Box::new(move || open.read().clone()),
        };
        Self { admin: Arc::new(admin), serving: None }
    }

    /// Opens the address if it is new.
    pub(super) async fn prepare(&self, address: Option<SocketAddr>) -> std::io::Result<Prepared> {
        match (address, &self.serving) {
            (None, _) => Ok(Prepared::Close),
            (Some(address), Some(serving)) if serving.asked == address => Ok(Prepared::Keep),
            (Some(address), _) => Ok(Prepared::Open(address, TcpListener::bind(address).await?)),
        }
    }

    pub(super) fn commit(&mut self, prepared: Prepared) {
        match prepared {
            Prepared::Keep => {}
            Prepared::Close => self.close(),
            Prepared::Open(asked, listener) => {
                self.close();
                let address = listener.local_addr().unwrap_or(asked);
                let (stop, stopped) = oneshot::channel();
                let admin = Arc::clone(&self.admin);
                let task = tokio::spawn(async move {
                    let stopped = async move {
                        // A dropped sender stops too.
                        let _ = stopped.await;
                    };
                    if let Err(error) = sluicegate_control::serve(listener, admin, stopped).await {
                        tracing::error!(%error, "the admin listener failed");
                    }
                });
                self.serving = Some(Serving { asked, address, stop, task });
            }
        }
    }

    /// Where it listens, with the real port.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.serving.as_ref().map(|serving| serving.address)
    }

    /// Stops taking connections; those under way are cut.
    pub(super) async fn stop(self) {
        if let Some(Serving { stop, task, .. }) = self.serving {
            drop(stop);
            task.abort();
            // Cancelled is what was asked for.
            let _ = task.await;
        }
    }

    fn close(&mut self) {
        if let Some(serving) = self.serving.take() {
            drop(serving.stop);
        }
    }
}
