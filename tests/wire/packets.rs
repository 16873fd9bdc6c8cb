//! How an answer falls into packets: the one that carries the end of the head carries the beginning of the body too.
//!
//! Captured in a network of the test's own, on a loopback interface with the packets of Ethernet.

use crate::client::Client;
use crate::content::sizes;
use crate::stage::{Folder, Stage, skip, until};
use crate::system;
use badgerserver::Router;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

stamp![head_and_body_share_a_packet];

const MTU: usize = 1500;
const SIZES: [usize; 10] = [1, 100, 1024, 1448, 24 * 1024 - 1, 24 * 1024, 25 * 1024, 60 * 1024, 150 * 1024, 2 << 20];

/// The bytes that a port sends, put in their order: a capture sees packets of several processors, and some twice.
#[derive(Default)]
struct Stream {
    /// The number of the first byte seen.
    base: Option<u32>,
    /// Lengths of packets by the place of their first byte, counted from `base`.
    packets: BTreeMap<i32, usize>,
}

impl Stream {
    /// Notes each packet that came from `port`.
    fn take(&mut self, capture: &OwnedFd, port: u16) {
        let mut buffer = vec![0; 128 * 1024];
        while let Some(packet) = system::packet(capture, &mut buffer) {
            let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
            let packet = &packet[..if total == 0 { packet.len() } else { total }];
            let segment = &packet[usize::from(packet[0] & 15) * 4..];
            let len = segment.len() - usize::from(segment[12] >> 4) * 4;
            let sequence = u32::from_be_bytes([segment[4], segment[5], segment[6], segment[7]]);
            if u16::from_be_bytes([segment[0], segment[1]]) == port && len > 0 {
                let base = *self.base.get_or_insert(sequence);
                self.packets.insert(sequence.wrapping_sub(base) as i32, len);
            }
        }
    }

    /// Takes out `wanted` bytes from the front, once they are all there: the lengths of their packets.
    fn front(&mut self, wanted: usize) -> Option<Vec<usize>> {
        let first = *self.packets.keys().next()?;
        let (mut at, mut lens) = (first, Vec::new());
        while let Some(&len) = self.packets.get(&at) {
            lens.push(len);
            at += len as i32;
            if (at - first) as usize >= wanted {
                self.packets = self.packets.split_off(&at);
                return Some(lens);
            }
        }
        None
    }
}

fn head_and_body_share_a_packet(stage: &Stage) {
    if !stage.alone() {
        return;
    }
    if let Err(error) = system::unshare_network().and_then(|()| system::set_loopback(MTU as i32)) {
        return skip(&format!("packets: needs CAP_SYS_ADMIN and CAP_NET_ADMIN ({error})"));
    }
    let capture = match system::capture() {
        Ok(capture) => capture,
        Err(error) => return skip(&format!("packets: needs CAP_NET_RAW ({error})")),
    };
    let folder = Folder::new();
    let (pack, contents) = sizes(&folder, &SIZES);
    let server = stage.serve(Router::new().pack("/size", pack));
    let port = server.address().port();
    let mut client = Client::connect(server.address());
    let mut stream = Stream::default();
    for (content, again) in contents.iter().flat_map(|content| [(content, false), (content, true)]) {
        let answer = client.get(&format!("/size/{}", content.len()));
        assert!(answer.body == *content);
        let wanted = answer.head.len() + content.len();
        let mut lens = Vec::new();
        until("the packets of an answer", || {
            stream.take(&capture, port);
            stream.front(wanted).map(|found| lens = found).is_some()
        });
        let segment_bytes = *lens.iter().max().unwrap();
        assert!(segment_bytes <= MTU - 40, "{segment_bytes} bytes in one packet: segments are not seen as they leave");
        assert_eq!(lens.iter().sum::<usize>(), wanted);
        let mut end = 0;
        let place = lens.iter().position(|len| {
            end += len;
            end >= answer.head.len()
        });
        let place = place.unwrap();
        assert!(
            end > answer.head.len() || lens[place] == segment_bytes,
            "{} bytes (again: {again}): the head ended packet {place} of {:?}",
            content.len(),
            &lens[..lens.len().min(8)]
        );
    }
}
