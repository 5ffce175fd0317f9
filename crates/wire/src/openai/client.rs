//! The protocol as a client of model servers speaks it: where requests go, and what it asks on its own behalf.

use serde_json::Value;
use sluicegate_core::Operation;

use super::Path;

/// Path of the list of models.
pub const MODELS_PATH: &str = "/v1/models";
/// Path that says whether the server takes requests. Not of OpenAI, but most servers have it.
pub const HEALTH_PATH: &str = "/health";

/// Most models taken from a server's list.
const MOST: usize = 4096;

/// Path of a request for `operation` on a model; `None` where the protocol has none.
#[must_use]
pub const fn path_of(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Chat => Some(Path::Chat.as_str()),
        Operation::Complete => Some(Path::Complete.as_str()),
        Operation::Respond => Some(Path::Respond.as_str()),
        Operation::Embed => Some(Path::Embed.as_str()),
        _ => None,
    }
}

/// Reads the names of the models that a server lists; `None` where it is no such list.
#[must_use]
pub fn decode_models(body: &[u8]) -> Option<Vec<String>> {
    let Ok(Value::Object(mut list)) = serde_json::from_slice(body) else { return None };
    let Some(Value::Array(models)) = list.remove("data") else { return None };
    let names = models.iter().take(MOST).filter_map(|model| model.get("id")?.as_str().map(str::to_owned));
    Some(names.collect())
}

/// Reads a server's own error text: `error.message`, or what frameworks write instead. Bounded, and without control
/// characters.
#[must_use]
pub fn decode_error(body: &[u8]) -> Option<String> {
    crate::oip_rest::client::decode_error(body)
}
