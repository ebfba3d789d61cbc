//! Where the connections of the public listener are counted: before anything is read of them, a handshake too, so that whoever
//! only opens them takes no more than anybody may have.

use super::connections::{Connections, Open};
use super::live::Live;
use async_trait::async_trait;
use pingora::http::ResponseHeader;
use pingora::listeners::PreTlsProcess;
use pingora::protocols::l4::stream::Stream as Accepted;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{GetProxyDigest, GetSocketDigest, SocketDigest, Stream};
use pingora::{Error, ErrorType};
use std::net::IpAddr;
use std::sync::Arc;

/// Lets connections in, as long as there is room.
pub(super) struct Entrance {
    pub(super) live: Arc<Live>,
    pub(super) connections: Connections,
}

/// That a connection is in.
pub(super) enum Admitted {
    /// Since before its handshake: it is open for as long as the stream is there.
    WithItsStream,
    Now(#[expect(dead_code, reason = "it is held, and counts until it is dropped")] Open),
}

impl Entrance {
    /// None: it is to be closed.
    pub(super) fn admit(&self, stream: &Stream) -> Option<Admitted> {
        let digest = stream.get_proxy_digest();
        if digest.is_some_and(|digest| digest.user_data.as_ref().is_some_and(|brought| brought.is::<Open>()))
        {
            return Some(Admitted::WithItsStream);
        }
        self.enter(address_in(stream.get_socket_digest())).map(Admitted::Now)
    }

    /// One more connection, if there may be one more of its address. Behind a trusted proxy is everybody.
    fn enter(&self, address: Option<IpAddr>) -> Option<Open> {
        let plan = self.live.look();
        match (address, plan.gate.bounds.connections_per_address) {
            (Some(address), Some(most)) if !plan.trusted.include(address) => {
                self.connections.enter_from(address, most)
            }
            _ => self.connections.enter(),
        }
    }
}

/// pingora asks this one before a handshake, and gives us no other place to leave something with the connection than the answer
/// of a proxy, which there is none of.
#[async_trait]
impl PreTlsProcess for Entrance {
    async fn process(&self, stream: &mut Accepted) -> pingora::Result<()> {
        let Some(open) = self.enter(address_in(stream.get_socket_digest())) else {
            return Error::e_explain(ErrorType::ConnectionClosed, "there is no room for it");
        };
        let no_answer = Box::new(ResponseHeader::build(200, None)?);
        stream.set_proxy_digest(ProxyDigest::new(no_answer, Some(Box::new(open))));
        Ok(())
    }
}

fn address_in(digest: Option<Arc<SocketDigest>>) -> Option<IpAddr> {
    Some(digest?.peer_addr()?.as_inet()?.ip())
}
