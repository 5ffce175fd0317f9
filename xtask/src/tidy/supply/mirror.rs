//! `deny.toml` and the table say the same.

use std::collections::BTreeSet;

use super::super::{Facts, Found};
use super::table::{BANS, LICENCES};

const FILE: &str = "deny.toml";

pub(in super::super) fn check(facts: &Facts) -> Vec<Found> {
    let Some(text) = facts.tree.text(FILE) else {
        return vec![(
            FILE.to_owned(),
            1,
            "is missing; it carries the bans and licences with their reasons".to_owned(),
        )];
    };
    let licences = LICENCES.iter().map(|licence| (*licence).to_owned()).collect();
    let bans = BANS.iter().map(|ban| ban.name.to_owned()).collect();
    let mut found = compare("licence", &licences, &list(text, "allow = ["), "LICENCES");
    found.extend(compare("ban", &bans, &list(text, "deny = ["), "BANS"));
    found
}

/// The first quoted text of each line of a list, with its line. The file keeps one entry a line.
fn list(text: &str, start: &str) -> Vec<(usize, String)> {
    let lines = (1..).zip(text.lines()).skip_while(|(_, line)| line.trim() != start).skip(1);
    let entries = lines.take_while(|(_, line)| line.trim() != "]");
    entries.filter_map(|(number, line)| Some((number, line.split('"').nth(1)?.to_owned()))).collect()
}

fn compare(what: &str, table: &BTreeSet<String>, file: &[(usize, String)], constant: &str) -> Vec<Found> {
    let extra = file.iter().filter(|(_, name)| !table.contains(name));
    let extra =
        extra.map(|(line, name)| (*line, format!("{what} {name} is not in {constant} of xtask; keep both in step")));
    let missing = table.iter().filter(|name| !file.iter().any(|(_, known)| known == *name));
    let missing = missing.map(|name| (1, format!("{what} {name} of xtask's {constant} is missing here")));
    extra.chain(missing).map(|(line, message)| (FILE.to_owned(), line, message)).collect()
}
