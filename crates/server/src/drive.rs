//! Runs a connection of the HTTP library to its end.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::watch::{Overdue, Watch};

/// How long a connection that was asked to end for idleness may take to do so.
const GOODBYE: Duration = Duration::from_secs(5);

/// How a served connection came to its end.
pub(crate) enum End {
    Over(Result<(), hyper::Error>),
    Overdue(Overdue),
}

/// Runs a connection to its end; asks it to finish when draining, or when it has been idle.
pub(crate) async fn drive<C>(
    mut connection: Pin<&mut C>,
    finish: impl Fn(Pin<&mut C>),
    mut watch: Watch,
    drain: CancellationToken,
) -> End
where
    C: Future<Output = Result<(), hyper::Error>>,
{
    let mut draining = false;
    let mut leaving = false;
    loop {
        let overdue = tokio::select! {
            biased;
            result = connection.as_mut() => return End::Over(result),
            () = drain.cancelled(), if !draining => None,
            overdue = poll_fn(|context| watch.poll_overdue(context)) => Some(overdue),
        };
        match overdue {
            None => draining = true,
            Some(Overdue::Idle) if !leaving => {
                leaving = true;
                watch.hurry(GOODBYE);
            }
            Some(overdue) => return End::Overdue(overdue),
        }
        finish(connection.as_mut());
    }
}
