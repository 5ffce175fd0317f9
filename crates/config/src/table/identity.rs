//! The keys below `identity`.

use sluicegate_core::{Field, Shape};

use super::backends::REMOTE_TLS;

/// The most issuers of tokens.
pub(crate) const MAX_ISSUERS: usize = 100;

/// Keys of `identity`.
pub(crate) const IDENTITY: &[Field] = &[
    Field::absent("api_key", Shape::Object(API_KEY), "About callers that bring one of this gateway's own keys."),
    Field::absent(
        "oidc",
        Shape::List(&Shape::Object(OIDC)),
        "Issuers (OpenID Connect) whose tokens callers may bring, in `authorization: Bearer`. Which of them a token is of it says \
         itself, in `iss`.",
    ),
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

/// Keys of an item of `identity.oidc`.
pub(crate) const OIDC: &[Field] = &[
    Field::required(
        "issuer",
        Shape::Text,
        "Its name, to the letter as it stands in `iss` of its tokens. Unless `jwks` is given it is the address below which it \
         describes itself (`/.well-known/openid-configuration`): `https://`, or `http://` on this machine alone.",
    ),
    Field::required(
        "audience",
        Shape::Either(&Shape::Text, &Shape::List(&Shape::Text)),
        "Whom tokens must be for (`aud`): the name that the issuer knows this gateway by, or a list of names of which one must \
         be there.",
    ),
    Field::absent(
        "name",
        Shape::Name,
        "What it is called in ids of principals: `oidc:NAME:SUBJECT`. Default: its host.",
    ),
    Field::absent(
        "algorithms",
        Shape::List(&Shape::Choice(ALGORITHMS)),
        "How its tokens may be signed, whatever they say. Default: RS256 and ES256.",
    ),
    Field::absent(
        "claims",
        Shape::Object(CLAIMS),
        "Where its tokens say what. A claim within others is written with dots between the names, such as `realm_access.roles`; \
         a dot within a name is written `\\.`.",
    ),
    Field::absent("tenant", Shape::Name, "The tenant of all its callers, in place of `claims.tenant`."),
    Field::optional(
        "leeway",
        Shape::Duration { min_ms: 0, max_ms: 600_000 },
        "60s",
        "How far its clock and this one may be apart.",
    ),
    Field::optional(
        "stale",
        Shape::Duration { min_ms: 60_000, max_ms: 2_592_000_000 },
        "24h",
        "How long its keys hold while it cannot be asked. They are fetched every 15 minutes, and when a token names one that is \
         not known.",
    ),
    Field::absent(
        "jwks",
        Shape::Path,
        "Where its keys are, where it does not describe itself or they are at another host: a URL, or a file.",
    ),
    Field::absent("tls", Shape::Object(REMOTE_TLS), "About TLS to it, where that is not as everywhere."),
];

/// Keys of `claims`.
pub(crate) const CLAIMS: &[Field] = &[
    Field::absent(
        "tenant",
        Shape::Text,
        "The tenant, by its name. What is no name, or none that is configured, is no tenant.",
    ),
    Field::optional("groups", Shape::Text, "groups", "The groups: a list of names."),
    Field::absent(
        "scopes",
        Shape::Text,
        "What it may be used for at most: operations, `run`, `read` or `manage`, as a list or with spaces between them. Other words \
         mean nothing here. Default: `run` and `read`.",
    ),
];

const ALGORITHMS: &[(&str, &str)] = &[
    ("RS256", "RSA with SHA-256"),
    ("RS384", "RSA with SHA-384"),
    ("RS512", "RSA with SHA-512"),
    ("PS256", "RSA-PSS with SHA-256"),
    ("PS384", "RSA-PSS with SHA-384"),
    ("PS512", "RSA-PSS with SHA-512"),
    ("ES256", "ECDSA over P-256"),
    ("ES384", "ECDSA over P-384"),
    ("EdDSA", "Ed25519"),
];

pub(super) const EXAMPLE: &str = "\
identity:
  api_key: { headers: [authorization, x-api-key] }
  oidc:
    - issuer: https://login.example.com/realms/ml
      audience: sluicegate
      claims: { tenant: org, groups: groups }
";
