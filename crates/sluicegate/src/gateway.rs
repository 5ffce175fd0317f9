//! The gateway assembled: rooms wired together, configuration loaded, followed and replaced, and in the end drained.

mod admin;
pub(crate) mod alarm;
mod banner;
mod blocking;
pub(crate) mod doors;
mod ending;
mod issuers;
mod keyring;
mod lasting;
mod path;
mod records;
pub(crate) mod replace;
mod signals;
mod standing;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use parking_lot::RwLock;
use sluicegate_adapters::limits::memory::{ENTRIES, Memory as Counted};
use sluicegate_adapters::meter::prometheus::Meter;
use sluicegate_config::Resolved;
use sluicegate_control::Listening;
use sluicegate_core::{Clock, Discover, Memory, Mistake, Span};
use sluicegate_flow::build::Builders;
use sluicegate_flow::control::Gateway;
use sluicegate_server::{Handed, Server, Workers};
use tracing_appender::non_blocking::ErrorCounter;

use crate::catalog;
use crate::discovery::Everywhere;
use crate::machine;
use crate::output;
use crate::seams::{SystemClock, ThreadDice};
use crate::sources::{Loader, Origin};
use crate::systemd;
use crate::watch::Watch;
use admin::AdminPlane;
use blocking::blocking;
use doors::Doors;
use ending::End;
use issuers::Issuers;
use keyring::Keyring;
use lasting::Restarts;
use path::Path;
use replace::{Binary, Inherited};
use signals::Signals;

/// What the command line says about the gateway to run.
pub(crate) struct Options {
    pub(crate) origin: Origin,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) access_log: String,
    /// Messages of the log that were lost.
    pub(crate) lost: ErrorCounter,
    pub(crate) workers: Workers,
    /// Of the process that this one is to replace.
    pub(crate) inherited: Inherited,
}

/// Everything that lives as long as the process.
struct Assembly {
    gateway: Arc<Gateway>,
    builders: Arc<Builders>,
    discover: Arc<dyn Discover>,
    meter: Arc<Meter>,
    server: Server<Path>,
    admin: AdminPlane,
    open: Arc<RwLock<Vec<Listening>>>,
    loader: Option<Loader>,
    listen: Option<SocketAddr>,
    admin_override: Option<SocketAddr>,
    clock: Arc<dyn Clock>,
    resolved: Option<Resolved>,
    doors: Doors,
    keyring: Keyring,
    issuers: Issuers,
    binary: Binary,
    /// Of work beside requests.
    restarts: Restarts,
    /// Why the last attempt to replace this process failed.
    not_replaced: Arc<RwLock<Option<String>>>,
}

/// What came of an attempt to load configuration.
enum Loaded {
    /// It serves now.
    Installed,
    /// It is what serves already.
    Unchanged,
    /// It was refused; what served before serves on.
    Refused(Vec<Mistake>),
}

/// Runs until a signal, and says how it ended.
///
/// # Errors
/// The first configuration was refused, or something outside it (log file, signal handlers) cannot be had.
pub(crate) async fn run(mut options: Options) -> anyhow::Result<ExitCode> {
    // Before anything is read: a change while starting must not be missed, nor a signal.
    let mut signals = Signals::new()?;
    let mut watch = Watch::new().context("cannot watch files for changes")?;
    let mut lists = Watch::new().context("cannot watch files for changes")?;
    let mut inherited = std::mem::take(&mut options.inherited);
    let mut assembly = Assembly::new(options)?;
    assembly.inherit(std::mem::take(&mut inherited.sockets));
    if let Loaded::Refused(mistakes) = assembly.load().await {
        for mistake in &mistakes {
            output::tell(&mistake.to_string());
        }
        anyhow::bail!("the configuration was refused");
    }
    if !inherited.serves() {
        systemd::ready();
    }
    watch.follow(&assembly.files());
    lists.follow(&assembly.lists());
    // What changed before it was followed.
    assembly.gateway.look_again();
    let (gateway, discover) = (Arc::clone(&assembly.gateway), Arc::clone(&assembly.discover));
    lasting::keep("the asking of endpoints", &assembly.restarts, move || Arc::clone(&gateway).probe());
    let gateway = Arc::clone(&assembly.gateway);
    lasting::keep("the finding of endpoints", &assembly.restarts, move || {
        Arc::clone(&gateway).follow(Arc::clone(&discover))
    });
    assembly.keyring.follow(&assembly.restarts);
    assembly.issuers.follow(&assembly.restarts);
    assembly.greet().await;
    // The first time comes with each configuration.
    let mut alarm = tokio::time::interval_at(tokio::time::Instant::now() + alarm::EVERY, alarm::EVERY);
    let end = loop {
        tokio::select! {
            _ = alarm.tick() => assembly.alarm(),
            () = watch.changed() => assembly.reload("a file changed").await,
            () = lists.changed() => assembly.gateway.look_again(),
            _ = signals.hangup.recv() => assembly.reload("SIGHUP").await,
            _ = signals.replace.recv() => if let Some(end) = assembly.replace(&mut signals.stop).await { break end },
            () = signals.stop.asked() => break End::Stopped,
        }
        watch.follow(&assembly.files());
        lists.follow(&assembly.lists());
    };
    // A second signal does not wait.
    tokio::select! {
        code = assembly.end(end) => Ok(code),
        () = signals.stop.asked() => Ok(ExitCode::FAILURE),
    }
}

