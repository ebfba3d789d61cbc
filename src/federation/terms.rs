//! What the owner decided about an identity provider, whatever its metadata says.

use crate::clock::Moment;
use crate::reason::Reason;
use crate::saml::metadata::{Described, MetadataProblem, Source, describe};
use crate::saml::parties::{Binding, CryptographyPolicy, RequireSigned, TrustedKeys};

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
    /// By which binding it is asked; the other addresses are left out.
    pub sso_binding: Option<Binding>,
    /// Which parts of its answers must be signed.
    pub require_signed: RequireSigned,
    /// What it may use of cryptography.
    pub cryptography: CryptographyPolicy,
    /// Names that it must not have: our own, since somebody handed us our own metadata.
    pub not: Vec<String>,
    /// Whether our requests are signed: an identity provider that wants it is worth a warning otherwise.
    pub we_sign: bool,
}

impl Terms {
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
            let warning =
                "it wants signed requests, and we have no key: it may refuse every sign-in".to_owned();
            described.warnings.push(warning);
        }
        if !described.identity_provider.has_a_key_that_fits() {
            described.warnings.push(NO_KEY_FITS.to_owned());
        }
        Ok(())
    }
}
