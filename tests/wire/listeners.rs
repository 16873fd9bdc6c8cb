//! Where a server listens.

use crate::client::{Client, request};
use crate::stage::{Folder, LIMIT, Stage, skip};
use badgerserver::{Address, Error, Response, Router};
use std::net::{Ipv6Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Condvar, Mutex};

stamp![
    a_unix_socket_serves,
    ipv6_serves,
    a_socket_handed_over_serves,
    two_listeners_serve_at_once,
    two_workers_share_a_listener,
    what_cannot_be_listened_on_is_an_error,
];

fn who() -> Router {
    Router::new().get("/", |request| Response::text(format!("{:?} {:?}", request.peer(), request.local())))
}

fn a_unix_socket_serves(stage: &Stage) {
    let folder = Folder::new();
    let path = folder.path().join("socket");
    let server = stage.start(stage.bare_builder().listen(format!("unix:{}", path.display())), who());
    assert_eq!(server.addresses(), [Address::Unix(Some(path.clone()))]);
    let mut client = Client::connect_unix(&path);
    client.send(request("GET", "/", "").repeat(50).as_bytes());
    for _ in 0..50 {
        assert_eq!(client.answer("GET").unwrap().body, b"None None");
    }
    client.assert_nothing_more();
    server.drain(LIMIT);
    client.assert_end();
    drop(server);
    assert!(!path.exists(), "the file goes with the server");
    // A file that a dead server left is no obstacle; one that somebody listens on is.
    drop(UnixListener::bind(&path).unwrap());
    let server = stage.start(stage.bare_builder().listen(format!("unix:{}", path.display())), who());
    Client::connect_unix(&path).get("/");
    let second = stage.bare_builder().listen(format!("unix:{}", path.display())).start(who());
    assert!(matches!(second, Err(Error::Listen { .. })));
    Client::connect_unix(&path).get("/");
    drop(server);
}

fn ipv6_serves(stage: &Stage) {
    if let Err(error) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
        return skip(&format!("IPv6: {error}"));
    }
    let server = stage.start(stage.bare_builder().listen("[::1]:0"), who());
    let mut client = server.connect();
    let local = server.address();
    let text = String::from_utf8(client.get("/").body).unwrap();
    assert!(local.is_ipv6() && text.starts_with("Some([::1]:") && text.ends_with(&format!("Some({local})")), "{text}");
    let both = stage.start(stage.bare_builder().listen("[::]:0"), who());
    for host in ["127.0.0.1", "::1"] {
        let address = (host.parse::<std::net::IpAddr>().unwrap(), both.address().port()).into();
        assert_eq!(Client::connect(address).get("/").status, 200, "{host}");
    }
}

fn a_socket_handed_over_serves(stage: &Stage) {
    let folder = Folder::new();
    let inet = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = inet.local_addr().unwrap();
    let path = folder.path().join("socket");
    let unix = UnixListener::bind(&path).unwrap();
    // One that waits from before.
    let mut early = Client::connect(address);
    early.send(request("GET", "/", "").as_bytes());
    let builder = stage.bare_builder().listen_on(OwnedFd::from(inet)).listen_on(OwnedFd::from(unix));
    let server = stage.start(builder, who());
    assert_eq!(server.addresses(), [Address::Inet(address), Address::Unix(None)]);
    assert_eq!(early.answer("GET").unwrap().status, 200);
    assert_eq!(server.connect().get("/").status, 200);
    assert_eq!(Client::connect_unix(&path).get("/").status, 200);
    drop(server);
    assert!(path.exists(), "whoever made the file removes it");
    let file = std::fs::File::open("/dev/null").unwrap();
    assert!(matches!(stage.bare_builder().listen_on(file).start(who()), Err(Error::Listen { .. })));
}

fn two_listeners_serve_at_once(stage: &Stage) {
    let server = stage.start(stage.builder().listen("127.0.0.1:0").listen("127.0.0.2:0"), who());
    let addresses: Vec<_> = server.addresses().iter().map(|address| address.inet().unwrap()).collect();
    let mut clients: Vec<Client> = addresses.iter().map(|&address| Client::connect(address)).collect();
    for _ in 0..20 {
        for (client, address) in clients.iter_mut().zip(&addresses) {
            let text = String::from_utf8(client.get("/").body).unwrap();
            assert!(text.ends_with(&format!("Some({address})")), "{text}");
        }
    }
    server.drain(LIMIT);
    clients.iter_mut().for_each(Client::assert_end);
}

fn two_workers_share_a_listener(stage: &Stage) {
    // The handler holds its worker until another one has come to it, so only another can serve a second client. Which worker is told of
    // a connection is the kernel's choice: by io_uring one that is held may be, if the other was late to ask, and the next
    // connection goes to the other. So clients come until both workers have.
    let seen: Arc<(Mutex<Vec<String>>, Condvar)> = Arc::default();
    let router = {
        let seen = Arc::clone(&seen);
        Router::new().get("/", move |_| {
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            let mut names = seen.0.lock().unwrap();
            names.push(name.clone());
            seen.1.notify_all();
            let is_alone = |names: &mut Vec<String>| names.iter().all(|other| *other == name);
            drop(seen.1.wait_timeout_while(names, LIMIT, is_alone).unwrap());
            Response::text("x")
        })
    };
    let server = stage.start(stage.builder().workers(2), router);
    let mut first = server.connect();
    first.send(request("GET", "/", "").as_bytes());
    let names = seen.0.lock().unwrap();
    drop(seen.1.wait_timeout_while(names, LIMIT, |names| names.is_empty()).unwrap());
    let mut clients = vec![first];
    let names = loop {
        assert!(clients.len() < 10, "one worker has all connections");
        let mut next = server.connect();
        next.send(request("GET", "/", "").as_bytes());
        clients.push(next);
        let is_one = |names: &mut Vec<String>| names.iter().all(|name| *name == names[0]);
        let (names, waited) = seen.1.wait_timeout_while(seen.0.lock().unwrap(), LIMIT / 20, is_one).unwrap();
        if !waited.timed_out() {
            break names.clone();
        }
    };
    for client in &mut clients {
        assert_eq!(client.answer("GET").unwrap().body, b"x");
    }
    assert!(["badger-0", "badger-1"].iter().all(|name| names.iter().any(|seen| seen == name)), "{names:?}");
}

fn what_cannot_be_listened_on_is_an_error(stage: &Stage) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for wrong in [address.as_str(), "127.0.0.1", "unix:/nowhere/at/all", "192.0.2.1:0"] {
        let error = stage.bare_builder().listen(wrong).start(who()).unwrap_err();
        assert!(matches!(error, Error::Listen { .. }) && error.to_string().contains(wrong), "{error}");
    }
    assert!(matches!(stage.bare_builder().start(who()), Err(Error::NoListener)));
}
