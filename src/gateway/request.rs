//! What we believe about a request: who sent it, whom it names, what it asks for.
//!
//! Nothing here is taken from a header that the client could have written, unless a configured proxy is the peer.

use crate::limits::Limits;
use crate::reason::{Reason, Refusal};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method};
use ipnet::IpNet;
use memchr::memchr;
use pingora::http::RequestHeader;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The list of addresses that a proxy appends to.
pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client of a gateway that did not say who its client is: an address of which no configured network should hold.
pub(super) const UNKNOWN_CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The proxies whose word about the client's address is taken (`trusted_proxies`).
#[derive(Debug, Clone)]
pub(super) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub(super) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether `peer` is one of them.
    pub(super) fn include(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }

    /// The client of a request that came from `peer`: the last address in X-Forwarded-For that a trusted proxy wrote
    /// and that is not a trusted proxy itself. What stands left of it was the client's own to write. A hop that is no
    /// address (proxies write `unknown` and `unix:`) makes the client unknown: the proxy that wrote it is not the client.
    ///
    /// `is_gateway`: whether the peer's word is taken at all, as that of a trusted proxy, or of whoever knows the gateways'
    /// secret.
    pub(super) fn client(&self, peer: IpAddr, is_gateway: bool, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if is_gateway { self.named_client(headers).unwrap_or(peer) } else { peer }
    }

    /// The client that the header names; none without that header.
    fn named_client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let mut lines = headers.get_all(X_FORWARDED_FOR).iter().rev().peekable();
        lines.peek()?;
        let mut client = UNKNOWN_CLIENT;
        for hop in hops_from_the_right(lines) {
            client = hop.unwrap_or(UNKNOWN_CLIENT);
            if !self.include(client) {
                break;
            }
        }
        Some(client)
    }

    /// The client of a question, as the gateway that may ask names it. Unlike [`Self::client`], the gateway itself is
    /// never the client: a gateway that names nobody would make its own address, often loopback, everybody's.
    pub(super) fn client_of_question(&self, headers: &HeaderMap) -> IpAddr {
        self.named_client(headers).unwrap_or(UNKNOWN_CLIENT)
    }

    /// The client of a question that also names who was connected to the gateway. Only a trusted proxy may have named
    /// somebody else.
    pub(super) fn client_behind(&self, connected: IpAddr, headers: &HeaderMap) -> IpAddr {
        let connected = connected.to_canonical();
        if self.include(connected) { self.client_of_question(headers) } else { connected }
    }
}

