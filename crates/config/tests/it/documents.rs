//! Schema and documentation: every key of this build, none of a later one, and nothing that the checks see otherwise.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value, json};
use sluicegate_config::{Sources, load, markdown, schema};
use sluicegate_core::Source;

use crate::target::{CATALOG, Disk};

/// Keys and words of the design that this build does not have.
const LATER: &[&str] = &[
    "client_ca",
    "tokens",
    "timezone",
    "members",
    "floor",
    "unit",
    "canary",
    "match",
    "shadow",
    "fallback",
    "price",
    "telemetry",
    "audit",
    "credential",
    "kubernetes",
    "mtls",
    "postgres",
    "shared",
    "oip-grpc",
    "openai",
    "tfserving-rest",
    "rollout",
    "registry",
    "cache",
    "always",
];

/// Keys and words that it has.
const BUILT: &[&str] = &[
    "version",
    "config",
    "include",
    "listeners",
    "admin",
    "shutdown",
    "defaults",
    "backends",
    "models",
    "identity",
    "api_key",
    "oidc",
    "issuer",
    "audience",
    "jwks",
    "headers",
    "state",
    "store",
    "sqlite",
    "pepper",
    "tenants",
    "description",
    "access",
    "policy",
    "allow",
    "deny",
    "group",
    "principal",
    "operations",
    "owner",
    "address",
    "authenticate",
    "management",
    "limits",
    "limit_per_ip",
    "hosts",
    "expose",
    "requests",
    "burst",
    "concurrency",
    "for",
    "per",
    "group",
    "head",
    "headers",
    "body",
    "head_timeout",
    "handshake_timeout",
    "handshakes",
    "tls",
    "cert",
    "key",
    "ca",
    "body_timeout",
    "idle_timeout",
    "connections",
    "per_address",
    "body_min_rate",
    "streams",
    "delay",
    "grace",
    "replace_timeout",
    "timeout",
    "non_finite",
    "protocol",
    "endpoints",
    "timeouts",
    "connect",
    "backend",
    "source",
    "model",
    "versions",
    "traffic",
    "stable",
    "stream",
    "idle",
    "total",
    "threads",
    "library",
    "warm",
    "binary",
    "stream",
    "idle",
    "total",
    "exposure",
    "trusted_proxies",
    "proxy_protocol",
    "priority",
    "url",
    "weight",
    "balance",
    "hash",
    "health",
    "interval",
    "failures",
    "successes",
    "eject",
    "most",
    "panic",
    "slow_start",
    "first_byte",
    "retry",
    "attempts",
    "budget",
    "when",
    "hedge",
    "percentile",
    "after",
    "concurrency",
    "limit",
    "queue",
    "wait",
];

#[test]
fn the_page_has_what_is_built_and_nothing_else() {
    let (_, page) = documents();
    for key in BUILT {
        let cell = |line: &str| {
            line.starts_with("| `") && line.split('`').nth(1).is_some_and(|path| path.rsplit('.').next() == Some(key))
        };
        let heading = format!("## `{key}`");
        assert!(page.lines().any(|line| cell(line) || line == heading), "{key} is not documented");
    }
    for key in LATER {
        assert!(!page.contains(&format!("`{key}`")) && !page.contains(&format!(".{key}`")), "{key} is documented");
    }
    for word in
        ["`anonymous`", "`api_key`", "`token`", "`null`", "`reject`", "`files`", "`auto`", "### `protocol: embedded`"]
    {
        assert!(page.contains(word), "{word}");
    }
    assert_document("markdown", &page);
}

#[test]
fn the_schema_has_what_is_built_and_nothing_else() {
    let (schema, _) = documents();
    let mut keys = Vec::new();
    let mut words = Vec::new();
    collect(&schema, &mut keys, &mut words);
    for key in BUILT {
        assert!(keys.contains(&(*key).to_owned()), "{key} is not in the schema");
    }
    for key in LATER {
        assert!(!keys.contains(&(*key).to_owned()) && !words.contains(&(*key).to_owned()), "{key} is in the schema");
    }
    assert_document("schema", &serde_json::to_string_pretty(&schema).unwrap());
}

