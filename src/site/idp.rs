//! An identity provider as a site admits it. What its metadata says may change while people sign in.

use crate::clock::Moment;
use crate::identity::Domain;
use crate::pages::Picture;
use crate::reason::{Reason, Refusal};
use crate::saml::demand::Demand;
use crate::saml::logout::Carries;
use crate::saml::parties::{IdentityProvider, ServiceProvider, SloEndpoint};
use arc_swap::ArcSwapOption;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// An identity provider as a site admits it.
#[derive(Debug)]
pub struct Idp {
    /// The `id` of the configuration: in URLs, rules, logs.
    pub id: String,
    /// What the chooser's button says.
    pub label: String,
    /// What the chooser's button shows.
    pub logo: Option<Picture>,
    /// Who may sign in by it.
    pub status: Status,
    /// The SAML side, as its metadata describes it now.
    pub metadata: Live,
    /// None: may speak for any domain.
    pub email_domains: Option<Vec<Domain>>,
    /// What is demanded of it.
    pub demand: Demand,
    /// Whether it may send people here whom we did not send to it (SECURITY.md says what that costs).
    pub allow_unsolicited: bool,
    /// What the owner decided about signing out.
    pub logout: Logout,
}

/// Who may sign in by an identity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    /// Everybody whom it vouches for.
    #[default]
    Live,
    /// Nobody: it is being set up, and whoever has a test link may try it without becoming anybody.
    Staged,
    /// Nobody any more, and the sessions that came by it are over. Its metadata is still read and its logout messages
    /// are still taken, because they can only end something: an identity provider that signs somebody out of everything
    /// need not hear that we do not know it.
    Retired,
}

impl Status {
    /// The word of the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Staged => "staged",
            Self::Retired => "retired",
        }
    }
}

/// Signing out at an identity provider, as its owner wants it.
#[derive(Debug, Clone)]
pub struct Logout {
    /// Whether single logout is wanted at all, in both directions.
    pub single_logout: bool,
    /// Which of its logout messages must be signed.
    pub require_signed: RequireSignedLogout,
    /// Addresses that count instead of those in the metadata.
    pub endpoints: Option<Vec<SloEndpoint>>,
    /// Names beside its entity ID under which it answers our logout requests.
    pub issuers: Vec<String>,
    /// Where the browser goes after a sign-out here when there is no single logout.
    pub sign_out_url: Option<String>,
}

impl Logout {
    /// Whether a message of this kind must be signed.
    pub fn demands_signature(&self, carries: Carries) -> bool {
        match self.require_signed {
            RequireSignedLogout::All => true,
            RequireSignedLogout::Requests => carries == Carries::Request,
            RequireSignedLogout::Nothing => false,
        }
    }
}

/// Which logout messages of an identity provider must be signed. One that is signed must be signed well anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequireSignedLogout {
    /// All, as the standard says (Profiles 4.4.4).
    #[default]
    All,
    /// Its requests, which end sessions. An answer to our own request ends none, and only a browser that was sent with
    /// the request can bring one that names it.
    Requests,
    /// None.
    Nothing,
}

impl Default for Logout {
    fn default() -> Self {
        let require_signed = RequireSignedLogout::default();
        Self { single_logout: true, require_signed, endpoints: None, issuers: Vec::new(), sign_out_url: None }
    }
}

impl Idp {
    /// Whether people are shown it and led to it without being asked.
    pub fn is_offered(&self) -> bool {
        self.status == Status::Live
    }

    /// Whether somebody may become somebody by it.
    ///
    /// # Errors
    /// `idp-staged`, `idp-retired`.
    pub fn admits_sign_ins(&self) -> Result<(), Refusal> {
        match self.status {
            Status::Live => Ok(()),
            Status::Staged => Err(self.refused(Reason::IdpStaged)),
            Status::Retired => Err(self.refused(Reason::IdpRetired)),
        }
    }

    /// Whether it may be tried with a test link. A live one may too: its owner may have changed something.
    ///
    /// # Errors
    /// `idp-retired`.
    pub fn admits_trials(&self) -> Result<(), Refusal> {
        match self.status {
            Status::Live | Status::Staged => Ok(()),
            Status::Retired => Err(self.refused(Reason::IdpRetired)),
        }
    }

