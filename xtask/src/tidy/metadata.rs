//! What `cargo metadata` says, reduced to what the checks ask.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;

/// All packages of the build, our own and others', for every target and feature.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: BTreeSet<String>,
    workspace_root: String,
    resolve: Resolve,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    /// An SPDX expression.
    pub(crate) license: Option<String>,
    /// Where it came from; nothing for our own.
    pub(crate) source: Option<String>,
    manifest_path: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A line of a manifest's dependency table.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    kind: Option<Kind>,
    pub(crate) source: Option<String>,
    /// Set only when the manifest names another registry than the default.
    pub(crate) registry: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Dev,
    Build,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<Kind>,
}

impl Metadata {
    /// Asks cargo.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let asked = ["metadata", "--format-version", "1", "--all-features"];
        Self::parse(&process::output(process::cargo(root).args(asked))?)
    }

    /// From what cargo wrote.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).context("cannot read what `cargo metadata` wrote")
    }

    /// The packages of this repository.
    pub(crate) fn own(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// The packages of others.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| !self.workspace_members.contains(&package.id))
    }

    /// The path of a package's manifest, relative to the repository's root.
    pub(crate) fn manifest<'a>(&self, package: &'a Package) -> &'a str {
        let path = package.manifest_path.as_str();
        path.strip_prefix(self.workspace_root.as_str()).map_or(path, |path| path.trim_start_matches('/'))
    }

    /// Everything a package brings along when it is built, each with the chain of names that leads there.
    pub(crate) fn closure<'a>(&'a self, package: &'a Package) -> BTreeMap<&'a str, Vec<&'a str>> {
        let names: BTreeMap<&str, &str> = self.packages.iter().map(|p| (p.id.as_str(), p.name.as_str())).collect();
        let nodes: BTreeMap<&str, &Node> = self.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let mut reached = BTreeMap::new();
        let mut open = vec![(package.id.as_str(), vec![package.name.as_str()])];
        while let Some((id, chain)) = open.pop() {
            for edge in nodes.get(id).map_or(&[][..], |node| &node.deps) {
                let Some(name) = names.get(edge.pkg.as_str()) else { continue };
                if edge.dep_kinds.iter().any(|kind| kind.kind != Some(Kind::Dev)) && !reached.contains_key(name) {
                    let mut chain = chain.clone();
                    chain.push(name);
                    reached.insert(*name, chain.clone());
                    open.push((edge.pkg.as_str(), chain));
                }
            }
        }
        reached
    }

    /// The names of the packages that depend directly on one of this name, tests aside.
    pub(crate) fn parents(&self, name: &str) -> BTreeSet<&str> {
        let names: BTreeMap<&str, &str> = self.packages.iter().map(|p| (p.id.as_str(), p.name.as_str())).collect();
        let leads = |edge: &Edge| {
            names.get(edge.pkg.as_str()) == Some(&name)
                && edge.dep_kinds.iter().any(|kind| kind.kind != Some(Kind::Dev))
        };
        let nodes = self.resolve.nodes.iter().filter(|node| node.deps.iter().any(leads));
        nodes.filter_map(|node| names.get(node.id.as_str()).copied()).collect()
    }
}

impl Dependency {
    /// Only for tests.
    pub(crate) fn is_dev(&self) -> bool {
        self.kind == Some(Kind::Dev)
    }
}
