//! A directory and a pack side by side. `cargo run --release --example files -- DIRECTORY [PACK]`, then look at
//! `http://127.0.0.1:8080/` and, for the pack, `http://127.0.0.1:8080/pack/...`.

use badgerserver::{Mount, Pack, Router, Server, guard_mapped_files};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().unwrap_or_else(|| ".".to_owned());
    // Reads of mapped packs need no system call then; without it everything works the same, only slower.
    guard_mapped_files()?;
    let mut router = Router::new().dir("/", directory)?;
    if let Some(pack) = arguments.next() {
        router = router.mount(Mount::pack("/pack", Pack::open(pack)?).header("Access-Control-Allow-Origin", "*"));
    }
    let server = Server::builder().listen("127.0.0.1:8080").start(router)?;
    for address in server.addresses() {
        println!("listening on {address} backend={} workers={}", server.backend(), server.workers());
    }
    server.wait()?;
    Ok(())
}
