//! Where something is: a host and a port.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// `127.0.0.1:4180`, `vestibule.auth.svc:4180` or `[::1]:4180`: nothing that a configuration language could read as more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// Reads one that somebody wrote.
    ///
    /// # Errors
    /// A sentence on what it must look like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shape = || format!("`{text}` must be HOST:PORT, such as 127.0.0.1:4180 or app.internal:8080");
        let (host, port) = text.rsplit_once(':').ok_or_else(shape)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(shape)?;
        let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let readable = match in_brackets {
            Some(inside) => inside.parse::<Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
            }
        };
        if readable { Ok(Self { host: host.to_ascii_lowercase(), port }) } else { Err(shape()) }
    }

    /// Where a listener can be reached on its own machine.
    pub fn of(listener: SocketAddr) -> Self {
        let ip = match listener.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let host = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
        Self { host, port: listener.port() }
    }

    /// Its name or address; of IPv6 in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The same without brackets.
    pub fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Where a gateway listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listen {
    /// None: on every address of the machine.
    pub(super) host: Option<String>,
    pub(super) port: u16,
    pub(super) tls: bool,
}

impl Listen {
    /// As nginx writes it: a port alone is every address.
    pub(super) fn bind_nginx(&self) -> String {
        match &self.host {
            Some(host) => format!("{host}:{}", self.port),
            None => self.port.to_string(),
        }
    }

    /// As HAProxy writes it.
    pub(super) fn bind_haproxy(&self) -> String {
        match &self.host {
            Some(host) => format!("{host}:{}", self.port),
            None => format!(":{}", self.port),
        }
    }

    /// The address to bind, as Envoy writes it.
    pub(super) fn bind_host(&self) -> &str {
        self.host.as_deref().map_or("0.0.0.0", |host| host.trim_start_matches('[').trim_end_matches(']'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_host_and_a_port_and_nothing_else() {
        for good in ["127.0.0.1:80", "[::1]:443", "app.internal:8080", "A-b.c:1"] {
            assert_eq!(Address::parse(good).unwrap().to_string(), good.to_lowercase());
        }
        for bad in [
            "",
            "app",
            "app:",
            ":80",
            "app:0",
            "app:70000",
            "a b:80",
            "a;b:80",
            "::1:80",
            "[x]:80",
            "http://a:80",
            "a/:80",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_listener_on_every_address_is_reached_on_loopback() {
        let at = |text: &str| Address::of(text.parse().unwrap()).to_string();
        assert_eq!(at("0.0.0.0:4180"), "127.0.0.1:4180");
        assert_eq!(at("[::]:4180"), "[::1]:4180");
        assert_eq!(at("10.0.0.1:4180"), "10.0.0.1:4180");
    }
}
