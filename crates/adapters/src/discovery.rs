//! Endpoints found by names: addresses by the system's resolver or by a DNS server that is named, services by SRV records.
//!
//! ```yaml
//! endpoints:
//!   - { dns: "grpc://triton.models.svc:8001" }
//!   - { srv: "grpc://_grpc._tcp.triton.service.consul", resolver: 127.0.0.1:8600 }
//! ```
//!
//! One lookup of a name is under way at a time, whoever asks. It must not know when names are looked up, nor what is done with
//! what was found.

mod dns;
mod services;
mod system;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_core::{BoxFuture, Discover, Endpoint, EndpointSource, Found, Lookup};
use tokio::sync::watch;

use self::dns::Servers;
use self::system::System;

/// Looks names up.
#[derive(Clone, Debug, Default)]
pub struct Names(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    system: System,
    servers: Servers,
    /// Lookups under way; all who need one wait for the same.
    under_way: Mutex<HashMap<Lookup, Told>>,
}

/// What comes of a lookup; `None` until then.
type Told = watch::Receiver<Option<Result<Records, String>>>;

/// What a lookup tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Records {
    /// Addresses, with the weight that each was given there.
    addresses: Vec<(SocketAddr, Option<u32>)>,
    /// How long that is good.
    ttl: Option<Duration>,
}

impl Discover for Names {
    fn find<'a>(&'a self, source: &'a EndpointSource) -> BoxFuture<'a, Result<Found, String>> {
        Box::pin(async move { Ok(endpoints(source, self.ask(&source.lookup).await?)) })
    }
}

impl Names {
    async fn ask(&self, lookup: &Lookup) -> Result<Records, String> {
        let mut told = self.0.begin(lookup);
        let outcome = told.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err("the lookup broke off".to_owned()))
    }
}

impl Shared {
    /// The lookup that is under way, or one that begins. It goes on also where nobody waits for it any more: a thread that
    /// asks the system cannot be called back, and must not get company.
    fn begin(self: &Arc<Self>, lookup: &Lookup) -> Told {
        let mut under_way = self.under_way.lock();
        if let Some(told) = under_way.get(lookup) {
            return told.clone();
        }
        let (tell, told) = watch::channel(None);
        under_way.insert(lookup.clone(), told.clone());
        let ending = Ending { shared: Arc::clone(self), lookup: lookup.clone() };
        tokio::spawn(async move {
            let outcome = ending.shared.look_up(&ending.lookup).await;
            // Whoever asks from now on gets a new one.
            drop(ending);
            let _ = tell.send(Some(outcome));
        });
        told
    }

    async fn look_up(&self, lookup: &Lookup) -> Result<Records, String> {
        match lookup {
            Lookup::Dns { host, port, server: None } => self.system.addresses(host, *port).await,
            Lookup::Dns { host, port, server: Some(server) } => {
                let found = self.servers.at(Some(*server))?.addresses(&dns::name(host)?).await?;
                let addresses = found.addresses.into_iter().map(|address| (SocketAddr::new(address, *port), None));
                Ok(Records { addresses: addresses.collect(), ttl: found.ttl })
            }
            Lookup::Srv { name, server } => services::find(&self.servers, name, *server).await,
            Lookup::File { .. } => Err("a file is no name".to_owned()),
        }
    }
}

/// A lookup under way: no more once this is dropped.
struct Ending {
    shared: Arc<Shared>,
    lookup: Lookup,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.shared.under_way.lock().remove(&self.lookup);
    }
}

/// The endpoints at the addresses that were found, in the order of the addresses, each once.
fn endpoints(source: &EndpointSource, records: Records) -> Found {
    let name = source.name().unwrap_or_default();
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut addresses: Vec<(SocketAddr, Option<u32>)> = records
        .addresses
        .into_iter()
        .map(|(address, weight)| (SocketAddr::new(address.ip().to_canonical(), address.port()), weight))
        .filter(|(address, _)| may_be_called(address))
        .collect();
    addresses.sort();
    addresses.dedup_by_key(|(address, _)| *address);
    let mut hosts: HashMap<u16, Arc<str>> = HashMap::new();
    let endpoint = |(address, weight): (SocketAddr, Option<u32>)| {
        let host = hosts.entry(address.port()).or_insert_with(|| format!("{name}:{}", address.port()).into());
        let (authority, host) = (address.to_string().into(), Some(Arc::clone(host)));
        let endpoint = Endpoint { authority, prefix: Arc::clone(&source.prefix), host, tls: source.tls.clone() };
        (endpoint, weight.unwrap_or(source.weight))
    };
    // The order in which a server tells them says nothing; which are left out must not change from day to day.
    let endpoints = addresses.into_iter().map(endpoint).collect();
    Found { endpoints, left_out: 0, good_for: records.ttl }.bounded()
}

/// Whether a server may be there. An answer from outside must not lead to what only this machine, or its cloud, has there.
fn may_be_called(address: &SocketAddr) -> bool {
    let ip = match address.ip() {
        IpAddr::V4(ip) => !ip.is_link_local() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    };
    ip && address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast()
}

#[cfg(test)]
mod tests;
