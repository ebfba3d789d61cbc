//! Who may ask.

use crate::config::Gateways;
use crate::gateway::request::{TrustedProxies, folds_to};
use crate::reason::{Reason, Refusal};
use http::{HeaderMap, HeaderValue};
use std::net::IpAddr;

/// Tells gateways from everybody else: by their address, or by a secret that they share with the gate, because the
/// addresses of pods change.
pub(in crate::gateway) struct Doorkeeper {
    trusted: TrustedProxies,
    gateways: Gateways,
}

/// What is known about everybody who asks on a connection.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway) struct Peer {
    pub(in crate::gateway) address: IpAddr,
    trusted: bool,
}

impl Doorkeeper {
    pub(in crate::gateway) fn new(trusted: TrustedProxies, gateways: Gateways) -> Self {
        Self { trusted, gateways }
    }

    pub(in crate::gateway) fn meet(&self, address: IpAddr) -> Peer {
        Peer { address, trusted: self.trusted.include(address) }
    }

    pub(super) fn proxies(&self) -> &TrustedProxies {
        &self.trusted
    }

    /// Whether the peer may ask, by its address or by what it says. `headers` are those of its own request.
    pub(in crate::gateway) fn admit(&self, peer: Peer, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.believes(peer, headers)? { Ok(()) } else { Err(self.untrusted(peer)) }
    }

    /// Whether the peer is a gateway, so that its word about its client is taken. A secret that is wrong is worse than
    /// none: somebody tries, or a client's own copy was passed on.
    ///
    /// # Errors
    /// Such a secret, whoever says it; also one that is said twice, or under another spelling.
    pub(in crate::gateway) fn believes(&self, peer: Peer, headers: &HeaderMap) -> Result<bool, Refusal> {
        if self.gateways.secrets.is_empty() {
            return Ok(peer.trusted);
        }
        match self.said(headers)? {
            None => Ok(peer.trusted),
            // Every secret is compared, so that the time does not tell which.
            Some(said) => {
                let right = self.gateways.secrets.iter().fold(false, |right, secret| {
                    let same = secret.is(said.as_bytes());
                    right | same
                });
                if right { Ok(true) } else { Err(self.wrong(peer)) }
            }
        }
    }

    /// The secret as it was said, once and under its own name.
    fn said<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a HeaderValue>, Refusal> {
        let own = self.gateways.secret_header.as_str();
        let mut said = None;
        for (name, value) in headers {
            let name = name.as_str();
            if folds_to(name, own) && (name != own || said.replace(value).is_some()) {
                let detail = format!("{own} twice, or under another spelling: a client's own was passed on");
                return Err(Refusal::new(Reason::GatewayUntrusted, detail));
            }
        }
        Ok(said)
    }

    #[cold]
    fn untrusted(&self, peer: Peer) -> Refusal {
        let address = peer.address;
        let detail = if self.gateways.secrets.is_empty() {
            format!("the question came from {address}, which is not in trusted_proxies")
        } else {
            let header = &self.gateways.secret_header;
            format!("the question came from {address}, which is not in trusted_proxies, without {header}")
        };
        Refusal::new(Reason::GatewayUntrusted, detail)
    }

    #[cold]
    fn wrong(&self, peer: Peer) -> Refusal {
        let (header, address) = (&self.gateways.secret_header, peer.address);
        let detail = format!("{header} from {address} is none of the secrets in gateways.secret_file");
        Refusal::new(Reason::GatewayUntrusted, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    const GATEWAY: &str = "10.0.0.1";
    const STRANGER: &str = "192.0.2.7";

    fn keeper(secrets: &[&str]) -> Doorkeeper {
        let trusted = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let secrets = secrets.iter().map(|secret| (*secret).to_owned().into()).collect();
        Doorkeeper::new(trusted, Gateways { secrets, ..Gateways::default() })
    }

    fn admits(keeper: &Doorkeeper, from: &str, lines: &[(&str, &str)]) -> bool {
        let headers = lines
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect();
        let admitted = keeper.admit(keeper.meet(from.parse().unwrap()), &headers);
        assert!(admitted.as_ref().err().is_none_or(|refusal| refusal.reason == Reason::GatewayUntrusted));
        admitted.is_ok()
    }

    #[test]
    fn an_address_or_a_secret_admits_and_nothing_else() {
        let keeper = keeper(&["new secret", "old secret"]);
        let header = "X-Vestibule-Gateway-Secret";
        for secret in ["new secret", "old secret"] {
            assert!(admits(&keeper, STRANGER, &[(header, secret)]));
        }
        assert!(admits(&keeper, GATEWAY, &[]));
        for (from, lines) in [
            (STRANGER, &[][..]),
            (STRANGER, &[(header, "")]),
            (STRANGER, &[(header, "new secre")]),
            (STRANGER, &[(header, "new secret2")]),
            (STRANGER, &[("X-Vestibule-Secret", "new secret")]),
            (STRANGER, &[("X_Vestibule_Gateway_Secret", "new secret")]),
        ] {
            assert!(!admits(&keeper, from, lines), "{from} {lines:?}");
        }
    }

    #[test]
    fn a_wrong_or_doubled_secret_is_refused_whoever_says_it() {
        let keeper = keeper(&["new secret"]);
        let header = "X-Vestibule-Gateway-Secret";
        for from in [GATEWAY, STRANGER] {
            for lines in [
                &[(header, "wrong")][..],
                &[(header, "new secret"), (header, "new secret")],
                &[(header, "wrong"), (header, "new secret")],
                &[(header, "new secret"), ("x_vestibule_gateway_secret", "new secret")],
                &[("X-Vestibule.Gateway-Secret", "new secret")],
            ] {
                assert!(!admits(&keeper, from, lines), "{from} {lines:?}");
            }
        }
    }

    #[test]
    fn without_a_configured_secret_the_header_says_nothing() {
        let keeper = keeper(&[]);
        assert!(admits(&keeper, GATEWAY, &[("X-Vestibule-Gateway-Secret", "x")]));
        assert!(!admits(&keeper, STRANGER, &[("X-Vestibule-Gateway-Secret", "")]));
    }
}
