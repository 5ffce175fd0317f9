//! What is made of answers, good ones and hostile ones: from a server in this process that says what it is told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::base::iana::Rcode;
use domain::base::message_builder::{AnswerBuilder, MessageBuilder};
use domain::base::{Message, Name, Rtype, Ttl};
use domain::rdata::{A, Aaaa, Cname, Srv};
use sluicegate_core::{Discover as _, EndpointSource, Found, Lookup, MAX_ENDPOINTS};
use tokio::net::UdpSocket;

use super::{Names, Records, endpoints};

type Whole = Name<Vec<u8>>;
type Answering = AnswerBuilder<Vec<u8>>;

/// Where the server is.
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Server {
    /// One that answers a question with what `say` makes of it; nothing is no answer at all.
    async fn start(say: impl Fn(&Message<Vec<u8>>) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (address, asked) = (socket.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut buffer = vec![0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                count.fetch_add(1, Ordering::Relaxed);
                let question = Message::from_octets(buffer[..length].to_vec()).unwrap();
                if let Some(answer) = say(&question) {
                    socket.send_to(&answer, from).await.unwrap();
                }
            }
        });
        Self { address, asked }
    }

    fn dns(&self) -> EndpointSource {
        source(Lookup::Dns { host: "model.test".into(), port: 8000, server: Some(self.address) })
    }

    fn srv(&self) -> EndpointSource {
        source(Lookup::Srv { name: "_http._tcp.model.test".into(), server: Some(self.address) })
    }
}

fn source(lookup: Lookup) -> EndpointSource {
    let (prefix, refresh) = ("/prefix".into(), Duration::from_secs(5));
    EndpointSource { lookup, prefix, tls: None, grpc: false, weight: 7, refresh }
}

fn name(text: &str) -> Whole {
    super::dns::name(text).unwrap()
}

/// An answer to `question` with this code and these records.
fn answer(question: &Message<Vec<u8>>, code: Rcode, fill: impl FnOnce(&mut Answering, Rtype)) -> Vec<u8> {
    let mut answer = MessageBuilder::new_vec().start_answer(question, code).unwrap();
    fill(&mut answer, question.sole_question().unwrap().qtype());
    answer.finish()
}

fn good(question: &Message<Vec<u8>>, fill: impl FnOnce(&mut Answering, Rtype)) -> Option<Vec<u8>> {
    Some(answer(question, Rcode::NOERROR, fill))
}

fn seconds(seconds: u32) -> Ttl {
    Ttl::from_secs(seconds)
}

fn addresses(found: &Found) -> Vec<(&str, u32)> {
    found.endpoints.iter().map(|(endpoint, weight)| (&*endpoint.authority, *weight)).collect()
}