impl Assembly {
    fn new(options: Options) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let meter = Arc::new(Meter::new(clock.wall()));
        let sink = records::sink(&options.access_log, &meter)?;
        let memory = Memory::new(machine::memory() / 2);
        let (keyring, issuers) = (Keyring::default(), Issuers::new(&clock));
        let gateway = Gateway::new(Arc::clone(&clock), Arc::new(ThreadDice), sink);
        let gateway = gateway.holding(&memory).with_keys(keyring.keys()).with_tokens(issuers.tokens());
        let gateway = Arc::new(gateway.with_limiter(Arc::new(Counted::new(clock.now(), ENTRIES))));
        let open: Arc<RwLock<Vec<Listening>>> = Arc::default();
        let restarts = Restarts::default();
        meter.follow(standing::all(&gateway, &open, options.lost, &restarts, (keyring.standing(), issuers.standing())));
        let not_replaced = Arc::default();
        let admin =
            AdminPlane::new(Arc::clone(&gateway), Arc::clone(&meter), Arc::clone(&open), Arc::clone(&not_replaced));
        Ok(Self {
            builders: Arc::new(catalog::builders(&clock, &memory)),
            discover: Arc::new(Everywhere::default()),
            server: Server::on(options.workers, Path(Arc::clone(&gateway))),
            loader: Some(Loader::new(options.origin)),
            listen: options.listen,
            admin_override: options.admin,
            resolved: None,
            doors: Doors::default(),
            keyring,
            issuers,
            binary: Binary::of_this_process().context("cannot tell which file this process was started from")?,
            not_replaced,
            restarts,
            gateway,
            meter,
            admin,
            open,
            clock,
        })
    }

    /// Takes the sockets of the process before this one, in place of opening its own.
    fn inherit(&mut self, sockets: Vec<Handed>) {
        let (listeners, admin) = sockets.into_iter().partition(|handed| handed.name.is_some());
        self.server.inherit(listeners);
        self.admin.inherit(admin);
    }

    fn files(&self) -> BTreeSet<PathBuf> {
        self.loader.as_ref().map(|loader| loader.files.clone()).unwrap_or_default()
    }

    fn lists(&self) -> BTreeSet<PathBuf> {
        self.loader.as_ref().map(|loader| loader.lists.clone()).unwrap_or_default()
    }

    /// Start-up and reload are this one way: read, resolve, build, bind; and only when all of it is good, install.
    async fn load(&mut self) -> Loaded {
        let loaded = match self.try_load().await {
            Ok(loaded) => loaded,
            Err(mistakes) => Loaded::Refused(mistakes),
        };
        match &loaded {
            Loaded::Installed => {
                let digest = self.resolved.as_ref().map(|resolved| Arc::clone(&resolved.digest)).unwrap_or_default();
                self.meter.reloaded(true, &digest, self.clock.wall());
            }
            Loaded::Refused(mistakes) => {
                self.gateway.refused(mistakes);
                self.meter.reloaded(false, "", self.clock.wall());
            }
            Loaded::Unchanged => {
                self.gateway.confirmed();
                self.meter.confirmed(self.clock.wall());
            }
        }
        loaded
    }

    async fn try_load(&mut self) -> Result<Loaded, Vec<Mistake>> {
        let resolved = self.read().await?;
        if self.resolved.as_ref().is_some_and(|serving| serving.digest == resolved.digest) {
            return Ok(Loaded::Unchanged);
        }
        let doors = Doors::open(&resolved, &self.doors, self.clock.wall())?;
        let (keys, issuers) = (self.keyring.prepare(&resolved).await?, self.issuers.prepare(&resolved).await?);
        let (gateway, builders) = (Arc::clone(&self.gateway), Arc::clone(&self.builders));
        let building = resolved.clone();
        let sought = self.gateway.seek(&self.discover, &resolved).await;
        let built = blocking(move || {
            doors::check_backends(&building)?;
            gateway.build_with(&building, &builders, &sought)
        })
        .await??;
        let prepared = self.server.prepare(&doors.plans).map_err(|errors| {
            let at = |name: &str| {
                let listener = resolved.listeners.iter().find(|listener| *listener.name == *name);
                listener.map_or_else(nowhere, |listener| listener.span.clone())
            };
            errors.iter().map(|error| Mistake::at(&at(&error.name), error.to_string())).collect::<Vec<_>>()
        })?;
        let admin = self.admin.prepare(resolved.admin.address).await.map_err(|cause| {
            vec![Mistake::at(&resolved.admin.span, format!("the admin listener cannot be opened: {cause}"))]
        })?;
        // From here on nothing fails.
        self.keyring.commit(keys);
        self.issuers.commit(issuers);
        self.gateway.install(built);
        self.server.commit(prepared);
        self.admin.commit(admin);
        let listening = self.server.addresses();
        let listener = |name: &str| resolved.listeners.iter().find(|listener| *listener.name == *name);
        *self.open.write() = listening
            .into_iter()
            .map(|(name, address)| Listening {
                tls: listener(&name).is_some_and(|listener| listener.tls.is_some()),
                certificate_expires: listener(&name).and_then(alarm::expires),
                name: name.to_string(),
                address,
            })
            .collect();
        for warning in resolved.warnings.iter().chain(&doors.warnings) {
            tracing::warn!("{warning}");
        }
        self.resolved = Some(resolved);
        self.doors = doors;
        self.alarm();
        Ok(Loaded::Installed)
    }

    /// Tells of certificates that end soon.
    fn alarm(&self) {
        if let Some(resolved) = &self.resolved {
            alarm::tell(resolved, self.clock.wall());
        }
    }

    async fn read(&mut self) -> Result<Resolved, Vec<Mistake>> {
        let Some(mut loader) = self.loader.take() else {
            return Err(vec![Mistake::at(&nowhere(), "a load is under way")]);
        };
        let (loader, resolved) = blocking(move || {
            let resolved = loader.load();
            (loader, resolved)
        })
        .await?;
        self.loader = Some(loader);
        let mut resolved = resolved?;
        if let Some(address) = self.listen {
            match resolved.listeners.as_mut_slice() {
                [listener] => listener.address = address,
                listeners => {
                    let message =
                        format!("--listen needs a configuration with one listener; this has {}", listeners.len());
                    return Err(vec![Mistake::at(&nowhere(), message)]);
                }
            }
        }
        if let Some(address) = self.admin_override {
            if !address.ip().is_loopback() {
                let message = "the admin listener opens on loopback addresses only until it has authentication";
                return Err(vec![Mistake::at(&nowhere(), message)]);
            }
            resolved.admin.address = Some(address);
        }
        Ok(resolved)
    }

    async fn reload(&mut self, why: &str) {
        self.gateway.look_again();
        match self.load().await {
            Loaded::Installed => {
                let status = self.gateway.status();
                tracing::info!(generation = status.generation, digest = %status.digest, "{why}: new configuration serves");
            }
            Loaded::Unchanged => tracing::info!("{why}: the configuration is what serves already"),
            Loaded::Refused(mistakes) => {
                tracing::error!(
                    "{why}: configuration refused, generation {} serves on",
                    self.gateway.status().generation
                );
                for mistake in mistakes {
                    tracing::error!("{mistake}");
                }
            }
        }
    }

    async fn greet(&self) {
        let open = self.open.read().clone();
        banner::print(&self.gateway, &open, self.admin.address()).await;
    }
}

fn nowhere() -> Span {
    Span { file: Arc::from("(command line)"), line: 1, column: 1 }
}
