//! A model's versions, in either form, and which of them is stable.

use std::collections::HashMap;

use sluicegate_core::{BackendModel, ModelSource, Node, Span, UpstreamKind, Value};

use super::super::did_you_mean;
use super::{Backends, Files};
use crate::mistakes::Mistakes;
use crate::reading::{key_span, raw};
use crate::table::MAX_VERSIONS;
use crate::{Version, names, words};

/// The name clients see of a version that has none.
const ONLY: &str = "1";

/// The keys that make a model of one version.
const DIRECT: [&str; 4] = ["backend", "source", "model", "version"];

/// What is at hand where a model is read.
pub(super) struct Context<'c, 'b, 'f> {
    pub(super) backends: &'c mut Backends<'b>,
    pub(super) files: &'c mut Files<'f>,
    pub(super) mistakes: &'c mut Mistakes,
    /// The path of the file the model stands in.
    pub(super) file: &'c str,
    /// The model's name.
    pub(super) model: &'c str,
}

/// A version's own names: what clients say, and what the backend is told where the version does not say it.
struct Names<'a> {
    client: &'a str,
    backend: Option<&'a str>,
    /// Whether the version is the only one, written at the model itself.
    direct: bool,
}

/// The names of a model's versions by what is written: those that have mistakes of their own are known all the same.
pub(super) fn named(model: &Node) -> Vec<&str> {
    match raw(model, "versions") {
        Some(versions) => versions.entries().iter().map(|(name, ..)| name.as_str()).collect(),
        None => vec![model.get("version").and_then(Node::text).unwrap_or(ONLY)],
    }
}

