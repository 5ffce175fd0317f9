//! A certificate for the gateway, and clients that trust it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// Issues it into `folder`.
pub(super) fn connector(folder: &Path) -> Result<TlsConnector> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    fs::write(folder.join("server.pem"), made.cert.pem()).context("the certificate")?;
    fs::write(folder.join("server.key"), made.signing_key.serialize_pem()).context("its key")?;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone())?;
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots);
    Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}
