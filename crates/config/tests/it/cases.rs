//! Every rule as data: `cases/*.yaml` against the snapshots beside them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sluicegate_config::{Resolved, load};
use sluicegate_core::{Endpoint, KeySource, Mistake, Network};

use crate::target::{CATALOG, Disk, split};

#[test]
fn cases() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let names = stems(&here.join("cases"), ".yaml");
    assert!(names.len() >= 40, "cases are gone: {}", names.len());
    for name in &names {
        let text = fs::read_to_string(here.join("cases").join(format!("{name}.yaml"))).unwrap();
        let shown = match load(&split(&text), &CATALOG, &mut Disk) {
            Ok(resolved) => show(&resolved),
            Err(mistakes) => lines(&mistakes),
        };
        let refused = !shown.starts_with("listener");
        assert_eq!(refused, !name.starts_with("good-") && !name.starts_with("warn-"), "{name}:\n{shown}");
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name.as_str(), shown);
        });
    }
    assert_eq!(stems(&here.join("snapshots"), ".snap"), names, "a snapshot without a case");
}

fn stems(folder: &Path, ending: &str) -> BTreeSet<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
}

fn lines(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("{mistake}\n")).collect()
}

fn networks(networks: &[Network]) -> String {
    networks.iter().map(Network::to_string).collect::<Vec<_>>().join(" ")
}

fn show(resolved: &Resolved) -> String {
    let mut text = String::new();
    for listener in &resolved.listeners {
        let (name, address) = (&listener.name, listener.address);
        let manages = if listener.management { " manages" } else { "" };
        writeln!(text, "listener {name} {address} {:?}{manages} at {}", listener.authenticate, listener.span).unwrap();
        let (trusted, announcing) = (networks(&listener.trusted_proxies), networks(&listener.proxy_protocol));
        writeln!(text, "  priority {:?}", listener.priority).unwrap();
        writeln!(text, "  {:?} trusts [{trusted}] announced by [{announcing}]", listener.exposure).unwrap();
        writeln!(text, "  {:?}", listener.limits).unwrap();
        if let Some(hosts) = &listener.hosts {
            writeln!(text, "  hosts {hosts:?}").unwrap();
        }
        if let Some(models) = &listener.expose {
            writeln!(text, "  exposes {models:?}").unwrap();
        }
        if let Some(tls) = &listener.tls {
            writeln!(text, "  tls {} {}", tls.certificate.path, tls.key.path).unwrap();
        }
    }
    let admin = &resolved.admin;
    writeln!(
        text,
        "admin {:?} at {}; delay {:?} grace {:?}",
        admin.address, admin.span, resolved.delay, resolved.grace
    )
    .unwrap();
    if resolved.identity.key_headers != sluicegate_config::Identity::default().key_headers {
        writeln!(text, "keys in {:?}", resolved.identity.key_headers).unwrap();
    }
    for issuer in &resolved.identity.issuers {
        let (name, algorithms) = (&issuer.name, issuer.algorithms.iter().map(|one| one.as_str()).collect::<Vec<_>>());
        writeln!(text, "issuer {name} {} for {:?} at {}", issuer.issuer, issuer.audiences, issuer.span).unwrap();
        writeln!(text, "  {algorithms:?} leeway {:?} stale {:?}", issuer.leeway, issuer.stale).unwrap();
        writeln!(text, "  {:?}", issuer.claims).unwrap();
        let (kind, endpoint) = match &issuer.keys {
            KeySource::Discovery(endpoint) => ("described", endpoint),
            KeySource::Url(endpoint, path) => {
                writeln!(text, "  path {path}").unwrap();
                ("keys", endpoint)
            }
            KeySource::File(file) => {
                writeln!(text, "  file {}", file.path).unwrap();
                continue;
            }
        };
        let Endpoint { authority, host, prefix, tls } = endpoint;
        writeln!(text, "  {kind} at {authority} host {host:?} prefix {prefix:?} tls {}", tls.is_some()).unwrap();
    }
    if let Some(state) = &resolved.state {
        writeln!(text, "state {} pepper {:?} at {}", state.sqlite, state.pepper, state.span).unwrap();
    }
    for tenant in &resolved.tenants {
        writeln!(text, "tenant {} {:?} at {}", tenant.name, tenant.description, tenant.span).unwrap();
    }
    for backend in &resolved.backends {
        let plan = &backend.plan;
        writeln!(text, "backend {} {} connect {:?} at {}", plan.name, plan.kind, plan.connect_timeout, plan.span)
            .unwrap();
        writeln!(text, "  fingerprint {}", plan.fingerprint).unwrap();
        writeln!(text, "  {:?}", backend.resilience).unwrap();
        for (endpoint, weight) in plan.endpoints.iter().zip(&backend.weights) {
            let (authority, prefix) = (&endpoint.authority, &endpoint.prefix);
            writeln!(text, "  endpoint {authority} prefix {prefix:?} weight {weight}").unwrap();
            if let Some(tls) = &endpoint.tls {
                let own = tls.own.as_ref().map(|own| [&own.certificate.path, &own.key.path]);
                let roots = tls.roots.as_ref().map(|roots| &roots.path);
                writeln!(text, "    tls {:?} roots {roots:?} own {own:?} at {}", tls.name, tls.span).unwrap();
            }
        }
        for source in &backend.sources {
            let (lookup, name, tls) = (&source.lookup, source.name(), source.tls.is_some());
            write!(text, "  source {lookup} for {name:?} prefix {:?} tls {tls} ", source.prefix).unwrap();
            writeln!(text, "weight {} refresh {:?}: {lookup:?}", source.weight, source.refresh).unwrap();
        }
        for loaded in &plan.models {
            let source = loaded.source.as_ref().map(|source| &source.path);
            writeln!(text, "  loads {} {:?} {source:?}", loaded.model.name, loaded.model.version).unwrap();
        }
    }
    for model in &resolved.models {
        let (name, span) = (&model.name, &model.span);
        let stable = &model.versions[model.stable].name;
        writeln!(text, "model {name} owner {:?} stable {stable} at {span}", model.owner).unwrap();
        writeln!(text, "  timeout {:?}, non-finite {:?}, {:?}", model.timeout, model.non_finite, model.priority)
            .unwrap();
        writeln!(text, "  policy {:?}", model.policy).unwrap();
        for rule in model.access.iter().flatten() {
            write!(text, "  {:?} {:?} versions {:?} ", rule.effect, rule.who, rule.versions).unwrap();
            writeln!(text, "{:?} at {}", rule.operations, rule.span).unwrap();
        }
        for version in &model.versions {
            let (name, backend, model) = (&version.name, &version.backend, &version.model);
            let source = version.source.as_ref().map(|source| &source.path);
            write!(text, "  version {name} on {backend} as {} {:?} ", model.name, model.version).unwrap();
            writeln!(text, "{source:?} at {}", version.span).unwrap();
        }
    }
    for limit in &resolved.limits {
        let quota = limit.requests.map(|quota| format!("{} burst {}", quota.rate, quota.burst));
        writeln!(text, "limit {} {} at {}", limit.name, limit.mode.as_str(), limit.span).unwrap();
        writeln!(text, "  for {:?}", limit.select).unwrap();
        writeln!(text, "  per {:?} requests {quota:?} concurrency {:?}", limit.per, limit.concurrency).unwrap();
    }
    for warning in &resolved.warnings {
        writeln!(text, "warning {warning}").unwrap();
    }
    text
}
