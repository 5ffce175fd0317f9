//! The server behind the gateway: to a whole request a long answer, to half of one nothing.

use anyhow::Result;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::http1::{Inbox, Side};
use crate::work::answer;

/// Bytes taken at once.
const ROOM: usize = 4 * 1024;
/// Bytes of an answer: more than a slow reader takes in any time it has.
const LONG: usize = 512 * 1024;

pub(super) async fn serve(listener: TcpListener) {
    let said = answer("content-type: application/json\r\n", &vec![b' '; LONG]);
    while let Ok((stream, _)) = listener.accept().await {
        let said = said.clone();
        drop(tokio::spawn(async move { one(stream, &said).await.unwrap_or_default() }));
    }
}

async fn one(mut stream: TcpStream, said: &[u8]) -> Result<()> {
    let mut inbox = Inbox::new(Side::Requests, ROOM);
    while inbox.message(&mut stream, |_| Ok(())).await? {
        stream.write_all(said).await?;
    }
    Ok(())
}
