//! The ceiling on io_uring, as badgerserver's backend uses it: receives take the kernel's buffers (the first of a connection
//! once, later ones multishot), sends are plain calls that are tried at once, a full socket is polled for room. It takes its
//! connections by a multishot accept, which is the cheapest way.

use super::{Answers, Debt, State};
use io_uring::types::{BufRingEntry, Fd};
use io_uring::{IoUring, cqueue, opcode, squeue};
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU16, Ordering};

/// As badgerserver's.
const SUBMISSIONS: u32 = 512;
const COMPLETIONS: u32 = 4096;
const BUFFERS: u16 = 512;
const BUFFER_BYTES: usize = 2048;
const GROUP: u16 = 0;

/// What a completion is of: a kind above the number of a connection.
const ACCEPT: u64 = 0;
const INPUT: u64 = 1;
const RECEIVE: u64 = 2;
const ROOM: u64 = 3;
const CANCEL: u64 = 4;
const KIND_SHIFT: u32 = 32;

struct Connection {
    debt: Debt,
    /// It has had its first receive.
    is_known: bool,
    is_polled: bool,
    /// It has ended; its number is free when nothing is under way.
    is_over: bool,
    operations: u32,
}

struct Loop<'a> {
    answers: &'a Answers,
    state: State,
    ring: IoUring,
    buffers: Buffers,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    listener: Fd,
}

/// Buffers that the kernel takes from: a ring of entries, then the memory. Never freed: the process ends with the ring.
struct Buffers {
    entries: *mut BufRingEntry,
    memory: *mut u8,
    tail: u16,
}

/// The memory of [`Buffers`]: at a page's start.
#[repr(C, align(4096))]
struct Pages {
    entries: [u8; BUFFERS as usize * size_of::<BufRingEntry>()],
    memory: [u8; BUFFERS as usize * BUFFER_BYTES],
}

/// Runs until the standard input ends.
pub(super) fn serve(answers: &Answers, listener: &TcpListener) -> io::Result<()> {
    let mut builder = IoUring::builder();
    builder.setup_cqsize(COMPLETIONS).setup_clamp().setup_single_issuer().setup_defer_taskrun();
    let ring = builder.build(SUBMISSIONS)?;
    let buffers = Buffers::new(&ring)?;
    let (state, listener) = (State::default(), Fd(listener.as_raw_fd()));
    let mut this = Loop { answers, state, ring, buffers, connections: Vec::new(), free: Vec::new(), listener };
    this.accept();
    let input = Fd(io::stdin().as_raw_fd());
    this.push(opcode::PollAdd::new(input, libc::POLLIN as u32).build(), INPUT << KIND_SHIFT);
    let mut told = Vec::with_capacity(COMPLETIONS as usize);
    loop {
        match this.ring.submit_and_wait(1) {
            Err(error) if !matches!(error.raw_os_error(), Some(libc::EINTR | libc::EBUSY | libc::EAGAIN)) => {
                return Err(error);
            }
            _ => {}
        }
        told.extend(this.ring.completion().map(|entry| (entry.user_data(), entry.result(), entry.flags())));
        for (data, result, flags) in told.drain(..) {
            let number = (data & ((1 << KIND_SHIFT) - 1)) as usize;
            match data >> KIND_SHIFT {
                ACCEPT => this.accepted(result, flags),
                // The parent closes its end and writes nothing.
                INPUT => return Ok(()),
                RECEIVE => this.received(number, result, flags),
                ROOM => this.has_room(number, flags),
                // A cancel: what it has ended says so itself.
                _ => {}
            }
        }
    }
}

