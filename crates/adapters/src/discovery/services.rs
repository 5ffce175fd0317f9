//! Services by their SRV records (RFC 2782): of the priorities the first that has addresses, with the weights of its targets.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use domain::base::Rtype;
use domain::base::name::ToName as _;
use domain::rdata::{A, Aaaa, Srv};
use futures_util::{StreamExt as _, stream};
use sluicegate_core::MAX_ENDPOINTS;

use super::Records;
use super::dns::{Answer, Client, FullName, Servers, nonsense, shorter, ttl};

/// Targets that are looked up at once.
const AT_ONCE: usize = 16;

/// Parts of a weight of 1: a weight of 0 is one of them, and the addresses of a target share its own.
const PARTS: u32 = 10;

/// What stands behind a service.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    weight: u16,
    port: u16,
    host: FullName,
}

/// What the records of a service tell.
struct Services {
    by_priority: BTreeMap<u16, Vec<Target>>,
    /// Addresses of targets that came along.
    known: HashMap<FullName, Vec<IpAddr>>,
    ttl: Option<Duration>,
}

/// The servers of the service `name`.
pub(super) async fn find(servers: &Servers, name: &str, server: Option<SocketAddr>) -> Result<Records, String> {
    let client = servers.at(server)?;
    let outcome = look_up(&client, name).await;
    if outcome.is_err() {
        servers.forget(server);
    }
    outcome
}

async fn look_up(client: &Client, name: &str) -> Result<Records, String> {
    for name in client.meanings(name)? {
        let services = Services::of(&client.ask(&name, Rtype::SRV).await?)?;
        if services.by_priority.is_empty() {
            continue;
        }
        for targets in services.by_priority.values() {
            match addresses(client, targets, &services).await {
                (records, _) if !records.addresses.is_empty() => return Ok(records),
                // Whether those of the next priority are wanted cannot be said.
                (_, Some(why)) => return Err(why),
                (_, None) => {}
            }
        }
        return Err("its targets have no addresses".to_owned());
    }
    Ok(Records::default())
}

/// The addresses of `targets`, and what went wrong with one where something did.
async fn addresses(client: &Client, targets: &[Target], services: &Services) -> (Records, Option<String>) {
    let lookup = async |target: &Target| match services.known.get(&target.host) {
        Some(known) => Ok((known.clone(), None)),
        None => client.addresses(&target.host).await.map(|found| (found.addresses, found.ttl)),
    };
    let lookups: Vec<_> = targets.iter().map(lookup).collect();
    let found: Vec<_> = stream::iter(lookups).buffered(AT_ONCE).collect().await;
    let equal = targets.iter().all(|target| target.weight == 0);
    let mut records = Records { addresses: Vec::new(), ttl: services.ttl };
    let mut trouble = None;
    for (target, found) in targets.iter().zip(found) {
        match found {
            Ok((addresses, ttl)) => {
                let whole = if equal { PARTS } else { u32::from(target.weight).saturating_mul(PARTS).max(1) };
                let part = whole.checked_div(u32::try_from(addresses.len()).unwrap_or(u32::MAX)).unwrap_or(1).max(1);
                let addresses = addresses.into_iter().map(|ip| (SocketAddr::new(ip, target.port), Some(part)));
                records.addresses.extend(addresses);
                records.ttl = shorter(records.ttl, ttl);
            }
            Err(why) => trouble = trouble.or(Some(why)),
        }
    }
    (records, trouble)
}

impl Services {
    fn of(answer: &Answer) -> Result<Self, String> {
        let owner = answer.canonical_name().ok_or_else(|| nonsense("a name that leads to itself"))?;
        let mut by_priority: BTreeMap<u16, Vec<Target>> = BTreeMap::new();
        let records = answer.answer().map_err(nonsense)?.limit_to_in::<Srv<_>>().flatten();
        for record in records.filter(|record| *record.owner() == owner) {
            let srv = record.data();
            let host: FullName = srv.target().to_name();
            // The root says that there is no such service.
            if !host.is_root() {
                let target = Target { weight: srv.weight(), port: srv.port(), host };
                by_priority.entry(srv.priority()).or_default().push(target);
            }
        }
        for targets in by_priority.values_mut() {
            targets.sort_by(|left, right| {
                (&left.host, left.port, left.weight).cmp(&(&right.host, right.port, right.weight))
            });
            targets.dedup_by(|left, right| (&left.host, left.port) == (&right.host, right.port));
            targets.truncate(MAX_ENDPOINTS);
        }
        let mut known: HashMap<FullName, Vec<IpAddr>> = HashMap::new();
        let mut note = |host: FullName, ip: IpAddr| known.entry(host).or_default().push(ip);
        for record in answer.additional().map_err(nonsense)?.limit_to_in::<A>().flatten() {
            note(record.owner().to_name(), record.data().addr().into());
        }
        for record in answer.additional().map_err(nonsense)?.limit_to_in::<Aaaa>().flatten() {
            note(record.owner().to_name(), record.data().addr().into());
        }
        Ok(Self { by_priority, known, ttl: ttl(answer)? })
    }
}