impl Context<'_, '_, '_> {
    /// The versions of the model `node` at `span`; `None` where there is no good one.
    pub(super) fn versions(&mut self, node: &Node, span: &Span) -> Option<Vec<Version>> {
        let several = raw(node, "versions");
        let direct = DIRECT.iter().find_map(|key| key_span(node, key).map(|span| (*key, span)));
        match (several, direct) {
            (Some(several), direct) => {
                if let Some((key, span)) = direct {
                    let message = format!("`{key}` stands beside `versions`");
                    self.mistakes.helped(span, message, "put it into each version that needs it");
                }
                self.several(several, node)
            }
            (None, Some(_)) => self.one(node, span).map(|version| vec![version]),
            (None, None) => {
                if matches!(node.value, Value::Map(_) | Value::Null) {
                    let message = format!("model {} has no `backend`", words::quoted(self.model));
                    self.mistakes.helped(span, message, "write `backend: NAME`, or several `versions`");
                }
                None
            }
        }
    }

    fn one(&mut self, node: &Node, span: &Span) -> Option<Version> {
        if node.get("backend").is_none() && raw(node, "backend").is_none() {
            let message = format!("model {} has no `backend`", words::quoted(self.model));
            self.mistakes.helped(span, message, "write `backend: NAME`");
        }
        let version = self.text(node, "version", names::VERSION);
        self.version(span, node, &Names { client: version.unwrap_or(ONLY), backend: version, direct: true })
    }

    fn several(&mut self, versions: &Node, model: &Node) -> Option<Vec<Version>> {
        let entries = versions.entries();
        if entries.is_empty() && matches!(versions.value, Value::Map(_) | Value::Null) {
            let at = key_span(model, "versions").unwrap_or(&versions.span);
            self.mistakes.helped(at, "`versions` is empty", "write at least one, such as `\"1\": { backend: NAME }`");
        }
        if let Some((_, span, _)) = entries.get(MAX_VERSIONS) {
            self.mistakes.at(span, format!("more than {MAX_VERSIONS} versions of a model"));
        }
        let mut taken: HashMap<String, &Span> = HashMap::new();
        let mut list = Vec::new();
        for (name, span, node) in entries.iter().take(MAX_VERSIONS) {
            if let Some(before) = taken.insert(names::folded(name), span) {
                let message = format!("version {} can be mistaken for the one at {before}", words::quoted(name));
                self.mistakes.helped(span, message, "names must differ by more than case or what stands at their end");
            }
            list.extend(self.version(span, node, &Names { client: name, backend: Some(name), direct: false }));
        }
        (!list.is_empty()).then_some(list)
    }

    fn version(&mut self, span: &Span, node: &Node, names: &Names<'_>) -> Option<Version> {
        let backend = node.get("backend")?;
        let found = self.backends.find(backend, self.mistakes);
        let model = self.text(node, "model", names::MODEL).unwrap_or(self.model);
        // Not every server has versions by name: KServe refuses every request that names one.
        let none = !names.direct && node.get("version").and_then(Node::text) == Some("");
        let version = if none { None } else { self.text(node, "version", names::VERSION).or(names.backend) };
        let source = match found.and_then(|found| found.kind) {
            Some(kind) if kind.loads_files => self.loaded(kind, span, node, names),
            Some(kind) => {
                self.refuse(node, "source", &format!("a backend of protocol `{}` does not load files", kind.kind));
                None
            }
            // A backend that is not understood: what it takes cannot be said.
            None => None,
        };
        let loads = found.and_then(|found| found.kind).is_some_and(|kind| kind.loads_files);
        let model = if loads {
            BackendModel { name: self.model.into(), version: Some(names.client.into()) }
        } else {
            BackendModel { name: model.into(), version: version.map(Into::into) }
        };
        let found = found?;
        self.backends.add(found, &model, source.as_ref());
        Some(Version { name: names.client.into(), backend: backend.text()?.into(), model, source, span: span.clone() })
    }

    /// The file of a version whose backend loads files. Such a backend has no names of its own.
    fn loaded(&mut self, kind: &UpstreamKind, span: &Span, node: &Node, names: &Names<'_>) -> Option<ModelSource> {
        let why = format!("a backend of protocol `{}` has no names of its own", kind.kind);
        self.refuse(node, "model", &why);
        if !names.direct {
            self.refuse(node, "version", &why);
        }
        if raw(node, "source").is_none() {
            let message = format!("`source` is missing: a backend of protocol `{}` loads a file", kind.kind);
            self.mistakes.helped(span, message, "write `source: PATH`");
        }
        self.files.source(self.file, node.get("source")?, self.mistakes)
    }

    fn refuse(&mut self, node: &Node, key: &str, why: &str) {
        if let Some(span) = key_span(node, key) {
            self.mistakes.helped(span, format!("`{key}` has no meaning here: {why}"), "leave it out");
        }
    }

    /// A name of the backend's. It becomes part of a path there, so that the rules for names hold for it, too.
    fn text<'n>(&mut self, node: &'n Node, key: &str, longest: usize) -> Option<&'n str> {
        let node = node.get(key)?;
        let text = node.text()?;
        if let Some(problem) = names::wrong(text, longest) {
            self.mistakes.at(&node.span, format!("`{key}` {problem}"));
        }
        Some(text)
    }

    /// The index of the version that `traffic` calls stable.
    pub(super) fn stable(&mut self, node: &Node, span: &Span, versions: &[Version]) -> usize {
        let known = named(node);
        let Some(stable) = node.get("traffic").and_then(|traffic| traffic.get("stable")) else {
            // An incomplete `traffic` was reported as such.
            if raw(node, "traffic").is_none() && known.len() > 1 {
                let message = format!("model {} has several versions, and none is stable", words::quoted(self.model));
                self.mistakes.helped(span, message, "write `traffic: { stable: VERSION }`");
            }
            return 0;
        };
        let Some(name) = stable.text() else { return 0 };
        if !known.contains(&name) {
            let message = format!("there is no version {}", words::quoted(name));
            let help = self.mistakes.suggestion(known.len(), || did_you_mean(name, known.iter().copied()));
            self.mistakes.helped(&stable.span, message, help);
        }
        versions.iter().position(|version| &*version.name == name).unwrap_or(0)
    }
}
