//! `cargo xtask faults`: what clients see when model servers and load misbehave, through the gateway and, on the same
//! script, through HAProxy and nginx. docs/reliability.md says how it is measured and how to read it.

pub(super) mod answers;
mod configs;
mod field;
pub(super) mod judge;
mod options;
mod overload;
pub(super) mod page;
mod run;
mod scenario;
mod script;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use self::field::{Programs, Proxy};
use self::options::Options;
use self::page::Row;
use super::Command;
use crate::say;
use crate::stopwatch::Stopwatch;

pub(crate) const COMMAND: Command = Command {
    name: "faults",
    usage: "[--quick] [--only A,B] [--proxies A,B] [--gateway PATH] [--out FILE]",
    summary: "the gateway, HAProxy and nginx while model servers fail and load is too much; docs/reliability.md",
    run: |root, arguments| run(root, arguments, &Options::parse(arguments)?),
};

fn run(root: &Path, arguments: &[String], options: &Options) -> Result<()> {
    let watch = Stopwatch::start();
    let programs = Programs::ready(root, options)?;
    let mut missed = Vec::new();
    let mut rows = Vec::new();
    for scenario in &options.scenarios {
        for proxy in &options.proxies {
            let told = || format!("{} through {}", scenario.name, proxy.name());
            let measured = run::measure(&programs, *proxy, scenario, options.quick).with_context(told)?;
            let verdicts = judge::judge(scenario, &measured, options.quick);
            let row = Row { scenario, proxy: *proxy, measured, verdicts };
            missed.extend(row.missed());
            say::progress(page::line(&row));
            rows.push(row);
        }
    }
    let mut text = page::head(arguments, options, &programs) + &page::table(&rows) + &page::details(&rows);
    if options.overload {
        let mut measured = Vec::new();
        for proxy in &options.proxies {
            let told = || format!("overload through {}", proxy.name());
            let load = overload::measure(&programs, *proxy).with_context(told)?;
            let verdicts = overload::judge(&load);
            if *proxy == Proxy::Gateway {
                missed.extend(judge::missed(&verdicts).map(|missed| format!("overload: {missed}")));
            }
            let row = page::Overload { proxy: *proxy, load, verdicts };
            say::progress(page::overload_line(&row));
            measured.push(row);
        }
        text.push_str(&page::overload(&measured));
    }
    say::line(&text);
    if let Some(out) = &options.out {
        let file = root.join(out);
        let before = fs::read_to_string(&file).with_context(|| format!("cannot read {}", out.display()))?;
        let after = page::put_into(&before, "faults", &text).with_context(|| out.display().to_string())?;
        fs::write(&file, after).with_context(|| format!("cannot write {}", out.display()))?;
        say::progress(format_args!("wrote {}", out.display()));
    }
    say::progress(format_args!("measured in {}", watch.elapsed()));
    ensure!(missed.is_empty(), "{} bounds of the gateway are missed:\n- {}", missed.len(), missed.join("\n- "));
    Ok(())
}

#[cfg(test)]
mod tests;