/// `lines` from the last to the first.
fn hops_from_the_right<'a>(
    lines: impl Iterator<Item = &'a HeaderValue>,
) -> impl Iterator<Item = Option<IpAddr>> {
    lines
        .flat_map(|line| line.as_bytes().rsplit(|octet| *octet == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|hop| !hop.is_empty())
        .map(|hop| str::from_utf8(hop).ok().and_then(hop_address))
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `fe80::1%eth0`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn hop_address(text: &str) -> Option<IpAddr> {
    let address = text.parse().ok().or_else(|| {
        let text = text.split_once('%').map_or(text, |(address, _zone)| address);
        let with_port = || text.parse::<SocketAddr>().ok().map(|both| both.ip());
        let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
        text.parse().ok().or_else(with_port).or_else(in_brackets)
    });
    address.map(|address: IpAddr| address.to_canonical())
}

/// Refuses a header that is larger than any honest one.
pub(super) fn within_limits(headers: &HeaderMap, limits: &Limits) -> Result<(), Refusal> {
    let octets: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > limits.header_lines || octets > limits.header_octets {
        let detail = format!("{} lines, {octets} octets", headers.len());
        return Err(Refusal::new(Reason::HeaderTooLarge, detail));
    }
    Ok(())
}

/// The host that the request names: `:authority` of HTTP/2, Host of HTTP/1. pingora refuses doubled and contradicting
/// ones before us (RFC 9112 section 3.2); a missing one it lets pass.
pub(super) fn authority(header: &RequestHeader) -> Result<&str, Refusal> {
    if let Some(authority) = header.uri.authority() {
        return Ok(authority.as_str());
    }
    let mut hosts = header.headers.get_all(header::HOST).iter();
    match (hosts.next().map(HeaderValue::to_str), hosts.next()) {
        (Some(Ok(host)), None) if !host.is_empty() => Ok(host),
        _ => Err(Reason::HostMissing.into()),
    }
}

/// The request target as it was sent, in origin-form: path, and query if there is one. Absolute-form
/// (RFC 9112 section 3.2.2) is brought into origin-form first, so that what is judged is what goes upstream.
pub(super) fn target(header: &mut RequestHeader) -> Result<&str, Refusal> {
    if !header.raw_path().starts_with(b"/") {
        let scheme = header.raw_path().split(|octet| *octet == b':').next().unwrap_or_default();
        if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
            return Err(Refusal::new(
                Reason::PathMalformed,
                "the target is neither a path nor a web address",
            ));
        }
        let origin_form = header.uri.path_and_query().map_or("/", |both| both.as_str()).to_owned();
        header.set_raw_path(origin_form.as_bytes()).map_err(|_| Refusal::from(Reason::PathMalformed))?;
    }
    std::str::from_utf8(header.raw_path())
        .map_err(|_| Refusal::new(Reason::PathMalformed, "the target is not UTF-8"))
}

/// The path of a target in origin-form.
pub(super) fn path_of(target: &str) -> &str {
    memchr(b'?', target.as_bytes()).and_then(|end| target.get(..end)).unwrap_or(target)
}

/// Refuses the methods that would turn the gate into a tunnel or the application into a mirror of its headers.
pub(super) fn forwardable(method: &Method) -> Result<(), Refusal> {
    if *method == Method::TRACE || *method == Method::CONNECT {
        return Err(Refusal::new(Reason::MethodRefused, format!("the method is {method}")));
    }
    Ok(())
}

/// Whether `name` is `canonical` (given in lower case with hyphens) in any spelling that an upstream may fold into
/// it: whatever is no letter or digit can stand for the hyphen. Case is folded already.
pub(super) fn folds_to(name: &str, canonical: &str) -> bool {
    name.len() == canonical.len() && starts_like(name, canonical)
}

/// Like [`folds_to`], for a prefix.
pub(super) fn starts_like(name: &str, prefix: &str) -> bool {
    name.len() >= prefix.len()
        && name.bytes().zip(prefix.bytes()).all(|(n, p)| n == p || (p == b'-' && !n.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusting(networks: &[&str]) -> TrustedProxies {
        TrustedProxies::new(networks.iter().map(|network| network.parse().unwrap()).collect())
    }

    fn forwarded_for(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (X_FORWARDED_FOR, HeaderValue::from_str(line).unwrap())).collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_word_of_a_stranger_about_itself_is_not_taken() {
        let trusted = trusting(&["10.0.0.0/8"]);
        let said = forwarded_for(&["10.0.0.1"]);
        assert_eq!(trusted.client(ip("192.0.2.7"), false, &said), ip("192.0.2.7"));
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxy_is_the_client() {
        let trusted = trusting(&["10.0.0.0/8"]);
        for (lines, client) in [
            (&["192.0.2.7"][..], "192.0.2.7"),
            (&["127.0.0.1, 192.0.2.7, 10.1.1.1"], "192.0.2.7"),
            (&["127.0.0.1", "192.0.2.7", "10.1.1.1"], "192.0.2.7"),
            (&["10.2.2.2, 10.1.1.1"], "10.2.2.2"),
            (&["198.51.100.1, not an address, 10.1.1.1"], "0.0.0.0"),
            (&["192.0.2.7, unknown"], "0.0.0.0"),
            (&["unix:"], "0.0.0.0"),
            (&["192.0.2.7;x"], "0.0.0.0"),
            (&["192.0.2.7, "], "192.0.2.7"),
            (&["192.0.2.7", ""], "192.0.2.7"),
            (&["192.0.2.7, fe80::1%eth0"], "fe80::1"),
            (&[""], "0.0.0.0"),
            (&["[2001:db8::1]:4711, 10.1.1.1:80"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["::ffff:192.0.2.7"], "192.0.2.7"),
            (&[], "10.0.0.1"),
        ] {
            assert_eq!(trusted.client(ip("10.0.0.1"), true, &forwarded_for(lines)), ip(client), "{lines:?}");
        }
    }

    #[test]
    fn a_mapped_address_is_the_address() {
        assert!(trusting(&["127.0.0.0/8"]).include(ip("::ffff:127.0.0.1")));
        assert!(!trusting(&["127.0.0.0/8"]).include(ip("::ffff:128.0.0.1")));
    }

    #[test]
    fn a_gateway_that_names_nobody_is_not_itself_the_client() {
        let trusted = trusting(&["127.0.0.0/8"]);
        assert_eq!(trusted.client_of_question(&HeaderMap::new()), UNKNOWN_CLIENT);
        assert_eq!(trusted.client_of_question(&forwarded_for(&["192.0.2.7"])), ip("192.0.2.7"));
    }

    #[test]
    fn whoever_is_connected_to_the_gateway_is_the_client_unless_it_is_a_proxy_that_may_say_more() {
        let trusted = trusting(&["127.0.0.0/8"]);
        let said = forwarded_for(&["10.0.0.1"]);
        assert_eq!(trusted.client_behind(ip("192.0.2.7"), &said), ip("192.0.2.7"));
        assert_eq!(trusted.client_behind(ip("127.0.0.1"), &said), ip("10.0.0.1"));
        assert_eq!(trusted.client_behind(ip("::ffff:127.0.0.1"), &said), ip("10.0.0.1"));
        assert_eq!(trusted.client_behind(ip("127.0.0.1"), &HeaderMap::new()), UNKNOWN_CLIENT);
    }

    #[test]
    fn spellings_that_fold_are_found() {
        for name in ["x-forwarded-uri", "x_forwarded_uri", "x.forwarded-uri", "x-forwarded~uri"] {
            assert!(folds_to(name, "x-forwarded-uri"), "{name}");
        }
        for name in ["x-forwarded-urix", "x-forwarded-ur", "xxforwarded-uri"] {
            assert!(!folds_to(name, "x-forwarded-uri"), "{name}");
        }
    }

    #[test]
    fn absolute_form_becomes_origin_form() {
        for (sent, target_) in [
            ("/a?b=c", "/a?b=c"),
            ("http://app.test/a?b", "/a?b"),
            ("HTTPS://app.test", "/"),
            ("http://app.test?q", "/?q"),
        ] {
            let mut header = RequestHeader::build("GET", sent.as_bytes(), None).unwrap();
            assert_eq!(target(&mut header).unwrap(), target_);
            assert_eq!(header.raw_path(), target_.as_bytes());
        }
        for sent in ["*", "ftp://app.test/a", "a/b"] {
            if let Ok(mut header) = RequestHeader::build("GET", sent.as_bytes(), None) {
                assert_eq!(target(&mut header).unwrap_err().reason, Reason::PathMalformed, "{sent}");
            }
        }
    }

    #[test]
    fn one_host_and_only_one() {
        let mut header = RequestHeader::build("GET", b"/", None).unwrap();
        assert_eq!(authority(&header).unwrap_err().reason, Reason::HostMissing);
        header.append_header("host", "app.test").unwrap();
        assert_eq!(authority(&header).unwrap(), "app.test");
        header.append_header("host", "app.test").unwrap();
        assert_eq!(authority(&header).unwrap_err().reason, Reason::HostMissing);
    }

    #[test]
    fn headers_beyond_the_limits_are_refused() {
        let limits = Limits::default();
        let mut headers = HeaderMap::new();
        headers.insert("x-large", HeaderValue::from_str(&"x".repeat(limits.header_octets - 8)).unwrap());
        assert_eq!(within_limits(&headers, &limits), Ok(()));
        headers.insert("y", HeaderValue::from_static(""));
        assert_eq!(within_limits(&headers, &limits).map_err(|r| r.reason), Ok(()));
        headers.insert("zzz", HeaderValue::from_static(""));
        assert_eq!(within_limits(&headers, &limits).map_err(|r| r.reason), Err(Reason::HeaderTooLarge));
        let many = (0..=limits.header_lines).map(|_| (header::VIA, HeaderValue::from_static("1"))).collect();
        assert_eq!(within_limits(&many, &limits).map_err(|r| r.reason), Err(Reason::HeaderTooLarge));
    }
}
