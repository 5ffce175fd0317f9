//! The keys below `state`.

use sluicegate_core::{Field, Shape};

/// Keys of `state`.
pub(crate) const STATE: &[Field] = &[
    Field::required("store", Shape::Object(STORE), "Where keys of callers are kept."),
    Field::absent(
        "pepper",
        Shape::OneOf(&[PEPPER_FILE, PEPPER_ENV]),
        "The secret with which the digests of keys are made: 64 hexadecimal digits, such as `openssl rand -hex 32` gives. \
         Without it, kept apart from the store, a copy of the store is of no use to anybody. If it is not given, it is in \
         the file beside the store whose name ends in `.pepper`, which is made at the first use.",
    ),
    Field::later("shared"),
];

const STORE: &[Field] = &[
    Field::required(
        "sqlite",
        Shape::Path,
        "A file of SQLite, on a disk of this machine. It is made if it is not there, for its owner alone; whoever may \
         write to it may manage keys (`sluicegate keys`).",
    ),
    Field::later("postgres"),
];

const PEPPER_FILE: &[Field] = &[Field::required("file", Shape::Path, "The file that the pepper is in.")];

const PEPPER_ENV: &[Field] = &[Field::required("env", Shape::Name, "The environment variable that the pepper is in.")];

pub(super) const EXAMPLE: &str = "\
state:
  store: { sqlite: /var/lib/sluicegate/state.db }
  pepper: { file: /run/secrets/pepper }
";
