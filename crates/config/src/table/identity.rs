//! The keys below `identity`.

use sluicegate_core::{Field, Shape};

/// Keys of `identity`.
pub(crate) const IDENTITY: &[Field] = &[
    Field::absent("api_key", Shape::Object(API_KEY), "About callers that bring one of this gateway's own keys."),
    Field::later("oidc"),
    Field::later("mtls"),
];

/// Keys of `identity.api_key`.
const API_KEY: &[Field] = &[Field::absent(
    "headers",
    Shape::List(&Shape::Choice(&[
        ("authorization", "`authorization: Bearer KEY`, as clients of OpenAI's API write it"),
        ("x-api-key", "`x-api-key: KEY`, as clients of Anthropic's API write it"),
        ("api-key", "`api-key: KEY`, as clients of Azure's API write it"),
    ])),
    "The headers in which a key is looked for. Default: all three.",
)];

pub(super) const EXAMPLE: &str = "identity: { api_key: { headers: [authorization, x-api-key] } }\n";
