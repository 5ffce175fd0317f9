//! `sluicegate keys`: the keys of callers, in the store itself. Whoever may write to its file may manage keys; a gateway that
//! runs follows within a second.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow, bail};
use serde::Serialize;
use sluicegate_adapters::certificates::day;
use sluicegate_adapters::identity::api_key::{SecretKey, Vault, VaultError};
use sluicegate_core::{Cause, Clock as _, Grant, KeyRow, KeyState, StoreError};

use crate::cli::{By, CreateKey, KeysCommand, ListKeys, RevokeKey, RotateKey};
use crate::seams::SystemClock;
use crate::{keys, output, sources};

/// A key that was made, with the only sight of it.
#[derive(Serialize)]
struct Made<'a> {
    name: &'a str,
    id: String,
    key: &'a str,
    expires: Option<String>,
    /// Until when the one before is accepted.
    overlap_until: Option<String>,
}

/// A key that was ended.
#[derive(Serialize)]
struct Ended<'a> {
    name: &'a str,
    secrets: usize,
}

/// A key in the list.
#[derive(Serialize)]
struct Row {
    name: String,
    id: String,
    state: &'static str,
    tenant: String,
    groups: Vec<String>,
    scopes: Vec<String>,
    models: Option<Vec<String>>,
    purposes: Vec<String>,
    created: String,
    ends: Option<String>,
    revoked: Option<String>,
    author: String,
}

/// Exit code 0: done.
pub(crate) fn run(command: &KeysCommand) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            KeysCommand::Create(options) => create(options).await,
            KeysCommand::List(options) => list(options).await,
            KeysCommand::Rotate(options) => rotate(options).await,
            KeysCommand::Revoke(options) => revoke(options).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn create(options: &CreateKey) -> anyhow::Result<()> {
    let vault = vault(&options.by.config).await?;
    let cause = cause(&options.by);
    let expires = options.expires.map(|time| after(cause.at, time)).transpose()?;
    let grant = Grant {
        name: options.name.clone(),
        tenant: options.tenant.clone(),
        groups: options.groups.clone(),
        scopes: options.scopes.clone(),
        models: (!options.models.is_empty()).then(|| options.models.clone()),
        purposes: options.purposes.clone(),
    };
    let secret = vault.create(grant, expires, cause).await.map_err(|error| advised(&error))?;
    show(&options.by, &options.name, &secret, (expires, None))
}

async fn rotate(options: &RotateKey) -> anyhow::Result<()> {
    let vault = vault(&options.by.config).await?;
    let cause = cause(&options.by);
    let expires = options.expires.map(|time| after(cause.at, time)).transpose()?;
    let until = after(cause.at, options.overlap)?;
    let rotated = vault.rotate(&options.name, options.overlap, expires, cause).await;
    let (secret, row) = rotated.map_err(|error| advised(&error))?;
    show(&options.by, &options.name, &secret, (row.expires, Some(until)))?;
    output::tell(&format!("The secret before is accepted until {}.", day(until)));
    Ok(())
}

async fn revoke(options: &RevokeKey) -> anyhow::Result<()> {
    if options.by.reason.is_none() {
        bail!("say why the key is revoked: `--reason TEXT`");
    }
    let vault = vault(&options.by.config).await?;
    let secrets = vault.revoke(&options.name, cause(&options.by)).await.map_err(|error| advised(&error))?;
    let ended = Ended { name: &options.name, secrets };
    output::print(options.by.output.output, &ended, |ended| {
        format!("{}: revoked. Gateways that run refuse it within a second.", ended.name)
    })
}

