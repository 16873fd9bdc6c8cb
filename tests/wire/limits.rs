//! Each bound does what it says, and the count that names it moves.

use crate::client::{Broken, Client, request};
use crate::content::{noise, sizes};
use crate::stage::{Folder, LIMIT, Stage, until};
use crate::system;
use badgerserver::limits::TURNED_AWAY_MAX;
use badgerserver::{Limits, Response, Router};
use std::fs::File;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

stamp![
    a_head_that_does_not_come,
    a_body_that_does_not_come,
    nothing_to_do,
    nothing_taken,
    lingering_ends,
    bodies_and_heads_end,
    as_many_connections_as_allowed,
    as_many_connections_of_one_address_as_allowed,
    more_large_files_than_may_be_open,
    out_of_descriptors,
];

const SHORT: Duration = Duration::from_millis(150);
/// A bound of [`SHORT`] has been kept when it took no longer than this.
const SOON: Duration = Duration::from_secs(5);

fn with(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

fn hello() -> Router {
    Router::new().get("/", |_| Response::text("x"))
}

fn assert_in_time(start: Instant) {
    let time = start.elapsed();
    assert!((SHORT..SOON).contains(&time), "{time:?}");
}

fn a_head_that_does_not_come(stage: &Stage) {
    let limits = with(|limits| limits.head_time_max = SHORT);
    let server = stage.start(stage.builder().limits(limits), hello());
    let start = Instant::now();
    let mut silent = server.connect();
    silent.assert_end();
    assert_in_time(start);
    assert_eq!(server.until("it", |stats| stats.connections_open == 0).closed_head_time, 1);

    // From the first byte on, whatever comes after it: a client that trickles is not spared.
    let mut turns = [false, true].into_iter().peekable();
    while let Some(&has_talked) = turns.peek() {
        // Before the first request the time begins when the connection does, of which this thread may hear late.
        let mut start = Instant::now();
        let mut client = server.connect();
        if has_talked {
            client.get("/");
            start = Instant::now();
        }
        client.set_patience(Duration::from_millis(10));
        let mut head = b"GET / HTTP/1.1\r\nHost: a\r\nX: ".iter().chain(std::iter::repeat(&b'x'));
        let answer = loop {
            assert!(start.elapsed() < SOON);
            let is_open = client.try_send(&[*head.next().unwrap()]).is_ok();
            match client.answer("GET") {
                Err(Broken::Late) => assert!(is_open),
                answer => break answer,
            }
        };
        if !has_talked && answer.is_err() && start.elapsed() > SHORT {
            // It was over before this thread came to its first byte. Once more.
            continue;
        }
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.says_close()), (408, true));
        assert_in_time(start);
        turns.next();
    }
    let stats = server.stats();
    assert_eq!((stats.requests_timed_out, stats.requests_body_timed_out), (2, 0));
}

fn a_body_that_does_not_come(stage: &Stage) {
    let limits = with(|limits| limits.body_time_max = SHORT);
    let server = stage.start(stage.builder().limits(limits), hello());
    for head in ["Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut client = server.connect();
        let start = Instant::now();
        client.send(request("POST", "/", head).as_bytes());
        client.send(b"5\r\n");
        assert_eq!(client.answer("POST").unwrap().status, 408);
        client.assert_end();
        assert_in_time(start);
    }
    let stats = server.stats();
    assert_eq!((stats.requests_timed_out, stats.requests_body_timed_out), (2, 2));
}

fn nothing_to_do(stage: &Stage) {
    let limits = with(|limits| limits.idle_time_max = SHORT);
    let server = stage.start(stage.builder().limits(limits), hello());
    // Each request begins the time anew: it ends after the last one by what is wanted, of which the server knows the beginning
    // better than this thread, which may not run for a while.
    for ended in 1.. {
        let mut client = server.connect();
        let (start, mut last) = (Instant::now(), Instant::now());
        let broken = loop {
            if start.elapsed() > 2 * SHORT {
                break None;
            }
            let before = std::mem::replace(&mut last, Instant::now());
            match client.try_ask("GET", "/", "") {
                Ok(answer) => assert_eq!(answer.status, 200),
                Err(broken) => break Some((broken, before.elapsed())),
            }
        };
        if broken.is_none() {
            client.assert_end();
            let time = last.elapsed();
            assert!(time + Duration::from_millis(20) > SHORT && time < SOON, "{time:?}");
        }
        assert_eq!(server.until("it", |stats| stats.connections_open == 0).closed_idle_time, ended);
        match broken {
            None => break,
            // This thread did not run for that long, and the server was right.
            Some((broken, time)) => {
                assert!(matches!(broken, Broken::Between) && time > SHORT, "{broken:?} after {time:?}")
            }
        }
    }
}

