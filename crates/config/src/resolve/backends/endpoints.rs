//! The endpoints of a backend: those that are listed, and where others are found. It must not know how they are found.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sluicegate_core::{
    Catalog, Endpoint, EndpointSource, Lookup, MAX_ENDPOINTS, Mistake, Node, Source, Span, TlsIdentity, Value,
};

use super::super::files::Files;
use super::super::tls;
use super::Entry;
use crate::mistakes::Mistakes;
use crate::reading::{Reading, key_span};
use crate::table::{DNS, ENDPOINT, LISTED, SRV};
use crate::{check, text, url};

/// The most sources of one backend.
const MAX_SOURCES: usize = 100;

/// How long the content of a file holds, at most: that it has changed may not be told by every file system.
const FILE_REFRESH: std::time::Duration = std::time::Duration::from_secs(30);

/// What `endpoints` comes to.
#[derive(Default)]
pub(super) struct Endpoints {
    pub(super) listed: Vec<(Endpoint, u32)>,
    pub(super) sources: Vec<EndpointSource>,
    /// What is allowed but probably not meant.
    pub(super) warnings: Vec<Mistake>,
}

/// What all endpoints of a backend have in common.
struct Common<'a> {
    /// Who is there, where they are reached over TLS.
    tls: Option<Arc<TlsIdentity>>,
    /// The name of the protocol, where that does not run over gRPC.
    not_grpc: Option<&'a str>,
}

/// Where an endpoint's address, or the name that leads there, stands, written in short or in full.
fn url_of(item: &Node) -> Option<&Node> {
    let full = || item.get("url").or_else(|| item.get("dns")).or_else(|| item.get("srv"));
    if item.entries().is_empty() { Some(item) } else { full() }
}

/// Reads the `endpoints` of a backend.
pub(super) fn read(entry: &Entry<'_>, files: &mut Files<'_>, mistakes: &mut Mistakes) -> Endpoints {
    let items = entry.node.get("endpoints").map(Node::items).unwrap_or_default();
    let secure = secure(entry, items, mistakes);
    let at = key_span(entry.node, "tls").unwrap_or(entry.span);
    let tls = if secure { tls::identity(entry.file, entry.node.get("tls"), at, files, mistakes) } else { None };
    let over_grpc = entry.kind.kind.ends_with(super::OVER_GRPC);
    let common = Common { tls, not_grpc: (!over_grpc).then_some(entry.kind.kind) };
    let mut endpoints = Endpoints { listed: common.listed(items, mistakes), ..Endpoints::default() };
    for item in items {
        let Some(source) = common.source(entry, item, mistakes) else { continue };
        if let Lookup::File { path } = &source.lookup {
            look_into(path, item, &source, files, (mistakes, &mut endpoints.warnings));
        }
        if endpoints.sources.iter().any(|other| other.lookup == source.lookup && other.prefix == source.prefix) {
            mistakes.at(&item.span, "a source of endpoints is given twice");
        } else if endpoints.sources.len() == MAX_SOURCES {
            mistakes.at(&item.span, format!("more than {MAX_SOURCES} sources of endpoints"));
            break;
        } else {
            endpoints.sources.push(source);
        }
    }
    endpoints
}

/// The endpoints that are listed in a file of their own, for the backend of `source`.
///
/// # Errors
/// Every mistake, with its place in the file.
pub fn endpoints(file: &Source, source: &EndpointSource) -> Result<Vec<(Endpoint, u32)>, Vec<Mistake>> {
    let mut mistakes = Mistakes::default();
    let listed = match text::parse(file, &mut mistakes) {
        Some(Node { value: Value::Null, .. }) | None => Vec::new(),
        Some(node) if matches!(&node.value, Value::List(items) if items.is_empty()) => Vec::new(),
        Some(node) => {
            check::alone("endpoints", &node, &LISTED, &Catalog { upstreams: &[] }, &mut mistakes);
            let not_grpc = (!source.grpc).then_some("the backend's protocol");
            let common = Common { tls: source.tls.clone(), not_grpc };
            let items = node.items();
            common.all_alike(items, &mut mistakes);
            if mistakes.is_empty() { common.listed(items, &mut mistakes) } else { Vec::new() }
        }
    };
    if mistakes.is_empty() { Ok(listed) } else { Err(mistakes.sorted()) }
}

/// Has a mistake in a file of endpoints found before anybody relies on it. One that is not there yet may still come.
fn look_into(
    path: &str,
    item: &Node,
    source: &EndpointSource,
    files: &mut Files<'_>,
    (mistakes, warnings): (&mut Mistakes, &mut Vec<Mistake>),
) {
    let at = item.get("file").map_or(&item.span, |node| &node.span);
    let warning = |message: &str| Mistake::at(at, message).help("until it lists some, none come from it");
    match files.endpoints(path) {
        Err(why) => {
            let help = "paths are relative to the file they stand in";
            mistakes.helped(at, format!("the file of endpoints cannot be read: {why}"), help);
        }
        Ok(None) => warnings.push(warning("there is no such file of endpoints")),
        Ok(Some(text)) => match endpoints(&Source { path: path.into(), text }, source) {
            Err(found) => mistakes.extend(found),
            Ok(listed) if listed.is_empty() => warnings.push(warning("the file lists no endpoints")),
            Ok(_) => {}
        },
    }
}

