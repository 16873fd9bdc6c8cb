//! The smallest server: one handler. `cargo run --release --example hello`, then `curl http://127.0.0.1:8080/hello/ada`.

use badgerserver::{Error, Response, Router, Server};

fn main() -> Result<(), Error> {
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let router = Router::new()
        .get("/", |_| Response::html("<p>Say <a href=\"/hello/ada\">hello</a>."))
        .get("/hello/{name}", |req| Response::text(format!("hi {}\n", req.param("name"))));
    let server = Server::builder().listen(listen).start(router)?;
    for address in server.addresses() {
        println!("listening on {address} backend={} workers={}", server.backend(), server.workers());
    }
    server.wait()
}
