//! Why a handshake failed, in words for operators. Must not know an endpoint beyond the name it should have.

use std::io;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error};

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
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("its certificate is not for {} (`tls.name`)", name.to_str())
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate, or one behind it, has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate, or one behind it, is not valid yet".to_owned()
        }
        other => format!("its certificate was refused: {other}"),
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
