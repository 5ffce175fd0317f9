//! Listeners for clients and the one for operators: limits filled in, addresses that collide refused.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use sluicegate_core::{Network, Node, Span, Value};

use super::files::Files;
use super::{Checked, did_you_mean, tls};
use crate::mistakes::Mistakes;
use crate::reading::{Reading, key_span, priority, raw};
use crate::table::{ADMIN, LIMITS, MAX_LISTENERS};
use crate::{Admin, Exposure, HostName, Limits, Listener, Method, url, words};

/// The listeners of the root file.
pub(super) fn listeners(file: &Checked, files: &mut Files<'_>, mistakes: &mut Mistakes) -> Vec<Listener> {
    let root = &file.node;
    let Some(node) = raw(root, "listeners") else { return Vec::new() };
    let at = key_span(root, "listeners").unwrap_or(&node.span);
    let entries = node.entries();
    if entries.is_empty() && matches!(node.value, Value::Map(_) | Value::Null) {
        mistakes.helped(at, "there is no listener: nothing would be served", "give one a name and an `address`");
    }
    if let Some((_, span, _)) = entries.get(MAX_LISTENERS) {
        mistakes.at(span, format!("more than {MAX_LISTENERS} listeners"));
    }
    let mut listeners: Vec<Listener> = Vec::new();
    for (name, span, node) in entries.iter().take(MAX_LISTENERS) {
        let Some(address) = node.get("address").and_then(Node::address) else { continue };
        if let Some(other) = listeners.iter().find(|other| collide(other.address, address)) {
            let place = node.get("address").map_or(span, |node| &node.span);
            let message = format!("{} listens where {} does", words::quoted(name), words::quoted(&other.name));
            mistakes.helped(place, message, format!("use another port; the other listener is at {}", other.span));
        }
        listeners.push(Listener {
            name: name.as_str().into(),
            address,
            authenticate: methods(name, node, root, mistakes),
            management: node.get("management").and_then(Node::text) == Some("allow"),
            priority: node.get("priority").and_then(Node::text).and_then(priority),
            tls: node.get("tls").and_then(|tls| tls::pair(&file.path, tls, files, mistakes)),
            hosts: hosts(name, node, mistakes),
            expose: None,
            exposure: exposure(node),
            trusted_proxies: networks(node, "trusted_proxies"),
            proxy_protocol: networks(node, "proxy_protocol"),
            limits: limits(node),
            span: span.clone(),
        });
    }
    listeners
}

/// Which `models` are there for whoever comes in by which of the listeners.
pub(super) fn expose(root: &Node, listeners: &mut [Listener], models: &[Arc<str>], mistakes: &mut Mistakes) {
    let known: HashSet<&str> = models.iter().map(|model| &**model).collect();
    for (name, _, node) in root.get("listeners").map(Node::entries).unwrap_or_default() {
        let Some(list) = node.get("expose") else { continue };
        let mut exposed: Vec<Arc<str>> = Vec::new();
        let mut seen = HashSet::new();
        for item in list.items() {
            let Some(model) = item.text() else { continue };
            if !known.contains(model) {
                let names = || models.iter().map(|model| &**model);
                let help = mistakes.suggestion(known.len(), || did_you_mean(model, names()));
                mistakes.helped(&item.span, format!("there is no model {}", words::quoted(model)), help);
            } else if !seen.insert(model) {
                mistakes.at(&item.span, format!("a model that {} exposes is given twice", words::quoted(name)));
            } else {
                exposed.push(model.into());
            }
        }
        if let Some(listener) = listeners.iter_mut().find(|listener| *listener.name == **name) {
            listener.expose = Some(exposed);
        }
    }
}

/// The listener for operators.
pub(super) fn admin(root: &Node, listeners: &[Listener], mistakes: &mut Mistakes) -> Admin {
    let reading = Reading::of(root, "admin", ADMIN);
    let span = reading.node("address").map_or(&root.span, |node| &node.span);
    let address = reading.address("address");
    if let Some(address) = address {
        if !address.ip().to_canonical().is_loopback() {
            let help = "write a loopback address, such as `127.0.0.1:9901`, until the admin plane has authentication";
            mistakes.helped(span, "`address` of `admin` is not a loopback address", help);
        }
        if let Some(listener) = listeners.iter().find(|listener| collide(listener.address, address)) {
            // Where the default is what collides, the listener's place says more.
            let place = if reading.node("address").is_some() { span } else { &listener.span };
            let message = format!("`admin` listens where the listener {} does", words::quoted(&listener.name));
            mistakes.helped(place, message, "use another port");
        }
    }
    Admin { address, span: span.clone() }
}