#[test]
fn what_is_found_is_in_order_once_each_and_bears_the_name() {
    let records = |all: &[&str]| Records {
        addresses: all.iter().map(|text| (text.parse().unwrap(), None)).collect(),
        ttl: Some(Duration::from_secs(3)),
    };
    let source = source(Lookup::Dns { host: "model.test.".into(), port: 80, server: None });
    let all = ["10.0.0.2:80", "[2001:db8::1]:80", "10.0.0.1:80", "[::ffff:10.0.0.2]:80", "10.0.0.1:80"];
    let found = endpoints(&source, records(&all));
    assert_eq!(addresses(&found), [("10.0.0.1:80", 7), ("10.0.0.2:80", 7), ("[2001:db8::1]:80", 7)]);
    assert_eq!((found.good_for, found.left_out), (Some(Duration::from_secs(3)), 0));
    for (endpoint, _) in &found.endpoints {
        assert_eq!((&**endpoint.host(), &*endpoint.prefix), ("model.test:80", "/prefix"));
    }
    // No server is there, or what is there is for this machine alone.
    let none = ["0.0.0.0:80", "224.0.0.1:80", "255.255.255.255:80", "169.254.169.254:80", "10.0.0.1:0", "[::]:80"];
    assert_eq!(endpoints(&source, records(&none)).endpoints, []);
    let none = ["[ff02::1]:80", "[fe80::1]:80", "[::ffff:169.254.169.254]:80"];
    assert_eq!(endpoints(&source, records(&none)).endpoints, []);
    let many: Vec<String> = (0..1500).map(|nth| format!("10.0.{}.{}:80", nth / 250, nth % 250)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let found = endpoints(&source, records(&many));
    assert_eq!((found.endpoints.len(), found.left_out), (MAX_ENDPOINTS, 500));
}

#[tokio::test]
async fn an_alias_is_followed_and_the_shortest_time_holds() {
    let server = Server::start(|question| {
        good(question, |answer, kind| {
            answer.push((name("model.test"), seconds(60), Cname::new(name("real.test")))).unwrap();
            match kind {
                Rtype::A => answer.push((name("real.test"), seconds(9), A::from_octets(10, 0, 0, 1))).unwrap(),
                _ => answer.push((name("real.test"), seconds(30), Aaaa::new("2001:db8::1".parse().unwrap()))).unwrap(),
            }
            // Of another name, that nobody asked for.
            answer.push((name("other.test"), seconds(30), A::from_octets(10, 0, 0, 9))).unwrap();
        })
    })
    .await;
    let found = Names::default().find(&server.dns()).await.unwrap();
    assert_eq!(addresses(&found), [("10.0.0.1:8000", 7), ("[2001:db8::1]:8000", 7)]);
    assert_eq!(found.good_for, Some(Duration::from_secs(9)));
}

#[tokio::test]
async fn one_question_is_under_way_whoever_asks() {
    let server = Server::start(|question| {
        good(question, |answer, kind| {
            if kind == Rtype::A {
                answer.push((name("model.test"), seconds(9), A::from_octets(10, 0, 0, 1))).unwrap();
            }
        })
    })
    .await;
    let (names, source) = (Names::default(), server.dns());
    let all = futures_util::future::join_all((0..50).map(|_| names.find(&source))).await;
    assert!(all.iter().all(|found| found == all.first().unwrap()), "{all:?}");
    assert_eq!(server.asked.load(Ordering::Relaxed), 2, "one for each kind of address");
    // The next one asks anew.
    names.find(&source).await.unwrap();
    assert_eq!(server.asked.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn what_is_no_answer_finds_nothing() {
    type Say = fn(&Message<Vec<u8>>) -> Option<Vec<u8>>;
    let cases: [(&str, Say, &str); 6] = [
        ("silence", |_| None, "cannot be asked"),
        ("garbage", |_| Some(b"garbage".to_vec()), "cannot be asked"),
        ("a failure", |question| Some(answer(question, Rcode::SERVFAIL, |_, _| {})), "SERVFAIL"),
        ("a refusal", |question| Some(answer(question, Rcode::REFUSED, |_, _| {})), "REFUSED"),
        (
            "another id",
            |question| {
                let mut said = answer(question, Rcode::NOERROR, |answer, _| {
                    answer.push((name("model.test"), seconds(9), A::from_octets(10, 0, 0, 1))).unwrap();
                });
                said[0] ^= 1;
                Some(said)
            },
            "cannot be asked",
        ),
        (
            "aliases in a circle",
            |question| {
                good(question, |answer, _| {
                    answer.push((name("model.test"), seconds(9), Cname::new(name("other.test")))).unwrap();
                    answer.push((name("other.test"), seconds(9), Cname::new(name("model.test")))).unwrap();
                })
            },
            "makes no sense",
        ),
    ];
    for (case, say, why) in cases {
        let server = Server::start(say).await;
        let told = Names::default().find(&server.dns()).await.unwrap_err();
        assert!(told.contains(why), "{case}: {told}");
    }
    for code in [Rcode::NOERROR, Rcode::NXDOMAIN] {
        let server = Server::start(move |question| Some(answer(question, code, |_, _| {}))).await;
        assert_eq!(Names::default().find(&server.dns()).await, Ok(Found::default()), "{code}");
        assert_eq!(Names::default().find(&server.srv()).await, Ok(Found::default()), "{code}");
    }
    // An answer that is cut off in the middle of its records.
    let server = Server::start(|question| {
        let mut said = good(question, |answer, _| {
            answer.push((name("model.test"), seconds(9), A::from_octets(10, 0, 0, 1))).unwrap();
            answer.push((name("model.test"), seconds(9), A::from_octets(10, 0, 0, 2))).unwrap();
        })?;
        said.truncate(said.len() - 3);
        Some(said)
    })
    .await;
    let told = Names::default().find(&server.dns()).await.unwrap_err();
    assert!(told.contains("makes no sense"), "{told}");
}

#[tokio::test]
async fn services_are_weighed_and_their_targets_looked_up() {
    let targets = |answer: &mut Answering, kind: Rtype, of: &[(u16, u16, &str)]| {
        if kind == Rtype::SRV {
            for (priority, weight, target) in of {
                let srv = Srv::new(*priority, *weight, 8000, name(target));
                answer.push((name("_http._tcp.model.test"), seconds(20), srv)).unwrap();
            }
        }
    };
    let server = Server::start(move |question| {
        let asked = question.sole_question().unwrap();
        let (asked, kind) = (asked.qname().to_string(), asked.qtype());
        good(question, |answer, _| match (&*asked, kind) {
            ("_http._tcp.model.test", _) => {
                targets(
                    answer,
                    kind,
                    &[(1, 9, "none.test"), (2, 0, "one.test"), (2, 4, "two.test"), (3, 1, "one.test")],
                );
            }
            ("one.test", Rtype::A) => {
                answer.push((name("one.test"), seconds(30), A::from_octets(10, 0, 0, 1))).unwrap()
            }
            ("two.test", Rtype::A) => {
                answer.push((name("two.test"), seconds(5), A::from_octets(10, 0, 0, 2))).unwrap();
                answer.push((name("two.test"), seconds(5), A::from_octets(10, 0, 0, 3))).unwrap();
            }
            _ => {}
        })
    })
    .await;
    let found = Names::default().find(&server.srv()).await.unwrap();
    // The addresses of a target share its weight; one of weight 0 gets a little.
    assert_eq!(addresses(&found), [("10.0.0.1:8000", 1), ("10.0.0.2:8000", 20), ("10.0.0.3:8000", 20)]);
    assert_eq!(found.good_for, Some(Duration::from_secs(5)));
    assert_eq!(&**found.endpoints[0].0.host(), "model.test:8000");
    // The root says that there is no such service.
    let server =
        Server::start(move |question| good(question, |answer, kind| targets(answer, kind, &[(0, 0, ".")]))).await;
    assert_eq!(Names::default().find(&server.srv()).await.map(|found| found.endpoints), Ok(Vec::new()));
    // Whether the next priority is wanted cannot be said while the first cannot be looked up.
    let server = Server::start(move |question| {
        let asked = question.sole_question().unwrap().qname().to_string();
        match &*asked {
            "_http._tcp.model.test" => {
                good(question, |answer, kind| targets(answer, kind, &[(1, 1, "one.test"), (2, 1, "two.test")]))
            }
            "one.test" => Some(answer(question, Rcode::SERVFAIL, |_, _| {})),
            _ => good(question, |answer, _| {
                answer.push((name("two.test"), seconds(5), A::from_octets(10, 0, 0, 2))).unwrap();
            }),
        }
    })
    .await;
    assert!(Names::default().find(&server.srv()).await.unwrap_err().contains("SERVFAIL"));
}
