//! What has changed since the document that is in use, and whether that may be used at once.
//!
//! Metadata is where trust comes from: whoever can change it can sign people in. So a change is taken over by itself
//! only where it is what identity providers do (a key beside the known one, an address on the known host), and held
//! for the owner where it is what an attacker would do (all keys new, another host). The overlap of keys guards
//! against accidents: it does not help against a source that is in the wrong hands, since that can add a key today
//! and drop the others tomorrow. Against that there are `key_changes: hold` and the pinned signature.

use super::validity::Age;
use super::{Described, MetadataProblem};
use crate::clock::Moment;
use crate::reason::Reason;
use crate::saml::keys::sha256;
use crate::saml::parties::{Binding, IdentityProvider, Scope, SigningCertificate, SloEndpoint};
use std::collections::BTreeSet;
use std::fmt;
use url::Url;

/// What to do with keys that were not there before (`key_changes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyChanges {
    /// Take them when a known key stays beside them or the metadata is signed by the pinned key.
    #[default]
    Apply,
    /// Always ask the owner. Keys that go are let go: nobody gains by that.
    Hold,
}

/// What to do with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing about the identity provider is different.
    Same,
    /// Use it.
    Apply(Vec<Difference>),
    /// Keep what runs until the owner agrees.
    Hold {
        /// What is different.
        differences: Vec<Difference>,
        /// Which rule holds it, in a sentence for the owner.
        why: MetadataProblem,
    },
    /// Never use it for this identity provider.
    Refuse(MetadataProblem),
}

/// One difference, from what runs to what was found. Displayed as one line of a diff, with `+`, `-` or `~` in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A key that was not there before.
    KeyAdded(SigningCertificate),
    /// A key that is not there any more.
    KeyRemoved(SigningCertificate),
    /// Another certificate for the same key.
    CertificateRenewed {
        /// The one that runs.
        from: SigningCertificate,
        /// The one that was found.
        to: SigningCertificate,
    },
    /// A new sign-on address.
    SignOnAdded(Binding, String),
    /// A sign-on address that is gone.
    SignOnRemoved(Binding, String),
    /// A new logout address.
    LogoutAdded(SloEndpoint),
    /// A logout address that is gone.
    LogoutRemoved(SloEndpoint),
    /// A new scope.
    ScopeAdded(Scope),
    /// A scope that is gone.
    ScopeRemoved(Scope),
    /// Whether it refuses requests that are not signed; what it says now.
    WantsSignedRequests(bool),
}

/// What to do with `found` while `before` is in use. `before` must be what its own document said: where the
/// configuration narrows it (`sso_binding`), narrow `found` likewise first.
pub fn judge(before: &Described, found: &Described, policy: KeyChanges) -> Change {
    let doubt =
        (found.issue.age(&before.issue) == Age::Doubtful).then(|| found.issue.older_than(&before.issue));
    let running = &before.identity_provider;
    let new = &found.identity_provider;
    if running.entity_id != new.entity_id {
        let sentence = format!(
            "the metadata describes {} where {} was configured: another identity provider is a decision of yours, so \
             change `entity_id` or the source if this is meant",
            new.entity_id, running.entity_id
        );
        return Change::Refuse(MetadataProblem::new(Reason::MetadataEntityChanged, sentence));
    }
    if let Err(why) = found.issue.refuse_older_than(&before.issue) {
        return Change::Refuse(why);
    }
    let differences = differences(running, new);
    if differences.is_empty() {
        return Change::Same;
    }
    // The age comes first: what is held for it is let in by the owner alone, not by `apply_held_after`.
    let why = doubt.or_else(|| foreign_host(running, new)).or_else(|| doubtful_keys(running, found, policy));
    match why {
        Some(why) => Change::Hold { differences, why },
        None => Change::Apply(differences),
    }
}

