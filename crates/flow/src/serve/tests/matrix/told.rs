//! The house, asked; and what came of it, by what the caller is told and by what model servers heard.

use super::asked::{Ask, What, Wire};
use super::expected::{Caller, House, Outcome};
use super::world::{Known, Listening, configured};
use super::*;

/// A gateway that is such a house, and what its model servers heard.
pub(super) struct Matrix {
    world: World,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Matrix {
    pub(super) fn new(house: &House) -> Self {
        let heard = Arc::default();
        let resolved = configured(house);
        let builders: Builders = ["scripted", "talk"]
            .map(|kind| (kind, Arc::new(Listening(kind == "talk", Arc::clone(&heard))) as Arc<dyn BuildUpstream>))
            .into();
        let records = Arc::new(Records::default());
        let sink = Arc::clone(&records) as Arc<dyn RecordSink>;
        let gateway = Gateway::new(Arc::new(TokioClock), Arc::new(Sevens), sink).with_keys(Arc::new(Known));
        let built = gateway.build(&resolved, &builders).unwrap();
        gateway.install(built);
        Self { world: World { gateway: Arc::new(gateway), records, seen: Arc::default() }, heard }
    }

    /// What was told of the request before as what rules, merely observed, would have refused: the status, in the record and
    /// as an event of its own.
    pub(super) fn would_refuse(&self) -> Result<Option<u16>, String> {
        let (record, event) = (self.world.record().would_refuse, std::mem::take(&mut *self.world.records.2.lock()));
        let events: Vec<Kind> = event.into_iter().map(|(_, kind)| kind).collect();
        match (record, &*events) {
            (None, []) => Ok(None),
            (Some(kind), [told]) if kind == *told => Ok(Some(kind.facts().http)),
            other => Err(format!("told as {other:?}")),
        }
    }

    /// What came of it; in words where it makes no sense.
    pub(super) async fn outcome(&self, caller: &Caller, ask: &Ask) -> Result<Outcome, String> {
        self.heard.lock().clear();
        self.world.records.0.lock().clear();
        let key = [("x-api-key", caller.key), ("triton_grpc_error", "true")];
        let headers = if caller.key.is_empty() { &key[1..] } else { &key[..] };
        let (status, version, body) = match &ask.wire {
            Wire::Http(method, path, body) => {
                let (status, headers, body) = self.world.ask(method, path, headers, body).await;
                let version = headers.get("sluicegate-version").map(|value| value.as_str().unwrap().to_owned());
                (status, version, body)
            }
            Wire::Grpc(call, message) => {
                let told = self.world.call(call, headers, message.clone()).await;
                let status = match told.code {
                    0 => 200,
                    5 => 404,
                    7 => 403,
                    16 => 401,
                    other => other,
                };
                (status, told.header("sluicegate-version").map(str::to_owned), told.body)
            }
        };
        let mut heard = std::mem::take(&mut *self.heard.lock());
        heard.sort_unstable();
        heard.dedup();
        match (status, &ask.what) {
            (401 | 403 | 404, _) if heard.is_empty() => Ok(Outcome::Refused(status)),
            (200, What::Model(_, model, _)) => answered(model, version, &heard),
            (200, What::List(operation, _)) => {
                let shown = listed(operation, &ask.wire, &body);
                // Nobody is asked about what is not shown.
                match heard.iter().find(|version| !shown.contains(version)) {
                    Some(version) => Err(format!("{version} was asked, shown are {shown:?}")),
                    None => Ok(Outcome::Shown(shown)),
                }
            }
            (200, What::Order(_) | What::OrderToAll) if !heard.is_empty() => Ok(Outcome::Told),
            _ => Err(format!("{status}, heard {heard:?}: {}", String::from_utf8_lossy(&body))),
        }
    }
}

/// The one version that was asked, by what the answer says and by what its server heard.
fn answered(model: &str, said: Option<String>, heard: &[String]) -> Result<Outcome, String> {
    let version = match (said, heard) {
        (Some(said), []) => said,
        (Some(said), [one]) if *one == format!("{model}@{said}") => said,
        (None, [one]) => one.strip_prefix(model).and_then(|rest| rest.strip_prefix('@')).unwrap_or("other").to_owned(),
        (said, heard) => return Err(format!("{said:?} answered, heard {heard:?}")),
    };
    Ok(Outcome::Version(version))
}

/// What a list shows, sorted.
fn listed(operation: &str, wire: &Wire, body: &Bytes) -> Vec<String> {
    let mut shown: Vec<String> = match wire {
        Wire::Grpc(..) => {
            let all = ["m", "t"].into_iter().flat_map(|model| ["1", "2", "3"].map(|version| (model, version)));
            // Name and version, the first fields of an entry.
            let is_there = |(model, version): &(&str, &str)| {
                let entry = format!("\x0a\x01{model}\x12\x01{version}").into_bytes();
                body.windows(entry.len()).any(|part| part == entry)
            };
            all.filter(is_there).map(|(model, version)| format!("{model}@{version}")).collect()
        }
        Wire::Http(_, path, _) => {
            let told: serde_json::Value = serde_json::from_slice(body).unwrap();
            let (list, name) = match (operation, &**path) {
                ("names", "/v1/models") => (&told["data"], "id"),
                ("names", _) => (&told["models"], ""),
                ("statistics", _) => (&told["model_stats"], "name"),
                _ => (&told, "name"),
            };
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            let entry = |entry: &serde_json::Value| match (operation, name) {
                ("names", "") => text(entry),
                ("names", name) => text(&entry[name]),
                (_, name) => format!("{}@{}", text(&entry[name]), text(&entry["version"])),
            };
            list.as_array().unwrap().iter().map(entry).collect()
        }
    };
    shown.sort_unstable();
    shown
}
