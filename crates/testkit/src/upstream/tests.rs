use super::Upstream;
use crate::{Ended, Event, Script, Step, Wire};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn answers_and_records_exact_bytes() {
    let upstream = Upstream::start(Script::always(Script::json("200 OK", "{}"))).await;
    let mut wire = Wire::connect(upstream.address()).await;
    wire.send_pieces(["GET / HT", "TP/1.1\r\nhost: a\r\n\r\n"]).await;
    assert_eq!(wire.read_response().await.text(), "{}");
    wire.send(GET).await;
    assert_eq!(wire.read_response().await.status(), 200);
    wire.finish().await;
    assert_eq!(upstream.recorder().wait_ended(0).await, Ended::ByClient);
    assert_eq!(upstream.recorder().text(0), GET.repeat(2));
}

#[tokio::test]
async fn lies_about_its_length_and_closes() {
    let upstream = Upstream::start(Script::once("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort")).await;
    let mut wire = Wire::connect(upstream.address()).await;
    wire.send(GET).await;
    assert!(wire.read_to_end().await.ends_with(b"short"));
    assert_eq!(upstream.recorder().wait_ended(0).await, Ended::ByScript);
}

#[tokio::test]
async fn resets() {
    let upstream = Upstream::start(Script::new().then(Step::ReadHead).then(Step::Reset)).await;
    let mut wire = Wire::connect(upstream.address()).await;
    wire.send(GET).await;
    assert!(wire.try_read_to_end().await.is_err());
}

#[tokio::test]
async fn stalls_until_released_and_sees_the_client_leave() {
    let event = Event::new();
    let upstream = Upstream::start(Script::stalled(&event, "HTTP/1.1 204 No Content\r\n\r\n")).await;
    let mut stays = Wire::connect(upstream.address()).await;
    stays.send(GET).await;
    upstream.recorder().wait_text(0, "host: a\r\n\r\n").await;
    let mut leaves = Wire::connect(upstream.address()).await;
    leaves.send(GET).await;
    upstream.recorder().wait_text(1, GET).await;
    leaves.reset();
    assert_eq!(upstream.recorder().wait_ended(1).await, Ended::Broken);
    event.release();
    assert!(stays.read_head().await.starts_with("HTTP/1.1 204"));
}

#[tokio::test]
async fn plays_scripts_in_turn() {
    let scripts = [Script::once("first"), Script::once("other")];
    let upstream = Upstream::start_each(scripts).await;
    for expected in ["first", "other", "other"] {
        let mut wire = Wire::connect(upstream.address()).await;
        wire.send(GET).await;
        assert_eq!(wire.read_to_end().await, expected.as_bytes());
    }
    assert_eq!(upstream.recorder().connections(), 3);
}

#[tokio::test]
async fn a_dropped_server_refuses_and_closes() {
    let upstream = Upstream::start(Script::new().then(Step::ReadToEnd)).await;
    let mut wire = Wire::connect(upstream.address()).await;
    wire.send("x").await;
    upstream.recorder().wait_text(0, "x").await;
    let address = upstream.address();
    drop(upstream);
    let _ = wire.try_read_to_end().await;
    assert!(Wire::try_connect(address).await.is_err());
}