/// Everything that is different, in the order: keys, addresses, the rest.
pub fn differences(running: &IdentityProvider, found: &IdentityProvider) -> Vec<Difference> {
    let mut all = Vec::new();
    keys(running.keys.certificates(), found.keys.certificates(), &mut all);
    let (old, new) = (&running.single_sign_on, &found.single_sign_on);
    all.extend(only_in(new, old).map(|(binding, at)| Difference::SignOnAdded(binding, at)));
    all.extend(only_in(old, new).map(|(binding, at)| Difference::SignOnRemoved(binding, at)));
    let (old, new) = (&running.single_logout, &found.single_logout);
    all.extend(only_in(new, old).map(Difference::LogoutAdded));
    all.extend(only_in(old, new).map(Difference::LogoutRemoved));
    let (old, new) = (&running.scopes, &found.scopes);
    all.extend(only_in(new, old).map(Difference::ScopeAdded));
    all.extend(only_in(old, new).map(Difference::ScopeRemoved));
    if running.want_authn_requests_signed != found.want_authn_requests_signed {
        all.push(Difference::WantsSignedRequests(found.want_authn_requests_signed));
    }
    all
}

/// SHA-256 over everything that [`differences`] compares, in an order of its own: equal for two descriptions without
/// a difference.
pub fn fingerprint(idp: &IdentityProvider) -> [u8; 32] {
    let mut facts = BTreeSet::new();
    for certificate in idp.keys.certificates() {
        facts.insert(format!("key {} {}", hex(&certificate.key_sha256), hex(&certificate.sha256)));
    }
    for (binding, at) in &idp.single_sign_on {
        facts.insert(format!("sign-on {} {at}", binding.uri()));
    }
    for SloEndpoint { binding, location, response_location } in &idp.single_logout {
        // White space cannot stand in a URL, so that no two lists of addresses read the same.
        let response = response_location.as_deref().unwrap_or("-");
        facts.insert(format!("logout {} {location} {response}", binding.uri()));
    }
    facts.extend(idp.scopes.iter().map(|Scope(scope)| format!("scope {scope:?}")));
    let mut all = format!("{:?} signed-requests {}", idp.entity_id.0, idp.want_authn_requests_signed);
    for fact in facts {
        all.push('\n');
        all.push_str(&fact);
    }
    sha256(all.as_bytes())
}

fn keys(old: &[SigningCertificate], new: &[SigningCertificate], all: &mut Vec<Difference>) {
    for certificate in new {
        match old.iter().find(|known| known.key_sha256 == certificate.key_sha256) {
            None => all.push(Difference::KeyAdded(certificate.clone())),
            Some(known) if known.sha256 != certificate.sha256 => {
                all.push(Difference::CertificateRenewed { from: known.clone(), to: certificate.clone() });
            }
            Some(_) => {}
        }
    }
    let gone = |known: &&SigningCertificate| new.iter().all(|now| now.key_sha256 != known.key_sha256);
    all.extend(old.iter().filter(gone).cloned().map(Difference::KeyRemoved));
}

fn only_in<T: PartialEq + Clone>(one: &[T], other: &[T]) -> impl Iterator<Item = T> {
    one.iter().filter(|item| !other.contains(item)).cloned()
}

/// People type their passwords at the sign-on address and their browsers carry messages to the others: a host that
/// was not there before is for the owner to see.
fn foreign_host(running: &IdentityProvider, found: &IdentityProvider) -> Option<MetadataProblem> {
    let sign_on = origins(running.single_sign_on.iter().map(|(_, at)| at.as_str()));
    let mut known = origins(logout_addresses(running));
    known.extend(sign_on.iter().cloned());
    let sign_on_now = origins(found.single_sign_on.iter().map(|(_, at)| at.as_str()));
    let logout_now = origins(logout_addresses(found));
    let foreign = sign_on_now.difference(&sign_on).chain(logout_now.difference(&known)).next()?;
    let sentence = format!(
        "an address moves to {foreign}, where none was before ({}); ask the identity provider's people whether they \
         moved",
        known.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    );
    Some(MetadataProblem::new(Reason::MetadataHostChanged, sentence))
}

