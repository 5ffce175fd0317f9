//! Issuers of tokens: where their keys come from, whom their tokens are for, what is read out of them. It must not know what a
//! token is.

use std::net::IpAddr;
use std::sync::Arc;

use sluicegate_core::{
    ClaimNames, ClaimPath, Endpoint, IssuerPlan, KeySource, Node, Span, TenantClaim, TokenAlgorithm,
};

use super::files::Files;
use super::tenants::Known;
use super::{Checked, tls};
use crate::mistakes::Mistakes;
use crate::reading::{Reading, key_span};
use crate::table::{CLAIMS, MAX_ISSUERS, OIDC};
use crate::{names, url, words};

/// Letters of an issuer's name, and of an audience's.
const LONGEST: usize = 1_024;

/// What is wrong with keys that come without TLS.
const PLAIN: &str = "what comes without TLS can be exchanged on the way, and these keys let callers in";

/// The issuers of the root file.
pub(super) fn issuers(
    root: &Checked,
    tenants: &Known<'_>,
    files: &mut Files<'_>,
    mistakes: &mut Mistakes,
) -> Vec<IssuerPlan> {
    let items = root.node.get("identity").and_then(|node| node.get("oidc")).map(Node::items).unwrap_or_default();
    if let Some(item) = items.get(MAX_ISSUERS) {
        mistakes.at(&item.span, format!("more than {MAX_ISSUERS} issuers"));
    }
    let mut plans: Vec<IssuerPlan> = Vec::new();
    for item in items.iter().take(MAX_ISSUERS) {
        let Some(plan) = issuer(&root.path, item, tenants, files, mistakes) else { continue };
        if plans.iter().any(|other| other.issuer == plan.issuer) {
            mistakes.helped(&plan.span, "an issuer is given twice", "write its audiences into one `audience`");
        } else if plans.iter().any(|other| other.name == plan.name) {
            let message = format!("two issuers are called {}", words::quoted(&plan.name));
            mistakes.helped(&plan.span, message, "give one another `name`");
        } else {
            plans.push(plan);
        }
    }
    plans
}

fn issuer(
    file: &str,
    item: &Node,
    tenants: &Known<'_>,
    files: &mut Files<'_>,
    mistakes: &mut Mistakes,
) -> Option<IssuerPlan> {
    let node = item.get("issuer")?;
    let issuer = text(node, "issuer", mistakes);
    let keys = keys(file, node, item, files, mistakes);
    let audiences = audiences(item, mistakes);
    let claims = claims(item, tenants, mistakes);
    let name = name(item, node, mistakes);
    let reading = Reading::on(item, OIDC);
    Some(IssuerPlan {
        name: name?,
        issuer: issuer?,
        keys: keys?,
        audiences,
        algorithms: algorithms(item, mistakes),
        claims: claims?,
        leeway: reading.duration("leeway"),
        stale: reading.duration("stale"),
        span: node.span.clone(),
    })
}

/// A name as it stands in tokens: any letters, but some.
fn text(node: &Node, key: &str, mistakes: &mut Mistakes) -> Option<Arc<str>> {
    let text = node.text()?;
    if text.is_empty() || text.len() > LONGEST || text.contains(char::is_control) {
        let message = format!("`{key}` has 1 to {LONGEST} characters, on one line");
        mistakes.at(&node.span, message);
        return None;
    }
    Some(text.into())
}

fn audiences(item: &Node, mistakes: &mut Mistakes) -> Vec<Arc<str>> {
    let Some(node) = item.get("audience") else { return Vec::new() };
    let listed = if node.text().is_some() { std::slice::from_ref(node) } else { node.items() };
    listed.iter().filter_map(|node| text(node, "audience", mistakes)).collect()
}

fn algorithms(item: &Node, mistakes: &mut Mistakes) -> Vec<TokenAlgorithm> {
    let mut algorithms = Vec::new();
    for node in item.get("algorithms").map(Node::items).unwrap_or_default() {
        let Some(algorithm) = node.text().and_then(TokenAlgorithm::named) else { continue };
        if algorithms.contains(&algorithm) {
            mistakes.at(&node.span, format!("the algorithm `{}` is given twice", algorithm.as_str()));
        } else {
            algorithms.push(algorithm);
        }
    }
    if algorithms.is_empty() { TokenAlgorithm::USUAL.to_vec() } else { algorithms }
}

/// Its own name, or that of its host.
fn name(item: &Node, issuer: &Node, mistakes: &mut Mistakes) -> Option<Arc<str>> {
    if let Some(name) = item.get("name") {
        return name.text().map(Arc::from);
    }
    let text = issuer.text()?;
    let host = text.split_once("://").map_or(text, |(_, rest)| rest).split(['/', ':']).next().unwrap_or(text);
    if !names::is_plain(host) {
        mistakes.helped(&issuer.span, "the issuer has no host that it could be called by", "give it a `name`");
        return None;
    }
    Some(host.to_ascii_lowercase().into())
}

