//! badgerserver as its users run it: the public API, one worker, nothing tuned but what a comment says.

use badgerserver::{Pack, Router, Server, guard_mapped_files};
use std::io::{self, Read};

/// Runs until its standard input ends. `arguments`: the pack, and perhaps a directory.
pub(crate) fn main(arguments: &[String]) -> io::Result<()> {
    let (pack, directory) = match arguments {
        [pack] => (pack, None),
        [pack, directory] => (pack, Some(directory)),
        _ => return Err(io::Error::other("serve: PACK [DIRECTORY]")),
    };
    guard_mapped_files()?;
    let mut router = Router::new().pack("/p", Pack::open(pack).map_err(io::Error::other)?);
    if let Some(directory) = directory {
        router = router.dir("/d", directory).map_err(io::Error::other)?;
    }
    let server = Server::builder().listen("127.0.0.1:0").workers(1).start(router).map_err(io::Error::other)?;
    let port = server.addresses().iter().find_map(|address| address.inet()).map_or(0, |address| address.port());
    println!("{port}");
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
