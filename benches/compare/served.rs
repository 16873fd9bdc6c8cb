//! badgerserver as its users run it: the public API, one worker, nothing tuned but what a comment says.

use super::sys;
use badgerserver::{Backend, Mount, Pack, Router, Server, guard_mapped_files};
use std::io::{self, Read};

/// Runs until its standard input ends. `arguments`: the backend, the pack, and perhaps a directory. Says its port, that of
/// its deferred listener, and its backend.
pub(crate) fn main(arguments: &[String]) -> io::Result<()> {
    let (backend, pack, directory) = match arguments {
        [backend, pack] => (backend, pack, None),
        [backend, pack, directory] => (backend, pack, Some(directory)),
        _ => return Err(io::Error::other("serve: BACKEND PACK [DIRECTORY]")),
    };
    let backend: Backend = backend.parse().map_err(io::Error::other)?;
    guard_mapped_files()?;
    let open = || Pack::open(pack).map_err(io::Error::other);
    // The same file once more, as a gallery is mounted: titles are gathered.
    let mut router = Router::new().pack("/p", open()?).mount(Mount::pack("/b", open()?).gather("/metadata", "ids"));
    if let Some(directory) = directory {
        router = router.dir("/d", directory).map_err(io::Error::other)?;
    }
    let server = Server::builder()
        .listen("127.0.0.1:0")
        .listen_on(sys::listen(true)?)
        .workers(1)
        .backend(backend)
        .start(router)
        .map_err(io::Error::other)?;
    let ports: Vec<String> = server
        .addresses()
        .iter()
        .filter_map(|address| address.inet())
        .map(|address| address.port().to_string())
        .collect();
    println!("{} {}", ports.join(" "), server.backend());
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
