//! `docs/protocols.md`, written from what the matrix found.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::cells::{MODELS, Server, TARGETS, Target};
use super::clients::CLIENTS;
use super::points::{POINTS, Point};
use super::results::{self, Cell, State};
use crate::support::root;

/// Set to write the page in place of comparing it.
const WRITE: &str = "SLUICEGATE_WRITE_PAGES";

const HEAD: &str = "# Clients and servers

Which clients reach which servers through the gateway, and what they see of it. Written from the results of the matrix test
(`crates/sluicegate/tests/it/matrix/`): unmodified clients, real servers, one gateway; every answer equal to what the same
client gets from the server itself. To write it again:

```sh
SLUICEGATE_WRITE_PAGES=1 cargo xtask test -- -p sluicegate --test it matrix::
```

Tested with Triton 2.51, MLServer 1.7, KServe 0.21, llama.cpp, and the embedded runtime.
";

#[test]
fn the_page_is_in_step() {
    let page = page();
    let path = root().join("docs/protocols.md");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == kept, "docs/protocols.md is behind the results: run the matrix with {WRITE}=1");
}

#[test]
fn every_point_names_tests_that_exist() {
    let sources = BTreeMap::from([
        ("", include_str!("../matrix.rs")),
        ("points", include_str!("points.rs")),
        ("lossless", include_str!("lossless.rs")),
    ]);
    for test in POINTS.iter().flat_map(|point| point.shown_by) {
        let (module, name) = test.rsplit_once("::").unwrap_or(("", test));
        assert!(sources[module].contains(&format!("#[test]\nfn {name}() {{")), "{test}");
    }
}

fn page() -> String {
    let mut page = String::from(HEAD);
    let mut notes = Notes::default();
    page.push_str("\n## Who reaches what\n\nA letter a model that works; its meaning is below.\n\n");
    let tensors: Vec<&Target> = TARGETS.iter().filter(|target| target.server != Server::Llama).collect();
    page.push_str("| client |");
    tensors.iter().for_each(|target| page.push_str(&format!(" {} |", target.title)));
    page.push_str(&format!("\n|---|{}\n", "---|".repeat(tensors.len())));
    for (index, client) in CLIENTS.iter().enumerate() {
        if client.models == ["tiny"] {
            continue;
        }
        write!(page, "| {} |", client.title).unwrap();
        for target in &tensors {
            write!(page, " {} |", mark(results::of(index), target, &mut notes)).unwrap();
        }
        page.push('\n');
    }
    generative(&mut page, &mut notes);
    page.push('\n');
    for (number, note) in notes.0.iter().enumerate() {
        writeln!(page, "{}. {note}", number + 1).unwrap();
    }
    page.push_str("\n| | model |\n|---|---|\n");
    for (model, letter, about) in MODELS {
        writeln!(page, "| {letter} | `{model}`: {about} |").unwrap();
    }
    page.push_str("\n| client | how it asks |\n|---|---|\n");
    for client in CLIENTS {
        writeln!(page, "| {} | {} |", client.title, client.about).unwrap();
    }
    ways(&mut page);
    points(&mut page);
    page
}

fn generative(page: &mut String, notes: &mut Notes) {
    for (index, client) in CLIENTS.iter().enumerate().filter(|(_, client)| client.models == ["tiny"]) {
        let target = TARGETS.iter().find(|target| target.server == Server::Llama).unwrap();
        let mark = mark(results::of(index), target, notes);
        write!(page, "\n| client | {} |\n|---|---|\n| {} | {mark} |\n", target.title, client.title).unwrap();
    }
}

