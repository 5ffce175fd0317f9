use super::*;

const V4: &[u8] = &[192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x34, 0, 80];

fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [&SIGNATURE[..], &[command, family], &length, rest].concat()
}

fn client(address: &str) -> Result<Announced, Malformed> {
    Ok(Announced::Client(address.parse().unwrap()))
}

#[test]
fn clients_are_read() {
    assert_eq!(announced(&header(0x21, 0x11, V4)), client("192.0.2.1:4660"));
    let mut v6 = [0; 36];
    v6[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
    v6[15] = 9;
    v6[33] = 7;
    assert_eq!(announced(&header(0x21, 0x21, &v6)), client("[2001:db8::9]:7"));
    // A name the client asked for, a checksum, something nobody knows.
    let extended = [V4, &[2, 0, 3, b'a', b'.', b'b'], &[3, 0, 4, 1, 2, 3, 4], &[0xee, 0, 0]].concat();
    assert_eq!(announced(&header(0x21, 0x11, &extended)), client("192.0.2.1:4660"));
}

#[test]
fn a_balancers_own_connections_are_its_own() {
    for (command, family, rest) in
        [(0x20, 0, &b""[..]), (0x20, 0x11, V4), (0x20, 0xff, &[1; 99]), (0x21, 0, &[0; 7]), (0x21, 0x31, &[0; 216])]
    {
        assert_eq!(announced(&header(command, family, rest)), Ok(Announced::Peer), "{command:x} {family:x}");
    }
}

#[test]
fn what_is_no_header_is_refused() {
    let right = header(0x21, 0x11, V4);
    for length in 0..right.len() {
        assert_eq!(announced(&right[..length]), Err(Malformed), "cut to {length}");
    }
    for (what, wrong) in [
        ("version 1", b"PROXY TCP4 192.0.2.1 10.0.0.1 4660 80\r\n".to_vec()),
        ("another signature", {
            let mut other = right.clone();
            other[3] = b'x';
            other
        }),
        ("version 3", header(0x31, 0x11, V4)),
        ("another command", header(0x22, 0x11, V4)),
        ("another family", header(0x21, 0x41, V4)),
        ("another transport", header(0x21, 0x13, V4)),
        ("addresses cut", header(0x21, 0x11, &V4[..11])),
        ("an extension cut", header(0x21, 0x11, &[V4, &[2, 0, 3, b'a']].concat())),
        ("half an extension's head", header(0x21, 0x11, &[V4, &[2, 0]].concat())),
        ("a byte behind", [&right[..], b"G"].concat()),
        ("too long", header(0x21, 0x11, &[V4, &[4, 0x10, 0], &[0; 4096]].concat())),
    ] {
        assert_eq!(announced(&wrong), Err(Malformed), "{what}");
    }
}

#[tokio::test]
async fn not_a_byte_more_is_read() {
    let right = header(0x21, 0x11, V4);
    let bytes = [&right[..], b"GET"].concat();
    let mut io = &bytes[..];
    assert_eq!(read(&mut io).await, Some(Announced::Client("192.0.2.1:4660".parse().unwrap())));
    assert_eq!(io, b"GET");
    assert_eq!(read(&mut &b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..]).await, None);
}
