//! When certificates end, and how long before that somebody should hear of it. It must not know who shows them.

use std::time::{Duration, SystemTime};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use sluicegate_core::{Finding, Level, Pem};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

const DAY: Duration = Duration::from_secs(86_400);

/// The time that is left from which on a level is reached, worst first.
const ALARMS: [(Duration, Level); 3] =
    [(DAY, Level::Broken), (DAY.saturating_mul(7), Level::Urgent), (DAY.saturating_mul(30), Level::Warning)];

/// A certificate's name and end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// Whose it is: its subject.
    pub subject: String,
    /// The last moment at which it is valid.
    pub ends: SystemTime,
}

/// Of the certificates in a file, the one that ends first; `None` where none can be understood.
#[must_use]
pub fn first_to_end(file: &Pem) -> Option<Life> {
    let certificates = CertificateDer::pem_slice_iter(&file.bytes).filter_map(Result::ok);
    certificates.filter_map(|certificate| life(&certificate)).min_by_key(|life| life.ends)
}

/// The name and the end of one.
pub(crate) fn life(certificate: &CertificateDer<'_>) -> Option<Life> {
    let read = read(certificate)?;
    let ends = end(&read);
    // Nobody's own words reach a terminal as they are.
    let subject = read.subject().to_string().chars().flat_map(char::escape_debug).take(128).collect();
    Some(Life { subject, ends: SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(ends))? })
}

/// The end alone, in seconds since 1970.
pub(crate) fn ends(certificate: &CertificateDer<'_>) -> Option<u64> {
    read(certificate).as_ref().map(end)
}

fn read<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(certificate).ok().map(|(_, read)| read)
}

fn end(certificate: &X509Certificate<'_>) -> u64 {
    u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0)
}

/// What to tell of a certificate that ends soon, or has ended; `None` while there is time. `whose` begins the sentence.
#[must_use]
pub fn alarm(whose: &str, life: &Life, now: SystemTime) -> Option<Finding> {
    let left = life.ends.duration_since(now).unwrap_or_default();
    let (_, level) = ALARMS.iter().find(|(alarm, _)| left <= *alarm)?;
    let (subject, when) = (&life.subject, day(life.ends));
    let what = if left.is_zero() {
        format!("{whose} ({subject}) has expired on {when}")
    } else {
        format!("{whose} ({subject}) expires in {}, on {when}", span(left))
    };
    Some(Finding::new(*level, what).advise("have it renewed, and the new one put in its place"))
}

/// A moment as people read it.
#[must_use]
pub fn day(moment: SystemTime) -> String {
    jiff::Timestamp::try_from(moment)
        .map_or_else(|_| "a day far away".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// The same, of the TLS library's.
pub(crate) fn day_of(moment: UnixTime) -> String {
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_secs(moment.as_secs()))
        .map_or_else(|| "a day far away".to_owned(), day)
}

/// A time as people read it: of days, hours and minutes the largest of which there are two.
fn span(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match (minutes / 1440, minutes / 60) {
        (days @ 2.., _) => format!("{days} days"),
        (_, hours @ 2..) => format!("{hours} hours"),
        _ => format!("{minutes} minutes"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use sluicegate_core::Level;
    use sluicegate_testkit::certs::{Authority, pem};

    use super::{DAY, Life, alarm, first_to_end};

    #[test]
    fn the_alarm_grows_as_the_end_comes_near() {
        let ends = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let life = Life { subject: "CN=x".to_owned(), ends };
        let level = |left: Duration| alarm("its certificate", &life, ends - left).map(|finding| finding.level);
        let second = Duration::from_secs(1);
        assert_eq!(level(30 * DAY + second), None);
        assert_eq!(level(30 * DAY), Some(Level::Warning));
        assert_eq!(level(7 * DAY + second), Some(Level::Warning));
        assert_eq!(level(7 * DAY), Some(Level::Urgent));
        assert_eq!(level(DAY + second), Some(Level::Urgent));
        assert_eq!(level(DAY), Some(Level::Broken));
        let words = |now| alarm("its certificate", &life, now).unwrap().what;
        assert_eq!(words(ends - 3 * DAY), "its certificate (CN=x) expires in 3 days, on 2027-01-15 08:00 UTC");
        assert_eq!(words(ends + second), "its certificate (CN=x) has expired on 2027-01-15 08:00 UTC");
    }

    #[test]
    fn of_a_chain_the_first_end_counts() {
        let authority = Authority::new("test");
        let (early, late) =
            (authority.issue_between(&["early"], 2010, 2030), authority.issue_between(&["late"], 2010, 2040));
        let chain = pem(&format!("{}{}", late.certificate, early.certificate));
        let life = first_to_end(&chain).unwrap();
        assert_eq!(life.subject, "CN=early");
        assert_eq!(super::day(life.ends), "2030-01-01 00:00 UTC");
        assert_eq!(first_to_end(&pem("nothing")), None);
    }
}
