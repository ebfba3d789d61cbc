//! How much the gate bears from people whom it does not know: sizes, times, and how often they may ask.
//!
//! Values and counting only; who is counted and what becomes of whoever asks too often is `login`'s and `gateway`'s.

mod buckets;

pub use buckets::Buckets;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// What the configuration says of it, or its defaults.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Open connections of one network of clients, as [`network`] counts them; none: no limit. Gateways are not counted.
    pub connections_per_address: Option<u32>,
    /// Lines in the header of a request.
    pub header_lines: usize,
    /// Octets of names and values in the header of a request.
    pub header_octets: usize,
    /// From the first octet of a request until its header is complete.
    pub header_timeout: Duration,
    /// Reading the whole body of a request to one of our own endpoints.
    pub body_timeout: Duration,
    /// A kept connection on which nothing is asked.
    pub idle_timeout: Duration,
    /// One write to a client that does not read.
    pub write_timeout: Duration,
    /// How often somebody may ask for what costs.
    pub rates: RateLimits,
}

impl Default for Limits {
    /// Every browser and gateway that was looked at keeps within these; nginx, which keeps idle connections to its upstreams
    /// for 60 s, is the first to close them.
    fn default() -> Self {
        Self {
            connections_per_address: Some(2048),
            header_lines: 100,
            header_octets: 64 * 1024,
            header_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(60),
            rates: RateLimits::default(),
        }
    }
}

/// How often somebody may ask for what costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Beginnings of sign-ins.
    pub sign_ins: Rates,
    /// Messages of identity providers, brought by whomever.
    pub answers: Rates,
}

impl Default for RateLimits {
    /// An office of five hundred people behind one address, who all sign in within one minute by way of a sign-on host; and
    /// one identity provider for as many offices as there are: a limit that strangers can use up for everybody is none.
    fn default() -> Self {
        let rates = Rates { per_address: Some(Rate::A_BUSY_OFFICE), per_idp: None };
        Self { sign_ins: rates, answers: rates }
    }
}

/// The limits of one kind of question; none: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// From one address: of IPv4, or a network of 64 bits of IPv6.
    pub per_address: Option<Rate>,
    /// For one identity provider, from everybody together.
    pub per_idp: Option<Rate>,
}

/// So many within so long: all at once, and then one by one as time goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At least one.
    pub count: u32,
    /// Longer than nothing.
    pub per: Duration,
}

impl Rate {
    /// The default for each address.
    pub const A_BUSY_OFFICE: Self = Self { count: 3000, per: Duration::from_secs(60) };
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per.as_secs() {
            1 => write!(f, "{}/s", self.count),
            60 => write!(f, "{}/m", self.count),
            3600 => write!(f, "{}/h", self.count),
            seconds => write!(f, "{} in {seconds} s", self.count),
        }
    }
}

/// What an address is counted as: itself, or of IPv6 the network that one customer has at least. None of an address that
/// is nobody's.
pub fn network(client: IpAddr) -> Option<[u8; 8]> {
    let octets = match client.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            // No network of IPv6 begins so.
            [0xff, 0, 0, 0, a, b, c, d]
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h, ..] = address.octets();
            [a, b, c, d, e, f, g, h]
        }
    };
    (!client.is_unspecified()).then_some(octets)
}
