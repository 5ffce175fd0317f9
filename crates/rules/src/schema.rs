//! The types that policies speak of, as a Cedar schema: what a principal, an action and a resource are.

use cedar_policy::Schema;
use sluicegate_core::{Operation, OperationSet};

use crate::Unsound;

const ENTITIES: &str = "\
entity Tenant;
entity Group;
entity Principal in [Tenant, Group] {
  id: String,
  kind: String,
  tenant?: Tenant,
  groups: Set<String>,
  purposes: Set<String>,
};
entity Model;
entity Version in [Model] { name: String };
action \"run\", \"read\";
";

/// The operations that a rule can be about: those on a model.
pub(crate) fn on_models() -> impl Iterator<Item = Operation> {
    use Operation::{Reflect, ServerLive, ServerMetadata, ServerReady};
    let of_the_gateway =
        |operation: &Operation| matches!(operation, ServerLive | ServerReady | ServerMetadata | Reflect);
    Operation::ALL.into_iter().filter(move |operation| !of_the_gateway(operation))
}

/// The schema in Cedar's own words. `manage` is an action by itself; every other one is in `run` or in `read`.
pub(crate) fn text() -> String {
    let within = |group: &'static str| OperationSet::named(group).unwrap_or(OperationSet::NONE);
    let (run, read) = (within("run"), within("read"));
    let mut text = ENTITIES.to_owned();
    for operation in on_models() {
        let group = match operation {
            operation if run.contains(operation) => " in [\"run\"]",
            operation if read.contains(operation) => " in [\"read\"]",
            _ => "",
        };
        let name = operation.as_str();
        text.push_str(&format!(
            "action \"{name}\"{group} appliesTo {{ principal: [Principal], resource: [Version], context: {{}} }};\n"
        ));
    }
    text
}

/// The schema that every policy must fit.
///
/// # Errors
/// Cedar does not take it: a mistake of this room.
pub fn schema() -> Result<Schema, Unsound> {
    Schema::from_cedarschema_str(&text()).map(|(schema, _)| schema).map_err(|error| Unsound(error.to_string()))
}
