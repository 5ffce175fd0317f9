//! Words of ours as Cedar's: rules as policies, principals and versions as entities. Policies are made as trees, never as
//! text, so that no name can end a string and begin something else.

use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;
use std::sync::LazyLock;

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, Policy, PolicyId, RestrictedExpression};
use serde_json::{Value, json};
use sluicegate_core::{Operation, Principal, PrincipalKind};

use crate::schema::on_models;
use crate::{Access, Effect, Unsound, Who};

/// The types of entities, read once.
struct Types {
    action: EntityTypeName,
    principal: EntityTypeName,
    tenant: EntityTypeName,
    group: EntityTypeName,
    model: EntityTypeName,
    version: EntityTypeName,
}

static TYPES: LazyLock<Result<Types, Unsound>> = LazyLock::new(Types::read);

impl Types {
    fn read() -> Result<Self, Unsound> {
        let named = |name: &str| EntityTypeName::from_str(name).map_err(|error| Unsound(error.to_string()));
        Ok(Self {
            action: named("Action")?,
            principal: named("Principal")?,
            tenant: named("Tenant")?,
            group: named("Group")?,
            model: named("Model")?,
            version: named("Version")?,
        })
    }

    fn get() -> Result<&'static Self, Unsound> {
        TYPES.as_ref().map_err(Clone::clone)
    }
}

/// An operation as an action.
pub(crate) fn action(operation: Operation) -> Result<EntityUid, Unsound> {
    Ok(uid(&Types::get()?.action, operation.as_str()))
}

/// A principal as an entity, in its tenant and its groups.
pub(crate) fn principal(principal: &Principal) -> Result<Entity, Unsound> {
    let types = Types::get()?;
    let tenant = principal.tenant.as_deref().map(|name| uid(&types.tenant, name));
    let groups = principal.groups.iter().map(|name| uid(&types.group, name));
    let parents: HashSet<EntityUid> = groups.chain(tenant.clone()).collect();
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let set = |names: &[std::sync::Arc<str>]| RestrictedExpression::new_set(names.iter().map(|name| text(name)));
    let mut facts = HashMap::from([
        ("id".to_owned(), text(&principal.id)),
        ("kind".to_owned(), text(principal.kind.as_str())),
        ("groups".to_owned(), set(&principal.groups)),
        ("purposes".to_owned(), set(&principal.purposes)),
    ]);
    if let Some(tenant) = tenant {
        facts.insert("tenant".to_owned(), RestrictedExpression::new_entity_uid(tenant));
    }
    Entity::new(uid(&types.principal, &principal.id), facts, parents).map_err(|error| Unsound(error.to_string()))
}

/// A version of a model as an entity, in its model.
pub(crate) fn version(model: &str, name: &str) -> Result<Entity, Unsound> {
    let types = Types::get()?;
    let facts = HashMap::from([("name".to_owned(), RestrictedExpression::new_string(name.to_owned()))]);
    let within = HashSet::from([uid(&types.model, model)]);
    Entity::new(uid(&types.version, &key(model, name)), facts, within).map_err(|error| Unsound(error.to_string()))
}

/// The rule at `place` of a model's list as a policy; its id is the place.
pub(crate) fn policy(place: usize, rule: &Access, model: &str) -> Result<Policy, Unsound> {
    let everyone = json!({ "!=": {
        "left": { ".": { "left": { "Var": "principal" }, "attr": "kind" } },
        "right": { "Value": PrincipalKind::Anonymous.as_str() },
    } });
    let (principal, conditions) = match &rule.who {
        Who::Everyone => (json!({ "op": "All" }), json!([{ "kind": "when", "body": everyone }])),
        Who::Tenant(name) => (within("Tenant", name), json!([])),
        Who::Group(name) => (within("Group", name), json!([])),
        Who::Principal(id) => (json!({ "op": "==", "entity": { "type": "Principal", "id": &**id } }), json!([])),
    };
    let about = on_models().filter(|operation| rule.operations.contains(*operation));
    let actions: Vec<Value> = about.map(|about| json!({ "type": "Action", "id": about.as_str() })).collect();
    // A scope holds one entity: several versions are told apart in a condition.
    let (resource, conditions) = match &rule.versions {
        None => (within("Model", model), conditions),
        Some(versions) => {
            let named: Vec<Value> = versions
                .iter()
                .map(|name| json!({ "Value": { "__entity": { "type": "Version", "id": key(model, name) } } }))
                .collect();
            let body = json!({ "in": { "left": { "Var": "resource" }, "right": { "Set": named } } });
            let mut all = conditions.as_array().cloned().unwrap_or_default();
            all.push(json!({ "kind": "when", "body": body }));
            (within("Model", model), Value::Array(all))
        }
    };
    let policy = json!({
        "effect": match rule.effect { Effect::Permit => "permit", Effect::Forbid => "forbid" },
        "principal": principal,
        "action": { "op": "in", "entities": actions },
        "resource": resource,
        "conditions": conditions,
    });
    Policy::from_json(Some(PolicyId::new(place.to_string())), policy).map_err(|error| Unsound(error.to_string()))
}

fn within(kind: &str, name: &str) -> Value {
    json!({ "op": "in", "entity": { "type": kind, "id": name } })
}

/// A version's id. Neither name has a `/`: no two versions of any models share one.
fn key(model: &str, version: &str) -> String {
    format!("{model}/{version}")
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}
