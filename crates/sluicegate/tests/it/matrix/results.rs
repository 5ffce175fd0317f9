//! Runs a client over all its cells, through the gateway and without it, and compares.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::cells::{Server, TARGETS, Target};
use super::clients::{Ask, CLIENTS, Client, Outcome};
use super::servers::{Servers, servers};

/// How far apart two runtimes may be that compute the same model.
const BETWEEN_RUNTIMES: f64 = 1e-5;

/// What came of one client, one server and one model.
pub(super) struct Cell {
    pub(super) target: &'static Target,
    pub(super) model: &'static str,
    pub(super) state: State,
}

pub(super) enum State {
    /// Every mode's answer is the server's own. These modes the server itself does not take from this client: they were
    /// compared with another of its modes, or with the same model on Triton.
    Same {
        closest: Vec<String>,
    },
    Failed(String),
}

/// The cells of the client of this place in [`CLIENTS`]; run once for the whole test binary.
pub(super) fn of(index: usize) -> &'static [Cell] {
    static RESULTS: [OnceLock<Vec<Cell>>; CLIENTS.len()] = [const { OnceLock::new() }; CLIENTS.len()];
    RESULTS[index].get_or_init(|| run(&CLIENTS[index]))
}

/// Fails with everything that is not as it should be.
pub(super) fn check(title: &str) {
    let index = CLIENTS.iter().position(|client| client.title == title).unwrap();
    let failed: Vec<String> = of(index)
        .iter()
        .filter_map(|cell| match &cell.state {
            State::Failed(why) => Some(format!("{}, {}: {why}", cell.target.title, cell.model)),
            State::Same { .. } => None,
        })
        .collect();
    assert!(!of(index).is_empty());
    assert!(failed.is_empty(), "{title}: {} cells failed\n{}", failed.len(), failed.join("\n"));
}

fn run(client: &'static Client) -> Vec<Cell> {
    let servers = servers();
    let pairs: Vec<(&'static Target, &'static str)> = TARGETS
        .iter()
        .flat_map(|target| client.models.iter().map(move |model| (target, *model)))
        .filter(|(target, model)| target.server.models().contains(model))
        .collect();
    let through: Vec<Ask> = pairs.iter().map(|(target, model)| through(servers, target, model)).collect();
    let mut direct: Vec<Ask> = Vec::new();
    for server in [Server::Mlserver, Server::Triton, Server::KServe, Server::Llama] {
        let asked = client.models.iter().filter(|model| (client.directly)(server) && server.models().contains(model));
        direct.extend(asked.map(|model| directly(servers, server, model)));
    }
    let asks: Vec<Ask> = through.into_iter().chain(direct).collect();
    let outcomes = (client.run)(&asks);
    let (through, direct) = outcomes.split_at(pairs.len());
    let known: BTreeMap<(String, &str), &Outcome> = asks[pairs.len()..]
        .iter()
        .zip(direct)
        .map(|(ask, outcome)| ((format!("{:?}", ask.server), ask.model), outcome))
        .collect();
    let cell = |((target, model), outcome): (&(&'static Target, &'static str), &Outcome)| {
        let own = known.get(&(format!("{:?}", target.server), *model));
        let reference = own.or_else(|| known.get(&("Triton".to_owned(), *model))).copied();
        let state = judge(outcome, reference, model, own.is_none());
        Cell { target, model, state }
    };
    pairs.iter().zip(through).map(cell).collect()
}

fn through(servers: &Servers, target: &'static Target, model: &'static str) -> Ask {
    let gateway = servers.gateway;
    Ask {
        http: gateway,
        grpc: gateway,
        server: target.server,
        target: Some(target),
        model,
        name: target.name_of(model),
    }
}

fn directly(servers: &Servers, server: Server, model: &'static str) -> Ask {
    let running = servers.of(server).unwrap();
    Ask { http: running.http, grpc: running.grpc, server, target: None, model, name: model.to_owned() }
}

fn judge(outcome: &Outcome, reference: Option<&Outcome>, model: &str, elsewhere: bool) -> State {
    let failed = |what: String| State::Failed(what);
    let answers = match outcome {
        Ok(answers) if !answers.is_empty() => answers,
        Ok(_) => return failed("nothing came back".into()),
        Err(why) => return failed(why.clone()),
    };
    let reference = match reference {
        Some(Ok(reference)) if !reference.is_empty() => reference,
        Some(Ok(_)) | None => return failed("there is nothing to compare with".into()),
        Some(Err(why)) => return failed(format!("without the gateway: {why}")),
    };
    let mut closest = Vec::new();
    for (mode, answer) in answers {
        let same = reference.get(mode);
        if same.is_none() || elsewhere {
            closest.push(mode.clone());
        }
        let wanted = same.or_else(|| reference.values().next()).unwrap();
        let (mut answer, mut wanted) = (answer.clone(), wanted.clone());
        if model == "echo" {
            // Sent with NaN where all of the way carries it; the script holds it against what it sent.
            for outputs in [&mut answer, &mut wanted] {
                outputs.as_object_mut().unwrap().remove("fp16");
            }
        }
        let tolerance = if elsewhere { BETWEEN_RUNTIMES } else { 0.0 };
        // What is echoed depends on what the way can carry; the client's script holds all of it against what it sent.
        let whole = same.is_some() && model != "echo";
        if let Some(difference) = difference(&answer, &wanted, whole, tolerance) {
            return failed(format!("{mode}: {difference}"));
        }
    }
    State::Same { closest }
}

/// Where two answers differ, if they do.
fn difference(found: &Value, wanted: &Value, whole: bool, tolerance: f64) -> Option<String> {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            if whole && !found.keys().eq(wanted.keys()) {
                return Some(format!("{:?}, expected {:?}", found.keys(), wanted.keys()));
            }
            let mut both = found.iter().filter_map(|(key, value)| Some((key, value, wanted.get(key)?))).peekable();
            if both.peek().is_none() && !wanted.is_empty() {
                return Some("nothing is common to both".into());
            }
            both.find_map(|(key, found, wanted)| {
                difference(found, wanted, whole, tolerance).map(|what| format!("{key}: {what}"))
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            left.iter().zip(right).find_map(|(found, wanted)| difference(found, wanted, whole, tolerance))
        }
        (Value::Number(left), Value::Number(right)) if tolerance > 0.0 => {
            let (left, right) = (left.as_f64().unwrap(), right.as_f64().unwrap());
            ((left - right).abs() > tolerance).then(|| format!("{left}, expected {right}"))
        }
        _ => (found != wanted).then(|| format!("{found}, expected {wanted}")),
    }
}
