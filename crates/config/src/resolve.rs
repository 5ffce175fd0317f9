//! Checked trees to [`Resolved`]: names looked up, defaults filled in, contradictions refused. It must not report again
//! what the checks of single keys have found; a piece that did not fit reads as absent here.

pub(crate) mod backends;
mod files;
mod identity;
mod limits;
mod listeners;
mod models;
mod oidc;
pub(crate) mod state;
mod tenants;
mod tls;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use sluicegate_core::{Catalog, Mistake, Node};

use self::files::Files;
use crate::mistakes::Mistakes;
use crate::reading::Reading;
use crate::table::{OVERLOAD, SHUTDOWN};
use crate::{Files as Disk, Identity, Method, Overload, Resolved, words};

/// A checked file.
pub(crate) struct Checked {
    pub(crate) path: Arc<str>,
    pub(crate) node: Node,
}

/// Resolves `root` with its `includes`. What comes back is only good where no mistake was found.
pub(crate) fn resolve(
    root: &Checked,
    includes: &[Checked],
    catalog: &Catalog,
    disk: &mut dyn Disk,
    mistakes: &mut Mistakes,
) -> Resolved {
    let mut warnings = Mistakes::default();
    let mut files = Files::new(disk);
    let mut listeners = listeners::listeners(root, &mut files, mistakes);
    let admin = listeners::admin(&root.node, &listeners, mistakes);
    let mut backends = backends::Backends::read(root, catalog, &mut files, mistakes);
    let tenants = tenants::tenants(&root.node, mistakes);
    let known = tenants::Known::of(&tenants);
    let issuers = oidc::issuers(root, &known, &mut files, mistakes);
    let mut models = models::Models::read(root, includes, &known, &mut backends, &mut files, mistakes);
    let identifies = listeners.iter().flat_map(|listener| &listener.authenticate).any(|by| *by != Method::Anonymous);
    models.warn(identifies, &mut warnings);
    let backends = backends.finish(&mut warnings);
    let (models, stream) = models.done();
    let names: Vec<Arc<str>> = models.iter().map(|model| Arc::clone(&model.name)).collect();
    listeners::expose(&root.node, &mut listeners, &names, mistakes);
    let known = limits::Known {
        tenants: Some(&tenants.iter().map(|tenant| Arc::clone(&tenant.name)).collect::<Vec<_>>()),
        models: &names,
        listeners: &listeners.iter().map(|listener| Arc::clone(&listener.name)).collect::<Vec<_>>(),
    };
    let limits = limits::limits(&root.node, &known, mistakes);
    let overload = Reading::of(&root.node, "overload", OVERLOAD);
    Resolved {
        digest: whole(root, includes, &files),
        listeners,
        admin,
        delay: Reading::of(&root.node, "shutdown", SHUTDOWN).duration("delay"),
        grace: Reading::of(&root.node, "shutdown", SHUTDOWN).duration("grace"),
        replace_timeout: Reading::of(&root.node, "shutdown", SHUTDOWN).duration("replace_timeout"),
        overload: Overload {
            requests: overload.count("requests"),
            memory: overload.node("memory").is_some().then(|| overload.size("memory")),
        },
        stream,
        identity: Identity { issuers, ..identity::identity(&root.node, mistakes) },
        state: state::state(&root.path, &root.node),
        backends,
        models,
        tenants,
        limits,
        warnings: warnings.sorted(),
    }
}

/// The digest of everything that was read.
fn whole(root: &Checked, includes: &[Checked], files: &Files<'_>) -> Arc<str> {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update(text.len().to_le_bytes());
        hash.update(text.as_bytes());
    };
    part("sluicegate configuration 1");
    part(&root.node.canonical());
    for include in includes {
        part(&include.node.canonical());
    }
    for digest in files.digests() {
        part(digest);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

/// Says so where `count` things come near the `most` there may be.
fn near(count: usize, most: usize, what: &str, at: &sluicegate_core::Span) -> Option<Mistake> {
    let soon = most.saturating_mul(4) / 5;
    (count >= soon).then(|| Mistake::at(at, format!("{count} {what} of at most {most}")).help("soon no more will fit"))
}

/// What to write instead of a name that is not known.
fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    const LISTED: usize = 10;
    match sluicegate_core::suggest(name, known.clone()) {
        Some(near) => format!("did you mean {}?", words::quoted(near)),
        None if known.clone().next().is_none() => "none is defined".to_owned(),
        None if known.clone().nth(LISTED).is_some() => "it is not among those defined".to_owned(),
        None => format!("there is {}", known.map(words::quoted).collect::<Vec<_>>().join(", ")),
    }
}
