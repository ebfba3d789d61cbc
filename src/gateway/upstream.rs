//! Where the application is: addresses resolved beside the requests, never on their way.
//!
//! pingora's own way to a peer looks a name up in the middle of a request, blocks its thread meanwhile and panics
//! when there is no answer. Here a background task asks, the last good answer is kept, and a request clones a peer
//! that is ready.

use super::hesitant::Hesitant;
use super::limits::MAX_CONNECT_ATTEMPTS;
use crate::site::Upstream;
use arc_swap::ArcSwapOption;
use aws_lc_rs::digest::{Context, SHA256};
use pingora::protocols::{ALPN, TcpKeepalive};
use pingora::tls::CertificateDer;
use pingora::upstreams::peer::HttpPeer;
use pingora::utils::tls::{WrappedX509, parse_x509};
use rustls::pki_types::pem::PemObject;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Connections to the application are kept for this long when nothing goes over them.
const KEEP_IDLE: Duration = Duration::from_secs(60);

/// Finds out that the other side of a quiet connection (a WebSocket, mostly) is no longer there.
pub(super) fn tcp_keepalive() -> TcpKeepalive {
    TcpKeepalive {
        idle: Duration::from_secs(60),
        interval: Duration::from_secs(15),
        count: 4,
        user_timeout: Duration::ZERO,
    }
}

/// The application of one site.
#[derive(Debug)]
pub(super) struct Application {
    upstream: Upstream,
    authorities: Option<Arc<[WrappedX509]>>,
    /// Kept connections are shared by equal peers, and pingora's idea of equality leaves the CA and the protocol
    /// version out: each part of each site has a group of its own, which is another one when anything of it changes.
    group: u64,
    peers: ArcSwapOption<Peers>,
    /// The address that answered last; others are tried only when it no longer does.
    preferred: AtomicUsize,
}

#[derive(Debug)]
struct Peers {
    addresses: Vec<SocketAddr>,
    /// For ordinary requests, one an address.
    ordinary: Vec<HttpPeer>,
    /// For upgrades: HTTP/1.1 only and without a limit on silence.
    upgrade: Vec<HttpPeer>,
}

impl Application {
    /// Reads the CA file; an address that is no name needs no further look-up. Errors name the key.
    pub(super) fn new((site, part): (&str, usize), upstream: &Upstream) -> Result<Self, String> {
        let authorities = match (&upstream.ca_file, upstream.tls) {
            (Some(file), true) => Some(
                certificate_authorities(file)
                    .map_err(|problem| format!("upstream's ca_file {}: {problem}", file.display()))?,
            ),
            _ => None,
        };
        let (authorities, trusted) = authorities.unzip();
        let application = Self {
            upstream: upstream.clone(),
            authorities,
            group: group(&format!("{site} {part} {upstream:?}"), &trusted.unwrap_or_default()),
            peers: ArcSwapOption::empty(),
            preferred: AtomicUsize::new(0),
        };
        if let Some(address) = application.literal() {
            application.settle(vec![address]);
        }
        Ok(application)
    }

    /// Begins with the addresses that were known before the configuration was read again, if they are of the same host.
    /// Whether there are any.
    pub(super) fn inherit(&self, before: &Self) -> bool {
        let same = |a: &Upstream, b: &Upstream| a.host == b.host && a.port == b.port;
        let known = before.peers.load_full().filter(|_| same(&self.upstream, &before.upstream));
        let Some(known) = known else { return false };
        if self.is_named() {
            self.settle(known.addresses.clone());
        }
        self.prefer(before.preferred());
        true
    }

    /// Whether the host is a name, whose addresses can change.
    pub(super) fn is_named(&self) -> bool {
        self.literal().is_none()
    }

    /// Whether the application's certificate is judged by the system's authorities.
    pub(super) fn trusts_the_system(&self) -> bool {
        self.upstream.tls && self.authorities.is_none()
    }

    /// Host and port as the application would be addressed directly.
    pub(super) fn authority(&self) -> String {
        let default = if self.upstream.tls { 443 } else { 80 };
        if self.upstream.port == default {
            self.upstream.host.clone()
        } else {
            format!("{}:{}", self.upstream.host, self.upstream.port)
        }
    }

    /// Whether the application sees the browser's Host.
    pub(super) fn preserves_host(&self) -> bool {
        self.upstream.preserve_host
    }

