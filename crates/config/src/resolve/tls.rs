//! Certificates and keys of listeners and backends: their files read, the pairs made, the identity of a backend's
//! endpoints told by one digest. It must not know what a certificate is.

use std::net::IpAddr;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use sluicegate_core::{KeyPair, Node, Span, TlsIdentity};

use super::files::Files;
use crate::mistakes::Mistakes;
use crate::reading::key_span;
use crate::url;

/// The pair of the mapping `tls` that stands in `file`, where both files can be read.
pub(super) fn pair(file: &str, tls: &Node, files: &mut Files<'_>, mistakes: &mut Mistakes) -> Option<KeyPair> {
    // Both are read, so that both are reported.
    let certificate = tls.get("cert").and_then(|node| files.pem(file, node, "certificate", mistakes));
    let key = tls.get("key").and_then(|node| files.pem(file, node, "key", mistakes));
    Some(KeyPair { certificate: certificate?, key: key? })
}

/// The identity of a backend's endpoints; `tls` is the backend's key of that name, where it has one.
pub(super) fn identity(
    file: &str,
    tls: Option<&Node>,
    at: &Span,
    files: &mut Files<'_>,
    mistakes: &mut Mistakes,
) -> Option<Arc<TlsIdentity>> {
    let Some(tls) = tls else { return Some(Arc::new(of_parts(None, None, None, at))) };
    for (one, other) in [("cert", "key"), ("key", "cert")] {
        if let (Some(span), None) = (key_span(tls, one), key_span(tls, other)) {
            mistakes.helped(span, format!("`{one}` is given without `{other}`"), format!("write `{other}: FILE`"));
        }
    }
    let name = tls.get("name").and_then(|node| Some((node, node.text()?)));
    if let Some((node, text)) = name
        && text.parse::<IpAddr>().is_err()
        && !url::is_name(text)
    {
        mistakes.helped(&node.span, "`name` is no name of a server", "write a host name or an address, without a port");
    }
    let roots = tls.get("ca").map(|node| files.pem(file, node, "trusted roots", mistakes));
    let own = tls.get("cert").or(tls.get("key")).map(|_| pair(file, tls, files, mistakes));
    // What was given but cannot be had was reported; it must not become what is not given.
    if matches!(roots, Some(None)) || matches!(own, Some(None)) {
        return None;
    }
    Some(Arc::new(of_parts(roots.flatten(), name.map(|(_, text)| text.into()), own.flatten(), at)))
}

fn of_parts(
    roots: Option<sluicegate_core::Pem>,
    name: Option<Arc<str>>,
    own: Option<KeyPair>,
    at: &Span,
) -> TlsIdentity {
    let mut hash = Sha256::new();
    // Each part says whether it is there, so that none can be taken for another.
    let mut part = |text: Option<&str>| {
        hash.update(text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
        hash.update(text.unwrap_or_default());
    };
    part(roots.as_ref().map(|pem| &*pem.digest));
    part(name.as_deref());
    part(own.as_ref().map(|pair| &*pair.certificate.digest));
    part(own.as_ref().map(|pair| &*pair.key.digest));
    let digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
    TlsIdentity { digest, roots, name, own, span: at.clone() }
}
