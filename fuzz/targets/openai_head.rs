//! Requests of the OpenAI API: a body is refused as the client's fault, or another reader of JSON finds the same in it,
//! and what is changed reads back changed and nothing else.
//!
//! A corpus file is a body.

use bytes::Bytes;
use serde_json::Value;
use sluicegate_core::{Body, Fields};
use sluicegate_wire::openai::{Head, LIMITS, refusal};

/// Reads one body and checks what must hold of it.
pub fn run(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    let head = match Head::read(&Fields::new(), &body, &LIMITS) {
        Ok(head) => head,
        Err(error) => {
            assert!(refusal(&error).status.is_client_error(), "{error}");
            return;
        }
    };
    assert_eq!(bytes(head.forward(&body, None, false)), body);
    assert_eq!(bytes(head.forward(&body, Some(&head.model), false)), body);
    let name = "an \"other\"\n name\u{1}é";
    for (model, ask) in [(None, true), (Some(name), false), (Some(name), true)] {
        let forwarded = bytes(head.forward(&body, model, ask));
        let again = Head::read(&Fields::new(), &forwarded, &LIMITS);
        assert!(again.is_ok(), "{again:?}");
        let Ok(again) = again else { return };
        assert_eq!((again.model.as_str(), again.stream), (model.unwrap_or(&head.model), head.stream));
        assert_eq!(again.include_usage, head.include_usage || ask);
        // Another reader may have narrower limits, on numbers or depth.
        let values = (serde_json::from_slice::<Value>(&body), serde_json::from_slice::<Value>(&forwarded));
        let (Ok(mut expected), Ok(found)) = values else { continue };
        assert_eq!(expected["model"].as_str(), Some(head.model.as_str()));
        assert_eq!(expected["stream"].as_bool().unwrap_or(false), head.stream);
        if let Some(model) = model {
            expected["model"] = Value::from(model);
        }
        if ask {
            if expected["stream_options"].is_null() {
                expected["stream_options"] = Value::Object(serde_json::Map::new());
            }
            expected["stream_options"]["include_usage"] = Value::Bool(true);
        }
        assert_eq!(found, expected);
    }
}

/// All bytes of a body that is at hand.
fn bytes(body: Body) -> Bytes {
    match body {
        Body::Full(bytes) => bytes,
        Body::Pieces(pieces) => pieces.iter().flatten().copied().collect::<Vec<u8>>().into(),
        Body::Empty | Body::Stream(_) => Bytes::new(),
    }
}