/// Every object of the schema is closed, and everything it names is described.
#[test]
fn the_schema_is_closed_and_described() {
    fn walk(value: &Value) {
        if let Some(properties) = value.get("properties") {
            assert_eq!(value["additionalProperties"], json!(false), "{value}");
            for (name, property) in properties.as_object().unwrap() {
                assert!(property["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
            }
        }
        match value {
            Value::Object(keys) => keys.values().for_each(walk),
            Value::Array(items) => items.iter().for_each(walk),
            _ => {}
        }
    }
    let (schema, _) = documents();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    walk(&schema);
}

/// The page's examples, put together, are one configuration that loads and fits the schema.
#[test]
fn the_examples_load_and_fit_the_schema() {
    let (schema, page) = documents();
    let (main, include) = page.split_once("## Include files").unwrap();
    let blocks = |text: &str| {
        let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
        // Examples of kinds stand below `backends:` and are not whole.
        blocks.filter(|block| !block.starts_with("local:") && !block.starts_with("mlserver:")).collect::<String>()
    };
    let source = |path: &str, text: String| Source { path: path.into(), text: text.into() };
    let include = blocks(include).replace("fraud", "included");
    let sources = Sources { root: source("g.yaml", blocks(main)), includes: vec![source("t.yaml", include)] };
    let resolved = load(&sources, &CATALOG, &mut Disk).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    assert_eq!(resolved.models.len(), 5);
    assert!(resolved.warnings.is_empty());
    let root = json_of(&sources.root);
    assert_eq!(fits(&root, &schema), Ok(()));
    assert_eq!(fits(&json_of(&sources.includes[0]), &schema["$defs"]["include"]), Ok(()));
    // The light check can say no.
    let mut wrong = root.clone();
    wrong["listeners"]["main"]["adress"] = json!("127.0.0.1:1");
    assert!(fits(&wrong, &schema).is_err());
    let mut wrong = root;
    wrong["backends"]["local"]["endpoints"] = json!(["http://a"]);
    assert!(fits(&wrong, &schema).is_err());
}

/// What the checks accept in the cases, the schema accepts.
#[test]
fn what_loads_fits_the_schema() {
    let (schema, _) = documents();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases");
    let mut tried = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // Quoted numbers are text to YAML, and only here numbers.
        if (name.starts_with("good-") && name != "good-quotes-and-blocks.yaml") || name.starts_with("warn-") {
            let sources = crate::target::split(&std::fs::read_to_string(&path).unwrap());
            assert_eq!(fits(&json_of(&sources.root), &schema), Ok(()), "{name}");
            tried += 1;
        }
    }
    assert!(tried >= 5);
}

/// Every default of the table fits its own shape, as the checks see it.
#[test]
fn the_defaults_written_out_load() {
    let text = "version: 1\nlisteners:\n  main:\n    address: 127.0.0.1:8080\n    authenticate: [anonymous]\n    limits: \
                { headers: 64, body: 64MiB, head_timeout: 10s, body_timeout: 60s, idle_timeout: 75s, \
                connections: 10000, body_min_rate: 1KiB }\nadmin: { address: 127.0.0.1:9901 }\nshutdown: { delay: 0s, grace: 30s, replace_timeout: 60s }\n\
                defaults: { timeout: 10s, non_finite: token }\n";
    let short = "version: 1\nlisteners: { main: { address: 127.0.0.1:8080, authenticate: [anonymous] } }\n";
    let read = |text: &str| {
        let root = Source { path: "g.yaml".into(), text: text.into() };
        load(&Sources { root, includes: Vec::new() }, &CATALOG, &mut Disk).unwrap()
    };
    let (long, short) = (read(text), read(short));
    assert_eq!(long.listeners[0].limits, short.listeners[0].limits);
    assert_eq!(long.listeners[0].limits, sluicegate_config::Limits::default());
    assert_eq!(long.admin.address, short.admin.address);
    assert_eq!((long.delay, long.grace), (short.delay, short.grace));
    assert_eq!(long.replace_timeout, short.replace_timeout);
    assert!(short.listeners[0].limits.head > 0 && short.listeners[0].limits.connections > 0 && !short.grace.is_zero());
}

fn documents() -> (Value, String) {
    (schema(&CATALOG), markdown(&CATALOG))
}

fn assert_document(name: &str, text: &str) {
    let path = "documents";
    insta::with_settings!({ snapshot_path => path, omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, text);
    });
}