fn logout_addresses(idp: &IdentityProvider) -> impl Iterator<Item = &str> {
    idp.single_logout
        .iter()
        .flat_map(|at| [Some(at.location.as_str()), at.response_location.as_deref()])
        .flatten()
}

/// Scheme, host and port of each address: https on a host does not vouch for http on it.
fn origins<'a>(addresses: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    addresses.filter_map(|at| Url::parse(at).ok()).map(|url| url.origin().ascii_serialization()).collect()
}

fn doubtful_keys(
    running: &IdentityProvider,
    found: &Described,
    policy: KeyChanges,
) -> Option<MetadataProblem> {
    let known = |now: &SigningCertificate| {
        running.keys.certificates().iter().any(|old| old.key_sha256 == now.key_sha256)
    };
    let now = found.identity_provider.keys.certificates();
    if policy == KeyChanges::Hold && !now.iter().all(known) {
        let sentence = "a signing key is new, and `key_changes: hold` leaves that to you; compare its fingerprint with \
                        the identity provider's people";
        return Some(MetadataProblem::new(Reason::MetadataKeysAdded, sentence));
    }
    if !found.signed && !now.iter().any(known) {
        let sentence = "all signing keys are new and nothing vouches for them: no known key is left, and the metadata \
                        is not signed by a pinned key; compare the fingerprints with the identity provider's people";
        return Some(MetadataProblem::new(Reason::MetadataKeysSwapped, sentence));
    }
    None
}

impl Difference {
    /// `+` for what is new, `-` for what is gone, `~` for what is different.
    pub const fn sign(&self) -> char {
        match self {
            Self::KeyAdded(_) | Self::SignOnAdded(..) | Self::LogoutAdded(_) | Self::ScopeAdded(_) => '+',
            Self::KeyRemoved(_)
            | Self::SignOnRemoved(..)
            | Self::LogoutRemoved(_)
            | Self::ScopeRemoved(_) => '-',
            Self::CertificateRenewed { .. } | Self::WantsSignedRequests(_) => '~',
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.sign())?;
        match self {
            Self::KeyAdded(certificate) | Self::KeyRemoved(certificate) => {
                f.write_str("signing key ")?;
                show_certificate(f, certificate)
            }
            Self::CertificateRenewed { from, to } => {
                write!(f, "certificate of the same key, SHA-256 {} before: ", from.fingerprint())?;
                show_certificate(f, to)
            }
            Self::SignOnAdded(binding, at) | Self::SignOnRemoved(binding, at) => {
                write!(f, "sign-on by {}: {at}", binding.name())
            }
            Self::LogoutAdded(at) | Self::LogoutRemoved(at) => {
                write!(f, "logout by {}: {}", at.binding.name(), at.location)?;
                match &at.response_location {
                    Some(response) => write!(f, ", answers to {response}"),
                    None => Ok(()),
                }
            }
            Self::ScopeAdded(Scope(scope)) | Self::ScopeRemoved(Scope(scope)) => write!(f, "scope {scope}"),
            Self::WantsSignedRequests(true) => f.write_str("refuses requests that are not signed"),
            Self::WantsSignedRequests(false) => f.write_str("takes requests that are not signed"),
        }
    }
}

fn show_certificate(f: &mut fmt::Formatter<'_>, certificate: &SigningCertificate) -> fmt::Result {
    let SigningCertificate { subject, key, not_before, not_after, .. } = certificate;
    let day = |at: &Moment| at.to_string().chars().take_while(|c| *c != 'T').collect::<String>();
    write!(f, "{subject} ({key}), SHA-256 {}, ", certificate.fingerprint())?;
    write!(f, "{} to {}", day(not_before), day(not_after))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
