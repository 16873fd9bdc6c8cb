//! The server over real sockets: what leaves it, byte for byte, and what it does when clients, files and the system misbehave.
//!
//! Each suite is a plain function of a [`stage::Stage`] and is stamped once for each backend. A test that looks at the whole
//! process (its descriptors, threads, memory, signal handlers) runs in a process of its own: [`stage::Stage::alone`].
//! What cannot run here prints `skipped: why`, and the last line of the run counts those.

/// Makes a test of each function for each backend.
macro_rules! stamp {
    ($($name:ident),* $(,)?) => {
        mod epoll {
            $(#[test]
            fn $name() {
                let path = concat!(module_path!(), "::", stringify!($name));
                super::$name(&crate::stage::Stage::new(badgerserver::Backend::Epoll, path));
            })*
        }

        mod io_uring {
            $(#[test]
            fn $name() {
                let path = concat!(module_path!(), "::", stringify!($name));
                match badgerserver::Backend::IoUring.check() {
                    Ok(()) => super::$name(&crate::stage::Stage::new(badgerserver::Backend::IoUring, path)),
                    Err(why) => crate::stage::skip(&why.to_string()),
                }
            })*
        }
    };
}

#[path = "../backends/mod.rs"]
mod backends;
mod client;
mod content;
mod stage;
mod system;

mod access;
mod balance;
mod clients;
mod cold;
mod cores;
mod crowds;
mod damage;
mod deferred;
mod drain;
mod exchanges;
mod handlers;
mod idle;
mod limits;
mod listeners;
mod moment;
mod mutations;
mod packets;
mod proxied;
mod replaced;
mod seen;
mod stalls;
mod swap;
mod truncation;
