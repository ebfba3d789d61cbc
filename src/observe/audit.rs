//! One event for each sign-in, refusal and sign-out (SKELETON).

use crate::reason::Refusal;
use std::net::IpAddr;

/// A short random reference such as `7f3a-91c2`, on the page and in the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(String);
impl Reference {
    pub fn random() -> Self {
        todo!()
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Written as one JSON/tracing event under target `audit`.
#[derive(Debug)]
pub enum Event<'a> {
    SignedIn {
        site: &'a str,
        idp: &'a str,
        user: &'a str,
        session: &'a str,
        groups: usize,
        roles: &'a [String],
        client: Option<IpAddr>,
        signed: &'a str,
    },
    SignInRefused {
        site: &'a str,
        idp: Option<&'a str>,
        reference: &'a str,
        refusal: &'a Refusal,
        client: Option<IpAddr>,
    },
    RequestRefused {
        site: &'a str,
        reference: &'a str,
        refusal: &'a Refusal,
        client: Option<IpAddr>,
        method: &'a str,
        path: &'a str,
        user: Option<&'a str>,
    },
    SignedOut {
        site: &'a str,
        idp: &'a str,
        user: &'a str,
        session: &'a str,
        client: Option<IpAddr>,
    },
}
pub fn record(_event: &Event<'_>) {
    todo!()
}
