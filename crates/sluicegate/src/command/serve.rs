//! `sluicegate serve`: runs the gateway.

use std::io::IsTerminal as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use sluicegate_server::{Workers, raise_limit};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::cli::{LogFormat, Serve};
use crate::gateway::replace::Inherited;
use crate::gateway::{self, Options};
use crate::sources::Origin;

/// Messages of the log that wait to be written, at most.
const MESSAGES: usize = 8192;

pub(crate) fn run(options: Serve) -> anyhow::Result<ExitCode> {
    let (_log, lost) = start_log(options.log_format);
    let inherited = Inherited::take()?;
    if let Err(error) = raise_limit() {
        tracing::warn!(%error, "no more file descriptors can be had than there are");
    }
    let origin = match (&options.config, &options.model) {
        (Some(config), _) => Origin::File(config.clone()),
        (None, Some(model)) => Origin::Text(around(model)?),
        (None, None) => bail!("give a configuration (--config FILE) or a model (FILE.onnx)"),
    };
    let workers = workers(options.threads).context("cannot start the threads that serve requests")?;
    let options = Options {
        origin,
        listen: options.listen,
        admin: options.admin,
        access_log: options.access_log.clone(),
        lost,
        workers,
        inherited,
    };
    // This thread accepts connections and does all that is not for a request: configuration, signals, the admin listener.
    let control = tokio::runtime::Builder::new_current_thread().thread_name("control").enable_all().build()?;
    let code = control.block_on(gateway::run(options));
    // Blocking work that was under way when the gateway stopped is of no use to anybody.
    control.shutdown_background();
    code
}

fn workers(threads: Option<NonZeroUsize>) -> std::io::Result<Workers> {
    // Knows of affinity and of the quota of a control group. Where the system does not tell, one is always there.
    let count = threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    Workers::per_core(count)
}

/// The configuration of a gateway around one model file.
fn around(model: &Path) -> anyhow::Result<String> {
    let name = model.file_stem().and_then(|stem| stem.to_str()).context("the file's name is not UTF-8 text")?;
    let path = model.to_str().context("the file's path is not UTF-8 text")?;
    // JSON strings are YAML strings, whatever is in them.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    Ok(format!(
        "version: 1\n\
         listeners: {{ local: {{ address: 127.0.0.1:8080, authenticate: [anonymous] }} }}\n\
         backends: {{ local: {{ protocol: embedded }} }}\n\
         models: {{ {}: {{ backend: local, source: {} }} }}\n",
        quoted(name),
        quoted(path)
    ))
}

/// Messages leave by a thread of their own: whoever reads them slowly, or not at all, holds up no request. What is left
/// when the first is dropped still leaves; the second tells how many were lost.
fn start_log(format: LogFormat) -> (WorkerGuard, ErrorCounter) {
    let filter = EnvFilter::try_from_env("SLUICEGATE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let waiting = NonBlockingBuilder::default().buffered_lines_limit(MESSAGES).thread_name("log");
    let (writer, guard) = waiting.finish(std::io::stderr());
    let lost = writer.error_counter();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_target(false);
    let log = log.with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    (guard, lost)
}