    /// Asks for the addresses anew. The last good answer stays when there is none.
    pub(super) async fn resolve(&self) {
        let found = tokio::net::lookup_host((self.bare_host(), self.upstream.port)).await;
        match found.map(in_order) {
            Ok(addresses) if !addresses.is_empty() => {
                let known = self.peers.load();
                if known.as_ref().is_none_or(|known| known.addresses != addresses) {
                    tracing::info!(host = %self.upstream.host, ?addresses, "the application's addresses");
                    self.settle(addresses);
                }
            }
            Ok(_) => tracing::warn!(host = %self.upstream.host, "the application's name has no address"),
            Err(problem) => {
                tracing::warn!(host = %self.upstream.host, %problem, "the application's name cannot be resolved");
            }
        }
    }

    /// How many addresses can be tried.
    pub(super) fn addresses(&self) -> usize {
        self.peers.load().as_ref().map_or(0, |peers| peers.addresses.len())
    }

    /// The place in the list of addresses at which a request begins.
    pub(super) fn preferred(&self) -> usize {
        self.preferred.load(Ordering::Relaxed)
    }

    /// The peer at the given place, counted on from [`Self::preferred`]; none when the name was never resolved.
    pub(super) fn peer(&self, place: usize, upgrade: bool) -> Option<Box<HttpPeer>> {
        let peers = self.peers.load();
        let peers = peers.as_ref()?;
        let list = if upgrade { &peers.upgrade } else { &peers.ordinary };
        list.get(place % list.len().max(1)).cloned().map(Box::new)
    }

    /// The address at this place took the connection after others had not.
    pub(super) fn prefer(&self, place: usize) {
        self.preferred.store(place, Ordering::Relaxed);
    }

    fn settle(&self, addresses: Vec<SocketAddr>) {
        self.preferred.store(0, Ordering::Relaxed);
        self.peers.store(Some(Arc::new(Peers {
            ordinary: addresses.iter().map(|address| self.peer_at(*address, false)).collect(),
            upgrade: addresses.iter().map(|address| self.peer_at(*address, true)).collect(),
            addresses,
        })));
    }

    fn peer_at(&self, address: SocketAddr, upgrade: bool) -> HttpPeer {
        // Without a name to expect pingora skips the whole verification of the certificate: never leave it empty.
        let name = self.bare_host().to_owned();
        let mut peer = HttpPeer::new(address, self.upstream.tls, name);
        // No kept connection may be picked for an upgrade: it might speak HTTP/2.
        peer.group_key = if upgrade { self.group | 1 << 63 } else { self.group };
        let options = &mut peer.options;
        options.connection_timeout = Some(self.upstream.connect_timeout);
        options.total_connection_timeout = Some(self.upstream.connect_timeout);
        options.read_timeout = if upgrade { None } else { self.upstream.read_timeout };
        options.write_timeout = options.read_timeout;
        options.idle_timeout = Some(KEEP_IDLE);
        options.tcp_keepalive = Some(tcp_keepalive());
        options.max_h2_streams = 100;
        options.ca = self.authorities.clone();
        options.alpn = match (self.upstream.http2 && !upgrade, self.upstream.tls) {
            (false, _) => ALPN::H1,
            (true, true) => ALPN::H2H1,
            (true, false) => ALPN::H2,
        };
        if upgrade {
            // One on which the application refused to upgrade is not worth keeping either.
            options.idle_timeout = Some(Duration::from_millis(1));
            options.custom_l4 = Some(Arc::new(Hesitant));
        }
        peer
    }

    fn literal(&self) -> Option<SocketAddr> {
        self.bare_host().parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, self.upstream.port))
    }

    /// The host without the brackets of an IPv6 address.
    fn bare_host(&self) -> &str {
        let host = self.upstream.host.as_str();
        host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
    }
}

/// The addresses that are tried, of which the first are the same whenever all are: name servers turn their answers
/// round, and other addresses would mean new peers and the loss of the preferred one.
fn in_order(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses: Vec<_> = found.collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(MAX_CONNECT_ATTEMPTS);
    addresses
}

/// A number for what kept connections have in common. The highest bit is left for upgrades.
fn group(upstream: &str, trusted: &[u8]) -> u64 {
    let mut context = Context::new(&SHA256);
    context.update(&(upstream.len() as u64).to_be_bytes());
    context.update(upstream.as_bytes());
    context.update(trusted);
    let sum = context.finish();
    let eight = sum.as_ref().iter().take(8);
    (eight.fold(0, |sum, octet| sum << 8 | u64::from(*octet)) & !(1 << 63)).max(1)
}

