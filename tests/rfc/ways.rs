//! The ways in which everything is asked: through the protocol alone, and over real sockets on each backend that runs here.
//! The same bytes must have the same answers, so that what holds for one way holds for all.

use crate::answers::bytes_of;
use crate::backends::backends;
use crate::site::router;
use badgerserver::{Backend, Handle, Limits, Router, Server, TestClient, TestResponse};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Ends a test that has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn serve(backend: Backend, limits: Limits, router: Router) -> Handle {
    let builder = Server::builder().backend(backend).workers(1).limits(limits).listen("127.0.0.1:0");
    let server = builder.start(router).unwrap();
    assert_eq!(server.backend(), backend.to_string());
    server
}

/// A connection, and what was sent on it; `|` stands for CR LF.
pub(crate) fn send(server: &Handle, text: &str) -> TcpStream {
    send_bytes(server, &bytes_of(text))
}

fn send_bytes(server: &Handle, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.addresses()[0].inet().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // What is refused at its head may be closed before all of it was sent; the answer is there to read all the same.
    let _ = stream.write_all(bytes);
    stream
}

/// All that comes until the server closes.
pub(crate) fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Asks one content in all ways, and gives the answers that are the same in each.
pub(crate) struct Client {
    alone: TestClient,
    /// Empty at a time of its own, which no server has.
    servers: Arc<Vec<Handle>>,
}

impl Client {
    /// Of content that is made once for each way.
    pub(crate) fn new(make: impl Fn() -> Router) -> Client {
        let servers = backends().map(|backend| serve(backend, Limits::default(), make())).collect();
        Client { alone: TestClient::new(make()).unwrap(), servers: Arc::new(servers) }
    }

    /// Of the common site, whose servers all tests share.
    pub(crate) fn of_site() -> Client {
        static SERVERS: LazyLock<Arc<Vec<Handle>>> =
            LazyLock::new(|| Arc::new(backends().map(|backend| serve(backend, Limits::default(), router())).collect()));
        Client { alone: TestClient::new(router()).unwrap(), servers: Arc::clone(&SERVERS) }
    }

    /// The same where the protocol alone is dated with this time: for what does not depend on it.
    pub(crate) fn dated(mut self, unix_seconds: u64) -> Client {
        self.alone = self.alone.at(unix_seconds);
        self
    }

    /// The protocol alone at this time: for what depends on it, since a server has the machine's clock.
    pub(crate) fn at(mut self, unix_seconds: u64) -> Client {
        self.servers = Arc::default();
        self.dated(unix_seconds)
    }

    /// How often each request is asked.
    pub(crate) fn ways(&self) -> usize {
        1 + self.servers.len()
    }

    pub(crate) fn get(&mut self, target: &str) -> TestResponse {
        self.request("GET", target, &[])
    }

    /// A request without a body.
    pub(crate) fn request(&mut self, method: &str, target: &str, fields: &[(&str, &str)]) -> TestResponse {
        let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        assert_eq!(lines.lines().count(), fields.len(), "a line break in the request");
        let mut answers = self.bytes(format!("{method} {target} HTTP/1.1\r\nHost: test\r\n{lines}\r\n").as_bytes());
        assert_eq!(answers.len(), 1, "a request has one answer");
        answers.remove(0)
    }

    /// The answers to bytes as they come from a socket, in their order.
    #[track_caller]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Vec<TestResponse> {
        let answers = self.alone.bytes(bytes);
        let wire: Vec<u8> = answers.iter().flat_map(|answer| [answer.head(), answer.body()].concat()).collect();
        for server in &*self.servers {
            let mut stream = send_bytes(server, bytes);
            let mut came = Vec::new();
            // All that is wanted, and then all that comes until an end that the client makes if the server has not:
            // an end that came sooner could be told by the answers.
            let wanted = Read::by_ref(&mut stream).take(wire.len() as u64).read_to_end(&mut came);
            let _ = stream.shutdown(Shutdown::Write);
            let more = wanted.and_then(|_| stream.read_to_end(&mut came));
            let name = bytes[..bytes.len().min(300)].escape_ascii();
            assert!(
                more.is_ok() && undated(&came) == undated(&wire),
                "{} does not answer as the protocol alone: {more:?}\n{name}\n{}\n{}",
                server.backend(),
                String::from_utf8_lossy(&came),
                String::from_utf8_lossy(&wire)
            );
        }
        answers
    }
}

/// Answers in which the time that each was made at, also as its Last-Modified, is blotted out: as many bytes as before.
fn undated(wire: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"\r\nDate: ";
    const LEN: usize = "Sun, 06 Nov 1994 08:49:37 GMT".len();
    let mut bytes = wire.to_vec();
    let places = |bytes: &[u8], text: &[u8]| -> Vec<usize> {
        bytes.windows(text.len()).enumerate().filter(|window| window.1 == text).map(|window| window.0).collect()
    };
    for place in places(wire, NAME) {
        let start = place + NAME.len();
        let date = wire[start..wire.len().min(start + LEN)].to_vec();
        for place in places(wire, &date) {
            bytes[place..place + date.len()].fill(b'?');
        }
    }
    bytes
}
