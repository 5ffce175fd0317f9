//! Whether an endpoint has the models that its backend is configured with. Must not know how a protocol asks.

use std::collections::HashSet;
use std::sync::Arc;

use sluicegate_core::{
    BackendModel, CallClass, CallError, Deadline, Fields, Finding, Inquiry, Level, Listed, ModelMetadata, suggest,
};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Patient;

/// Models that are asked about at once.
const AT_ONCE: usize = 8;

/// Names that are told where none is near.
const TOLD: usize = 5;

/// A model of the backend, as the endpoint has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// By the backend's names.
    pub model: BackendModel,
    /// Whether it is ready.
    pub ready: bool,
    /// Whether it describes itself.
    pub described: bool,
}

/// What came of the questions about one model.
struct Answers {
    ready: Result<bool, CallError>,
    metadata: Result<Option<ModelMetadata>, CallError>,
}

/// Asks about every model of the backend, with the server's own list to help.
pub(super) async fn examine(
    patient: &Patient,
    listed: Option<&[Listed]>,
    deadline: Deadline,
) -> (Vec<Examined>, Vec<Finding>) {
    let mut seen = HashSet::new();
    let models = patient.plan.models.iter().map(|loaded| &loaded.model).filter(|model| seen.insert(*model));
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut asking = JoinSet::new();
    for (place, model) in models.enumerate() {
        let (patient, model, turns) = (patient.clone(), model.clone(), Arc::clone(&turns));
        asking.spawn(async move {
            // Never closed.
            let _turn = turns.acquire().await;
            let answers = ask(&patient, &model, deadline).await;
            (place, model, answers)
        });
    }
    // A panic of an upstream is its own; the others are told.
    let mut answers: Vec<_> = asking.join_all().await;
    answers.sort_by_key(|(place, ..)| *place);
    let mut findings = Vec::new();
    let mut examined = Vec::new();
    for (_, model, answers) in answers {
        findings.extend(judge(&model, &answers, listed));
        let ready = matches!(answers.ready, Ok(true));
        examined.push(Examined { model, ready, described: matches!(answers.metadata, Ok(Some(_))) });
    }
    (examined, findings)
}

async fn ask(patient: &Patient, model: &BackendModel, deadline: Deadline) -> Answers {
    let inquiry = Inquiry { model: model.clone(), headers: Fields::new(), deadline };
    let (ready, metadata) = tokio::join!(
        patient.upstream.ready(&patient.endpoint, inquiry.clone()),
        patient.upstream.metadata(&patient.endpoint, inquiry),
    );
    Answers { ready, metadata }
}

fn judge(model: &BackendModel, answers: &Answers, listed: Option<&[Listed]>) -> Option<Finding> {
    let named = named(model);
    let entries = |known: &Listed| *known.name == *model.name;
    match &answers.ready {
        Ok(true) => match &answers.metadata {
            Ok(Some(_)) => None,
            Ok(None) => Some(Finding::new(
                Level::Note,
                format!("{named} is ready, but the server does not describe it: the gateway cannot either"),
            )),
            Err(error) => Some(
                Finding::new(
                    Level::Warning,
                    format!("{named} is ready, but its metadata cannot be read: {}", error.cause),
                )
                .advise("see the server's own log"),
            ),
        },
        // Some servers do not tell what they do not know from what they have not loaded.
        Ok(false) if listed.is_some_and(|listed| !listed.iter().any(entries)) => Some(unknown(model, listed)),
        Ok(false) => {
            let entry = listed.into_iter().flatten().find(|known| entries(known));
            let why = entry.and_then(|entry| entry.reason.as_deref().or(entry.state.as_deref()));
            let why = why.map_or_else(String::new, |why| format!(": {}", clean(why)));
            let what = format!("{named} is not ready{why}");
            Some(
                Finding::new(Level::Broken, what)
                    .advise("load it on the server, or see in its log why it is not loaded"),
            )
        }
        Err(error) if error.class == CallClass::NotFound => Some(unknown(model, listed)),
        Err(error) => Some(
            Finding::new(Level::Broken, format!("{named} cannot be asked about: {}", error.cause))
                .advise("see the server's own log"),
        ),
    }
}

/// A model, or a version of one, that the server does not have, and what it has instead.
fn unknown(model: &BackendModel, listed: Option<&[Listed]>) -> Finding {
    let finding = Finding::new(Level::Broken, format!("the server does not have {}", named(model)));
    let Some(listed) = listed else { return finding.advise("name it as the server does, or load it there") };
    let versions: Vec<&str> =
        listed.iter().filter(|known| *known.name == *model.name).filter_map(|known| known.version.as_deref()).collect();
    let mut names: Vec<&str> = listed.iter().map(|known| &*known.name).collect();
    names.sort_unstable();
    names.dedup();
    let advice = if names.contains(&&*model.name) {
        match (&model.version, versions.as_slice()) {
            (Some(_), []) => "it has the model, but lists no versions: leave `version` out".to_owned(),
            (Some(_), versions) => format!("it has version {}", told(versions)),
            (None, _) => "it is on the server's list: load it there".to_owned(),
        }
    } else if let Some(near) = suggest(&model.name, names.iter().copied()) {
        format!("did you mean `{}`?", clean(near))
    } else if names.is_empty() {
        "it has none at all: load it there".to_owned()
    } else {
        format!("it has {}: name the model as the server does (`model`), or load it there", told(&names))
    };
    finding.advise(advice)
}

fn named(model: &BackendModel) -> String {
    match &model.version {
        Some(version) => format!("model `{}`, version `{version}`", model.name),
        None => format!("model `{}`", model.name),
    }
}

fn told(names: &[&str]) -> String {
    let mut told: Vec<String> = names.iter().take(TOLD).map(|name| format!("`{}`", clean(name))).collect();
    if names.len() > TOLD {
        told.push(format!("and {} more", names.len() - TOLD));
    }
    told.join(", ")
}

/// A server's words, fit for a terminal.
fn clean(text: &str) -> String {
    text.chars().flat_map(char::escape_debug).take(200).collect()
}
