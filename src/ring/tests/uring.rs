//! The suite for io_uring, as this kernel has it and as older ones do.

use super::*;
use crate::ring::uring::Uring;
use crate::sys::uring::Features;

pub(super) fn is_here() -> bool {
    Uring::new().is_ok()
}

impl Real for Uring {
    type Ring = Uring;

    fn try_make() -> io::Result<Uring> {
        Uring::new()
    }
}

/// io_uring as an older kernel has it: each bit takes a feature away.
struct Without<const MISSING: u8>;

const DEFERRED: u8 = 1;
const SINGLE: u8 = 2;
const COOPERATIVE: u8 = 4;
const AGAIN: u8 = 8;
const BUFFERS: u8 = 16;

impl<const MISSING: u8> Without<MISSING> {
    const HAS: Features = Features {
        deferred_work: MISSING & DEFERRED == 0,
        single_issuer: MISSING & SINGLE == 0,
        cooperative_work: MISSING & COOPERATIVE == 0,
        receive_again: MISSING & AGAIN == 0,
        buffer_ring: MISSING & BUFFERS == 0,
    };
}

impl<const MISSING: u8> Real for Without<MISSING> {
    type Ring = Uring;

    fn try_make() -> io::Result<Uring> {
        let ring = Uring::with(Self::HAS)?;
        let (has, used) = (Self::HAS, ring.features());
        assert!(has.deferred_work || !used.deferred_work);
        assert!(has.single_issuer || !used.single_issuer);
        assert!(has.cooperative_work || !used.cooperative_work);
        assert!(has.receive_again || !used.receive_again);
        assert!(has.buffer_ring || !used.buffer_ring);
        Ok(ring)
    }
}

suite! {
    tcp: TcpPlace<Uring>,
    unix: UnixPlace<Uring>,
    // What Linux 6.0, 5.19 and 5.13 have, and everything but the flags, or but the buffers.
    without_deferred: TcpPlace<Without<{ DEFERRED }>>,
    of_linux_5_19: TcpPlace<Without<{ DEFERRED | SINGLE | AGAIN }>>,
    of_linux_5_13: TcpPlace<Without<{ DEFERRED | SINGLE | AGAIN | COOPERATIVE | BUFFERS }>>,
    of_linux_5_13_unix: UnixPlace<Without<{ DEFERRED | SINGLE | AGAIN | COOPERATIVE | BUFFERS }>>,
    without_flags: TcpPlace<Without<{ DEFERRED | SINGLE | COOPERATIVE }>>,
    without_buffers: TcpPlace<Without<{ BUFFERS }>>,
    without_again: TcpPlace<Without<{ AGAIN }>>,
}

#[test]
fn accepting_that_fails_pauses_the_listener() {
    match Uring::new() {
        Ok(ring) => a_broken_listener_is_told_once(ring),
        Err(error) => println!("SKIPPED {}: {error}", module_path!()),
    }
}
