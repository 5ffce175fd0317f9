use std::net::TcpListener;

use super::*;

/// What is made of `pieces`, each with a socket or without, sent by a process that ends then.
fn taken(pieces: &[(&str, bool)]) -> io::Result<Vec<(Option<String>, String)>> {
    let (here, there) = UnixStream::pair().unwrap();
    for (text, with_socket) in pieces {
        let socket = with_socket.then(|| TcpListener::bind("127.0.0.1:0").unwrap().into());
        send(&here, text, socket.as_ref()).unwrap();
    }
    drop(here);
    let (_, handed) = Predecessor::from(there.into())?;
    Ok(handed.into_iter().map(|one| (one.name.map(|name| name.to_string()), one.address.to_string())).collect())
}

#[test]
fn each_socket_comes_with_its_name_and_address() {
    let good = [(VERSION, false), ("\n127.0.0.1:0 public\n", true), ("[::1]:9901\n", true), ("\n", false)];
    let expected = [(Some("public".to_owned()), "127.0.0.1:0".to_owned()), (None, "[::1]:9901".to_owned())];
    assert_eq!(taken(&good).unwrap(), expected);
}

#[test]
fn what_is_not_understood_is_refused() {
    for (pieces, kind) in [
        (&[("sluicegate sockets 2\n\n", false)][..], io::ErrorKind::InvalidData),
        (&[(VERSION, false), ("\nnowhere public\n", true), ("\n", false)], io::ErrorKind::InvalidData),
        (&[(VERSION, false), ("\n127.0.0.1:0 public\n", false), ("\n", false)], io::ErrorKind::InvalidData),
        (&[(VERSION, false), ("\n\n", true)], io::ErrorKind::InvalidData),
        (&[(VERSION, false), ("\n127.0.0.1:0 public\n", true)], io::ErrorKind::UnexpectedEof),
        (&[], io::ErrorKind::UnexpectedEof),
    ] {
        assert_eq!(taken(pieces).unwrap_err().kind(), kind, "{pieces:?}");
    }
}

#[tokio::test]
async fn what_is_handed_over_is_the_same_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let handed = Handed { name: Some("one".into()), address, socket: listener.into() };
    let (_successor, channel) = Successor::of(&[handed]).unwrap();
    let (_, handed) = Predecessor::from(channel).unwrap();
    let [one] = <[Handed; 1]>::try_from(handed).unwrap();
    assert_eq!(TcpListener::from(one.socket).local_addr().unwrap(), address);
}

#[tokio::test]
async fn the_new_process_says_that_it_serves_or_is_gone() {
    let (mut successor, channel) = Successor::of(&[]).unwrap();
    let (predecessor, _) = Predecessor::from(channel).unwrap();
    predecessor.serves().unwrap();
    successor.serves().await.unwrap();

    let (mut successor, channel) = Successor::of(&[]).unwrap();
    drop(Predecessor::from(channel).unwrap());
    assert_eq!(successor.serves().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}
