//! What a server says of itself: its name, and its models.

use http::StatusCode;
use http::header::SERVER;
use sluicegate_core::{CallError, Deadline, Fields, Finding, Introduction, Level, Listed};
use sluicegate_wire::openai::client::{MODELS_PATH, decode_models};

use super::{OpenAi, Peer};
use crate::remote::date::date;

impl OpenAi {
    /// Who is there. That nobody there lists models is a finding.
    pub(super) async fn who_is(&self, peer: &Peer, deadline: Deadline) -> Result<Option<Introduction>, CallError> {
        let answer = self.get(peer, MODELS_PATH, Fields::new(), deadline).await?;
        let mut introduction = Introduction { date: date(&answer.headers), ..Introduction::default() };
        // The API itself has no word for it.
        let software = answer.headers.get(SERVER).and_then(|value| value.as_str());
        introduction.software = software.map(|words| words.chars().take(64).collect());
        let models = (answer.status == StatusCode::OK).then(|| decode_models(&answer.body)).flatten();
        if models.is_none() {
            let what = format!("it lists no models: `{MODELS_PATH}` answers {}", answer.status);
            let advice = "look at `protocol`, and whether a path belongs behind the endpoint's address";
            introduction.findings.push(Finding::new(Level::Warning, what).advise(advice));
        }
        introduction.models =
            models.map(|names| names.into_iter().map(|name| Listed { name, ..Listed::default() }).collect());
        Ok(Some(introduction))
    }
}
