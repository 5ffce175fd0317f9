//! From resolved configuration to a snapshot: the only step of a reload that does I/O, through the builders it is given.
//! What is equal to the generation before is carried over.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use sluicegate_config::{
    Backend as BackendSpec, Listener, Model as ModelSpec, PolicyMode, Resolved, Version as VersionSpec,
};
use sluicegate_core::limits::Limiter;
use sluicegate_core::{BackendPlan, BuildUpstream, Mistake, Served};

use crate::access::policies;
use crate::discovery::Sought;
use crate::door::Door;
use crate::limits::Limits as Allowances;
use crate::pace::Pace;
use crate::snapshot::{Backend, ByName, Model, Snapshot, Version};
use crate::trail::stamp;

/// The builder of each kind of backend, by the value of `protocol`.
pub type Builders = Vec<(&'static str, Arc<dyn BuildUpstream>)>;

/// A snapshot that was built but does not serve yet.
#[derive(Debug)]
pub struct Built(pub(crate) Snapshot);

/// Builds a snapshot of `resolved`, carrying over from `previous` the backends whose plan is equal. Use is counted by
/// `limiter`; without one there may be no limits.
///
/// # Errors
/// Everything that could not be built, each with its place. Nothing of `previous` was changed.
pub fn build(
    resolved: &Resolved,
    builders: &Builders,
    previous: Option<&Snapshot>,
    limiter: Option<&dyn Limiter>,
    (sought, now, monotonic): (&Sought, SystemTime, Instant),
) -> Result<Built, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut backends = ByName::default();
    for spec in &resolved.backends {
        match build_backend(spec, builders, previous, (sought, monotonic)) {
            Ok(backend) => {
                backends.insert(Arc::clone(&spec.plan.name), backend);
            }
            Err(wrong) => mistakes.extend(wrong),
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let mut models = ByName::default();
    for spec in &resolved.models {
        let before = previous.and_then(|old| old.models.get(&spec.name));
        let model = build_model(spec, &backends, before, monotonic)?;
        models.insert(Arc::clone(&spec.name), Arc::new(model));
    }
    let specs = &resolved.limits;
    let allowances = match (limiter, specs.first()) {
        (Some(limiter), _) => Allowances::build(specs, limiter),
        (None, None) => None,
        // What cannot be kept to is not promised.
        (None, Some(first)) => return Err(vec![Mistake::at(&first.span, "limits are not in this build")]),
    };
    let door = |listener: &Listener| {
        (Arc::clone(&listener.name), Arc::new(Door::new(listener, resolved, allowances.as_ref())))
    };
    let listeners = resolved.listeners.iter().map(door).collect();
    let generation = previous.map_or(1, |snapshot| snapshot.generation + 1);
    Ok(Built(Snapshot {
        generation,
        digest: Arc::clone(&resolved.digest),
        since: now,
        listeners,
        silence: resolved.stream.idle,
        overload: resolved.overload,
        tenants: resolved.tenants.iter().map(|tenant| Arc::clone(&tenant.name)).collect(),
        models,
        backends,
    }))
}

fn build_backend(
    spec: &BackendSpec,
    builders: &Builders,
    previous: Option<&Snapshot>,
    (sought, now): (&Sought, Instant),
) -> Result<Arc<Backend>, Vec<Mistake>> {
    let plan = &spec.plan;
    let before = previous.and_then(|old| old.backends.get(&plan.name));
    if let Some(same) = before.filter(|old| equal(&old.plan, plan) && old.feeds.are_of(&spec.sources)) {
        return Ok(Arc::clone(same));
    }
    let before = before.filter(|before| before.plan.kind == plan.kind).map(|before| &**before);
    let Some((_, builder)) = builders.iter().find(|(kind, _)| *kind == plan.kind) else {
        let message = format!("backend `{}`: protocol `{}` is not in this build", plan.name, plan.kind);
        return Err(vec![Mistake::at(&plan.span, message)]);
    };
    match builder.build(plan) {
        Ok(upstream) => Ok(Arc::new(Backend::new(spec, upstream, before, (sought, now)))),
        Err(errors) => Err(errors.into_iter().map(|error| Mistake::at(&error.span, error.message)).collect()),
    }
}

/// Whether two plans make the same backend: settings, addresses, and the models with their files' digests.
fn equal(old: &BackendPlan, new: &BackendPlan) -> bool {
    let same_models = old.models.len() == new.models.len()
        && old.models.iter().zip(&new.models).all(|(left, right)| {
            let files = match (&left.source, &right.source) {
                (None, None) => true,
                (Some(before), Some(after)) => before.path == after.path && before.digest == after.digest,
                (None, Some(_)) | (Some(_), None) => false,
            };
            left.model == right.model && files
        });
    old.kind == new.kind
        && old.fingerprint == new.fingerprint
        && old.endpoints == new.endpoints
        && old.connect_timeout == new.connect_timeout
        && same_models
}

fn build_model(
    spec: &ModelSpec,
    backends: &ByName<Backend>,
    before: Option<&Arc<Model>>,
    now: Instant,
) -> Result<Model, Vec<Mistake>> {
    let versions: Vec<Arc<Version>> = spec
        .versions
        .iter()
        .map(|version| build_version((&spec.name, version), backends, before, now).map(Arc::new))
        .collect::<Result<_, _>>()?;
    let Some(stable) = versions.get(spec.stable).map(Arc::clone) else {
        return Err(vec![Mistake::at(&spec.span, format!("model `{}` has no stable version", spec.name))]);
    };
    Ok(Model {
        name: Arc::clone(&spec.name),
        owner: spec.owner.clone(),
        access: policies(spec).map_err(|unsound| vec![Mistake::at(&spec.span, unsound.to_string())])?,
        observes: spec.policy == PolicyMode::Observe,
        versions,
        stable,
        timeout: spec.timeout,
        priority: spec.priority,
        stream: spec.stream,
        non_finite: spec.non_finite,
    })
}

fn build_version(
    (model, spec): (&str, &VersionSpec),
    backends: &ByName<Backend>,
    before: Option<&Arc<Model>>,
    now: Instant,
) -> Result<Version, Vec<Mistake>> {
    let Some(backend) = backends.get(&spec.backend) else {
        return Err(vec![Mistake::at(&spec.span, format!("there is no backend `{}`", spec.backend))]);
    };
    let before = before.and_then(|model| model.version(&spec.name));
    let pace = before.map(|version| Arc::clone(&version.pace)).unwrap_or_else(|| Arc::new(Pace::new(now)));
    Ok(Version {
        name: Arc::clone(&spec.name),
        served: Arc::new(Served { version: Arc::clone(&spec.name), backend: Arc::clone(&backend.plan.name) }),
        stamp: Arc::new(stamp(model, &spec.name)),
        backend: Arc::clone(backend),
        model: spec.model.clone(),
        counters: before.map(|version| Arc::clone(&version.counters)).unwrap_or_default(),
        pace,
    })
}