/// Certificates of a PEM file, each one parsed: pingora panics over one that cannot be; and all their octets.
fn certificate_authorities(file: &std::path::Path) -> Result<(Arc<[WrappedX509]>, Vec<u8>), String> {
    let mut store = rustls::RootCertStore::empty();
    let mut authorities = Vec::new();
    let mut octets = Vec::new();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|problem| problem.to_string())? {
        let certificate = certificate.map_err(|problem| problem.to_string())?;
        x509_parser::parse_x509_certificate(&certificate)
            .map_err(|problem| format!("not a certificate: {problem}"))?;
        octets.extend_from_slice(&certificate);
        authorities.push(WrappedX509::new(certificate.to_vec(), parse_x509));
        store.add(certificate).map_err(|problem| problem.to_string())?;
    }
    if authorities.is_empty() {
        return Err("there is no certificate in it".into());
    }
    Ok((authorities.into(), octets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pingora::upstreams::peer::Peer;

    fn upstream(host: &str, tls: bool) -> Upstream {
        Upstream {
            tls,
            host: host.into(),
            port: 8443,
            http2: true,
            ca_file: None,
            connect_timeout: Duration::from_secs(5),
            read_timeout: Some(Duration::from_secs(60)),
            preserve_host: true,
        }
    }

    #[test]
    fn an_address_is_known_at_once_and_a_name_is_not() {
        assert!(Application::new(("a", 0), &upstream("[::1]", false)).unwrap().peer(0, false).is_some());
        let named = Application::new(("a", 0), &upstream("app.invalid", false)).unwrap();
        assert!(named.is_named() && named.peer(0, false).is_none());
    }

    #[test]
    fn the_expected_name_is_never_empty_so_that_the_certificate_is_verified() {
        for host in ["127.0.0.1", "[::1]"] {
            let application = Application::new(("a", 0), &upstream(host, true)).unwrap();
            let peer = application.peer(0, false).unwrap();
            assert_eq!(peer.sni(), host.trim_matches(['[', ']']));
            assert!(peer.verify_cert() && peer.verify_hostname());
        }
    }

    #[test]
    fn upgrades_speak_http_1_and_may_be_silent() {
        let application = Application::new(("a", 0), &upstream("127.0.0.1", false)).unwrap();
        let (ordinary, upgrade) = (application.peer(0, false).unwrap(), application.peer(0, true).unwrap());
        assert_eq!(ordinary.options.alpn, ALPN::H2);
        assert_eq!(upgrade.options.alpn, ALPN::H1);
        assert_eq!((ordinary.options.read_timeout.is_some(), upgrade.options.read_timeout), (true, None));
        assert_ne!(ordinary.reuse_hash(), upgrade.reuse_hash());
    }

    #[test]
    fn sites_do_not_share_connections_to_one_address() {
        let one = Application::new(("a", 0), &upstream("127.0.0.1", true)).unwrap();
        let other = Application::new(("b", 0), &upstream("127.0.0.1", true)).unwrap();
        assert_ne!(one.peer(0, false).unwrap().reuse_hash(), other.peer(0, false).unwrap().reuse_hash());
    }

    #[test]
    fn attempts_go_through_the_addresses_and_the_one_that_answered_comes_first() {
        let application = Application::new(("a", 0), &upstream("app.invalid", false)).unwrap();
        let addresses: Vec<SocketAddr> = vec!["127.0.0.1:1".parse().unwrap(), "127.0.0.2:1".parse().unwrap()];
        application.settle(addresses.clone());
        let at = |attempt| {
            let place = application.preferred() + attempt;
            *application.peer(place, false).unwrap()._address.as_inet().unwrap()
        };
        assert_eq!((at(0), at(1), at(2)), (addresses[0], addresses[1], addresses[0]));
        application.prefer(1);
        assert_eq!((at(0), at(1)), (addresses[1], addresses[0]));
    }

    #[test]
    fn an_answer_that_is_turned_round_is_the_same_answer() {
        let mut found: Vec<SocketAddr> = (1..=9).map(|n| SocketAddr::from(([10, 0, 0, n], 80))).collect();
        found.push("[::1]:80".parse().unwrap());
        let first = in_order(found.iter().copied());
        assert_eq!(first.len(), MAX_CONNECT_ATTEMPTS);
        for _ in 0..found.len() {
            found.rotate_left(1);
            assert_eq!(in_order(found.iter().copied()), first);
        }
        assert_eq!(in_order([found[0], found[0]].into_iter()), [found[0]]);
    }

    #[test]
    fn a_bad_ca_file_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let mut with_ca = upstream("app.test", true);
        with_ca.ca_file = Some(file.clone());
        for content in
            [None, Some(""), Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]
        {
            if let Some(content) = content {
                std::fs::write(&file, content).unwrap();
            }
            let problem = Application::new(("a", 0), &with_ca).unwrap_err();
            assert!(problem.contains("ca.pem"), "{problem}");
        }
    }
}
