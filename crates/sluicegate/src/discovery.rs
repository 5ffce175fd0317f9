//! Where endpoints are found: names by the adapter that looks them up, lists in files here.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::sync::Arc;

use sluicegate_adapters::discovery::Names;
use sluicegate_core::{BoxFuture, Discover, EndpointSource, Found, Lookup, Source};

/// The largest file of endpoints, in bytes.
const MAX_LIST: u64 = 1 << 20;

/// Names and files.
#[derive(Debug, Default)]
pub(crate) struct Everywhere {
    names: Names,
}

impl Discover for Everywhere {
    fn find<'a>(&'a self, source: &'a EndpointSource) -> BoxFuture<'a, Result<Found, String>> {
        match &source.lookup {
            Lookup::File { path } => Box::pin(listed(Arc::clone(path), source.clone())),
            Lookup::Dns { .. } | Lookup::Srv { .. } => self.names.find(source),
        }
    }
}

/// What the file `path` lists.
async fn listed(path: Arc<str>, source: EndpointSource) -> Result<Found, String> {
    let reading = tokio::task::spawn_blocking(move || {
        let text = read(&path)?.ok_or("there is no such file")?;
        let file = Source { path, text: text.into() };
        sluicegate_config::endpoints(&file, &source).map_err(|mistakes| match mistakes.as_slice() {
            [only] => only.to_string(),
            [first, others @ ..] => format!("{first}; and {} more", others.len()),
            [] => "it cannot be read".to_owned(),
        })
    });
    let endpoints = reading.await.map_err(|error| format!("reading it failed: {error}"))??;
    Ok(Found { endpoints, ..Found::default() })
}

/// The text of a file of endpoints; `None` where there is none.
pub(crate) fn read(path: &str) -> Result<Option<String>, String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut bytes = Vec::new();
    file.by_ref().take(MAX_LIST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_LIST) {
        return Err("it is larger than 1 MiB".to_owned());
    }
    String::from_utf8(bytes).map(Some).map_err(|_| "it is not UTF-8 text".to_owned())
}