impl Loop<'_> {
    fn push(&mut self, entry: squeue::Entry, data: u64) {
        let entry = entry.user_data(data);
        loop {
            // SAFETY: the entries made in this file name descriptors by number and buffers by group, whose memory is never
            // freed.
            if unsafe { self.ring.submission().push(&entry) }.is_ok() {
                return;
            }
            // Full: handed over. What is wrong meets the next wait again.
            let _ = self.ring.submit();
        }
    }

    fn accept(&mut self) {
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        self.push(opcode::AcceptMulti::new(self.listener).flags(flags).build(), ACCEPT << KIND_SHIFT);
    }

    fn accepted(&mut self, result: i32, flags: u32) {
        if !cqueue::more(flags) {
            self.accept();
        }
        if result < 0 {
            return;
        }
        // SAFETY: an accept that worked gives a new descriptor, and this is the one place that learns of it.
        let socket = unsafe { OwnedFd::from_raw_fd(result) };
        let number = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let debt = Debt::new(socket);
        self.connections[number] =
            Some(Connection { debt, is_known: false, is_polled: false, is_over: false, operations: 0 });
        self.receive(number);
    }

    fn receive(&mut self, number: usize) {
        let Some(connection) = &mut self.connections[number] else { return };
        let socket = Fd(connection.debt.socket.as_raw_fd());
        let entry = if std::mem::replace(&mut connection.is_known, true) {
            opcode::RecvMulti::new(socket, GROUP).build()
        } else {
            opcode::Recv::new(socket, std::ptr::null_mut(), BUFFER_BYTES as u32)
                .buf_group(GROUP)
                .build()
                .flags(squeue::Flags::BUFFER_SELECT)
        };
        connection.operations += 1;
        self.push(entry, RECEIVE << KIND_SHIFT | number as u64);
    }

    fn received(&mut self, number: usize, result: i32, flags: u32) {
        let Some(connection) = &mut self.connections[number] else { return };
        let is_last = !cqueue::more(flags);
        connection.operations -= u32::from(is_last);
        let buffer = cqueue::buffer_select(flags);
        let mut lives = !connection.is_over;
        if let (true, Some(buffer), 1..) = (lives, buffer, result) {
            connection.debt.count(self.buffers.bytes(buffer, result as usize));
        }
        if let Some(buffer) = buffer {
            self.buffers.give(buffer);
        }
        lives = lives && (result > 0 || result == -libc::ENOBUFS);
        if !lives {
            return self.end(number);
        }
        if self.pump(number) && is_last {
            self.receive(number);
        }
    }

    fn has_room(&mut self, number: usize, flags: u32) {
        let Some(connection) = &mut self.connections[number] else { return };
        if !cqueue::more(flags) {
            connection.operations -= 1;
            connection.is_polled = false;
        }
        if connection.is_over {
            return self.end(number);
        }
        self.pump(number);
    }

    /// Sends what is owed, and asks for room when there is none. False: the connection has ended.
    fn pump(&mut self, number: usize) -> bool {
        let Some(connection) = &mut self.connections[number] else { return false };
        if connection.debt.is_owing() && !connection.debt.pump(self.answers, &mut self.state) {
            self.end(number);
            return false;
        }
        if connection.debt.is_owing() && !connection.is_polled {
            connection.is_polled = true;
            connection.operations += 1;
            let socket = Fd(connection.debt.socket.as_raw_fd());
            let entry = opcode::PollAdd::new(socket, libc::POLLOUT as u32).multi(true).build();
            self.push(entry, ROOM << KIND_SHIFT | number as u64);
        }
        true
    }

    /// Closes a connection when its last operation has ended.
    fn end(&mut self, number: usize) {
        let Some(connection) = &mut self.connections[number] else { return };
        let was_over = std::mem::replace(&mut connection.is_over, true);
        if connection.operations == 0 {
            self.connections[number] = None;
            self.free.push(number);
        } else if !was_over {
            for kind in [RECEIVE, ROOM] {
                let target = kind << KIND_SHIFT | number as u64;
                self.push(opcode::AsyncCancel::new(target).build(), CANCEL << KIND_SHIFT);
            }
        }
    }
}

impl Buffers {
    fn new(ring: &IoUring) -> io::Result<Buffers> {
        let layout = std::alloc::Layout::new::<Pages>();
        // SAFETY: the layout is not empty.
        let start = unsafe { std::alloc::alloc_zeroed(layout) };
        if start.is_null() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        // SAFETY: page-aligned, with room for the entries, and never freed.
        unsafe { ring.submitter().register_buf_ring_with_flags(start as u64, BUFFERS, GROUP, 0) }?;
        // SAFETY: inside of `Pages`.
        let memory = unsafe { start.add(std::mem::offset_of!(Pages, memory)) };
        let mut buffers = Buffers { entries: start.cast(), memory, tail: 0 };
        (0..BUFFERS).for_each(|buffer| buffers.give(buffer));
        Ok(buffers)
    }

    fn place(&self, buffer: u16) -> *mut u8 {
        assert!(buffer < BUFFERS);
        // SAFETY: there are BUFFERS of them.
        unsafe { self.memory.add(usize::from(buffer) * BUFFER_BYTES) }
    }

    /// What came in a buffer that the kernel has told of and that was not given back.
    fn bytes(&self, buffer: u16, len: usize) -> &[u8] {
        assert!(len <= BUFFER_BYTES);
        // SAFETY: initialised (zeros at first), and the kernel does not write to it until `give`, which takes `self` mutably.
        unsafe { std::slice::from_raw_parts(self.place(buffer), len) }
    }

    fn give(&mut self, buffer: u16) {
        let index = usize::from(self.tail & (BUFFERS - 1));
        // SAFETY: the index is below BUFFERS, and that many entries are there.
        let entry = unsafe { self.entries.add(index) };
        // SAFETY: aligned and initialised; the kernel reads it only after the tail has passed it.
        let entry = unsafe { &mut *entry };
        entry.set_addr(self.place(buffer) as u64);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(buffer);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the first entry, initialised.
        let tail = unsafe { BufRingEntry::tail(self.entries) };
        // SAFETY: aligned, and only the kernel reads it beside this.
        let tail = unsafe { AtomicU16::from_ptr(tail.cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }
}