/// The letters of the models that work, with the numbers of what is to be said of them.
fn mark(cells: &[Cell], target: &Target, notes: &mut Notes) -> String {
    let mut letters = String::new();
    let mut numbers: Vec<usize> = Vec::new();
    for cell in cells.iter().filter(|cell| cell.target == target) {
        let letter = MODELS.iter().find(|(model, ..)| *model == cell.model).unwrap().1;
        let note = match &cell.state {
            State::Same { closest } => {
                letters.push(letter);
                if closest.is_empty() {
                    continue;
                }
                match target.server {
                    Server::Embedded => {
                        "There is no server to ask without the gateway: the answers are those of Triton \
                                         with the same files, within 1e-5."
                            .to_owned()
                    }
                    _ => {
                        "Some or all of what this client sends, the server itself does not take, or the client cannot \
                          read its answer: the answers are those to another of the client's forms, or Triton's."
                            .to_owned()
                    }
                }
            }
            State::Failed(_) => format!("{letter} fails."),
        };
        numbers.push(notes.number(note));
    }
    if target.is_json() && letters.contains('E') {
        numbers.push(notes.number(JSON_ALONE.to_owned()));
    }
    if target.server.lacks_bf16() && letters.contains('E') {
        numbers.push(notes.number("BF16 is none of the server's datatypes; its refusal is handed on.".to_owned()));
    }
    numbers.sort_unstable();
    numbers.dedup();
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    match (letters.as_str(), numbers.as_slice()) {
        (letters, []) => letters.to_owned(),
        (letters, numbers) => format!("{letters} <sup>{}</sup>", numbers.join(",")),
    }
}

const JSON_ALONE: &str = "The server takes BYTES as text: those that are not UTF-8 are refused; at MLServer over REST so \
                          are infinities. What it can hold was sent.";

/// What is said below the table, each once.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn number(&mut self, note: String) -> usize {
        let place = self.0.iter().position(|known| *known == note).unwrap_or_else(|| {
            self.0.push(note);
            self.0.len() - 1
        });
        place + 1
    }
}

/// What the gateway does on the way to each server.
fn ways(page: &mut String) {
    page.push_str("\n## What the gateway does\n\n| server | from REST | from gRPC |\n|---|---|---|\n");
    for target in TARGETS.iter().filter(|target| target.server != Server::Llama) {
        let (rest, grpc) = match (target.key, target.protocol) {
            ("triton-same", _) => ("bodies pass through unread, both ways", "translated to binary tensors, and back"),
            (_, "embedded") => ("decoded and run", "decoded and run"),
            (_, "oip-grpc") => (
                "translated to raw contents, and back to the form asked for",
                "plain tensors pass under the server's names, others are written anew; answers always raw",
            ),
            _ if target.server == Server::Mlserver => {
                ("translated to JSON, and back to the form asked for", "translated to JSON, and back to raw contents")
            }
            _ => (
                "translated to binary tensors, and back to the form asked for",
                "translated to binary tensors, and back",
            ),
        };
        writeln!(page, "| {} | {rest} | {grpc} |", target.title).unwrap();
    }
    page.push_str(
        "\nBodies pass through where the model has the server's name, no version is chosen and the server reads binary \
         tensors.\nKServe does but does not say so: `binary: always` of its backend. Requests of OpenAI's API pass through, \
         with the\nmodel's name and the question for usage as [openai.md](openai.md) tells.\n",
    );
}

fn points(page: &mut String) {
    page.push_str(
        "\n## What a client does not notice\n\nServers of the one protocol differ in these points. Tests are below \
         `matrix::` of the package `sluicegate`.\n\n| point | servers | through the gateway | shown by |\n|---|---|---|---|\n",
    );
    for Point { what, servers, seen, shown_by } in POINTS {
        let tests: Vec<String> = shown_by.iter().map(|test| format!("`{test}`")).collect();
        writeln!(page, "| {what} | {servers} | {seen} | {} |", tests.join(", ")).unwrap();
    }
    page.push_str(REFUSED);
}

const REFUSED: &str = "
## What is refused, and why

| what | rule | shown by |
|---|---|---|
| raw and typed contents in one request | INVALID_ARGUMENT | `lossless::raw_and_typed_contents_in_one_request_are_refused` |
| doubles, and integers beyond 63 bits, as parameters of a server whose protocol has none | INVALID_ARGUMENT, 400 | `lossless::parameters_arrive_or_are_refused_where_the_servers_protocol_has_no_such_kind` |
| BF16, BYTES that are not UTF-8 and infinities for a server that takes JSON alone | 400 that names the tensor | `lossless::bf16_and_bytes_of_any_kind_reach_servers_that_know_them_and_are_refused_for_the_others` |
| `classification` of the embedded runtime | 400; Triton's works from either protocol to either | `lossless::classification_works_from_either_protocol_to_either` |
| one answer of a decoupled model | as the server refuses it; ask for a stream | `lossless::a_decoupled_model_asked_for_one_answer_is_refused_as_by_the_server` |
";
