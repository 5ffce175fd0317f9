//! The keys of an issuer, over HTTP: by its description (OpenID Connect Discovery), or from where the configuration says. No
//! redirect is followed, nothing is asked of another host than the configured one, and no answer is read that is too large. It
//! must not know when keys are needed, nor what is in them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderValue, Method, StatusCode, Uri};
use serde_json::Value;
use sluicegate_core::{Body, Clock, Deadline, Endpoint, Fields, KeySource};

use super::strict;
use crate::http::{Client, Patience, request};

/// Where an issuer describes itself, below its own address.
const DESCRIPTION: &str = "/.well-known/openid-configuration";

/// The largest answer that is read.
const LARGEST: u64 = 1 << 20;

/// Time for a connection, and for each answer.
const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(10);

/// Asks issuers.
pub(super) struct Fetcher {
    pub(super) client: Client,
    pub(super) clock: Arc<dyn Clock>,
}

impl Fetcher {
    /// The keys at `source`, as they are written there.
    ///
    /// # Errors
    /// Why they cannot be had.
    pub(super) async fn keys(&self, issuer: &str, source: &KeySource) -> Result<Bytes, String> {
        match source {
            KeySource::File(file) => Ok(Bytes::copy_from_slice(&file.bytes)),
            KeySource::Url(endpoint, path) => self.get(endpoint, path).await.map_err(|why| format!("the keys: {why}")),
            KeySource::Discovery(endpoint) => {
                let described = self.get(endpoint, &format!("{}{DESCRIPTION}", endpoint.prefix)).await;
                let described = described.map_err(|why| format!("the issuer's description: {why}"))?;
                let path = keys_path(&described, issuer, endpoint)?;
                self.get(endpoint, &path).await.map_err(|why| format!("the keys: {why}"))
            }
        }
    }

    async fn get(&self, endpoint: &Endpoint, path: &str) -> Result<Bytes, String> {
        let origin = self.client.origin(endpoint).map_err(|error| error.to_string())?;
        let target =
            Uri::try_from(if path.is_empty() { "/" } else { path }).map_err(|_| "its path is none".to_owned())?;
        let mut headers = Fields::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let deadline = Deadline(self.clock.now() + ANSWER);
        let patience = Patience { connect: CONNECT, deadline };
        let asked = self.client.send(&origin, request((Method::GET, target), headers, Body::Empty), patience);
        let answer = asked.await.map_err(|error| error.to_string())?;
        if answer.status != StatusCode::OK {
            return Err(format!("it was answered with status {} (redirects are not followed)", answer.status.as_u16()));
        }
        answer.body.collect(LARGEST).await.map_err(|error| error.to_string())
    }
}

/// Where the keys are of the issuer that describes itself so, as a path of its own endpoint.
fn keys_path(described: &[u8], issuer: &str, endpoint: &Endpoint) -> Result<String, String> {
    let described = strict::read(described).map_err(|error| format!("the issuer's description is no JSON: {error}"))?;
    let text = |name: &str| described.get(name).and_then(Value::as_str);
    if text("issuer") != Some(issuer) {
        let words =
            "the issuer's description is of another issuer: write `issuer` as it stands there, if that is meant";
        return Err(words.to_owned());
    }
    let there = text("jwks_uri").and_then(|uri| uri.parse::<Uri>().ok());
    let there = there.ok_or("the issuer's description does not say where its keys are (`jwks_uri`)")?;
    let (scheme, implied) = if endpoint.tls.is_some() { ("https", 443) } else { ("http", 80) };
    let authority = there.authority().filter(|authority| !authority.as_str().contains('@'));
    let named = authority.map(|it| format!("{}:{}", it.host().to_ascii_lowercase(), it.port_u16().unwrap_or(implied)));
    if there.scheme_str() != Some(scheme) || named.as_deref() != Some(&*endpoint.authority) {
        return Err(
            "the issuer's keys are at another host than itself: write `jwks: URL`, if that one is trusted".to_owned()
        );
    }
    there.path_and_query().map(|path| path.as_str().to_owned()).ok_or_else(|| "`jwks_uri` has no path".to_owned())
}
