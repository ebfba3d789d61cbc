//! The settings that are one word out of a few: which words there are, and what each stands for.

use super::values::{Scalar, Word, Words};
use crate::admission::RoleSync;
use crate::headers::{Encoding, Preset, Source};
use crate::identity::Overage;
use crate::observe::audit::Told;
use crate::observe::log::LogFormat;
use crate::saml::demand::{Comparison, SignRequests};
use crate::saml::metadata::change::KeyChanges;
use crate::saml::parties::{Binding, Cbc, Hash, RequireSigned, SignatureAlgorithm};
use crate::session::OnLimit;
use crate::site::{RequireSignedLogout, Status};
use crate::store::OnFailure;

impl Words for Status {
    const WORDS: &'static [(&'static str, Self)] =
        &[("live", Self::Live), ("staged", Self::Staged), ("retired", Self::Retired)];
}

/// `store`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreWord {
    Memory,
    Redis,
}

impl Words for StoreWord {
    const WORDS: &'static [(&'static str, Self)] = &[("memory", Self::Memory), ("redis", Self::Redis)];
}

/// `tracing.trust_parent`: whose word about its trace is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrustParent {
    TrustedProxies,
    Anyone,
    Nobody,
}

impl Words for TrustParent {
    const WORDS: &'static [(&'static str, Self)] =
        &[("trusted_proxies", Self::TrustedProxies), ("anyone", Self::Anyone), ("nobody", Self::Nobody)];
}

impl Words for OnFailure {
    const WORDS: &'static [(&'static str, Self)] =
        &[("serve_cached", Self::ServeCached), ("refuse", Self::Refuse)];
}

impl Words for OnLimit {
    const WORDS: &'static [(&'static str, Self)] =
        &[("end_oldest", Self::EndOldest), ("refuse", Self::Refuse)];
}

/// `groups_absent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupsAbsent {
    Unknown,
    Empty,
}

impl Words for GroupsAbsent {
    const WORDS: &'static [(&'static str, Self)] = &[("unknown", Self::Unknown), ("empty", Self::Empty)];
}

impl Words for Overage {
    const WORDS: &'static [(&'static str, Self)] =
        &[("unknown", Self::Unknown), ("refuse", Self::Refuse), ("default_role", Self::DefaultRole)];
}

impl Words for RoleSync {
    const WORDS: &'static [(&'static str, Self)] =
        &[("every_sign_in", Self::EverySignIn), ("first_sign_in", Self::FirstSignIn)];
}

/// A step of `identity.transform`, when it is one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransformWord {
    Lower,
    StripDomain,
}

impl Words for TransformWord {
    const WORDS: &'static [(&'static str, Self)] =
        &[("lower", Self::Lower), ("strip_domain", Self::StripDomain)];
}

/// `headers.groups`, when it is one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupsSent {
    All,
    Mapped,
    None,
}

impl Words for GroupsSent {
    const WORDS: &'static [(&'static str, Self)] =
        &[("all", Self::All), ("mapped", Self::Mapped), ("none", Self::None)];
}

/// `value` of a header: one of the words, or `custom.` and a name of `identity.custom`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Carried {
    Known(Source),
    Part(String),
}

impl Scalar for Carried {
    fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("custom.") || matches!(text, "given_name" | "family_name") {
            return Ok(Self::Part(text.to_owned()));
        }
        Word::<Source>::parse(text)
            .map(|Word(source)| Self::Known(source))
            .map_err(|message| format!("{message}; or given_name, family_name, custom.NAME"))
    }
}

/// `default_access`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DefaultAccess {
    Authenticated,
    Deny,
}

impl Words for DefaultAccess {
    const WORDS: &'static [(&'static str, Self)] =
        &[("authenticated", Self::Authenticated), ("deny", Self::Deny)];
}

/// `access` of a rule, when it is one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccessWord {
    Public,
    Optional,
    Authenticated,
    Deny,
}

impl Words for AccessWord {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("public", Self::Public),
        ("optional", Self::Optional),
        ("authenticated", Self::Authenticated),
        ("deny", Self::Deny),
    ];
}

/// `log.level`. What is finer than debug is not compiled into a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level(pub(super) &'static str);

