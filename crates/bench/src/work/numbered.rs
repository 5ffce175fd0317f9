//! Requests that can be told apart: each has an id, and only the answer with the same id is its own.

use bytes::Bytes;
use memchr::memmem;

use super::answers::answer;
use crate::oip;

/// A request by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbered(pub(crate) u64);

/// What stands before the number, in requests and answers.
const BEFORE: &str = r#""id":"f3f0c2a4-5b6e-4d1c-9a55-"#;
/// Of that the id itself.
const PREFIX: &str = "f3f0c2a4-5b6e-4d1c-9a55-";
const DIGITS: usize = 12;

impl Numbered {
    /// The body of the request, with so many bytes of padding.
    pub(crate) fn body(self, padding: usize) -> String {
        let id = self.id();
        let padding =
            if padding == 0 { String::new() } else { format!(r#""parameters":{{"pad":"{}"}},"#, "x".repeat(padding)) };
        // The number stands in front, so that it is found without reading the padding.
        format!(
            r#"{{{id},{padding}"inputs":[{{"name":"x","shape":[1,8],"datatype":"FP32","data":[0.125,0.25,0.375,0.5,0.75,0.5,1.25,1]}}],"outputs":[{{"name":"y"}}]}}"#
        )
    }

    /// The whole request over HTTP/1; `fields` are further lines of its head.
    pub(crate) fn request(self, model: &str, fields: &str, padding: usize) -> Bytes {
        let body = self.body(padding);
        let head = format!(
            "POST /v2/models/{model}/infer HTTP/1.1\r\nhost: gateway.test\r\ncontent-type: application/json\r\n\
             {fields}content-length: {}\r\n\r\n",
            body.len()
        );
        [head, body].concat().into()
    }

    /// The request as a message of gRPC.
    pub(crate) fn message(self, model: &str) -> Bytes {
        oip::infer_request(model, &self.text(), &[1, 8], &[0; 32]).into()
    }

    /// The body of its answer.
    pub(crate) fn answer_body(self) -> String {
        let id = self.id();
        format!(
            r#"{{"model_name":"small","model_version":"1",{id},"outputs":[{{"name":"y","datatype":"FP32","shape":[1,3],"data":[0.125,0.25,0.625]}}]}}"#
        )
    }

    /// Its answer.
    pub(crate) fn answer(self) -> Bytes {
        answer("content-type: application/json\r\n", self.answer_body().as_bytes())
    }

    /// Whose request this body is.
    pub(crate) fn of(body: &[u8]) -> Option<Self> {
        Self::behind(body, BEFORE)
    }

    /// Whose request this message of gRPC is, or the beginning of one.
    pub(crate) fn named(message: &[u8]) -> Option<Self> {
        Self::behind(message, PREFIX)
    }

    /// Its id.
    pub(crate) fn text(self) -> String {
        format!("{PREFIX}{:012}", self.0)
    }

    fn behind(bytes: &[u8], before: &str) -> Option<Self> {
        let at = memmem::find(bytes, before.as_bytes())? + before.len();
        let digits = bytes.get(at..)?.get(..DIGITS)?;
        Some(Self(std::str::from_utf8(digits).ok()?.parse().ok()?))
    }

    fn id(self) -> String {
        format!(r#"{BEFORE}{:012}""#, self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Numbered;

    #[test]
    fn a_request_is_told_from_others_by_its_number() {
        let request = Numbered(42).request("small", "", 0);
        assert_eq!(Numbered::of(&request), Some(Numbered(42)));
        assert_eq!(Numbered::of(&Numbered(7).request("small", "", 1000)), Some(Numbered(7)));
        assert_eq!(Numbered::of(b"{}"), None);
        assert_ne!(Numbered(1).answer_body(), Numbered(2).answer_body());
        assert_eq!(Numbered::of(Numbered(3).answer_body().as_bytes()), Some(Numbered(3)));
    }

    #[test]
    fn a_request_says_how_long_it_is() {
        for padding in [0, 5000] {
            let request = Numbered(1).request("small", "x-a: b\r\n", padding);
            let text = std::str::from_utf8(&request).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.ends_with(&format!("content-length: {}", body.len())), "{head}");
            assert!(body.len() >= padding);
            serde_json::from_str::<serde_json::Value>(body).unwrap();
        }
    }
}