fn nothing_taken(stage: &Stage) {
    let folder = Folder::new();
    let (pack, _) = sizes(&folder, &[20_000, 8_000_000]);
    let limits = with(|limits| limits.send_time_max = SHORT);
    let builder = stage.builder().limits(limits).socket_buffers(None, Some(4096));
    let server = stage.start(builder, Router::new().pack("/size", pack));
    for (count, ask) in [(1, request("GET", "/size/8000000", "")), (2, request("GET", "/size/20000", "").repeat(400))] {
        let mut client = Client::new(system::connect_sized(server.address(), 4096).unwrap());
        let start = Instant::now();
        client.send(ask.as_bytes());
        server.until("the cut", |stats| stats.closed_send_time == count && stats.connections_open == 0);
        assert_in_time(start);
        // What is left in the kernel may still be read, and then the reset.
        while let Ok(answer) = client.answer("GET") {
            assert_eq!(answer.status, 200);
        }
    }
    // One that takes a little all the time is not cut. It has longer, since this thread may not run for a while.
    let limits = with(|limits| limits.send_time_max = 4 * SHORT);
    let builder = stage.builder().limits(limits).socket_buffers(None, Some(4096));
    let server = stage.start(builder, Router::new().pack("/size", sizes(&folder, &[8_000_000]).0));
    let mut slow = Client::new(system::connect_sized(server.address(), 4096).unwrap());
    slow.read_bytes = 4096;
    slow.send(request("GET", "/size/8000000", "").as_bytes());
    let start = Instant::now();
    let mut bytes = 0;
    while start.elapsed() < 10 * SHORT {
        bytes += 4000;
        slow.begin_answer(bytes);
        std::thread::park_timeout(Duration::from_millis(5));
    }
    assert_eq!((server.stats().closed_send_time, server.stats().connections_open), (0, 1));
}

fn lingering_ends(stage: &Stage) {
    let limits = with(|limits| limits.linger_time_max = SHORT);
    let server = stage.start(stage.builder().limits(limits), hello());
    let start = Instant::now();
    let mut client = server.connect();
    client.send(b"?\r\n\r\n");
    assert_eq!(client.answer("GET").unwrap().status, 400);
    client.assert_end();
    let stats = server.until("the end of lingering", |stats| stats.connections_open == 0);
    assert_in_time(start);
    assert_eq!(stats.closed_linger_time, 1);

    // What comes while it lingers is thrown away, but not for ever. The answer is not lost for it.
    let limits = with(|limits| {
        limits.linger_time_max = LIMIT;
        limits.linger_bytes_max = 100_000;
    });
    let server = stage.start(stage.builder().limits(limits), hello());
    let mut client = server.connect();
    client.send(b"?\r\n\r\n");
    assert_eq!(client.answer("GET").unwrap().status, 400);
    let mut sent = 0;
    while client.try_send(&[b'x'; 10_000]).is_ok() && sent < 64 << 20 {
        sent += 10_000;
    }
    let stats = server.until("the end of lingering", |stats| stats.connections_open == 0);
    assert!(stats.closed_linger_bytes == 1 && sent < 64 << 20, "{sent} bytes: {stats:?}");
}

