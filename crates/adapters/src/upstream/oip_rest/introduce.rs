//! What a server says of itself: its name, its extensions, its models.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use sluicegate_core::{Body, CallError, Deadline, Fields, Finding, Introduction, Level, Listed};
use sluicegate_wire::oip_rest::client::{INDEX_PATH, SERVER_PATH, decode_index, decode_server};

use super::ask::SHORT_ANSWER;
use super::inquire::BINARY;
use super::{Binary, OipRest, Peer};
use crate::remote::date::date;
use crate::remote::faults::from_body;

impl OipRest {
    /// Who is there. `None`: nobody who speaks this protocol.
    pub(super) async fn who_is(&self, peer: &Peer, deadline: Deadline) -> Result<Option<Introduction>, CallError> {
        let answer = self.get(peer, SERVER_PATH, Fields::new(), deadline).await?;
        let date = date(&answer.headers);
        let models = self.list(peer, deadline).await?;
        let described = (answer.status == StatusCode::OK).then(|| decode_server(&answer.body).ok()).flatten();
        let known = described.is_some() || models.is_some();
        let mut introduction = described.unwrap_or_default();
        let has = introduction.extensions.iter().any(|name| name == BINARY);
        if known {
            introduction.findings.extend(self.of_binary(has));
        } else {
            let what = format!("nothing there is of this protocol: `{SERVER_PATH}` answers {}", answer.status);
            let advice = "look at `protocol`, and whether a path belongs behind the endpoint's address";
            introduction.findings.push(Finding::new(Level::Warning, what).advise(advice));
        }
        (introduction.date, introduction.models) = (date, models);
        Ok(Some(introduction))
    }

    /// What binary tensors come to at a server that says whether it has them.
    fn of_binary(&self, has: bool) -> Option<Finding> {
        match (self.options.binary, has) {
            (Binary::Auto | Binary::Always, true) | (Binary::Never, false) => None,
            (Binary::Auto, false) => Some(Finding::new(
                Level::Note,
                format!("it does not say that it has `{BINARY}`: the gateway sends it JSON, also for binary requests"),
            )),
            (Binary::Always, false) => Some(
                Finding::new(
                    Level::Warning,
                    format!("it does not say that it has `{BINARY}`, but gets binary tensors"),
                )
                .advise("leave `binary: always` out, unless you know that it takes them"),
            ),
            (Binary::Never, true) => Some(
                Finding::new(
                    Level::Note,
                    format!("it has `{BINARY}`, but gets JSON, since the backend says `binary: never`"),
                )
                .advise("leave `binary: never` out: large tensors would be cheaper"),
            ),
        }
    }

    /// The models on its list; `None` where it has none.
    async fn list(&self, peer: &Peer, deadline: Deadline) -> Result<Option<Vec<Listed>>, CallError> {
        let headers = Fields::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let body = Body::from(Bytes::from_static(b"{}"));
        let answer = self.send(peer, (Method::POST, INDEX_PATH), headers, body, deadline).await?;
        let (head, answer) = answer.into_parts();
        let body =
            answer.collect(SHORT_ANSWER).await.map_err(|error| from_body(&error, head.status, &peer.endpoint))?;
        Ok((head.status == StatusCode::OK).then(|| decode_index(&body)).flatten())
    }
}
