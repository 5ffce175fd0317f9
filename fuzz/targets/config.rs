//! Configuration text: any text is refused with mistakes that can be shown, or comes to a configuration that holds
//! together.
//!
//! A line `#--- PATH` ends a file and begins an include file of that path; what stands before the first is the root.

use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;

use sluicegate_config::{Files, Resolved, Sources, includes, load};
use sluicegate_core::{Catalog, Field, Mistake, Node, Settings, Shape, Source, UpstreamKind};

/// Kinds of backends that stand in for real ones.
pub const CATALOG: Catalog = Catalog { upstreams: &[EMBEDDED, OIP_REST] };

const EMBEDDED: UpstreamKind = UpstreamKind {
    kind: "embedded",
    doc: "Runs model files in this process.",
    example: "local: { protocol: embedded, threads: 2 }",
    fields: &[
        Field::optional("threads", Shape::Integer { min: 1, max: 512 }, "4", "Threads that run models."),
        Field::absent("library", Shape::Path, "A library to run models with."),
        Field::optional("warm", Shape::Bool, "true", "Whether each model runs once before it answers."),
    ],
    remote: false,
    loads_files: true,
    decode: |node| match (node.get("library"), node.get("warm")) {
        (Some(library), Some(_)) => Err(vec![Mistake::at(&library.span, "`library` and `warm` exclude each other")]),
        _ => settings(node),
    },
};

const OIP_REST: UpstreamKind = UpstreamKind {
    kind: "oip-rest",
    doc: "A server that speaks the Open Inference Protocol over REST.",
    example: "mlserver: { protocol: oip-rest, endpoints: [\"http://10.0.0.9:8080\"] }",
    fields: &[Field::optional(
        "binary",
        Shape::Choice(&[("auto", "asked of the server"), ("never", "tensors travel as JSON"), ("always", "")]),
        "auto",
        "Whether tensors travel in binary.",
    )],
    remote: true,
    loads_files: false,
    decode: settings,
};

fn settings(node: &Node) -> Result<Settings, Vec<Mistake>> {
    Ok(Arc::new(node.canonical()) as Arc<dyn Any + Send + Sync>)
}

/// Reads one configuration and checks what must hold of the outcome.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let sources = split(text);
    let _ = includes(&sources.root);
    match (load(&sources, &CATALOG, &mut Disk), load(&sources, &CATALOG, &mut Disk)) {
        (Ok(resolved), Ok(again)) => {
            assert_eq!(resolved.digest, again.digest);
            holds_together(&resolved);
            presentable(&resolved.warnings, &sources);
        }
        (Err(mistakes), Err(again)) => {
            assert_eq!(mistakes, again);
            assert!(!mistakes.is_empty(), "refused without a reason");
            presentable(&mistakes, &sources);
        }
        _ => panic!("the same text is refused and accepted"),
    }
}

/// The files of one input.
pub fn split(text: &str) -> Sources {
    let mut paths = vec!["etc/gateway.yaml".to_owned()];
    let mut texts = vec![String::new()];
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("#--- ") {
            Some(path) => {
                paths.push(format!("etc/{}", path.trim_end().replace(char::is_control, "")));
                texts.push(String::new());
            }
            None => texts.last_mut().unwrap().push_str(line),
        }
    }
    let mut files = paths.into_iter().zip(texts).map(|(path, text)| Source { path: path.into(), text: text.into() });
    let root = files.next().unwrap();
    Sources { root, includes: files.collect() }
}

/// Files that all exist, except those with `missing` in their path. Files of endpoints list two, or, if `broken`, what is none.
pub struct Disk;

impl Files for Disk {
    fn digest(&mut self, path: &str) -> Result<String, String> {
        if path.contains("missing") { Err("no such file".to_owned()) } else { Ok(format!("{:064x}", path.len())) }
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, String> {
        self.digest(path).map(String::into_bytes)
    }

    fn endpoints(&mut self, path: &str) -> Result<Option<String>, String> {
        let text = match path {
            path if path.contains("missing") => return Ok(None),
            path if path.contains("unreadable") => return Err("permission denied".to_owned()),
            path if path.contains("broken") => {
                "[http://10.0.0.1:8000, http://10.0.0.1:8000, https://a, grpc://b, { url: http://c, wait: 3 }, 10.0.0.2]"
            }
            path if path.contains("empty") => "[]",
            path if path.ends_with(".json") => "[\"https://10.0.0.3\", {\"url\": \"https://10.0.0.4\", \"weight\": 2}]",
            _ => "- http://10.0.0.1:8000\n- { url: http://10.0.0.2:8000, weight: 3 }\n",
        };
        Ok(Some(text.to_owned()))
    }
}

fn presentable(mistakes: &[Mistake], sources: &Sources) {
    assert!(mistakes.len() <= 1001);
    assert!(mistakes.windows(2).all(|pair| pair[0].span <= pair[1].span), "not in order");
    for mistake in mistakes {
        let mut files = std::iter::once(&sources.root).chain(&sources.includes);
        let Some(file) = files.find(|file| file.path == mistake.span.file) else {
            assert!(mistake.span.file.contains("broken"), "a mistake in no file: {mistake}");
            continue;
        };
        let lines = file.text.split(['\n', '\r']).count();
        assert!((1..=lines + 1).contains(&(mistake.span.line as usize)), "{mistake}");
        assert!(mistake.span.column >= 1);
        assert!(!mistake.to_string().chars().any(|letter| letter.is_control()), "{mistake:?}");
        assert!(mistake.to_string().len() < 4096, "{mistake}");
    }
}

fn holds_together(resolved: &Resolved) {
    assert_eq!(resolved.digest.len(), 64);
    assert!(!resolved.listeners.is_empty());
    assert!(resolved.listeners.iter().all(|listener| !listener.authenticate.is_empty()));
    assert!(resolved.admin.address.is_some_and(|address| address.ip().to_canonical().is_loopback()));
    let mut names = HashSet::new();
    for model in &resolved.models {
        assert!(names.insert(model.name.to_lowercase()), "{} twice", model.name);
        assert!(model.versions.get(model.stable).is_some());
        for version in &model.versions {
            let backend = resolved.backends.iter().find(|backend| backend.plan.name == version.backend);
            let backend = &backend.expect("no such backend").plan;
            assert!(backend.models.iter().any(|loaded| loaded.model == version.model));
            assert_eq!(version.source.is_some(), backend.kind == "embedded");
        }
    }
}
