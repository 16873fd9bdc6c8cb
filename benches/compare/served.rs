//! badgerserver as its users run it: the public API, one worker, nothing tuned but what a comment says.

use badgerserver::{Pack, Router, Server, guard_mapped_files};
use std::io::{self, Read};

/// Runs until its standard input ends. `arguments`: the pack.
pub(crate) fn main(arguments: &[String]) -> io::Result<()> {
    let [pack] = arguments else { return Err(io::Error::other("serve: PACK")) };
    guard_mapped_files()?;
    let router = Router::new().pack("/p", Pack::open(pack).map_err(io::Error::other)?);
    let server = Server::builder().listen("127.0.0.1:0").workers(1).start(router).map_err(io::Error::other)?;
    let port = server.addresses().iter().find_map(|address| address.inet()).map_or(0, |address| address.port());
    println!("{port}");
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
