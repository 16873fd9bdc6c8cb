//! TCP_DEFER_ACCEPT: a connection is there when its first bytes are.

use crate::stage::Stage;
use badgerserver::{Response, Router};
use std::time::Duration;

stamp![silent_clients_are_not_accepted];

fn silent_clients_are_not_accepted(stage: &Stage) {
    let router = Router::new().get("/", |_| Response::text("x"));
    let server = stage.start(stage.builder().defer_accept(Duration::from_millis(59_001)), router);
    let mut silent = server.connect();
    let mut speaks = server.connect();
    assert_eq!(speaks.get("/").body, b"x");
    // The one that came first would have been accepted first.
    assert_eq!(server.stats().connections_accepted, 1);
    assert_eq!(silent.get("/").body, b"x");
    assert_eq!(server.stats().connections_accepted, 2);
    // What follows the first request is as ever.
    assert_eq!(silent.get("/").body, b"x");
    assert_eq!(speaks.get("/").body, b"x");
}
