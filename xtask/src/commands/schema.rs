//! `cargo xtask schema`: the pages under `docs/` that the binary writes about itself.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::Command;
use crate::{process, say};

pub(crate) const COMMAND: Command = Command {
    name: "schema",
    usage: "[--check]",
    summary: "write docs/ pages from the code, or check that they are in step",
    run: |root, arguments| match arguments {
        [] => write(root),
        [only] if only == "--check" => check(root),
        _ => bail!("`cargo xtask schema` takes nothing but `--check`"),
    },
};

/// What `sluicegate generate` is asked for, and where the answer belongs.
const PAGES: &[(&str, &str)] =
    &[("configuration", "docs/configuration.md"), ("schema", "docs/schema.json"), ("errors", "docs/errors.md")];

fn write(root: &Path) -> Result<()> {
    for (what, page) in PAGES {
        let text = generated(root, what)?;
        fs::write(root.join(page), text).with_context(|| format!("cannot write {page}"))?;
        say::line(format_args!("wrote {page}"));
    }
    Ok(())
}

fn check(root: &Path) -> Result<()> {
    let mut stale = Vec::new();
    for (what, page) in PAGES {
        let kept = fs::read_to_string(root.join(page)).unwrap_or_default();
        if let Some(line) = first_difference(&kept, &generated(root, what)?) {
            stale.push(format!("{page}:{line}"));
        }
    }
    if !stale.is_empty() {
        bail!("not in step with the code: {}; run `cargo xtask schema` and commit the result", stale.join(", "));
    }
    say::line("docs/ is in step with the code");
    Ok(())
}

fn generated(root: &Path, what: &str) -> Result<String> {
    process::output(process::cargo(root).args(["run", "--quiet", "--package", "sluicegate", "--", "generate", what]))
}

/// The first line, counted from one, on which the two differ.
pub(super) fn first_difference(kept: &str, fresh: &str) -> Option<usize> {
    if kept == fresh {
        return None;
    }
    let same = kept.lines().zip(fresh.lines()).take_while(|(kept, fresh)| kept == fresh).count();
    Some(same + 1)
}
