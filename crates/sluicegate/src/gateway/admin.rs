//! The admin listener's life: opened, moved at a reload, stopped last.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use parking_lot::RwLock;
use sluicegate_adapters::meter::prometheus::{CONTENT_TYPE, Meter};
use sluicegate_control::{Admin, Listening};
use sluicegate_flow::control::Gateway;
use sluicegate_server::Handed;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(super) struct AdminPlane {
    admin: Arc<Admin>,
    serving: Option<Serving>,
    /// Sockets of the process before this one, until one is taken.
    inherited: Vec<Handed>,
}

struct Serving {
    asked: SocketAddr,
    address: SocketAddr,
    /// Its socket, for the process after this one.
    socket: OwnedFd,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// What a reload does to the admin listener.
pub(super) enum Prepared {
    Keep,
    Close,
    Open { asked: SocketAddr, address: SocketAddr, listener: TcpListener, socket: OwnedFd },
}

impl AdminPlane {
    pub(super) fn new(
        gateway: Arc<Gateway>,
        meter: Arc<Meter>,
        open: Arc<RwLock<Vec<Listening>>>,
        not_replaced: Arc<RwLock<Option<String>>>,
    ) -> Self {
        let admin = Admin {
            gateway,
            version: env!("CARGO_PKG_VERSION"),
            metrics: Box::new(move || {
                meter.encode().map(|text| (text, CONTENT_TYPE)).map_err(|error| error.to_string())
            }),
            listeners: Box::new(move || open.read().clone()),
            not_replaced: Box::new(move || not_replaced.read().clone()),
        };
        Self { admin: Arc::new(admin), serving: None, inherited: Vec::new() }
    }

    /// Takes over sockets of the process before this one: an address they listen on is not opened anew.
    pub(super) fn inherit(&mut self, sockets: Vec<Handed>) {
        self.inherited = sockets;
    }

    /// The listening socket, for the process after this one. It stays open here.
    pub(super) fn socket(&self) -> io::Result<Option<Handed>> {
        let handed =
            |serving: &Serving| Ok(Handed { name: None, address: serving.asked, socket: serving.socket.try_clone()? });
        self.serving.as_ref().map(handed).transpose()
    }

    /// Opens the address if it is new.
    pub(super) async fn prepare(&self, address: Option<SocketAddr>) -> io::Result<Prepared> {
        match (address, &self.serving) {
            (None, _) => Ok(Prepared::Close),
            (Some(address), Some(serving)) if serving.asked == address => Ok(Prepared::Keep),
            (Some(asked), _) => {
                let listener = match self.inherited.iter().find(|handed| handed.address == asked) {
                    Some(handed) => {
                        let listener = std::net::TcpListener::from(handed.socket.try_clone()?);
                        listener.set_nonblocking(true)?;
                        TcpListener::from_std(listener)?
                    }
                    None => TcpListener::bind(asked).await?,
                };
                let (address, socket) = (listener.local_addr()?, listener.as_fd().try_clone_to_owned()?);
                Ok(Prepared::Open { asked, address, listener, socket })
            }
        }
    }

    pub(super) fn commit(&mut self, prepared: Prepared) {
        self.inherited.clear();
        match prepared {
            Prepared::Keep => {}
            Prepared::Close => self.close(),
            Prepared::Open { asked, address, listener, socket } => {
                self.close();
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
                self.serving = Some(Serving { asked, address, socket, stop, task });
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

    /// Takes no more connections; answers what is asked over those that are open.
    pub(super) fn close(&mut self) {
        if let Some(serving) = self.serving.take() {
            drop(serving.stop);
        }
    }
}
