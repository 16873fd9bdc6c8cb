//! A pack that is part of the program answers when no other does: stale beats empty.

use badgerserver::{OpenError, Pack, Router, TestClient, include_pack};

fn included() -> Pack {
    include_pack!("golden/pack-v1/tiny.badger").unwrap()
}

/// The answer's status and body to the first key of the included pack.
fn first_key() -> String {
    let record = included().entries().next().unwrap().unwrap();
    String::from_utf8(record.key().to_vec()).unwrap()
}

#[test]
fn it_stands_in_for_a_pack_that_cannot_be_opened() {
    let pack = Pack::open("/nothing/here.badger").or_else(|error| {
        assert!(matches!(error, OpenError::File { .. }), "{error}");
        include_pack!("golden/pack-v1/tiny.badger")
    });
    let mut client = TestClient::new(Router::new().pack("", pack.unwrap())).unwrap();
    assert_eq!(client.get(&first_key()).status(), 200);
}

#[test]
fn behind_another_pack_it_answers_what_that_one_has_not() {
    let other = include_pack!("golden/pack-v1/none.badger").unwrap();
    let mut client = TestClient::new(Router::new().pack("", other).pack("", included())).unwrap();
    assert_eq!(client.get(&first_key()).status(), 200);
    assert_eq!(client.get("/not/in/either").status(), 404);
}

#[test]
fn what_is_no_pack_is_refused_by_its_name() {
    let error = include_pack!("include_pack.rs").unwrap_err();
    assert!(matches!(error, OpenError::Pack { .. }));
    assert!(error.to_string().starts_with("include_pack.rs: not a badger pack"), "{error}");
}
