//! The descriptors a process may have open, of which each connection takes one. The last of them are not for clients: what
//! their requests need, and operators who look what is wrong, need some too. It must not know what is served.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many are kept, or an eighth of all where that is less.
const KEPT: u64 = 64;

/// Takes as many as the system allows, where it gives fewer at first: many give 1,024 for the sake of old programs. How
/// many there are then.
///
/// # Errors
/// The system's.
pub fn raise_limit() -> io::Result<Option<u64>> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(getrlimit(Resource::Nofile).current)
}

/// Whether `open` is one of the last that clients may take. The system gives the lowest number that is free, so that the
/// number tells how many are open.
pub(crate) fn is_last(open: &impl AsFd) -> bool {
    let number = u64::try_from(open.as_fd().as_raw_fd()).unwrap_or(0);
    getrlimit(Resource::Nofile).current.is_some_and(|limit| number.saturating_add(1) >= for_clients(limit))
}

/// Whether clients may take another one, found out by opening one: `open` a second time.
pub(crate) fn are_left(open: &impl AsFd) -> bool {
    open.as_fd().try_clone_to_owned().is_ok_and(|another| !is_last(&another))
}

const fn for_clients(limit: u64) -> u64 {
    let eighth = limit / 8;
    limit - if eighth < KEPT { eighth } else { KEPT }
}