/// Whether both cannot be bound at once. Port 0 takes any free port.
fn collide(left: SocketAddr, right: SocketAddr) -> bool {
    let (one, other) = (left.ip(), right.ip());
    let covers = one.is_ipv4() == other.is_ipv4() && (one.is_unspecified() || other.is_unspecified());
    left.port() != 0 && left.port() == right.port() && (one == other || covers)
}

/// The methods of the listener `name`, of which some need what `root` says elsewhere.
fn methods(name: &str, node: &Node, root: &Node, mistakes: &mut Mistakes) -> Vec<Method> {
    let mut methods = Vec::new();
    for item in node.get("authenticate").map(Node::items).unwrap_or_default() {
        let method = match item.text() {
            Some("anonymous") => Method::Anonymous,
            Some("api_key") => Method::ApiKey,
            Some("oidc") => Method::Oidc,
            Some(_) | None => continue,
        };
        if methods.contains(&method) {
            mistakes.at(&item.span, format!("a method of {} is given twice", words::quoted(name)));
            continue;
        }
        // What is wrong within `state` has been told there.
        if method == Method::ApiKey && raw(root, "state").is_none() {
            let message = format!("{} takes keys, and nothing says where they are kept", words::quoted(name));
            mistakes.helped(&item.span, message, "write `state: { store: { sqlite: PATH } }`");
        }
        if method == Method::Oidc && root.get("identity").and_then(|node| raw(node, "oidc")).is_none() {
            let message = format!("{} takes tokens, and nothing says whose", words::quoted(name));
            mistakes.helped(&item.span, message, "write `identity: { oidc: [ { issuer: URL, audience: NAME } ] }`");
        }
        methods.push(method);
    }
    methods
}

/// The hosts that requests to the listener `name` may be for.
fn hosts(name: &str, node: &Node, mistakes: &mut Mistakes) -> Option<Vec<HostName>> {
    let mut hosts: Vec<HostName> = Vec::new();
    for item in node.get("hosts")?.items() {
        let Some(text) = item.text() else { continue };
        let Some(host) = HostName::read(text) else {
            let help = "write a name such as `models.example.com` or `*.example.com`, without a port";
            mistakes.helped(&item.span, format!("{} is no name of a host", words::quoted(text)), help);
            continue;
        };
        if hosts.contains(&host) {
            mistakes.at(&item.span, format!("a host of {} is given twice", words::quoted(name)));
            continue;
        }
        hosts.push(host);
    }
    Some(hosts)
}

fn exposure(listener: &Node) -> Exposure {
    match listener.get("exposure").and_then(Node::text) {
        Some("internal") => Exposure::Internal,
        _ => Exposure::External,
    }
}

fn networks(listener: &Node, key: &str) -> Vec<Network> {
    let items = listener.get(key).map(Node::items).unwrap_or_default();
    items.iter().filter_map(|item| item.text()?.parse().ok()).collect()
}

fn limits(listener: &Node) -> Limits {
    let limits = Reading::of(listener, "limits", LIMITS);
    let given = |key: &str| limits.node(key).is_some();
    Limits {
        head: limits.size("head"),
        header_list: given("head").then(|| limits.size("head")),
        headers: limits.count("headers"),
        body: limits.size("body"),
        head_timeout: limits.duration("head_timeout"),
        body_timeout: limits.duration("body_timeout"),
        idle_timeout: limits.duration("idle_timeout"),
        handshake_timeout: limits.duration("handshake_timeout"),
        handshakes: limits.count("handshakes"),
        connections: limits.count("connections"),
        per_address: given("per_address").then(|| limits.count("per_address")),
        body_min_rate: limits.size("body_min_rate"),
        streams: given("streams").then(|| limits.count("streams")),
    }
}

impl HostName {
    /// Reads `name` or `*.name`.
    fn read(text: &str) -> Option<Self> {
        let (name, make): (&str, fn(Arc<str>) -> Self) = match text.strip_prefix("*.") {
            Some(rest) => (rest, Self::Below),
            None => (text, Self::Exactly),
        };
        // A dot at the end makes no other host.
        let plain = name.strip_suffix('.').unwrap_or(name);
        url::is_name(name).then(|| make(plain.to_ascii_lowercase().into()))
    }
}

/// The defaults, for a listener that is not configured but asked for on the command line.
impl Default for Limits {
    fn default() -> Self {
        let file = Span { file: "".into(), line: 1, column: 1 };
        limits(&Node { value: Value::Null, span: file })
    }
}
