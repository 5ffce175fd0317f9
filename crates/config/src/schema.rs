//! The table of keys as a JSON Schema (draft 2020-12), for editors. It says what one key can say; what two keys say
//! about each other only `load` knows.

use serde_json::{Map, Value, json};
use sluicegate_core::{Catalog, Field, Shape, UpstreamKind};

use crate::table::{BACKEND, INCLUDE, MODEL_KEY, REMOTE, ROOT, TENANT_KEY, VERSION_KEY};
use crate::{names, words};

const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$";
const TENANT: &str = "^[a-z0-9._-]{1,64}$";
const DURATION: &str = "^[0-9]+(\\.[0-9]+)? *(us|ms|s|m|h|d)$";
const SIZE: &str = "^[0-9]+(\\.[0-9]+)? *(B|kB|KB|MB|GB|KiB|MiB|GiB)?$";
const SHARE: &str = "^[0-9]+(\\.[0-9]{1,3})? *%$";
const RATE: &str = "^[0-9]{1,20} */ *(s|min|h|day)$";
const ADDRESS: &str = "^([0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$";
const NETWORK: &str = "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$";
const URL: &str = "^(http|grpc)s?://[^/?#@\\s]+(/[^?#\\s]*)?$";

/// The JSON Schema of the root file, its keys sorted; that of include files is its `$defs/include`.
#[must_use]
pub fn schema(catalog: &Catalog) -> Value {
    let mut root = object(&[ROOT], &[], catalog);
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!("Sluicegate configuration"));
    let mut include = object(&[INCLUDE], &[], catalog);
    include.insert("title".to_owned(), json!("Sluicegate include file"));
    root.insert("$defs".to_owned(), json!({ "include": include }));
    let mut schema = Value::Object(root);
    // Whether `serde_json` sorts keys by itself depends on what else is built with it.
    schema.sort_all_objects();
    schema
}

/// Keys of a backend of `kind`, in groups.
pub(crate) fn groups(kind: &UpstreamKind) -> Vec<&'static [Field]> {
    let remote: &[&'static [Field]] = if kind.remote { &[REMOTE] } else { &[] };
    [&[BACKEND], remote, &[kind.fields]].concat()
}

fn object(groups: &[&'static [Field]], fixed: &[(&str, &str)], catalog: &Catalog) -> Map<String, Value> {
    let fields = || groups.iter().copied().flatten().filter(|field| field.built);
    let mut properties = Map::new();
    for field in fields() {
        let fixed = fixed.iter().find(|(name, _)| *name == field.name);
        let value = match fixed {
            Some((_, value)) => described(field, json!({ "const": value })),
            None => described(field, shape(&field.shape, catalog)),
        };
        properties.insert(field.name.to_owned(), value);
    }
    let required: Vec<&str> = fields().filter(|field| field.required).map(|field| field.name).collect();
    let mut object = Map::new();
    // A mapping that needs nothing may be left empty, which YAML reads as null.
    object.insert("type".to_owned(), if required.is_empty() { json!(["object", "null"]) } else { json!("object") });
    object.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    object.insert("additionalProperties".to_owned(), json!(false));
    object
}

fn described(field: &Field, mut value: Value) -> Value {
    if let Value::Object(keys) = &mut value {
        keys.insert("description".to_owned(), json!(field.doc));
        if let Some(default) = field.default {
            let number = matches!(field.shape, Shape::Integer { .. }).then(|| default.parse::<u64>().ok()).flatten();
            let boolean = matches!(field.shape, Shape::Bool).then(|| default.parse::<bool>().ok()).flatten();
            let default = number.map(Value::from).or(boolean.map(Value::from)).unwrap_or_else(|| json!(default));
            keys.insert("default".to_owned(), default);
        }
    }
    value
}

fn shape(what: &Shape, catalog: &Catalog) -> Value {
    match what {
        // Text is taken as written, so that a bare number is text, too.
        Shape::Text => json!({ "type": ["string", "number"] }),
        Shape::Name => json!({ "type": ["string", "number"], "pattern": NAME }),
        Shape::Path => json!({ "type": "string", "minLength": 1 }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Duration { min_ms: 0, .. } => {
            json!({ "anyOf": [{ "type": "string", "pattern": DURATION }, { "const": 0 }] })
        }
        Shape::Duration { .. } => json!({ "type": "string", "pattern": DURATION }),
        Shape::Size { min, max } => {
            json!({ "type": ["string", "integer"], "pattern": SIZE, "minimum": min, "maximum": max })
        }
        Shape::Rate => json!({ "type": "string", "pattern": RATE }),
        Shape::Share { .. } => json!({ "type": "string", "pattern": SHARE }),
        Shape::Either(short, full) => json!({ "anyOf": [shape(short, catalog), shape(full, catalog)] }),
        Shape::Address => json!({ "type": "string", "pattern": ADDRESS }),
        Shape::Network => json!({ "type": "string", "pattern": NETWORK }),
        Shape::Url => json!({ "type": "string", "pattern": URL }),
        Shape::Choice(choices) => choice(choices),
        Shape::List(item) => json!({ "type": "array", "minItems": 1, "items": shape(item, catalog) }),
        Shape::Map { key, value } => {
            let names = match *key {
                MODEL_KEY => json!({ "minLength": 1, "maxLength": names::MODEL }),
                VERSION_KEY => json!({ "minLength": 1, "maxLength": names::VERSION }),
                TENANT_KEY => json!({ "pattern": TENANT }),
                _ => json!({ "pattern": NAME }),
            };
            json!({
                "type": ["object", "null"],
                "propertyNames": names,
                "additionalProperties": shape(value, catalog),
            })
        }
        Shape::Object(fields) => Value::Object(object(&[fields], &[], catalog)),
        Shape::OneOf(groups) => {
            let groups: Vec<Value> = groups.iter().map(|group| Value::Object(object(&[group], &[], catalog))).collect();
            json!({ "oneOf": groups })
        }
        Shape::Kind(_) => {
            let kinds: Vec<Value> = catalog.upstreams.iter().map(|kind| of_kind(kind, catalog)).collect();
            json!({ "oneOf": kinds })
        }
    }
}

fn of_kind(kind: &'static UpstreamKind, catalog: &Catalog) -> Value {
    let mut keys = object(&groups(kind), &[("protocol", kind.kind)], catalog);
    keys.insert("title".to_owned(), json!(kind.kind));
    keys.insert("description".to_owned(), json!(kind.doc));
    Value::Object(keys)
}

fn choice(choices: &'static [(&'static str, &'static str)]) -> Value {
    let mut options: Vec<Value> =
        words::built(choices).iter().map(|(word, doc)| json!({ "const": word, "description": doc })).collect();
    if words::built(choices).iter().any(|(word, _)| *word == "null") {
        // Written bare, YAML reads the word as its null.
        options.push(json!({ "const": null }));
    }
    json!({ "oneOf": options })
}
