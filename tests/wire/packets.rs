//! How an answer falls into packets: the one that carries the end of the head carries the beginning of the body too.
//!
//! Captured in a network of the test's own, on a loopback interface with the packets of Ethernet.

use crate::client::Client;
use crate::content::sizes;
use crate::stage::{Folder, Stage, skip, until};
use crate::system;
use badgerserver::Router;
use std::os::fd::OwnedFd;

stamp![head_and_body_share_a_packet];

const MTU: usize = 1500;
const SIZES: [usize; 10] = [1, 100, 1024, 1448, 24 * 1024 - 1, 24 * 1024, 25 * 1024, 60 * 1024, 150 * 1024, 2 << 20];

/// Notes the length of each packet that arrived from `port`, without those that came again. `next` is the number of the
/// next byte.
fn payloads(capture: &OwnedFd, port: u16, next: &mut Option<u32>, into: &mut Vec<usize>) {
    let mut buffer = vec![0; 128 * 1024];
    while let Some(packet) = system::packet(capture, &mut buffer) {
        let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
        let packet = &packet[..if total == 0 { packet.len() } else { total }];
        let segment = &packet[usize::from(packet[0] & 15) * 4..];
        let len = segment.len() - usize::from(segment[12] >> 4) * 4;
        let sequence = u32::from_be_bytes([segment[4], segment[5], segment[6], segment[7]]);
        if u16::from_be_bytes([segment[0], segment[1]]) == port && len > 0 && next.is_none_or(|next| next == sequence) {
            *next = Some(sequence.wrapping_add(len as u32));
            into.push(len);
        }
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
    let mut next = None;
    for (content, again) in contents.iter().flat_map(|content| [(content, false), (content, true)]) {
        let answer = client.get(&format!("/size/{}", content.len()));
        assert!(answer.body == *content);
        let wanted = answer.head.len() + content.len();
        let mut lens = Vec::new();
        until("the packets of an answer", || {
            payloads(&capture, port, &mut next, &mut lens);
            lens.iter().sum::<usize>() >= wanted
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
