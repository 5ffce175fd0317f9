//! Backends: their kind's own settings decoded, their endpoints read, and which models point to them.

mod endpoints;
mod resilience;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sluicegate_core::{
    BackendModel, BackendPlan, Catalog, Endpoint, LoadedModel, Mistake, ModelSource, Node, Shape, Span, UpstreamKind,
};

use self::endpoints::Endpoints;
pub use self::endpoints::endpoints;
use super::files::Files;
use super::{Checked, did_you_mean, near};
use crate::mistakes::Mistakes;
use crate::reading::{Reading, key_span};
use crate::table::{BACKEND, MAX_BACKENDS, TIMEOUTS};
use crate::{check, words};

/// How the names of protocols over gRPC end.
const OVER_GRPC: &str = "-grpc";

/// The backends of the root file.
pub(super) struct Backends<'a> {
    list: Vec<Backend<'a>>,
    by_name: HashMap<&'a str, usize>,
    /// What is allowed but probably not meant.
    warnings: Vec<Mistake>,
}

struct Backend<'a> {
    name: &'a str,
    span: &'a Span,
    kind: Option<&'static UpstreamKind>,
    /// Absent where the backend has mistakes of its own.
    entry: Option<crate::Backend>,
    used: bool,
    models: HashSet<(BackendModel, Option<Arc<str>>)>,
}

/// What a model needs to know of a backend it names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    index: usize,
    /// `None` where the backend's own entry has a mistake.
    pub(super) kind: Option<&'static UpstreamKind>,
}

impl<'a> Backends<'a> {
    pub(super) fn read(file: &'a Checked, catalog: &Catalog, files: &mut Files<'_>, mistakes: &mut Mistakes) -> Self {
        let root = &file.node;
        let entries = root.get("backends").map(Node::entries).unwrap_or_default();
        if let Some((_, span, _)) = entries.get(MAX_BACKENDS) {
            mistakes.at(span, format!("more than {MAX_BACKENDS} backends"));
        }
        let crowded = key_span(root, "backends").and_then(|at| near(entries.len(), MAX_BACKENDS, "backends", at));
        let mut all = Self { list: Vec::new(), by_name: HashMap::new(), warnings: crowded.into_iter().collect() };
        // Backends beyond the limit are known by name, so that models do not seem to point nowhere.
        for (index, (name, span, node)) in entries.iter().enumerate() {
            let kind = node.get("protocol").and_then(Node::text).and_then(|kind| catalog.upstream(kind));
            let entry = match kind {
                Some(kind) if index < MAX_BACKENDS && check::fits(node, &Shape::Kind(BACKEND), catalog) => {
                    Entry { file: &file.path, name, span, node, kind }.resolve(files, mistakes, &mut all.warnings)
                }
                Some(_) | None => None,
            };
            all.by_name.insert(name, all.list.len());
            all.list.push(Backend { name, span, kind, entry, used: false, models: HashSet::new() });
        }
        all
    }

    /// Looks up the backend that `node` names.
    pub(super) fn find(&mut self, node: &Node, mistakes: &mut Mistakes) -> Option<Found> {
        let name = node.text()?;
        match self.by_name.get(name) {
            Some(index) => {
                let backend = self.list.get_mut(*index)?;
                backend.used = true;
                Some(Found { index: *index, kind: backend.kind })
            }
            // A text that is no name was reported as such.
            None if !crate::names::is_plain(name) => None,
            None => {
                let known = self.list.iter().map(|backend| backend.name);
                let message = format!("there is no backend {}", words::quoted(name));
                let help = mistakes.suggestion(self.list.len(), || did_you_mean(name, known));
                mistakes.helped(&node.span, message, help);
                None
            }
        }
    }

    /// Says that a model's version is on the backend `found`.
    pub(super) fn add(&mut self, found: Found, model: &BackendModel, source: Option<&ModelSource>) {
        let Some(backend) = self.list.get_mut(found.index) else { return };
        let Some(crate::Backend { plan, .. }) = &mut backend.entry else { return };
        if backend.models.insert((model.clone(), source.map(|source| source.path.clone()))) {
            plan.models.push(LoadedModel { model: model.clone(), source: source.cloned() });
        }
    }

    /// The plans; a backend that no model names is worth a warning.
    pub(super) fn finish(self, warnings: &mut Mistakes) -> Vec<crate::Backend> {
        warnings.extend(self.warnings);
        for backend in self.list.iter().filter(|backend| !backend.used) {
            let message = format!("no model uses the backend {}", words::quoted(backend.name));
            warnings.helped(backend.span, message, "remove it, or name it in a model's `backend`");
        }
        self.list.into_iter().filter_map(|backend| backend.entry).collect()
    }
}

/// A backend as it is written.
struct Entry<'a> {
    /// The path of the file it stands in.
    file: &'a str,
    name: &'a str,
    span: &'a Span,
    node: &'a Node,
    kind: &'static UpstreamKind,
}

impl Entry<'_> {
    fn resolve(
        &self,
        files: &mut Files<'_>,
        mistakes: &mut Mistakes,
        warnings: &mut Vec<Mistake>,
    ) -> Option<crate::Backend> {
        let settings = match (self.kind.decode)(self.node) {
            Ok(settings) => settings,
            Err(found) => {
                mistakes.extend(found);
                return None;
            }
        };
        let name: Arc<str> = self.name.into();
        let found = if self.kind.remote {
            endpoints::read(self, files, mistakes)
        } else {
            let itself = Endpoint { authority: name.clone(), prefix: "".into(), host: None, tls: None };
            Endpoints { listed: vec![(itself, 1)], ..Endpoints::default() }
        };
        warnings.extend(found.warnings);
        let (endpoints, weights) = found.listed.into_iter().unzip();
        let plan = BackendPlan {
            name,
            kind: self.kind.kind,
            settings,
            fingerprint: self.node.canonical(),
            span: self.span.clone(),
            endpoints,
            connect_timeout: Reading::of(self.node, "timeouts", TIMEOUTS).duration("connect"),
            models: Vec::new(),
        };
        Some(crate::Backend { plan, weights, sources: found.sources, resilience: resilience::resilience(self.node) })
    }
}
