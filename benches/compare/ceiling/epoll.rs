//! The ceiling on epoll.

use super::super::sys::{self, Epoll, NO_EVENT};
use super::{Answers, Debt, State};
use std::io::{self, Read};
use std::net::TcpListener;
use std::os::fd::AsRawFd;

/// As badgerserver's.
const RECEIVE_BYTES: usize = 32 * 1024;
const TURN_EVENTS: usize = 512;
const LISTENER: u64 = u64::MAX;
const INPUT: u64 = u64::MAX - 1;

struct Loop<'a> {
    answers: &'a Answers,
    state: State,
    epoll: Epoll,
    connections: Vec<Option<Debt>>,
    free: Vec<usize>,
    room: Vec<u8>,
}

/// Runs until the standard input ends.
pub(super) fn serve(answers: &Answers, listener: &TcpListener) -> io::Result<()> {
    let epoll = Epoll::new()?;
    epoll.add(listener, sys::EPOLLIN, LISTENER)?;
    epoll.add(&io::stdin(), sys::EPOLLIN, INPUT)?;
    let mut events = vec![NO_EVENT; TURN_EVENTS];
    let room = vec![0; RECEIVE_BYTES];
    let mut this = Loop { answers, state: State::default(), epoll, connections: Vec::new(), free: Vec::new(), room };
    loop {
        let ready = this.epoll.wait(&mut events, -1)?;
        for event in &events[..ready] {
            match event.u64 {
                LISTENER => this.accept(listener)?,
                INPUT if io::stdin().read(&mut [0; 64])? == 0 => return Ok(()),
                INPUT => {}
                number => this.turn(number as usize, event.events as i32),
            }
        }
    }
}

impl Loop<'_> {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        while let Ok(socket) = sys::accept(listener) {
            let interest = sys::EPOLLIN | sys::EPOLLOUT | sys::EPOLLRDHUP | sys::EPOLLET;
            let number = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            self.epoll.add(&socket, interest, number as u64)?;
            self.connections[number] = Some(Debt::new(socket));
            self.read(number);
        }
        Ok(())
    }

    fn turn(&mut self, number: usize, flags: i32) {
        let Some(connection) = &mut self.connections[number] else { return };
        if connection.is_owing() && flags & sys::EPOLLOUT != 0 && !connection.pump(self.answers, &mut self.state) {
            return self.close(number);
        }
        if flags & sys::EPOLLIN != 0 {
            self.read(number);
        }
    }

    fn read(&mut self, number: usize) {
        let Some(connection) = &mut self.connections[number] else { return };
        let lives = match sys::receive(connection.socket.as_raw_fd(), &mut self.room) {
            Ok(0) => false,
            Ok(received) => {
                connection.count(&self.room[..received]);
                connection.pump(self.answers, &mut self.state)
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        if !lives {
            self.close(number);
        }
    }

    fn close(&mut self, number: usize) {
        self.connections[number] = None;
        self.free.push(number);
    }
}
