//! `cargo xtask hold`: whether the gateway keeps its promises while it is reloaded, replaced, and used by those who are slow,
//! leave, or ask for too little time. docs/reliability.md says how it is measured and how to read it.

mod cancellation;
mod deadlines;
mod field;
mod isolation;
mod load;
mod options;
mod page;
mod part;
mod reloads;
mod replacements;
mod slow;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use self::field::Programs;
use self::options::Options;
use self::part::{Found, Part};
use super::Command;
use super::faults::judge::missed;
use super::faults::page::put_into;
use crate::say;
use crate::stopwatch::Stopwatch;

pub(crate) const COMMAND: Command = Command {
    name: "hold",
    usage: "[--quick] [--only A,B] [--gateway PATH] [--out FILE]",
    summary: "the gateway while it is reloaded, replaced, left and kept waiting; docs/reliability.md",
    run: |root, arguments| run(root, arguments, &Options::parse(arguments)?),
};

/// How often a part is measured that the machine disturbed.
const TRIES: usize = 3;

fn run(root: &Path, arguments: &[String], options: &Options) -> Result<()> {
    let watch = Stopwatch::start();
    let programs = Programs::ready(root, options)?;
    let mut missing = Vec::new();
    for part in &options.parts {
        let found = measure(part, &programs)?;
        missing.extend(missed(&found.verdicts).map(|missed| format!("{}: {missed}", part.name)));
        let text = page::head(arguments, options, &programs) + &page::body(&found);
        say::line(format_args!("## {}\n\n{text}", part.name));
        if let Some(out) = &options.out {
            let file = root.join(out);
            let before = fs::read_to_string(&file).with_context(|| format!("cannot read {}", out.display()))?;
            let after = put_into(&before, &format!("hold {}", part.name), &text)?;
            fs::write(&file, after).with_context(|| format!("cannot write {}", out.display()))?;
        }
    }
    say::progress(format_args!("measured in {}", watch.elapsed()));
    ensure!(missing.is_empty(), "{} bounds are missed:\n- {}", missing.len(), missing.join("\n- "));
    Ok(())
}

/// The part, again while the machine did other things as well.
fn measure(part: &Part, programs: &Programs) -> Result<Found> {
    let watch = Stopwatch::start();
    let mut found = (part.measure)(programs).context(part.name)?;
    for _ in 1..TRIES {
        match &found.void {
            Some(void) if !programs.quick => say::progress(format_args!("{} again: {}", part.name, void.text)),
            _ => break,
        }
        found = (part.measure)(programs).context(part.name)?;
    }
    if let Some(void) = found.void.take().filter(|_| !programs.quick) {
        found.verdicts.push(void);
    }
    say::progress(format_args!("{} in {}", part.name, watch.elapsed()));
    Ok(found)
}

#[cfg(test)]
mod tests;