fn bodies_and_heads_end(stage: &Stage) {
    let limits = with(|limits| {
        limits.request_line_bytes_max = 100;
        limits.head_bytes_max = 300;
        limits.head_fields_max = 5;
        limits.body_bytes_max = 1000;
    });
    let server = stage.start(stage.builder().limits(limits), hello());
    // A request line is counted to its line end, and a head to the end of the blank line: at the limit, and one beyond it.
    let line = |len: usize| format!("GET /?{} HTTP/1.1\r\nHost: a\r\n\r\n", "q".repeat(len - 17));
    let head = |len: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(len - 32));
    let fields = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(count - 1));
    let body = |len: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n{}", "x".repeat(len));
    let post = |len: usize| body(len).replacen("GET", "POST", 1);
    let chunked = |len: usize| {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}{len:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(len))
    };
    assert_eq!((line(100).find("\r\n"), head(300).len()), (Some(98), 300));
    let mut counted = [0; 3];
    // The last number says which count moves.
    for (ask, status, count) in [
        (line(100), 200, None),
        (line(101), 414, Some(0)),
        (head(300), 200, None),
        (head(301), 431, Some(1)),
        (fields(5), 200, None),
        (fields(6), 431, Some(1)),
        (body(1000), 200, None),
        (body(1001), 413, Some(2)),
        (post(1000), 405, None),
        (post(1001), 405, Some(2)),
        (chunked(1000), 405, None),
        (chunked(1001), 405, Some(2)),
    ] {
        let mut whole = server.connect();
        whole.send(ask.as_bytes());
        assert_eq!(whole.answer("GET").unwrap().status, status, "{ask}");
        let mut cut = server.connect();
        for byte in ask.bytes() {
            // Once it is refused the connection may be gone.
            let _ = cut.try_send(&[byte]);
        }
        assert_eq!(cut.answer("GET").unwrap().status, status, "byte by byte: {ask}");
        if let Some(count) = count {
            counted[count] += 2;
        }
        let stats = server.stats();
        let counts = [stats.requests_line_too_long, stats.requests_head_too_long, stats.requests_body_too_long];
        assert_eq!(counts, counted, "{ask}");
    }
}

fn as_many_connections_as_allowed(stage: &Stage) {
    let limits = with(|limits| limits.connections_max = 4);
    let server = stage.start(stage.builder().limits(limits), hello());
    let mut clients: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(request("GET", "/", "").as_bytes());
    }
    for (index, client) in clients.iter_mut().enumerate().take(4) {
        assert_eq!(client.answer("GET").map(|answer| answer.status), Ok(200), "{index}");
    }
    let stats = server.until("the pause", |stats| stats.connections_at_limit > 0);
    assert_eq!((stats.connections_open, stats.connections_accepted), (4, 4));
    clients[4].set_patience(SHORT);
    assert_eq!(clients[4].answer("GET").map(|answer| answer.status), Err(Broken::Late), "it waits in the backlog");
    // As each goes, the next comes.
    let mut clients = clients.into_iter();
    drop((clients.next(), clients.next(), clients.next(), clients.next()));
    for mut client in clients {
        client.set_patience(LIMIT);
        assert_eq!(client.answer("GET").unwrap().status, 200);
        assert!(server.stats().connections_open <= 4);
    }
    let stats = server.until("the ends", |stats| stats.connections_open == 0);
    assert!(stats.connections_accepted == 20 && stats.connections_at_limit > 1, "{stats:?}");
    server.connect().get("/");
}

fn as_many_connections_of_one_address_as_allowed(stage: &Stage) {
    let folder = Folder::new();
    let path = folder.path().join("socket");
    let limits = with(|limits| limits.connections_per_address_max = 3);
    // Two workers: the count is one for both.
    let builder = stage.builder().listen(format!("unix:{}", path.display())).workers(2).limits(limits);
    let server = stage.start(builder, hello());
    let mut clients: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
    // What is asked does not matter, nor whether anything is.
    for ask in [request("GET", "/", ""), String::new(), "?\r\n\r\n".to_owned()] {
        let mut turned_away = server.connect();
        turned_away.send(ask.as_bytes());
        let answer = turned_away.answer("GET").unwrap();
        assert_eq!((answer.status, answer.says_close(), answer.field("Retry-After")), (503, true, Some("1")));
        assert_eq!(answer.body, b"503 Service Unavailable: too many connections from this address\n");
        turned_away.assert_end();
    }
    let stats = server.until("them to go", |stats| stats.connections_open == 3);
    assert_eq!((stats.connections_turned_away, stats.responses_5xx, stats.connections_accepted), (3, 3, 6));
    // Other clients are not concerned, and a unix socket has no address.
    let mut others = vec![
        Client::new(system::connect_from(Ipv4Addr::new(127, 0, 0, 2), server.address()).unwrap()),
        Client::connect_unix(&path),
    ];
    others.extend((0..10).map(|_| Client::connect_unix(&path)));
    for client in &mut others {
        assert_eq!(client.get("/").status, 200);
    }
    // Those who stay to hear why take no more room than this.
    let mut waiting: Vec<Client> = (0..TURNED_AWAY_MAX).map(|_| server.connect()).collect();
    let answers = 3 + TURNED_AWAY_MAX as u64;
    server.until("the answers", |stats| stats.responses_5xx == answers);
    server.connect().assert_end();
    assert_eq!(server.stats().connections_turned_away, answers + 1);
    for client in &mut waiting {
        assert_eq!(client.answer("GET").unwrap().status, 503);
    }
    drop(waiting);
    // Who goes makes room.
    drop(clients.pop());
    server.until("the room", |stats| stats.connections_open == 2 + others.len() as u64);
    let mut last = server.connect();
    assert_eq!(last.get("/").status, 200);
    for client in clients.iter_mut().chain(&mut others) {
        assert_eq!(client.get("/").status, 200, "who is in stays in");
    }
}

