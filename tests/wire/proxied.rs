//! Connections of proxies that tell whom they are for; permissions of a unix socket; IPv6 alone.

use crate::client::{Client, request};
use crate::stage::{Folder, LIMIT, Running, Stage, skip};
use badgerserver::{Builder, Limits, ListenOptions, Response, Router};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;

stamp![
    handlers_and_limits_see_the_client_behind_a_proxy,
    what_a_trusted_proxy_leaves_out_ends_its_connection,
    nobody_else_is_believed,
    a_unix_socket_has_its_permissions_and_its_proxy,
    ipv6_alone_shares_its_port_with_ipv4,
];

fn who() -> Router {
    Router::new().get("/", |request| Response::text(format!("{:?}", request.peer().map(|peer| peer.to_string()))))
}

/// A header for a client of 192.0.2.0/24.
fn header(last: u8) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    bytes.extend([192, 0, 2, last, 198, 51, 100, 1, 0x30, 0x39, 0, 80]);
    bytes
}

fn listening(stage: &Stage, address: &str, trusted: &str) -> Builder {
    let mut options = ListenOptions::default();
    options.proxy_from = vec![trusted.parse().unwrap()];
    stage.bare_builder().listen_with(address, options)
}

fn handlers_and_limits_see_the_client_behind_a_proxy(stage: &Stage) {
    let mut limits = Limits::default();
    limits.connections_per_address_max = 1;
    let server = stage.start(listening(stage, "127.0.0.1:0", "127.0.0.0/8").limits(limits), who());
    let connect = |last: u8| {
        let mut client = server.connect();
        client.send(&header(last));
        client
    };
    let mut one = connect(1);
    for _ in 0..3 {
        assert_eq!(one.get("/").body, b"Some(\"192.0.2.1:12345\")");
    }
    // All of them come from the address of the proxy, which is bounded by nothing.
    let mut other = connect(2);
    assert_eq!(other.get("/").body, b"Some(\"192.0.2.2:12345\")");
    let mut second = connect(1);
    assert_eq!(second.answer("GET").unwrap().status, 503);
    server.until("one is turned away", |stats| stats.connections_turned_away == 1);
    drop((one, second));
    server.until("both are gone", |stats| stats.connections_open == 1);
    assert_eq!(connect(1).get("/").status, 200, "counted no more");
    // The proxy itself, to see whether the server lives.
    let mut itself = server.connect();
    itself.send(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    assert!(itself.get("/").body.starts_with(b"Some(\"127.0.0.1:"));
}

fn what_a_trusted_proxy_leaves_out_ends_its_connection(stage: &Stage) {
    let server = stage.start(listening(stage, "127.0.0.1:0", "127.0.0.1"), who());
    let mut client = server.connect();
    client.send(request("GET", "/", "").as_bytes());
    assert!(client.answer("GET").is_err());
    let stats = server.until("it is counted", |stats| stats.closed_proxy_header == 1);
    assert_eq!(stats.responses, 0);
    // One that has said nothing holds up no drain.
    let mut silent = server.connect();
    server.until("it is there", |stats| stats.connections_open == 1);
    server.drain(LIMIT);
    silent.assert_end();
}

fn nobody_else_is_believed(stage: &Stage) {
    let server = stage.start(listening(stage, "127.0.0.1:0", "192.0.2.0/24"), who());
    let mut client = server.connect();
    client.send(&header(1));
    assert_eq!(client.answer("GET").unwrap().status, 400);
    assert!(server.connect().get("/").body.starts_with(b"Some(\"127.0.0.1:"));
}

fn a_unix_socket_has_its_permissions_and_its_proxy(stage: &Stage) {
    let folder = Folder::new();
    let path = folder.path().join("socket");
    let mut options = ListenOptions::default();
    options.unix_mode = Some(0o640);
    options.proxy_from = vec!["unix".parse().unwrap()];
    let server = stage.start(stage.bare_builder().listen_with(format!("unix:{}", path.display()), options), who());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    let mut client = Client::connect_unix(&path);
    client.send(&header(9));
    assert_eq!(client.get("/").body, b"Some(\"192.0.2.9:12345\")");
    drop(server);
}

fn ipv6_alone_shares_its_port_with_ipv4(stage: &Stage) {
    if let Err(error) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
        return skip(&format!("IPv6: {error}"));
    }
    let mut options = ListenOptions::default();
    options.ipv6_only = true;
    // The kernel finds a port that is free for IPv6; somebody else may have it for IPv4.
    let is_free = |server: &Running| TcpListener::bind((Ipv4Addr::UNSPECIFIED, server.address().port())).is_ok();
    let first = (0..20)
        .map(|_| stage.start(stage.bare_builder().listen_with("[::]:0", options.clone()), who()))
        .find(is_free)
        .expect("a port that is free for both");
    let port = first.address().port();
    let second = stage.start(stage.bare_builder().listen(format!("0.0.0.0:{port}")), who());
    for (server, host) in [(&first, "::1"), (&second, "127.0.0.1")] {
        let address = (host.parse::<std::net::IpAddr>().unwrap(), port).into();
        assert_eq!(Client::connect(address).get("/").status, 200, "{host}");
        server.until("it was this one", |stats| stats.connections_accepted == 1);
    }
}
