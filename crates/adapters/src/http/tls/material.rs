//! From PEM to what a TLS client needs. Must not know an endpoint.

use std::sync::{Arc, LazyLock};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, Error, RootCertStore};
use sluicegate_core::{BuildError, Pem, Span, TlsIdentity};

/// The system's roots, read once.
static SYSTEM: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| Arc::new(system_roots()));

/// A client of this identity, TLS 1.3 and 1.2, without ALPN.
pub(super) fn client(identity: &TlsIdentity) -> Result<ClientConfig, BuildError> {
    let roots = match &identity.roots {
        Some(pem) => Arc::new(roots(pem)?),
        None => Arc::clone(&SYSTEM),
    };
    // The provider is named: what the process would choose by itself depends on what else is linked.
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|_| wrong(&identity.span, "this build has no TLS"))?
        .with_root_certificates(roots);
    let Some(own) = &identity.own else { return Ok(builder.with_no_client_auth()) };
    let (chain, key) = (certificates(&own.certificate)?, private_key(&own.key)?);
    builder.with_client_auth_cert(chain, key).map_err(|error| match error {
        Error::InconsistentKeys(_) => wrong(&own.key.span, "the key does not belong to the certificate"),
        Error::InvalidCertificate(_) => wrong(&own.certificate.span, "the certificate cannot be understood"),
        _ => wrong(&own.key.span, "the key is of a kind that cannot be used: take RSA, ECDSA or Ed25519"),
    })
}

/// A client that trusts nobody.
pub(super) fn distrusting() -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn roots(pem: &Pem) -> Result<RootCertStore, BuildError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        // None is left out in silence: what it was to vouch for would fail with other words.
        roots.add(certificate).map_err(|_| wrong(&pem.span, "one of the certificates cannot be a root"))?;
    }
    Ok(roots)
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem.bytes)
        .collect::<Result<_, _>>()
        .map_err(|_| wrong(&pem.span, "the file of the certificate is broken: it is no PEM"))?;
    if certificates.is_empty() {
        return Err(wrong(&pem.span, "the file holds no certificate in PEM"));
    }
    Ok(certificates)
}

fn private_key(pem: &Pem) -> Result<PrivateKeyDer<'static>, BuildError> {
    // The library's own words could repeat a line of the file.
    PrivateKeyDer::from_pem_slice(&pem.bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => wrong(&pem.span, "the file holds no private key in PEM, or one that is encrypted"),
        _ => wrong(&pem.span, "the file of the key is broken: it is no PEM"),
    })
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        tracing::warn!("the system has no roots to trust: those of Mozilla, as of this build, are taken");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn wrong(span: &Span, message: &str) -> BuildError {
    BuildError { span: span.clone(), message: message.to_owned() }
}