impl Words for Level {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("off", Self("off")),
        ("error", Self("error")),
        ("warn", Self("warn")),
        ("info", Self("info")),
        ("debug", Self("debug")),
    ];
}

/// `audit.output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AuditOutput {
    Log,
    Stdout,
    File,
    Both,
}

impl Words for AuditOutput {
    const WORDS: &'static [(&'static str, Self)] =
        &[("log", Self::Log), ("stdout", Self::Stdout), ("file", Self::File), ("both", Self::Both)];
}

/// `audit.groups`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupsTold {
    Count,
    Names,
}

impl Words for GroupsTold {
    const WORDS: &'static [(&'static str, Self)] = &[("count", Self::Count), ("names", Self::Names)];
}

impl Words for Told {
    const WORDS: &'static [(&'static str, Self)] =
        &[("hash", Self::Hash), ("value", Self::Value), ("off", Self::Off)];
}

impl Words for Preset {
    const WORDS: &'static [(&'static str, Self)] = Self::WORDS;
}

impl Words for Binding {
    const WORDS: &'static [(&'static str, Self)] = &[("redirect", Self::Redirect), ("post", Self::Post)];
}

impl Words for KeyChanges {
    const WORDS: &'static [(&'static str, Self)] = &[("apply", Self::Apply), ("hold", Self::Hold)];
}

impl Words for Comparison {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("exact", Self::Exact),
        ("minimum", Self::Minimum),
        ("maximum", Self::Maximum),
        ("better", Self::Better),
    ];
}

impl Words for SignRequests {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("always", Self::Always), ("never", Self::Never)];
}

impl Words for RequireSigned {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("either", Self::Either),
        ("assertion", Self::Assertion),
        ("response", Self::Response),
        ("both", Self::Both),
    ];
}

impl Words for Cbc {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("accept", Self::Accept),
        ("require_signed_response", Self::RequireSignedResponse),
        ("refuse", Self::Refuse),
    ];
}

impl Words for SignatureAlgorithm {
    const REFUSED: &'static [(&'static str, &'static str)] =
        &[("rsa-sha1", "SHA-1 is only possible until a day that danger_allow_sha1_until names")];
    const WORDS: &'static [(&'static str, Self)] = &[
        ("rsa-sha256", Self::RsaPkcs1(Hash::Sha256)),
        ("rsa-sha384", Self::RsaPkcs1(Hash::Sha384)),
        ("rsa-sha512", Self::RsaPkcs1(Hash::Sha512)),
        ("rsa-pss-sha256", Self::RsaPss(Hash::Sha256)),
        ("rsa-pss-sha384", Self::RsaPss(Hash::Sha384)),
        ("rsa-pss-sha512", Self::RsaPss(Hash::Sha512)),
        ("ecdsa-sha256", Self::Ecdsa(Hash::Sha256)),
        ("ecdsa-sha384", Self::Ecdsa(Hash::Sha384)),
        ("ecdsa-sha512", Self::Ecdsa(Hash::Sha512)),
    ];
}

impl Words for RequireSignedLogout {
    const WORDS: &'static [(&'static str, Self)] =
        &[("true", Self::All), ("requests", Self::Requests), ("false", Self::Nothing)];
}

impl Words for Encoding {
    const WORDS: &'static [(&'static str, Self)] =
        &[("utf8", Self::Utf8), ("percent", Self::Percent), ("rfc8187", Self::Rfc8187)];
}

impl Words for LogFormat {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("text", Self::Text), ("json", Self::Json)];
}

impl Words for Source {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("user", Self::User),
        ("email", Self::Email),
        ("name", Self::Name),
        ("preferred_username", Self::PreferredUsername),
        ("groups", Self::Groups),
        ("roles", Self::Roles),
        ("idp", Self::Idp),
        ("jwt", Self::Jwt),
        ("groups_omitted", Self::GroupsOmitted),
        ("organization", Self::Organization),
        ("name_id", Self::NameId),
        ("idp_entity_id", Self::IdpEntityId),
        ("session", Self::Session),
        ("authn_context", Self::AuthnContext),
        ("authn_instant", Self::AuthnInstant),
    ];
}
