// SPDX-License-Identifier: Apache-2.0
//! F-19. Without these a user could make the server knock at doors inside its own network.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};

use super::*;

/// A listener that counts who comes, and answers each with the same words.
struct Canary {
    address: SocketAddr,
    seen: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Canary {
    async fn at(address: &str, answer: String) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    let _ = stream.read(&mut request).await;
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { address, seen, task }
    }

    fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

fn client(networks: &[&str], resolver: Arc<dyn Resolve>) -> Outbound {
    let networks: Vec<_> = networks.iter().map(|network| (*network).to_owned()).collect();
    let tls = tls::client_config(std::path::Path::new("")).unwrap();
    Outbound::with(AddressGuard::new(&networks).unwrap(), resolver, tls)
}

fn get(url: impl Into<String>) -> OutboundRequest {
    let mut request = OutboundRequest::json(Method::GET, url, Bytes::new());
    request.timeout = Duration::from_secs(60);
    request
}

/// Gives the addresses of a list, one per look-up, the last for ever.
struct Changing(Vec<&'static str>, AtomicUsize);

impl Resolve for Changing {
    fn resolve(&self, _: String, port: u16) -> connect::Resolved {
        let turn = self.1.fetch_add(1, Ordering::SeqCst).min(self.0.len() - 1);
        let address: IpAddr = self.0[turn].parse().unwrap();
        Box::pin(async move { io::Result::Ok(vec![SocketAddr::new(address, port)]) })
    }
}

#[test]
fn the_table_of_addresses() {
    let guard = AddressGuard::default();
    for refused in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.170",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::2",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:7f00:1::",
        "2001:10::1",
        "2001:20::1",
        "2001:2::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "4000::1",
        "200::1",
    ] {
        assert!(!guard.allows(refused.parse().unwrap()), "{refused} must be refused");
    }
    for allowed in [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.167.0.1",
        "223.255.255.255",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "2a01::1",
        "::ffff:8.8.8.8",
    ] {
        assert!(guard.allows(allowed.parse().unwrap()), "{allowed} must be allowed");
    }
}

#[test]
fn the_operator_can_open_networks() {
    let guard = AddressGuard::new(&["10.1.0.0/16".into(), "::1".into()]).unwrap();
    let allows = |address: &str| guard.allows(address.parse().unwrap());
    assert!(allows("10.1.2.3") && allows("::ffff:10.1.2.3") && allows("::1"));
    assert!(!allows("10.2.0.1") && !allows("127.0.0.1"));
    assert!(AddressGuard::new(&["everything".into()]).is_err());
}

#[tokio::test]
async fn no_spelling_of_a_refused_address_is_connected_to() {
    let canary = Canary::at("0.0.0.0:0", OK.into()).await;
    let v6 = Canary::at("[::1]:0", OK.into()).await;
    let outbound = client(&[], Arc::new(SystemResolver));
    let port = canary.address.port();
    let hosts = [
        "127.0.0.1",
        "127.0.0.2",
        "127.1",
        "0",
        "0.0.0.0",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.0.0.01",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "127.0.0.1.",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[::]",
        "①②⑦.0.0.1",
    ];
    for host in hosts {
        let outcome = outbound.send(get(format!("http://{host}:{port}/"))).await;
        assert!(outcome.is_err(), "{host} gave an answer");
    }
    for host in ["[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "localhost", "ip6-localhost"] {
        let outcome = outbound.send(get(format!("http://{host}:{}/", v6.address.port()))).await;
        assert!(outcome.is_err(), "{host} gave an answer");
    }
    assert_eq!((canary.seen(), v6.seen()), (0, 0));
    // The control: the same canary does hear those who are allowed.
    let outbound = client(&["127.0.0.0/8"], Arc::new(SystemResolver));
    let answer = outbound.send(get(format!("http://127.0.0.1:{port}/"))).await.unwrap();
    assert_eq!((answer.body.as_ref(), canary.seen()), (b"ok".as_slice(), 1));
}

#[tokio::test]
async fn a_refusal_is_told_from_a_failure() {
    let outbound = client(&["127.0.0.1/32"], Arc::new(SystemResolver));
    let refused = outbound.send(get("http://10.0.0.1/")).await.unwrap_err();
    assert!(matches!(refused, OutboundError::RefusedAddress), "{refused:?}");
    let canary = Canary::at("127.0.0.1:0", OK.into()).await;
    let url = format!("http://{}/", canary.address);
    canary.task.abort();
    drop(canary);
    // Until the kernel has closed the listener, a connection may be accepted and then reset.
    let failed = outbound.send(get(url)).await.unwrap_err();
    assert!(matches!(failed, OutboundError::Unreachable(_)), "{failed:?}");
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_judged_each_time() {
    let good = Canary::at("127.0.0.1:0", OK.into()).await;
    let bad = Canary::at(&format!("127.0.0.2:{}", good.address.port()), OK.into()).await;
    let resolver = Changing(vec!["127.0.0.1", "127.0.0.2"], AtomicUsize::new(0));
    let outbound = client(&["127.0.0.1/32"], Arc::new(resolver));
    let url = format!("http://rebind.example:{}/", good.address.port());
    assert!(outbound.send(get(url.clone())).await.is_ok());
    let second = outbound.send(get(url)).await;
    assert!(matches!(second, Err(OutboundError::RefusedAddress)), "{second:?}");
    assert_eq!((good.seen(), bad.seen()), (1, 0));
}

#[tokio::test]
async fn each_redirect_passes_the_guard_and_their_number_is_bounded() {
    let target = Canary::at("127.0.0.2:0", OK.into()).await;
    let redirect = |to: String| {
        format!(
            "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    };
    let first = Canary::at("127.0.0.1:0", redirect(format!("http://{}/", target.address))).await;
    let send = async |networks: &[&str], redirects_max| {
        let mut request = get(format!("http://{}/", first.address));
        request.redirects_max = redirects_max;
        client(networks, Arc::new(SystemResolver)).send(request).await
    };
    let refused = send(&["127.0.0.1/32"], 3).await;
    assert!(matches!(refused, Err(OutboundError::RefusedAddress)), "{refused:?}");
    assert_eq!(target.seen(), 0);
    assert_eq!(send(&["127.0.0.1/32"], 0).await.unwrap().status, StatusCode::FOUND);
    assert_eq!(send(&["127.0.0.0/8"], 1).await.unwrap().status, StatusCode::OK);

    let circle = Canary::at("127.0.0.1:0", redirect("/again".into())).await;
    let mut request = get(format!("http://{}/", circle.address));
    request.redirects_max = 3;
    let outcome = client(&["127.0.0.0/8"], Arc::new(SystemResolver)).send(request).await;
    assert!(matches!(outcome, Err(OutboundError::Redirect)), "{outcome:?}");
    assert_eq!(circle.seen(), 4);
}

#[tokio::test]
async fn answers_are_bounded_in_bytes_and_time() {
    let outbound = client(&["127.0.0.0/8"], Arc::new(SystemResolver));
    let body = "x".repeat(1000);
    let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}");
    let large = Canary::at("127.0.0.1:0", answer).await;
    let mut request = get(format!("http://{}/", large.address));
    request.answer_bytes_max = 999;
    let outcome = outbound.send(request.clone()).await;
    assert!(matches!(outcome, Err(OutboundError::TooLarge)), "{outcome:?}");
    request.answer_bytes_max = 1000;
    assert_eq!(outbound.send(request).await.unwrap().body.len(), 1000);

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut request = get(format!("http://{}/", silent.local_addr().unwrap()));
    request.timeout = Duration::from_millis(50);
    let outcome = outbound.send(request).await;
    assert!(matches!(outcome, Err(OutboundError::TimedOut)), "{outcome:?}");
}

#[test]
fn urls_that_are_not_asked_for() {
    for bad in [
        "",
        "/path",
        "ftp://a.example/",
        "file:///etc/passwd",
        "gopher://a/",
        "http://",
        "http:///x",
        "http://user:secret@a.example/",
        "http://a b/",
        "unix:/run/x",
        "data:,x",
        "http://é.fr/",
    ] {
        assert!(check_url(bad).is_err(), "{bad}");
    }
    assert!(check_url("https://a.example:8443/_matrix/push/v1/notify?x=1").is_ok());
}

/// Without it a bridge on the same machine could not be told anything; with more of it whoever runs
/// a bridge could send this server anywhere.
#[tokio::test]
async fn what_the_operator_names_may_be_near_but_not_where_it_leads() {
    let target = Canary::at("127.0.0.2:0", OK.into()).await;
    let moved = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        target.address
    );
    let near = Canary::at("127.0.0.1:0", OK.into()).await;
    let leading = Canary::at("127.0.0.1:0", moved).await;
    let outbound = client(&[], Arc::new(SystemResolver));
    let by_operator = |canary: &Canary| {
        let mut request = get(format!("http://{}/", canary.address));
        request.named_by_operator = true;
        request.redirects_max = 3;
        request
    };
    assert!(outbound.send(by_operator(&near)).await.is_ok());
    let led = outbound.send(by_operator(&leading)).await;
    assert!(matches!(led, Err(OutboundError::RefusedAddress)), "{led:?}");
    assert_eq!((near.seen(), leading.seen(), target.seen()), (1, 1, 0));
}
