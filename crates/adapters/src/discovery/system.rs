//! The system's resolver: the hosts file, search domains and whatever else the machine has been given. It does not say how long
//! what it tells is good.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Records;

/// Lookups under way at once: each holds a thread for as long as the system takes.
const AT_ONCE: usize = 16;

/// Most addresses that are taken of one name.
const MOST: usize = 4096;

#[derive(Debug)]
pub(super) struct System(Arc<Semaphore>);

impl System {
    /// The addresses of `host`, each with `port`.
    pub(super) async fn addresses(&self, host: &Arc<str>, port: u16) -> Result<Records, String> {
        let place = Arc::clone(&self.0).acquire_owned().await.map_err(|error| error.to_string())?;
        let host = Arc::clone(host);
        let asking = tokio::task::spawn_blocking(move || {
            let _place = place;
            let addresses = (&*host, port).to_socket_addrs().map_err(|error| error.to_string())?;
            Ok::<Vec<SocketAddr>, String>(addresses.take(MOST).collect())
        });
        let addresses = asking.await.map_err(|error| format!("the lookup failed: {error}"))??;
        Ok(Records { addresses: addresses.into_iter().map(|address| (address, None)).collect(), ttl: None })
    }
}

impl Default for System {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}
