//! What the owner decided about an identity provider, whatever its metadata says.

use crate::clock::Moment;
use crate::reason::Reason;
use crate::saml::metadata::{Described, MetadataProblem, Source, describe};
use crate::saml::parties::{Binding, CryptographyPolicy, EntityId, RequireSigned, TrustedKeys};
use crate::site::Idp;
use std::sync::Arc;
use std::time::Duration;

/// To who narrowed `algorithms` to a kind that the identity provider has no key of.
pub const NO_KEY_FITS: &str =
    "none of its signing keys can be used with what `algorithms` lists: nobody can sign in";

/// How its documents are read, and what of them is laid over with the owner's own word. The start and every later
/// reading go by the same terms.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Which entity of the document is meant.
    pub entity_id: Option<String>,
    /// Who must have signed the document.
    pub pinned: Option<TrustedKeys>,
    /// The document must say until when it is valid, and that must not be farther away.
    pub valid_at_most: Option<Duration>,
    /// By which binding it is asked; the other addresses are left out.
    pub sso_binding: Option<Binding>,
    /// Which parts of its answers must be signed.
    pub require_signed: RequireSigned,
    /// What it may use of cryptography.
    pub cryptography: CryptographyPolicy,
    /// Names that it must not have: our own, since somebody handed us our own metadata.
    pub not: Vec<String>,
    /// The other identity providers of the site, whose names it must not have either.
    pub others: Vec<Other>,
    /// Whether our requests are signed: an identity provider that wants it is worth a warning otherwise.
    pub we_sign: bool,
    /// Whether the owner demands single logout and leaves its address to the metadata.
    pub wants_logout_address: bool,
}

/// Another identity provider of the site.
#[derive(Debug, Clone)]
pub struct Other {
    /// It, as it is known at the moment.
    pub idp: Arc<Idp>,
    /// Which name its owner wrote down for it.
    pub written: Option<String>,
}

impl Terms {
    /// Whether these terms and those take the same documents for good, and the same entity of them.
    pub(super) fn takes_the_same_for_good(&self, other: &Self) -> bool {
        let pinned = |terms: &Self| -> Option<Vec<_>> {
            let keys = terms.pinned.as_ref()?;
            Some(keys.certificates().iter().map(|certificate| certificate.sha256).collect())
        };
        self.entity_id == other.entity_id
            && self.valid_at_most == other.valid_at_most
            && pinned(self) == pinned(other)
    }

    /// Whether the owner's word over a document is the same in these terms and those.
    pub(super) fn lays_the_same_over(&self, other: &Self) -> bool {
        self.sso_binding == other.sso_binding
            && self.require_signed == other.require_signed
            && self.cryptography == other.cryptography
            && self.not == other.not
            && self.we_sign == other.we_sign
            && self.wants_logout_address == other.wants_logout_address
    }

    /// What the document says of the identity provider, under these terms.
    ///
    /// # Errors
    /// The rule that the document breaks.
    pub fn describe(&self, document: &[u8], now: Moment) -> Result<Described, MetadataProblem> {
        let mut described = self.read(document, now)?;
        self.lay_over(&mut described)?;
        Ok(described)
    }

    /// What the document says by itself.
    ///
    /// # Errors
    /// The rule that the document breaks.
    pub fn read(&self, document: &[u8], now: Moment) -> Result<Described, MetadataProblem> {
        let source = Source {
            entity_id: self.entity_id.as_deref(),
            pinned: self.pinned.as_ref(),
            require_valid_until: self.valid_at_most,
            ..Source::default()
        };
        describe(document, &source, now)
    }

    /// Puts the owner's word over what the document says. Here belongs every setting of an identity provider that must
    /// outlast a change of its metadata.
    ///
    /// # Errors
    /// It contradicts the document.
    pub fn lay_over(&self, described: &mut Described) -> Result<(), MetadataProblem> {
        let idp = &mut described.identity_provider;
        if self.not.contains(&idp.entity_id.0) {
            let sentence = format!("its entity ID is our own, {}: is this our own metadata?", idp.entity_id);
            return Err(MetadataProblem { reason: Reason::MetadataForeign, sentence });
        }
        self.refuse_taken(&idp.entity_id)?;
        if let Some(binding) = self.sso_binding {
            idp.single_sign_on.retain(|(offered, _)| *offered == binding);
            if idp.single_sign_on.is_empty() {
                let sentence =
                    "the metadata offers no sign-on address for this binding (sso_binding)".to_owned();
                return Err(MetadataProblem { reason: Reason::MetadataAddressMissing, sentence });
            }
        }
        idp.require_signed = self.require_signed;
        idp.cryptography = self.cryptography.clone();
        if idp.want_authn_requests_signed && !self.we_sign {
            let warning = "it wants signed requests, and ours are not (no key, or `sign_requests: never`): it may refuse \
                           every sign-in";
            described.warnings.push(warning.to_owned());
        }
        if self.wants_logout_address && idp.single_logout.is_empty() {
            let warning = "`single_logout: true` asks for single logout, and the metadata has no address for it: signing \
                           out ends the session here only; set slo_url";
            described.warnings.push(warning.to_owned());
        }
        if !described.identity_provider.has_a_key_that_fits() {
            described.warnings.push(NO_KEY_FITS.to_owned());
        }
        Ok(())
    }

    /// An answer is told to be from one identity provider by its name alone, so that no two may have the same.
    ///
    /// # Errors
    /// Another one of the site has this name, or is to have it.
    pub(super) fn refuse_taken(&self, entity_id: &EntityId) -> Result<(), MetadataProblem> {
        let has_it = |other: &&Other| match other.idp.known() {
            Some(saml) => saml.entity_id == *entity_id,
            None => other.written.as_ref() == Some(&entity_id.0),
        };
        let Some(other) = self.others.iter().find(has_it) else { return Ok(()) };
        let sentence = format!(
            "its entity ID, {entity_id}, is that of the identity provider {:?}: an answer could not be told to be from one",
            other.idp.id
        );
        Err(MetadataProblem { reason: Reason::MetadataForeign, sentence })
    }
}
