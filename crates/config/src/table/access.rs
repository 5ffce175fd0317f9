//! The keys of `tenants`, and of the rules in a model's `access`.

use sluicegate_core::{Field, Shape};

/// Keys of a tenant.
pub(crate) const TENANT: &[Field] = &[
    Field::absent("description", Shape::Text, "What it is, for people."),
    Field::later("members"),
    Field::later("priority"),
    Field::later("weight"),
];

/// A model's `access`.
pub(super) const ACCESS: Shape = Shape::List(&Shape::OneOf(&[ALLOW, DENY]));

/// Somebody: the short form is `everyone` or a tenant.
const WHO: Shape = Shape::Either(
    &Shape::Text,
    &Shape::OneOf(&[
        &[Field::required("group", Shape::Text, "Those in a group.")],
        &[Field::required("principal", Shape::Text, "One caller: `key:NAME`, `oidc:ISSUER:SUBJECT` or `anonymous`.")],
    ]),
);

const ALLOW: &[Field] = &[
    Field::required(
        "allow",
        WHO,
        "Who may: `everyone` (every caller that is identified), the name of a tenant, `{ group: NAME }`, or \
         `{ principal: key:NAME }`.",
    ),
    VERSIONS,
    OPERATIONS,
];

const DENY: &[Field] = &[
    Field::required("deny", WHO, "In place of `allow`: who may not, whatever other rules allow."),
    VERSIONS,
    OPERATIONS,
];

const VERSIONS: Field = Field::absent(
    "versions",
    Shape::List(&Shape::Text),
    "The versions that the rule is about. Default: all, also those to come.",
);

const OPERATIONS: Field = Field::absent(
    "operations",
    Shape::List(&Shape::Choice(WORDS)),
    "What the rule is about. Default: everything but `manage`.",
);

/// The words of [`sluicegate_core::OperationSet::named`] for what is asked of models.
const WORDS: &[(&str, &str)] = &[
    ("run", "whatever runs the model"),
    ("read", "whatever asks about the model"),
    ("manage", "change what its servers have loaded; the listener must have `management: allow`"),
    ("infer", "run it once"),
    ("stream_infer", "run it any number of times in one stream"),
    ("generate", "run it by values, with one answer"),
    ("generate_stream", "the same with several answers"),
    ("chat", "a conversation"),
    ("complete", "a text that goes on"),
    ("respond", "an answer with tools and memory"),
    ("embed", "vectors of texts"),
    ("metadata", "its description"),
    ("ready", "whether it can answer"),
    ("config", "its configuration"),
    ("statistics", "its counters"),
    ("index", "see it in the list of models with their states"),
    ("names", "see it in lists of names"),
];

pub(super) const EXAMPLE: &str = "\
tenants:
  risk: { description: \"Credit risk, scoring and its tests\" }
  team-b: {}
";

#[cfg(test)]
mod tests {
    use sluicegate_core::{Operation, OperationSet};

    use super::WORDS;

    #[test]
    fn every_operation_on_models_has_a_word_and_every_word_an_operation() {
        use Operation::{Reflect, ServerLive, ServerMetadata, ServerReady};
        let of_the_gateway = [ServerLive, ServerReady, ServerMetadata, Reflect];
        let words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
        for operation in Operation::ALL {
            assert_eq!(words.contains(&operation.as_str()), !of_the_gateway.contains(&operation), "{operation:?}");
        }
        for word in words {
            let set = OperationSet::named(word).unwrap();
            assert!(of_the_gateway.iter().all(|operation| !set.contains(*operation)), "{word}");
        }
    }
}