async fn list(options: &ListKeys) -> anyhow::Result<()> {
    let now = SystemClock.wall();
    let (keys, unreadable) = vault(&options.config).await?.keys().await?;
    if unreadable > 0 {
        output::tell(&format!("{unreadable} rows of the store hold no key, and let nobody in."));
    }
    let shown = |key: &KeyRow| options.all || matches!(key.state(now), KeyState::Live | KeyState::Overlapping);
    let rows: Vec<Row> = keys.into_iter().filter(shown).map(|key| row(key, now)).collect();
    output::print(options.output.output, &rows, |rows| {
        let words = |list: &[String]| if list.is_empty() { "-".to_owned() } else { list.join(",") };
        let any = || "any".to_owned();
        let drawn = rows.iter().map(|row| {
            [
                row.name.clone(),
                row.id.clone(),
                row.state.to_owned(),
                row.tenant.clone(),
                words(&row.groups),
                words(&row.scopes),
                row.models.as_deref().map_or_else(any, words),
                words(&row.purposes),
                row.created.clone(),
                row.ends.clone().unwrap_or_else(|| "-".to_owned()),
                row.author.clone(),
            ]
            // Nobody's own words reach a terminal as they are.
            .map(|cell| cell.escape_debug().to_string())
        });
        let heading =
            ["NAME", "ID", "STATE", "TENANT", "GROUPS", "SCOPES", "MODELS", "PURPOSES", "CREATED", "ENDS", "AUTHOR"];
        output::table(heading, drawn.collect())
    })
}

/// Shows a secret, the only time that it is.
fn show(
    by: &By,
    name: &str,
    secret: &SecretKey,
    (expires, overlap): (Option<SystemTime>, Option<SystemTime>),
) -> anyhow::Result<()> {
    let made = Made {
        name,
        id: secret.id().to_string(),
        key: secret.expose(),
        expires: expires.map(stamp),
        overlap_until: overlap.map(stamp),
    };
    let shown = output::print(by.output.output, &made, |made| {
        let ends = expires.map_or_else(|| "never".to_owned(), day);
        output::table(["NAME", "EXPIRES", "KEY"], vec![[made.name.to_owned(), ends, made.key.to_owned()]])
    });
    shown.with_context(|| {
        format!("the key was made and could not be shown: `sluicegate keys rotate {name}` makes another")
    })?;
    output::tell("Keep it now: it is not shown again. Callers send it as `authorization: Bearer KEY`.");
    Ok(())
}

async fn vault(config: &Path) -> anyhow::Result<Vault> {
    let state = sources::state(config).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        anyhow!("{}", lines.join("\n"))
    })?;
    let Some(state) = state else {
        bail!("{} does not say where keys are kept: write `state: {{ store: {{ sqlite: PATH }} }}`", config.display());
    };
    keys::open(&state).await.map_err(|mistake| anyhow!("{mistake}"))
}

fn cause(by: &By) -> Cause {
    let user = || std::env::var("USER").ok().filter(|user| !user.is_empty());
    let author = by.author.clone().or_else(user);
    let author = author.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    Cause { at: SystemClock.wall(), author, reason: by.reason.clone() }
}

/// What went wrong, and what to do about it.
fn advised(error: &VaultError) -> anyhow::Error {
    let advice = match error {
        VaultError::Store(StoreError::Taken(name)) => format!(
            "`sluicegate keys rotate {name}` gives it another secret, `sluicegate keys revoke {name}` makes the name free"
        ),
        VaultError::Store(StoreError::NoSuch(_)) => "`sluicegate keys list` shows those there are".to_owned(),
        VaultError::Store(StoreError::Expired(name)) => {
            format!("`sluicegate keys revoke {name}`, then create it anew")
        }
        VaultError::Store(StoreError::Full) => "revoke those that nobody uses".to_owned(),
        VaultError::Store(StoreError::Busy) => "nothing was changed: try again".to_owned(),
        VaultError::Store(StoreError::Unusable(_)) | VaultError::Wrong(_) => return anyhow!("{error}"),
    };
    anyhow!("{error}: {advice}")
}

fn after(now: SystemTime, time: Duration) -> anyhow::Result<SystemTime> {
    now.checked_add(time).context("the time is too far away")
}

fn row(key: KeyRow, now: SystemTime) -> Row {
    let (state, ends) = (key.state(now).as_str(), key.ends().map(stamp));
    let grant = key.grant;
    Row {
        name: grant.name,
        id: key.id,
        state,
        tenant: grant.tenant,
        groups: grant.groups,
        scopes: grant.scopes,
        models: grant.models,
        purposes: grant.purposes,
        created: stamp(key.created),
        ends,
        revoked: key.revoked.map(stamp),
        author: key.author,
    }
}

/// A moment as programs read it.
fn stamp(moment: SystemTime) -> String {
    jiff::Timestamp::try_from(moment)
        .map_or_else(|_| "never".to_owned(), |time| time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}