    fn refused(&self, reason: Reason) -> Refusal {
        Refusal::new(
            reason,
            format!("the identity provider {:?} has `status: {}`", self.id, self.status.as_str()),
        )
    }

    /// The SAML side for a sign-in. Whoever holds it works with the metadata of this moment to the end; the next one
    /// who asks may get newer metadata.
    ///
    /// # Errors
    /// `metadata-unavailable` when nothing is known yet, `metadata-expired` when it is past its validUntil.
    pub fn saml(&self, now: Moment) -> Result<Arc<IdentityProvider>, Refusal> {
        let Some(described) = self.metadata.load() else {
            return Err(Refusal::new(
                Reason::MetadataUnavailable,
                format!("no metadata of the identity provider {:?} has been read since the start", self.id),
            ));
        };
        match described.valid_until {
            Some(until) if until <= now => Err(Refusal::new(
                Reason::MetadataExpired,
                format!("the metadata of the identity provider {:?} was valid until {until}", self.id),
            )),
            _ => Ok(Arc::clone(&described.identity_provider)),
        }
    }

    /// The SAML side, valid still or not: for figures and words, and for what must not wait for metadata, such as the
    /// end of a session. `None` when nothing is known yet.
    pub fn known(&self) -> Option<Arc<IdentityProvider>> {
        self.metadata.load().map(|described| Arc::clone(&described.identity_provider))
    }

    /// Whether people with addresses of this domain (lower case, ASCII) sign in here. Who may speak for any domain is
    /// found by no domain.
    pub fn serves(&self, domain: &str) -> bool {
        self.email_domains.as_deref().is_some_and(|listed| listed.iter().any(|own| own.covers(domain)))
    }

    /// Where it takes logout messages; empty: nowhere.
    pub fn logout_endpoints(&self) -> Vec<SloEndpoint> {
        self.logout
            .endpoints
            .clone()
            .unwrap_or_else(|| self.known().map_or_else(Vec::new, |saml| saml.single_logout.clone()))
    }

    /// Whether a sign-out here is followed by one there: wanted, with an address, and with a key of ours to sign with.
    pub fn ends_there_too(&self, service_provider: &ServiceProvider) -> bool {
        self.logout.single_logout
            && !self.logout_endpoints().is_empty()
            && !service_provider.signing_keys.is_empty()
    }
}

/// What metadata says of an identity provider, and how long it may be believed.
#[derive(Debug, Clone)]
pub struct Known {
    /// The SAML side.
    pub identity_provider: Arc<IdentityProvider>,
    /// From this moment on nobody signs in by it. `None`: it never ends.
    pub valid_until: Option<Moment>,
}

impl From<IdentityProvider> for Known {
    fn from(identity_provider: IdentityProvider) -> Self {
        Self { identity_provider: Arc::new(identity_provider), valid_until: None }
    }
}

/// What is known now. Readers never wait for who writes.
#[derive(Debug)]
pub struct Live {
    known: ArcSwapOption<Known>,
    held: AtomicBool,
}

impl Live {
    /// Nothing is known yet.
    pub const fn unknown() -> Self {
        Self { known: ArcSwapOption::const_empty(), held: AtomicBool::new(false) }
    }

    /// What is known now.
    pub fn load(&self) -> Option<Arc<Known>> {
        self.known.load_full()
    }

    /// Takes the place of what was known; who holds the old one keeps it.
    pub fn replace(&self, described: Known) {
        self.known.store(Some(Arc::new(described)));
    }

    /// Whether a change of it waits for the owner: for words about what is refused meanwhile.
    pub fn is_change_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// A change waits from now on, or none.
    pub fn set_change_held(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
    }
}

impl From<Known> for Live {
    fn from(described: Known) -> Self {
        Self { known: ArcSwapOption::from_pointee(described), held: AtomicBool::new(false) }
    }
}

impl From<IdentityProvider> for Live {
    fn from(identity_provider: IdentityProvider) -> Self {
        Known::from(identity_provider).into()
    }
}
