//! The table of keys as a page of documentation.

use sluicegate_core::{Catalog, Field, Shape};

use crate::table::{EXAMPLES, INCLUDE, INCLUDE_EXAMPLE, ROOT};
use crate::{schema, words};

const HEAD: &str = "\
# Configuration

<!-- Generated from the table of keys in `crates/config/src/table`. Do not edit. -->

One YAML file, and those it includes. `sluicegate check gateway.yaml` reports every mistake at once with line and column;
`sluicegate config schema` prints a JSON Schema for editors. A key that is not on this page is refused.

- Durations are written `250ms`, `10s`, `2m`, `1h`; sizes `64MiB`, `16KiB`, or plain bytes; shares `10%`, `0.5%`; rates
  `200/s`, `1000/min`, `5000/h`, `1/day`.
- Each key decides how its value is read: `3` and `\"3\"` are the same, and `yes` is never `true`.
- Anchors and aliases may be used; tags (`!`), merge keys (`<<`) and a second document may not. A key may be given once.
- Paths are relative to the file they stand in.
";

/// The reference of every key, in Markdown.
#[must_use]
pub fn markdown(catalog: &Catalog) -> String {
    let mut page = HEAD.to_owned();
    for field in ROOT.iter().filter(|field| field.built) {
        page.push_str(&format!("\n## `{}`\n\n{}\n", field.name, sentence(field)));
        if let Some((_, example)) = EXAMPLES.iter().find(|(name, _)| *name == field.name) {
            page.push_str(&fenced(example));
        }
        let mut rows = Vec::new();
        collect(field.name, &field.shape, &mut rows);
        page.push_str(&table(&rows));
        if let Shape::Map { value: Shape::Kind(_), .. } = field.shape {
            kinds(field.name, catalog, &mut page);
        }
    }
    page.push_str("\n## Include files\n\nA file that `include` takes in has these keys only.\n");
    page.push_str(&fenced(INCLUDE_EXAMPLE));
    let rows: Vec<(String, &Field)> =
        INCLUDE.iter().filter(|field| field.built).map(|field| (field.name.to_owned(), field)).collect();
    page.push_str(&table(&rows));
    page
}

/// What a top-level key is, where it has no keys of its own to be listed.
fn sentence(field: &Field) -> String {
    let takes = format!("Takes {}.", words::expected(&field.shape));
    let given = if field.required { " Must be given." } else { "" };
    format!("{} {takes}{given}", field.doc)
}

/// The kinds of a catalogue, each with its keys.
fn kinds(path: &str, catalog: &Catalog, page: &mut String) {
    for kind in catalog.upstreams {
        page.push_str(&format!("\n### `protocol: {}`\n\n{}\n", kind.kind, kind.doc));
        page.push_str(&fenced(kind.example));
        let mut rows = Vec::new();
        for fields in schema::groups(kind) {
            fields_of(&format!("{path}.NAME"), fields, &mut rows);
        }
        page.push_str(&table(&rows));
    }
}

/// The keys below `path`.
fn collect(path: &str, shape: &'static Shape, rows: &mut Vec<(String, &'static Field)>) {
    match shape {
        Shape::Object(fields) => fields_of(path, fields, rows),
        Shape::Map { key, value } => collect(&format!("{path}.{key}"), value, rows),
        Shape::List(item) => collect(path, item, rows),
        Shape::Either(_, full) => collect(path, full, rows),
        // A key that several have is listed once.
        Shape::OneOf(groups) => {
            let fields = groups.iter().copied().flatten().filter(|field| field.built);
            for field in fields {
                let path = format!("{path}.{}", field.name);
                if rows.iter().all(|(known, _)| *known != path) {
                    rows.push((path.clone(), field));
                    collect(&path, &field.shape, rows);
                }
            }
        }
        // Listed kind by kind.
        Shape::Kind(_) => {}
        Shape::Text
        | Shape::Name
        | Shape::Path
        | Shape::Bool
        | Shape::Integer { .. }
        | Shape::Duration { .. }
        | Shape::Size { .. }
        | Shape::Share { .. }
        | Shape::Rate
        | Shape::Address
        | Shape::Network
        | Shape::Url
        | Shape::Choice(_) => {}
    }
}

fn fields_of(path: &str, fields: &'static [Field], rows: &mut Vec<(String, &'static Field)>) {
    for field in fields.iter().filter(|field| field.built) {
        let path = format!("{path}.{}", field.name);
        rows.push((path.clone(), field));
        collect(&path, &field.shape, rows);
    }
}

fn table(rows: &[(String, &Field)]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = "\n| key | takes | default | what it does |\n|---|---|---|---|\n".to_owned();
    for (path, field) in rows {
        let default = match field.default {
            _ if field.required => "must be given".to_owned(),
            Some(default) => format!("`{default}`"),
            None => "none".to_owned(),
        };
        let takes = words::expected(&field.shape);
        let row = [format!("`{path}`"), takes, default, meaning(field)].map(|cell| cell.replace('|', "\\|"));
        table.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    table
}

/// What a key does, and what the words it takes mean.
fn meaning(field: &Field) -> String {
    let choices = match field.shape {
        Shape::Choice(choices) => words::built(choices),
        Shape::List(Shape::Choice(choices)) | Shape::Either(Shape::Choice(choices), _) => words::built(choices),
        _ => Vec::new(),
    };
    let words: Vec<String> = choices.iter().map(|(word, doc)| format!("`{word}`: {doc}")).collect();
    if words.is_empty() { field.doc.to_owned() } else { format!("{} {}.", field.doc, words.join("; ")) }
}

fn fenced(yaml: &str) -> String {
    format!("\n```yaml\n{}\n```\n", yaml.trim_end())
}
