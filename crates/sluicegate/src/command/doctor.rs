//! `sluicegate doctor`: tries every endpoint of every backend as the gateway would, and says what is wrong. Needs no
//! running gateway; one that runs is asked what it thinks of the same endpoints.

mod itself;
mod places;
mod report;
mod running;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use sluicegate_adapters::examine::{Patient, examine};
use sluicegate_config::Resolved;
use sluicegate_core::{BackendPlan, Clock, Discover, Endpoint, Finding, Level, Memory, suggest};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::report::{Examined, Report};
use crate::cli::Doctor;
use crate::discovery::Everywhere;
use crate::seams::SystemClock;
use crate::sources::{Loader, Origin};
use crate::{catalog, machine, output};

/// Endpoints that are tried at once.
const AT_ONCE: usize = 32;

/// Exit code 0: all is well, notes aside; 1: something is wrong; 2: the configuration cannot be read, or has no such
/// backend.
pub(crate) fn run(options: &Doctor) -> anyhow::Result<ExitCode> {
    let mut resolved = match Loader::new(Origin::File(options.config.clone())).load() {
        Ok(resolved) => resolved,
        Err(mistakes) => {
            for mistake in &mistakes {
                output::tell(&mistake.to_string());
            }
            return Ok(ExitCode::from(2));
        }
    };
    if let Err(unknown) = select(&mut resolved, &options.backends) {
        output::complain(&unknown);
        return Ok(ExitCode::from(2));
    }
    let whole = options.backends.is_empty();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(look(&resolved, options.admin.as_deref(), whole));
    // Names that are still being resolved are of use to nobody.
    runtime.shutdown_background();
    output::print(options.output.output, &report, Report::draw)?;
    Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Leaves the backends of these names, all if there are none.
fn select(resolved: &mut Resolved, names: &[String]) -> anyhow::Result<()> {
    let known = || resolved.backends.iter().map(|backend| &*backend.plan.name);
    for name in names {
        if !known().any(|known| known == name) {
            match suggest(name, known()) {
                Some(near) => bail!("there is no backend `{name}`; did you mean `{near}`?"),
                None => bail!("there is no backend `{name}`"),
            }
        }
    }
    if !names.is_empty() {
        resolved.backends.retain(|backend| names.iter().any(|name| **name == *backend.plan.name));
    }
    Ok(())
}

/// Looks at everything at once.
async fn look(resolved: &Resolved, admin: Option<&str>, whole: bool) -> Report {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let running = running::ask(resolved, admin);
    let (mut examined, running) = tokio::join!(try_all(resolved, &clock), running);
    let mut findings = Vec::new();
    if let Some(running) = &running {
        for one in &mut examined {
            one.findings.extend(running.about(&one.backend, &one.endpoint));
        }
        findings.extend(running.about_itself(resolved));
    }
    if whole {
        findings.extend(itself::look(resolved, clock.wall()));
    }
    Report::new(examined, findings, running.is_some())
}

async fn try_all(resolved: &Resolved, clock: &Arc<dyn Clock>) -> Vec<Examined> {
    let memory = Memory::new(machine::memory() / 2);
    let builders = Arc::new(catalog::builders(clock, &memory));
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let discover: Arc<dyn Discover> = Arc::new(Everywhere::default());
    let mut trying = JoinSet::new();
    for (place, backend) in resolved.backends.iter().enumerate() {
        let (plan, sources) = (backend.plan.clone(), backend.sources.clone());
        let (builders, discover) = (Arc::clone(&builders), Arc::clone(&discover));
        let (clock, turns) = (Arc::clone(clock), Arc::clone(&turns));
        trying.spawn(async move {
            let building = plan.clone();
            // Reads the files of models and takes its time.
            let built = tokio::task::spawn_blocking(move || {
                let builder = builders.iter().find(|(kind, _)| *kind == building.kind);
                builder.map(|(_, builder)| builder.build(&building))
            });
            let upstream = match built.await {
                Ok(Some(Ok(upstream))) => upstream,
                Ok(Some(Err(errors))) => {
                    let causes = errors.into_iter().map(|error| format!("{}: {}", error.span, error.message));
                    return vec![(place, 0, not_built(&plan, causes.collect()))];
                }
                Ok(None) => {
                    return vec![(place, 0, not_built(&plan, vec!["its protocol is not in this build".into()]))];
                }
                Err(error) => return vec![(place, 0, not_built(&plan, vec![error.to_string()]))],
            };
            let (endpoints, troubles) = places::all(&plan, &sources, &*discover).await;
            if !sources.is_empty() {
                upstream.expect(&endpoints);
            }
            let mut each = JoinSet::new();
            for (number, endpoint) in endpoints.into_iter().enumerate() {
                let patient = Patient { plan: plan.clone(), upstream: Arc::clone(&upstream), endpoint };
                let (clock, turns) = (Arc::clone(&clock), Arc::clone(&turns));
                each.spawn(async move {
                    // Never closed.
                    let _turn = turns.acquire().await;
                    let examination = examine(&patient, &clock).await;
                    (place, number, Examined::of(&patient.plan, &shown(&patient.endpoint), examination))
                });
            }
            let mut all = each.join_all().await;
            all.extend(troubles.into_iter().map(|trouble| (place, usize::MAX, trouble)));
            all
        });
    }
    let mut all: Vec<_> = trying.join_all().await.into_iter().flatten().collect();
    all.sort_by_key(|(backend, endpoint, _)| (*backend, *endpoint));
    all.into_iter().map(|(.., examined)| examined).collect()
}

fn shown(endpoint: &Endpoint) -> String {
    format!("{}{}", endpoint.authority, endpoint.prefix)
}

fn not_built(plan: &BackendPlan, causes: Vec<String>) -> Examined {
    let advice = "see what `sluicegate check` says";
    let findings = causes.into_iter().map(|cause| Finding::new(Level::Broken, cause).advise(advice));
    Examined::without(plan, findings.collect())
}