fn more_large_files_than_may_be_open(stage: &Stage) {
    const FILES: usize = 12;
    const LEN: usize = 1_100_000;
    let folder = Folder::new();
    let contents: Vec<Vec<u8>> = (0..FILES).map(|file| noise(file as u64, LEN)).collect();
    for (file, content) in contents.iter().enumerate() {
        folder.write(&file.to_string(), content);
    }
    let limits = with(|limits| limits.open_files_max = 2);
    let server = stage.start(stage.builder().limits(limits), Router::new().dir("/f", folder.path()).unwrap());
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (server, contents) = (&server, &contents);
            scope.spawn(move || {
                let mut client = server.connect();
                // Some in one batch, more than may be open at once.
                let order = |turn: usize| (seed * 5 + turn * (2 * seed + 1)) % FILES;
                for batch in 0..8 {
                    let files: Vec<usize> = (batch * 3..batch * 3 + 3).map(order).collect();
                    let asks: String = files.iter().map(|file| request("GET", &format!("/f/{file}"), "")).collect();
                    client.send(asks.as_bytes());
                    for file in files {
                        let answer = client.answer("GET").unwrap();
                        assert!(answer.status == 200 && answer.body == contents[file], "{file}: {}", answer.head);
                    }
                }
            });
        }
    });
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter(|entry| {
        let target = entry.as_ref().ok().and_then(|entry| std::fs::read_link(entry.path()).ok());
        target.is_some_and(|target| target.parent() == Some(folder.path()))
    });
    assert!(open.count() <= 2);
}

fn out_of_descriptors(stage: &Stage) {
    if !stage.alone() {
        return;
    }
    const CLIENTS: usize = 20;
    const LEFT: usize = 5;
    let server = stage.serve(hello());
    let sockets: Vec<_> = (0..CLIENTS).map(|_| system::socket(libc::AF_INET, libc::SOCK_STREAM, 0).unwrap()).collect();
    // No number is left but LEFT of those that were taken last.
    system::limit_descriptors(200);
    let mut fillers: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    fillers.truncate(fillers.len() - LEFT);
    let connect = |socket| Client::new(system::connect(socket, server.address()).unwrap());
    let mut clients: Vec<Client> = sockets.into_iter().map(connect).collect();
    for client in &mut clients {
        client.send(request("GET", "/", "").as_bytes());
    }
    for client in &mut clients[..LEFT] {
        assert_eq!(client.answer("GET").unwrap().status, 200);
    }
    let failures = server.until("the failure", |stats| stats.accept_failures > 0).accept_failures;
    let (start, processor_time) = (Instant::now(), system::processor_time());
    server.until("another try, and another", |stats| stats.accept_failures >= failures + 5);
    let (time, processor_time) = (start.elapsed(), system::processor_time() - processor_time);
    // Five pauses of 100 ms. This thread looks at the counts meanwhile, which takes some of the processor's time.
    assert!(time > Duration::from_millis(300), "five tries in {time:?}");
    assert!(processor_time < time / 2, "{processor_time:?} of {time:?}");
    assert_eq!(server.stats().connections_open, LEFT as u64);
    assert!(!server.events().is_empty());
    // Those that are served are served on.
    assert_eq!(clients[0].get("/").status, 200);
    drop(fillers);
    for client in &mut clients[LEFT..] {
        assert_eq!(client.answer("GET").unwrap().status, 200);
    }
    drop(clients);
    until("the ends", || server.stats().connections_open == 0);
    server.connect().get("/");
}
