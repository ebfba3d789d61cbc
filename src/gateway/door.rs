//! The door of a listener: held shut for a moment before it is taken away, so that nobody stands in it then.
//!
//! A listener that is closed resets whatever the system has already connected and the gate has not accepted, or accepted and
//! not yet read: the client believes that it is served, has sent its request, and does not know what became of it. A load
//! balancer repeats a GET then, and must not repeat a POST. So before that the first packet of every new connection is
//! dropped. Who sent it sends it again after a second and is refused, and whoever is refused has sent nothing and goes
//! elsewhere. Those who are in have a moment to say what they want.

use std::io;
use std::net::TcpListener;

/// Another handle of a listening socket.
#[derive(Debug)]
pub(super) struct Door {
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "it has no such filter"))]
    socket: socket2::Socket,
}

impl Door {
    pub(super) fn of(listener: &TcpListener) -> io::Result<Self> {
        Ok(Self { socket: listener.try_clone()?.into() })
    }

    /// From now on nobody new gets in. Dropped afterwards: the socket listens for as long as there is a handle of it.
    #[cfg(target_os = "linux")]
    pub(super) fn shut(&self) -> io::Result<()> {
        use socket2::SockFilter;
        /// `struct tcphdr`: the octet with the flags, and those by which the first packet is known.
        const FLAGS: u32 = 13;
        const SYN: u32 = 0x02;
        const ACK: u32 = 0x10;
        // Of linux/bpf_common.h: load an octet, mask it, compare it, answer how much of the packet is kept.
        const LOAD: u16 = 0x30;
        const AND: u16 = 0x54;
        const IS: u16 = 0x15;
        const KEEP: u16 = 0x06;
        self.socket.attach_filter(&[
            SockFilter::new(LOAD, 0, 0, FLAGS),
            SockFilter::new(AND, 0, 0, SYN | ACK),
            SockFilter::new(IS, 0, 1, SYN),
            SockFilter::new(KEEP, 0, 0, 0),
            SockFilter::new(KEEP, 0, 0, u32::MAX),
        ])
    }

    /// Elsewhere it stays open to the last.
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as on Linux")]
    pub(super) fn shut(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::Door;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    #[test]
    fn who_is_in_the_door_when_it_is_shut_is_served_and_nobody_comes_after() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let door = Door::of(&listener).unwrap();
        let mut early = TcpStream::connect(address).unwrap();
        door.shut().unwrap();
        let late = TcpStream::connect_timeout(&address, Duration::from_millis(300));
        assert_eq!(late.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
        early.write_all(b"what I want").unwrap();
        early.shutdown(std::net::Shutdown::Write).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        let mut said = String::new();
        accepted.read_to_string(&mut said).unwrap();
        assert_eq!(said, "what I want");
        drop((door, listener));
        assert!(TcpStream::connect(address).is_err(), "it listens no more");
    }
}
