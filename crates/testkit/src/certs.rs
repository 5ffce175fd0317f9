//! Certificates for tests, made afresh each time: an authority, and what it issues. Must not know who shows them.

use std::sync::Arc;
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair as Key, SanType,
    date_time_ymd,
};
use sluicegate_core::{KeyPair, Pem, Span};

/// One who issues certificates.
pub struct Authority {
    issuer: Issuer<'static, Key>,
    pem: String,
}

/// A name as it stands in a certificate, also where it should not.
#[derive(Clone, Copy, Debug)]
pub enum San<'a> {
    /// Of a host.
    Dns(&'a str),
    /// Of a resource.
    Uri(&'a str),
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl Authority {
    /// A new authority.
    ///
    /// # Panics
    /// The name cannot stand in a certificate.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = params(&[], name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = Key::generate().unwrap_or_else(|error| panic!("a key: {error}"));
        let pem = params.self_signed(&key).unwrap_or_else(|error| panic!("a certificate: {error}")).pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its own certificate in PEM, to be trusted.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for `names` (host names and addresses), to be shown by servers and clients alike.
    ///
    /// # Panics
    /// A name cannot stand in a certificate.
    #[must_use]
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.sign(&params(names, names.first().copied().unwrap_or("nobody")))
    }

    /// The same, valid from the first day of one year to the first day of another.
    ///
    /// # Panics
    /// As [`Authority::issue`].
    #[must_use]
    pub fn issue_between(&self, names: &[&str], from: i32, to: i32) -> Issued {
        let mut params = params(names, names.first().copied().unwrap_or("nobody"));
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        self.sign(&params)
    }

    /// The same, valid until `end`.
    ///
    /// # Panics
    /// As [`Authority::issue`].
    #[must_use]
    pub fn issue_until(&self, names: &[&str], end: SystemTime) -> Issued {
        let mut params = params(names, names.first().copied().unwrap_or("nobody"));
        params.not_after = end.into();
        self.sign(&params)
    }

    /// A certificate for `names` of any kind, its common name `common`.
    ///
    /// # Panics
    /// As [`Authority::issue`].
    #[must_use]
    pub fn issue_named(&self, names: &[San<'_>], common: &str) -> Issued {
        let mut params = params(&[], common);
        params.subject_alt_names = names
            .iter()
            .map(|name| match name {
                San::Dns(name) => {
                    SanType::DnsName((*name).try_into().unwrap_or_else(|error| panic!("letters of ASCII: {error}")))
                }
                San::Uri(name) => {
                    SanType::URI((*name).try_into().unwrap_or_else(|error| panic!("letters of ASCII: {error}")))
                }
            })
            .collect();
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Issued {
        let key = Key::generate().unwrap_or_else(|error| panic!("a key: {error}"));
        let certificate =
            params.signed_by(&key, &self.issuer).unwrap_or_else(|error| panic!("a certificate: {error}")).pem();
        Issued { certificate, key: key.serialize_pem() }
    }
}

impl Issued {
    /// As the configuration hands it on.
    #[must_use]
    pub fn pair(&self) -> KeyPair {
        KeyPair { certificate: pem(&self.certificate), key: pem(&self.key) }
    }
}

/// A file's content as the configuration hands it on.
#[must_use]
pub fn pem(text: &str) -> Pem {
    let span = Span { file: Arc::from("test"), line: 1, column: 1 };
    // In place of a hash: equal where the content is, and only there.
    Pem { path: Arc::from("test.pem"), bytes: Arc::from(text.as_bytes()), digest: Arc::from(text), span }
}

fn params(names: &[&str], common: &str) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params =
        CertificateParams::new(names).unwrap_or_else(|error| panic!("names that can stand in a certificate: {error}"));
    params.distinguished_name.push(DnType::CommonName, common);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}
