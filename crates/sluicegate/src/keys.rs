//! Where the keys of callers are: the vault that a configuration names, for the gateway and for the command line alike.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use sluicegate_adapters::identity::api_key::{self, PepperSource, Vault};
use sluicegate_adapters::store::sqlite::Sqlite;
use sluicegate_config::{Pepper, State};
use sluicegate_core::Mistake;

/// Opens the vault of `state`; what is not there yet is made.
///
/// # Errors
/// It cannot be had: with the reason and what to do, at the place of the configuration that names it.
pub(crate) async fn open(state: &State) -> Result<Vault, Mistake> {
    let wrong = |why: String| Mistake::at(&state.span, why);
    let path = PathBuf::from(&*state.sqlite);
    // What is told is read by many, and this is for nobody.
    let itself = |text: &str| api_key::Pepper::parse(text.rsplit('/').next().unwrap_or(text)).is_ok();
    if matches!(&state.pepper, Pepper::Env(text) | Pepper::File(text) if itself(text)) {
        return Err(wrong(
            "`pepper` says where the pepper is, and here it is itself: make another, and name its place".to_owned(),
        ));
    }
    let source = match &state.pepper {
        Pepper::Beside => {
            let mut name = OsString::from(&path);
            name.push(".pepper");
            PepperSource::Beside(name.into())
        }
        Pepper::File(path) => PepperSource::File(PathBuf::from(&**path)),
        Pepper::Env(name) => match std::env::var(&**name) {
            Ok(text) => PepperSource::Text(text.into()),
            Err(_) => return Err(wrong(format!("the pepper of the keys: there is no environment variable `{name}`"))),
        },
    };
    let store = Sqlite::open(path).await.map_err(|error| wrong(error.to_string()))?;
    Vault::open(Arc::new(store), source).await.map_err(|error| wrong(error.to_string()))
}