fn claims(item: &Node, tenants: &Known<'_>, mistakes: &mut Mistakes) -> Option<ClaimNames> {
    let reading = Reading::of(item, "claims", CLAIMS);
    let mut path = |key: &str| {
        let Some(node) = reading.node(key) else { return Ok(None) };
        let Some(text) = node.text() else { return Err(()) };
        let path = ClaimPath::parse(text);
        if path.is_none() {
            let help = "write `name` or `outer.name`, and `\\.` for a dot within a name";
            mistakes.helped(&node.span, format!("{} has an empty name in it", words::quoted(key)), help);
        }
        path.map(Some).ok_or(())
    };
    let (tenant, groups, scopes) = (path("tenant"), path("groups"), path("scopes"));
    let tenant = tenant_of(item, tenant.ok()?, tenants, mistakes);
    let groups = groups.ok()?.or_else(|| ClaimPath::parse("groups"))?;
    Some(ClaimNames { tenant, groups, scopes: scopes.ok()? })
}

fn tenant_of(item: &Node, claim: Option<ClaimPath>, tenants: &Known<'_>, mistakes: &mut Mistakes) -> TenantClaim {
    let fixed = item.get("tenant").and_then(|node| Some((node, node.text()?)));
    match (fixed, claim) {
        (Some((node, _)), Some(_)) => {
            let message = "the tenant is given twice, by `tenant` and by `claims.tenant`";
            mistakes.helped(&node.span, message, "keep one of the two");
            TenantClaim::Nobody
        }
        (Some((node, name)), None) => {
            if !tenants.is_empty() && !tenants.has(name) {
                let help = tenants.instead_of(name, mistakes);
                mistakes.helped(&node.span, format!("there is no tenant {}", words::quoted(name)), help);
            }
            TenantClaim::Fixed(name.into())
        }
        (None, Some(path)) => TenantClaim::Claim(path),
        (None, None) => {
            if !tenants.is_empty() {
                let help = "write `claims: { tenant: CLAIM }`, or `tenant: NAME`";
                let message = "nobody with a token of this issuer would belong to a tenant, and so be let in";
                mistakes.helped(&item.span, message, help);
            }
            TenantClaim::Nobody
        }
    }
}

/// Where the keys come from.
fn keys(file: &str, issuer: &Node, item: &Node, files: &mut Files<'_>, mistakes: &mut Mistakes) -> Option<KeySource> {
    let Some(node) = item.get("jwks") else {
        return endpoint(file, issuer, "issuer", item, files, mistakes).map(KeySource::Discovery);
    };
    if node.text()?.contains("://") {
        let endpoint = endpoint(file, node, "jwks", item, files, mistakes)?;
        let path = Arc::clone(&endpoint.prefix);
        return Some(KeySource::Url(endpoint, path));
    }
    refuse_tls(item, mistakes);
    files.pem(file, node, "keys", mistakes).map(KeySource::File)
}

/// Who is asked at the URL `node`.
fn endpoint(
    file: &str,
    node: &Node,
    key: &str,
    item: &Node,
    files: &mut Files<'_>,
    mistakes: &mut Mistakes,
) -> Option<Endpoint> {
    let text = node.text()?;
    let address = match url::address(text) {
        Ok(address) if !address.grpc => address,
        Ok(_) => {
            mistakes.helped(&node.span, format!("`{key}` has the scheme of gRPC"), "write `https://`");
            return None;
        }
        Err(url::Wrong(problem, help)) => {
            mistakes.helped(&node.span, format!("`{key}` {problem}"), help.replace("http://", "https://"));
            return None;
        }
    };
    let host = address.authority.rsplit_once(':').map_or(&*address.authority, |(host, _)| host);
    if !address.secure && !is_here(host) {
        mistakes.helped(&node.span, PLAIN, "write `https://`; `http://` is for what runs on this machine");
        return None;
    }
    let at: &Span = key_span(item, "tls").unwrap_or(&node.span);
    let tls = if address.secure {
        Some(tls::identity(file, item.get("tls"), at, files, mistakes)?)
    } else {
        refuse_tls(item, mistakes);
        None
    };
    // Servers that are asked by the port that goes without saying may not know themselves by it.
    let short = (!url::has_port(text) && !host.starts_with('[')).then(|| Arc::from(host));
    Some(Endpoint { authority: address.authority, host: short, prefix: address.prefix, tls })
}

fn refuse_tls(item: &Node, mistakes: &mut Mistakes) {
    if let Some(span) = key_span(item, "tls") {
        mistakes.helped(span, "`tls` is given, and nothing is fetched over TLS", "leave it out");
    }
}

/// Whether a host is this machine.
fn is_here(host: &str) -> bool {
    let number = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || number.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
