//! A pack that is part of the program.
#![forbid(unsafe_code)]

/// A pack that is compiled into the program, page-aligned: what answers when no other pack is there. The path is relative to
/// the file that names it, as in [`include_bytes!`]; the result is that of [`Pack::open`](crate::Pack::open).
///
/// ```
/// use badgerserver::{Pack, Router, include_pack};
///
/// // Stale beats empty: yesterday's content, in the program, answers when today's cannot be opened.
/// let pack = Pack::open("/srv/today.badger").or_else(|error| {
///     eprintln!("{error}; serving what came with this program");
///     include_pack!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/pack-v1/tiny.badger"))
/// })?;
/// let router = Router::new().pack("/gallery", pack);
/// # Ok::<(), badgerserver::OpenError>(())
/// ```
///
/// Mounted behind another pack under the same prefix it answers the keys that the other one has not.
#[macro_export]
macro_rules! include_pack {
    ($path:expr $(,)?) => {{
        #[repr(C, align(4096))]
        struct Page<T: ?Sized>(T);
        static PACK: &Page<[u8]> = &Page(*include_bytes!($path));
        $crate::Pack::included($path, &PACK.0)
    }};
}
