//! Why a handshake failed, in words for operators. Must not know an endpoint beyond the name it should have.

use std::io;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error};

use crate::certificates::day_of;

/// What to tell of `error`, where a certificate for `name` was expected.
pub(super) fn of_handshake(error: &io::Error, name: &ServerName<'_>) -> String {
    let Some(cause) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return format!("no TLS handshake: {error}");
    };
    match cause {
        Error::InvalidCertificate(problem) => of_certificate(problem, name),
        Error::InvalidMessage(_) => "no TLS handshake: what answers does not speak TLS".to_owned(),
        Error::AlertReceived(alert) => format!("it refused the TLS handshake: {}", of_alert(*alert)),
        other => format!("no TLS handshake: {other}"),
    }
}

fn of_certificate(problem: &CertificateError, name: &ServerName<'_>) -> String {
    match problem {
        CertificateError::UnknownIssuer => {
            "its certificate was not issued by anybody who is trusted (`tls.ca`)".to_owned()
        }
        CertificateError::NotValidForName => format!("its certificate is not for {} (`tls.name`)", name.to_str()),
        CertificateError::NotValidForNameContext { presented, .. } => {
            format!("its certificate is not for {} (`tls.name`), but for {}", name.to_str(), names(presented))
        }
        CertificateError::Expired => "its certificate, or one behind it, has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("its certificate, or one behind it, has expired on {}", day_of(*not_after))
        }
        CertificateError::NotValidYet => "its certificate, or one behind it, is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("its certificate, or one behind it, is not valid yet: it begins on {}", day_of(*not_before))
        }
        other => format!("its certificate was refused: {other}"),
    }
}

/// The names in a certificate, as far as anybody reads them. They are another's words: without control characters.
fn names(presented: &[String]) -> String {
    const SHOWN: usize = 4;
    let clean = |name: &String| name.chars().take(100).flat_map(char::escape_debug).collect::<String>();
    match presented {
        [] => "no host at all".to_owned(),
        few if few.len() <= SHOWN => few.iter().map(clean).collect::<Vec<_>>().join(", "),
        many => format!("{}, …", many.iter().take(SHOWN).map(clean).collect::<Vec<_>>().join(", ")),
    }
}

fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "it asks for a certificate (`tls.cert`)".to_owned(),
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::UnknownCA => format!("it does not take the gateway's certificate ({alert:?})"),
        AlertDescription::NoApplicationProtocol => "it does not speak the version of HTTP that is needed".to_owned(),
        other => format!("{other:?}"),
    }
}