fn collect(value: &Value, keys: &mut Vec<String>, words: &mut Vec<String>) {
    if let Some(Value::Object(properties)) = value.get("properties") {
        keys.extend(properties.keys().cloned());
    }
    words.extend(value.get("const").and_then(Value::as_str).map(str::to_owned));
    match value {
        Value::Object(inner) => inner.values().for_each(|value| collect(value, keys, words)),
        Value::Array(inner) => inner.iter().for_each(|value| collect(value, keys, words)),
        _ => {}
    }
}

/// A file as an editor sees it: read without this crate's own reader.
fn json_of(source: &Source) -> Value {
    let mut events = Vec::new();
    let mut parser = Parser::new_from_str(&source.text);
    while let Some(event) = parser.next_event() {
        events.push(event.unwrap().0);
    }
    events.retain(|event| {
        !matches!(
            event,
            Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing
        )
    });
    let mut anchors = BTreeMap::new();
    value_of(&mut events.into_iter(), &mut anchors)
}

fn value_of<'a>(events: &mut impl Iterator<Item = Event<'a>>, anchors: &mut BTreeMap<usize, Value>) -> Value {
    let mut all = Vec::new();
    let (anchor, value) = match events.next().unwrap() {
        Event::Alias(anchor) => return anchors[&anchor].clone(),
        Event::Scalar(text, ScalarStyle::Plain, anchor, _) => {
            let number = text.parse::<u64>().ok().map(Value::from);
            let null = matches!(&*text, "" | "~" | "null").then_some(Value::Null);
            (anchor, number.or(null).unwrap_or_else(|| Value::from(text.into_owned())))
        }
        Event::Scalar(text, _, anchor, _) => (anchor, Value::from(text.into_owned())),
        Event::SequenceStart(anchor, _) => loop {
            match value_of(events, anchors) {
                end if is_end(&end) => break (anchor, Value::Array(all)),
                value => all.push(value),
            }
        },
        Event::MappingStart(anchor, _) => loop {
            match value_of(events, anchors) {
                end if is_end(&end) => {
                    let pairs = all.chunks(2).map(|pair| (key_of(&pair[0]), pair[1].clone()));
                    break (anchor, Value::Object(pairs.collect::<Map<_, _>>()));
                }
                value => all.push(value),
            }
        },
        _ => (0, json!({ "$end": true })),
    };
    anchors.insert(anchor, value.clone());
    value
}

fn is_end(value: &Value) -> bool {
    value.get("$end").is_some()
}

fn key_of(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}

/// As much of JSON Schema as the schema uses, less patterns.
fn fits(value: &Value, schema: &Value) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{what}: {value}"));
    if let Some(expected) = schema.get("const") {
        return if value == expected { Ok(()) } else { wrong("const") };
    }
    for one in ["oneOf", "anyOf"] {
        if let Some(Value::Array(options)) = schema.get(one) {
            let fitting = options.iter().filter(|option| fits(value, option).is_ok()).count();
            return if fitting == 1 { Ok(()) } else { wrong(one) };
        }
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is = |expected: &Value| expected == kind || (expected == "integer" && value.is_u64());
    let allowed = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(is),
        one => is(one),
    };
    if !allowed {
        return wrong("type");
    }
    if let Some(number) = value.as_u64() {
        let within = |key: &str, holds: fn(u64, u64) -> bool| {
            schema.get(key).and_then(Value::as_u64).is_none_or(|bound| holds(number, bound))
        };
        if !within("minimum", |number, bound| number >= bound) || !within("maximum", |number, bound| number <= bound) {
            return wrong("bounds");
        }
    }
    if let Some(items) = value.as_array() {
        if items.is_empty() {
            return wrong("minItems");
        }
        items.iter().try_for_each(|item| fits(item, &schema["items"]))?;
    }
    if let Some(object) = value.as_object() {
        for key in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if !object.contains_key(key.as_str().unwrap()) {
                return wrong("required");
            }
        }
        for (key, value) in object {
            match schema.get("properties").and_then(|properties| properties.get(key)) {
                Some(property) => fits(value, property)?,
                None if schema["additionalProperties"] == json!(false) => return wrong(key),
                None => fits(value, &schema["additionalProperties"])?,
            }
        }
    }
    Ok(())
}