/// Whether the endpoints are reached over TLS: all of them, or none. Where some are, a request must not go plain only because it
/// was the other's turn.
fn secure(entry: &Entry<'_>, items: &[Node], mistakes: &mut Mistakes) -> bool {
    let asked = key_span(entry.node, "tls").is_some();
    let secure = asked || addresses(items).any(|(_, address)| address.secure);
    if secure {
        let why = if asked { "the backend has `tls`" } else { "others of the backend are over TLS" };
        say_plain(items, why, mistakes);
    }
    secure
}

fn addresses(items: &[Node]) -> impl Iterator<Item = (&Node, url::Address)> {
    items.iter().filter_map(|item| Some((item, url::address(url_of(item)?.text()?).ok()?)))
}

fn say_plain(items: &[Node], why: &str, mistakes: &mut Mistakes) {
    for (item, address) in addresses(items).filter(|(_, address)| !address.secure) {
        let scheme = if address.grpc { "grpcs" } else { "https" };
        let message = format!("an endpoint is not over TLS, though {why}");
        mistakes.helped(&item.span, message, format!("write `{scheme}://`"));
    }
}

impl Common<'_> {
    /// Those that are listed.
    fn listed(&self, items: &[Node], mistakes: &mut Mistakes) -> Vec<(Endpoint, u32)> {
        let mut seen: HashMap<Endpoint, &Span> = HashMap::new();
        let mut endpoints = Vec::new();
        let is_listed = |item: &&Node| item.entries().is_empty() || item.get("url").is_some();
        for item in items.iter().filter(is_listed) {
            let Some(address) = self.address(item, mistakes) else { continue };
            let url::Address { authority, prefix, .. } = address;
            let endpoint = Endpoint { authority, prefix, host: None, tls: self.tls.clone() };
            if let Some(first) = seen.insert(endpoint.clone(), &item.span) {
                mistakes.helped(&item.span, "an endpoint is given twice", format!("it is also given at {first}"));
            } else if endpoints.len() == MAX_ENDPOINTS {
                mistakes.at(&item.span, format!("more than {MAX_ENDPOINTS} endpoints"));
                break;
            } else {
                endpoints.push((endpoint, Reading::on(item, ENDPOINT).count("weight")));
            }
        }
        endpoints
    }

    /// The address of `item`, or the name that leads to some.
    fn address(&self, item: &Node, mistakes: &mut Mistakes) -> Option<url::Address> {
        let address = url::address(url_of(item)?.text()?).ok()?;
        if let Some(kind) = self.not_grpc.filter(|_| address.grpc) {
            let message = format!("`endpoints` has the scheme of gRPC, over which {} does not run", quoted(kind));
            let plain = if address.secure { "https" } else { "http" };
            mistakes.helped(&item.span, message, format!("write `{plain}://`, or another `protocol`"));
        }
        Some(address)
    }

    /// In a file of their own they are over TLS as the backend says.
    fn all_alike(&self, items: &[Node], mistakes: &mut Mistakes) {
        if self.tls.is_some() {
            return say_plain(items, "the backend is", mistakes);
        }
        for (item, _) in addresses(items).filter(|(_, address)| address.secure) {
            let message = "an endpoint is over TLS, though the backend is not";
            mistakes.helped(&item.span, message, "give the backend `tls: {}`");
        }
    }

    /// The source that `item` is, if it is one.
    fn source(&self, entry: &Entry<'_>, item: &Node, mistakes: &mut Mistakes) -> Option<EndpointSource> {
        let (lookup, prefix, weight, refresh) = if let Some(node) = item.get("file") {
            let path = super::super::files::beside(entry.file, node.text()?);
            (Lookup::File { path }, "".into(), 1, FILE_REFRESH)
        } else if item.get("dns").is_some() {
            let (address, reading) = (self.address(item, mistakes)?, Reading::on(item, DNS));
            let (host, port) = address.authority.rsplit_once(':')?;
            if host.starts_with('[') || host.parse::<IpAddr>().is_ok() {
                mistakes.helped(&item.span, "`dns` has an address, where a name is looked up", "write it as `url`");
            }
            let lookup = Lookup::Dns { host: host.into(), port: port.parse().ok()?, server: server(item) };
            (lookup, address.prefix, reading.count("weight"), reading.duration("refresh"))
        } else {
            let node = item.get("srv")?;
            let (address, reading) = (self.address(item, mistakes)?, Reading::on(item, SRV));
            let (name, _) = address.authority.rsplit_once(':')?;
            if url::has_port(node.text()?) {
                mistakes.helped(&node.span, "`srv` has a port", "leave it out: the records say it");
            }
            let lookup = Lookup::Srv { name: name.into(), server: server(item) };
            (lookup, address.prefix, 1, reading.duration("refresh"))
        };
        let grpc = self.not_grpc.is_none();
        Some(EndpointSource { lookup, prefix, tls: self.tls.clone(), grpc, weight, refresh })
    }
}

/// Who is asked, where that is given.
fn server(item: &Node) -> Option<SocketAddr> {
    item.get("resolver").and_then(Node::address)
}

/// A protocol's name as such; other words as they are.
fn quoted(kind: &str) -> String {
    if kind.contains(' ') { kind.to_owned() } else { format!("`{kind}`") }
}
