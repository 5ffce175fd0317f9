//! Heads as the gateway and its rivals write them.

use super::Route;

#[test]
fn a_head_asks_for_one_answer() {
    for (line, fields, route) in [
        ("GET /v2", "", Route::Server),
        ("GET /v2/health/ready", "", Route::Ready),
        ("GET /v2/models/small", "", Route::Model),
        ("GET /v2/models/small/ready", "", Route::Ready),
        ("GET /v1/models", "", Route::Models),
        ("POST /v2/models/small/infer", "", Route::Infer),
        ("POST /v2/models/small/versions/1/infer", "", Route::Infer),
        ("POST /v2/models/tensor/infer", "Inference-Header-Content-Length: 80\r\n", Route::InferBinary),
        ("POST /v1/chat/completions", "", Route::Chat),
        ("GET /v2/models/small/infer", "", Route::Model),
        ("DELETE /v2", "", Route::Unknown),
    ] {
        let head = format!("{line} HTTP/1.1\r\nhost: x\r\n{fields}\r\n");
        assert_eq!(Route::of(head.as_bytes()), route, "{line}");
    }
}
