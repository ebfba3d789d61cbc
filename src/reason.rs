//! Why something was refused: one stable code for each rule, in one table.
//!
//! The codes are a public contract: dashboards and alerts are built on them. A code is never renamed; a rule that
//! goes leaves its code unused. `docs/reason-codes.md` is generated from this table and a test holds the two together.
//!
//! A refusal speaks twice. The person in front of the browser sees a page with a reference and what to do, and no
//! details. The owner finds, under the same reference, one audit event with the code, the
//! values that disagreed ([`Refusal::detail`]), the likely cause and the setting to look at.

use std::borrow::Cow;
use std::fmt;

/// A refused rule with what disagreed. `detail` is for the owner: it is audited, never shown to the visitor, and
/// never holds a secret, a whole assertion or a cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Refusal {
    /// Which rule refused.
    pub reason: Reason,
    /// The values that disagreed, in a sentence for the owner.
    pub detail: Cow<'static, str>,
    behind_decryption: bool,
}

impl Refusal {
    /// A refusal by `reason`, with the values that disagreed.
    pub fn new(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, detail: detail.into(), behind_decryption: false }
    }

    /// The same refusal, found on the way from a decryption to the signature of what was decrypted.
    pub const fn behind_decryption(mut self) -> Self {
        self.behind_decryption = true;
        self
    }

    /// Whether it was found on the way from a decryption to the signature of what was decrypted. Whoever can tell two
    /// such refusals apart, by a page, a status or the time that they take, can open what is encrypted for us
    /// (padding oracles): outside they are all one.
    pub const fn is_behind_decryption(&self) -> bool {
        self.behind_decryption
    }

    /// The reason as the visitor may know it: the exact one, or the one that stands for all behind a decryption.
    pub const fn public_reason(&self) -> Reason {
        if self.behind_decryption { Reason::DecryptionContent } else { self.reason }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, detail: Cow::Borrowed(""), behind_decryption: false }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail.is_empty() {
            f.write_str(self.reason.code())
        } else {
            write!(f, "{}: {}", self.reason.code(), self.detail)
        }
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

macro_rules! reasons {
    ($( $(#[doc = $section:literal])? $variant:ident = $code:literal, $status:literal,
        $meaning:literal, $cause:literal, $change:literal; )*) => {
        /// One variant for each rule that can refuse.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason { $( #[doc = $meaning] $variant, )* }

        impl Reason {
            /// Every reason, in the order of the table.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// The stable code, as the audit log and the tests name it.
            pub const fn code(self) -> &'static str { match self { $( Self::$variant => $code, )* } }

            /// The HTTP status of the answer where this reason is answered by a page.
            pub const fn status(self) -> u16 { match self { $( Self::$variant => $status, )* } }

            /// What the rule found, in a sentence.
            pub const fn meaning(self) -> &'static str { match self { $( Self::$variant => $meaning, )* } }

            /// What most often lies behind it.
            pub const fn likely_cause(self) -> &'static str { match self { $( Self::$variant => $cause, )* } }

            /// What the owner can change, and on which side.
            pub const fn what_to_change(self) -> &'static str { match self { $( Self::$variant => $change, )* } }
        }
    };
}

reasons! {
    // --- the message as bytes and as XML ---
    FormMalformed = "form-malformed", 400, "The POST to the assertion consumer service is not a form with exactly one SAMLResponse.", "Something other than an identity provider posted here, or a proxy rewrote the body.", "Nothing here; look at what posted, and at proxies that change bodies.";
    MessageTooLarge = "message-too-large", 400, "The message is larger than the limit, before or after decoding.", "A user in very many groups, or an attack.", "Let the IdP send fewer groups, or raise `saml.max_message_size`.";
    Base64Invalid = "base64-invalid", 400, "SAMLResponse is not strict base64.", "A proxy or script changed the form value.", "Post the value exactly as the IdP sent it.";
    EncodingNotUtf8 = "encoding-not-utf8", 400, "The document is not UTF-8 or declares another encoding.", "An IdP configured for another encoding, or an attack on parsers.", "Let the IdP send UTF-8.";
    XmlMalformed = "xml-malformed", 400, "The document is not well-formed XML with namespaces.", "A truncated or altered message.", "Look at what lies between the IdP and the browser.";
    XmlDoctype = "xml-doctype", 400, "The document has a document type declaration.", "No IdP sends one: an attack with entities.", "Nothing; keep refusing.";
    XmlProcessingInstruction = "xml-processing-instruction", 400, "The document has a processing instruction.", "No IdP sends one: an attack on parsers.", "Nothing; keep refusing.";
    XmlTooDeep = "xml-too-deep", 400, "Elements are nested deeper than the limit of 64.", "An attack on parsers.", "Nothing; keep refusing.";
    XmlCrowded = "xml-crowded", 400, "An element carries more than 64 attributes, or more than 128 namespace declarations are in scope.", "An attack on parsers.", "Nothing; keep refusing.";
    XmlNamespaceRelative = "xml-namespace-relative", 400, "A namespace name is a relative URI, or none at all.", "An attack on canonicalisation.", "Nothing; keep refusing.";
    XmlNamespaceForeign = "xml-namespace-foreign", 400, "An element with a name of SAML or XML Signature stands in another namespace.", "An attack on readers that ignore namespaces.", "Nothing; keep refusing.";
    XmlIdDuplicate = "xml-id-duplicate", 400, "Two elements carry the same ID.", "A signature wrapping attack.", "Nothing; keep refusing.";
    XmlIdQualified = "xml-id-qualified", 400, "An ID attribute has a namespace prefix.", "A signature wrapping attack.", "Nothing; keep refusing.";
    NotAResponse = "not-a-response", 400, "The root of the document is not samlp:Response.", "Another SAML message was posted to the assertion consumer service.", "Check the endpoints registered at the IdP.";
    AssertionCount = "assertion-count", 400, "The document does not hold exactly one assertion.", "A signature wrapping attack; or an IdP that sends several assertions.", "Let the IdP send one assertion.";
    AssertionMisplaced = "assertion-misplaced", 400, "The assertion is not a child of the response.", "A signature wrapping attack.", "Nothing; keep refusing.";
    AssertionEncrypted = "assertion-encrypted", 403, "The assertion is encrypted and the gate has no RSA key that could open it.", "The IdP was told to encrypt for this service.", "Set `service_provider.private_key_file` to the RSA key that the IdP encrypts for, or turn assertion encryption off at the IdP for this service.";
    // --- the signature ---
    SignatureMissing = "signature-missing", 403, "Neither the response nor the assertion is signed.", "The IdP does not sign, or the signature was stripped.", "Turn signing on at the IdP for this service.";
    SignatureMissingAssertion = "signature-missing-assertion", 403, "The assertion is not signed, and `require_signed` demands it.", "The IdP signs only the response.", "Sign assertions at the IdP, or set `require_signed: either`.";
    SignatureMissingResponse = "signature-missing-response", 403, "The response is not signed, and `require_signed` demands it.", "The IdP signs only the assertion.", "Sign responses at the IdP, or set `require_signed: either`.";
    SignatureMisplaced = "signature-misplaced", 400, "A signature stands where none is allowed.", "A signature wrapping attack.", "Nothing; keep refusing.";
    SignatureSeveral = "signature-several", 400, "An element carries more than one signature.", "A signature wrapping attack.", "Nothing; keep refusing.";
    SignatureShape = "signature-shape", 400, "The signature is not made of SignedInfo, SignatureValue and at most one KeyInfo, in this order.", "An attack on signature verification.", "Nothing; keep refusing.";
    SignatureComment = "signature-comment", 400, "There is a comment or a qualified attribute inside the signature.", "An attack on signature verification.", "Nothing; keep refusing.";
    SignatureCanonicalization = "signature-canonicalization", 400, "The canonicalisation method is not on the list.", "An attack, or an IdP with unusual settings.", "Let the IdP use exclusive canonicalisation.";
    SignatureAlgorithm = "signature-algorithm", 403, "The signature algorithm is not on the list: SHA-1, MD5, HMAC, DSA and unknown names are refused.", "An old IdP that signs with SHA-1; or `algorithms` of this IdP leaves it out.", "Let the IdP sign with RSA or ECDSA and SHA-256 or better, or widen `algorithms`; for SHA-1 until a day: `danger_allow_sha1_until`.";
    SignatureReference = "signature-reference", 400, "The signature does not refer to exactly its own parent by ID.", "A signature wrapping attack.", "Nothing; keep refusing.";
    SignatureTransforms = "signature-transforms", 400, "The transforms are not exactly enveloped-signature and exclusive canonicalisation.", "An attack that hides content from the digest.", "Nothing; keep refusing.";
    DigestAlgorithm = "digest-algorithm", 403, "The digest algorithm is not SHA-256, SHA-384 or SHA-512.", "An old IdP that digests with SHA-1.", "Let the IdP use SHA-256 or better; for SHA-1 until a day: `danger_allow_sha1_until`.";
    DigestMismatch = "digest-mismatch", 403, "The signed content was changed after it was signed.", "Tampering, or a proxy that rewrites the message.", "Look at what lies between the IdP and the browser.";
    SignatureInvalid = "signature-invalid", 403, "No known key of the IdP verifies the signature.", "The IdP signs with a new certificate, or it is not the IdP that signed.", "Compare the IdP's signing certificate with the configured one; update the metadata. Metadata from an address the gate reads itself: `vestibule metadata diff` shows a change that waits, `vestibule metadata apply --idp ID` agrees to it.";
    SignatureEmpty = "signature-empty", 403, "The signed content is empty after canonicalisation.", "An attack on canonicalisation.", "Nothing; keep refusing.";
    // --- the encryption (Core 2.2.4, 2.3.4, 6; XML Encryption 1.1) ---
    EncryptionMissing = "encryption-missing", 403, "The assertion is not encrypted, and `require_encrypted` demands it.", "The IdP does not encrypt for this service.", "Turn assertion encryption on at the IdP for this service, or set `require_encrypted: false`.";
    EncryptionShape = "encryption-shape", 400, "The encrypted element is not made of EncryptedData with its content and its keys.", "A malformed message, or an attack on decryption.", "Report it to the IdP's maker.";
    EncryptionReference = "encryption-reference", 400, "The encrypted content or its key lies outside of the encrypted element.", "An attack that makes the gate fetch something.", "Nothing; keep refusing.";
    EncryptionAlgorithm = "encryption-algorithm", 403, "The content is not encrypted with AES in GCM or CBC: 3DES and unknown names are refused.", "The IdP's default is 3DES.", "Let the IdP encrypt the data with aes128-gcm or aes256-gcm (or aes128-cbc) for this service.";
    EncryptionKeyTransport = "encryption-key-transport", 403, "The key is not encrypted with RSA-OAEP: PKCS #1 v1.5 (rsa-1_5), shared and agreed keys are refused.", "The IdP's default is rsa-1_5.", "Let the IdP encrypt the key with rsa-oaep-mgf1p for this service.";
    EncryptionCbc = "encryption-cbc", 403, "The content is encrypted in CBC mode, which `cbc` refuses here.", "The IdP encrypts with CBC and does not sign the response.", "Let the IdP use aes128-gcm or sign the response, or change `cbc` of this IdP.";
    DecryptionKey = "decryption-key", 403, "No key of ours opens the encrypted key.", "The IdP encrypts for an older or another certificate, or the message was tampered with.", "Give the IdP the certificate that `vestibule metadata` prints; keep the old key in `service_provider.private_key_file` until it has it.";
    DecryptionContent = "decryption-content", 403, "The encrypted content does not open with its key.", "The message was tampered with, or an attack on decryption.", "Nothing; keep refusing.";
    DecryptionPlaintext = "decryption-plaintext", 403, "What was decrypted is not exactly the one element that belongs there.", "The message was tampered with, or an IdP that encrypts something else.", "Report it to the IdP's maker if it happens with honest answers.";
    DecryptionTries = "decryption-tries", 403, "Three encrypted answers to this sign-in failed; it takes no more.", "An IdP that encrypts for another key, or an attack on decryption.", "Read the three refusals before this one. The user starts again.";
    // --- the response (Core 3.2.2, Profiles 4.1.4.2, Bindings 3.5.5.2) ---
    VersionUnsupported = "version-unsupported", 403, "The version of the message is not 2.0.", "A SAML 1.1 IdP.", "Use the IdP's SAML 2.0 endpoint.";
    IdMissing = "id-missing", 400, "The response or the assertion has no ID.", "A malformed message.", "Report it to the IdP's maker.";
    IssueInstantInvalid = "issue-instant-invalid", 403, "An issue instant is missing or not a UTC date and time.", "A malformed message.", "Report it to the IdP's maker.";
    IssueInstantFuture = "issue-instant-future", 403, "The message was issued in the future.", "The clocks of the IdP and this machine differ.", "Synchronise both clocks; `clock_skew` allows up to 5m.";
    IssueInstantOld = "issue-instant-old", 403, "The message was issued before the request that it answers, beyond the allowed skew; or it answers none and is older than five minutes.", "The clocks differ, or an old message was posted.", "Synchronise both clocks; `clock_skew` allows up to 5m.";
    ResponseMalformed = "response-malformed", 403, "The response breaks the schema: an element is doubled or does not belong there.", "A malformed or hostile message.", "Report it to the IdP's maker.";
    StatusMissing = "status-missing", 403, "The response has no status, or more than one.", "A malformed message.", "Report it to the IdP's maker.";
    StatusNotSuccess = "status-not-success", 403, "The IdP answered that it did not sign the user in.", "The user is not assigned to the application, cancelled, or the IdP rejects our request.", "Read the IdP's own log; check the user's assignment and the registered entity ID and ACS.";
    NoPassive = "no-passive", 403, "The IdP could not sign the user in without showing a page, and it was told to show none.", "The user has no session at the IdP yet, and `is_passive` is set.", "Let people sign in at the IdP first, or leave `is_passive` out.";
    NoAuthnContext = "no-authn-context", 403, "The IdP cannot sign the user in in the way that was asked for.", "The IdP does not know a class of `authn_context`, or the user has no such means (a second factor).", "Use the IdP's own names in `authn_context`, or ask for none and list what will do in `authn_context_accepted`.";
    InvalidNameIdPolicy = "invalid-nameid-policy", 403, "The IdP cannot name the user in the format that was asked for.", "The IdP is not configured to send this NameID format to us.", "Configure the format at the IdP, or leave `name_id_format` out.";
    DestinationMissing = "destination-missing", 403, "A signed response has no Destination.", "An IdP that does not follow Bindings 3.5.5.2.", "Let the IdP set Destination, or sign only the assertion.";
    DestinationMismatch = "destination-mismatch", 403, "The response was made for another address.", "The ACS address registered at the IdP differs from `public_url`.", "Make the ACS address at the IdP equal to the one that `vestibule metadata --values` prints.";
    ResponseIssuerMissing = "response-issuer-missing", 403, "A signed response does not say who issued it.", "An IdP that does not follow Profiles 4.1.4.2.", "Let the IdP set the issuer of the response.";
    ResponseIssuerMismatch = "response-issuer-mismatch", 403, "The response comes from another IdP than the one that was asked.", "The configured entity ID differs from the IdP's.", "Make `entity_id` (or the metadata) equal to the issuer in this event.";
    InResponseToMissing = "in-response-to-missing", 403, "The response does not name the request that it answers.", "The sign-in began at the IdP (a tile), not here.", "As the tile's address use this gate's sign-in address, which `vestibule metadata --values` prints; or, knowing the risk, set `allow_unsolicited: true`.";
    InResponseToMismatch = "in-response-to-mismatch", 403, "The response answers another request.", "Another browser's or an older request's answer was posted.", "Nothing; keep refusing. The user starts again.";
    // --- the assertion (Core 2.3.3, 2.4, 2.5, 2.7; Profiles 4.1.4.2 and 4.1.4.3) ---
    AssertionMalformed = "assertion-malformed", 403, "The assertion breaks the schema: an element is missing, doubled or out of place.", "A malformed or hostile message.", "Report it to the IdP's maker.";
    IssuerMissing = "issuer-missing", 403, "The assertion does not say who issued it.", "A malformed message.", "Report it to the IdP's maker.";
    IssuerMismatch = "issuer-mismatch", 403, "The assertion comes from another IdP than the one that was asked.", "The configured entity ID differs from the IdP's, or an assertion of another IdP was posted.", "Make `entity_id` (or the metadata) equal to the issuer in this event.";
    IssuerFormat = "issuer-format", 403, "The issuer is not written as an entity identifier.", "An IdP that does not follow Profiles 4.1.4.2.", "Let the IdP omit the issuer's Format or set it to entity.";
    SubjectMissing = "subject-missing", 403, "The assertion has no subject.", "The IdP is not configured to send a NameID.", "Configure a NameID at the IdP.";
    NameIdMissing = "nameid-missing", 403, "The subject has no NameID.", "The IdP is not configured to send a NameID.", "Configure a NameID at the IdP.";
    NameIdEncrypted = "nameid-encrypted", 403, "The NameID is encrypted and the gate has no RSA key that could open it.", "The IdP was told to encrypt for this service.", "Set `service_provider.private_key_file` to the RSA key that the IdP encrypts for, or turn NameID encryption off at the IdP for this service.";
    NameIdTransient = "nameid-transient", 403, "The NameID is transient: it changes at every sign-in and cannot name a user.", "The IdP's default NameID format.", "Let the IdP send a persistent or e-mail NameID, or set `identity.user` to an attribute.";
    SubjectConfirmationMissing = "subject-confirmation-missing", 403, "The subject has no bearer confirmation.", "An IdP that does not follow Profiles 4.1.4.2.", "Let the IdP use the Web Browser SSO profile.";
    ConfirmationDataMissing = "confirmation-data-missing", 403, "The bearer confirmation has no data.", "An IdP that does not follow Profiles 4.1.4.2.", "Let the IdP use the Web Browser SSO profile.";
    RecipientMissing = "recipient-missing", 403, "The bearer confirmation names no recipient.", "An IdP that does not follow Profiles 4.1.4.2.", "Let the IdP set Recipient to our ACS address.";
    RecipientMismatch = "recipient-mismatch", 403, "The assertion was made for another assertion consumer service.", "The ACS address registered at the IdP differs from `public_url`; or an assertion for another service was posted.", "Make the ACS address at the IdP equal to the one that `vestibule metadata --values` prints.";
    ConfirmationInResponseToMissing = "confirmation-in-response-to-missing", 403, "The bearer confirmation does not name the request that it answers.", "The sign-in began at the IdP (a tile), not here.", "As the tile's address use this gate's sign-in address, which `vestibule metadata --values` prints; or, knowing the risk, set `allow_unsolicited: true`.";
    ConfirmationInResponseToMismatch = "confirmation-in-response-to-mismatch", 403, "The bearer confirmation answers another request.", "Another browser's or an older request's assertion was posted.", "Nothing; keep refusing. The user starts again.";
    ConfirmationExpiryMissing = "confirmation-expiry-missing", 403, "The bearer confirmation has no NotOnOrAfter.", "An IdP that does not follow Profiles 4.1.4.2.", "Let the IdP set NotOnOrAfter.";
    ConfirmationExpired = "confirmation-expired", 403, "The bearer confirmation has expired.", "The clocks differ, or the answer took too long.", "Synchronise both clocks; `clock_skew` allows up to 5m.";
    ConfirmationNotBefore = "confirmation-not-before", 403, "The bearer confirmation has a NotBefore, which the profile forbids.", "An IdP that does not follow Profiles 4.1.4.2.", "Report it to the IdP's maker.";
    ConditionsMissing = "conditions-missing", 403, "The assertion has no conditions, or more than one.", "A malformed message.", "Report it to the IdP's maker.";
    ConditionsNotYetValid = "conditions-not-yet-valid", 403, "The assertion is not valid yet.", "The IdP's clock is ahead of ours.", "Synchronise both clocks; `clock_skew` allows up to 5m.";
    ConditionsExpired = "conditions-expired", 403, "The assertion has expired.", "The clocks differ, or the answer took too long.", "Synchronise both clocks; `clock_skew` allows up to 5m.";
    ConditionUnknown = "condition-unknown", 403, "The assertion has a condition that this gate does not know (Core 2.5.1).", "An IdP extension.", "Let the IdP leave the extension out.";
    TimeInvalid = "time-invalid", 403, "A time in the assertion is not a UTC date and time.", "A malformed message.", "Report it to the IdP's maker.";
    AudienceMissing = "audience-missing", 403, "The assertion names no audience.", "An IdP that does not follow Profiles 4.1.4.2.", "Let the IdP restrict the audience to our entity ID.";
    AudienceMismatch = "audience-mismatch", 403, "The assertion was made for another service.", "The entity ID registered at the IdP differs from ours; or an assertion for another service was posted.", "Make the entity ID (audience) at the IdP equal to `service_provider.entity_id`.";
    AuthnStatementMissing = "authn-statement-missing", 403, "The assertion has no authentication statement.", "An IdP that does not follow Profiles 4.1.4.2.", "Let the IdP use the Web Browser SSO profile.";
    AuthnInstantInvalid = "authn-instant-invalid", 403, "The time of authentication is missing, malformed or in the future.", "The clocks differ.", "Synchronise both clocks; `clock_skew` allows up to 5m.";
    AuthnContextMismatch = "authn-context-mismatch", 403, "The user signed in at the IdP in another way than is demanded.", "The IdP did not do what it was asked, the request was altered on its way, or `authn_context_accepted` lacks the class.", "Let the IdP demand it for this application, or add the class in this event to `authn_context_accepted`.";
    AuthnTooOld = "authn-too-old", 403, "The user authenticated at the IdP longer ago than `max_authn_age` allows, or before the request that forced a new sign-in.", "The IdP does not do what ForceAuthn asks (we asked it once more before refusing), or says a wrong AuthnInstant.", "Let the IdP honour ForceAuthn, raise `max_authn_age`, or leave `force_authn` out.";
    SessionExpired = "session-expired", 403, "The IdP's own session had already ended (SessionNotOnOrAfter).", "The clocks differ, or the IdP's session is very short.", "Synchronise both clocks; lengthen the IdP's session.";
    AssertionReplayed = "assertion-replayed", 403, "This assertion was accepted before.", "The answer was posted twice: a reload, the back button, or an attack.", "Nothing; keep refusing. The user starts again.";
    RequestAnswered = "request-answered", 403, "The request that this message answers was answered before.", "The answer was posted twice: a reload, the back button, or an attack.", "Nothing; keep refusing. The user starts again.";
    SecondOpinionDisagrees = "second-opinion-disagrees", 403, "The second opinion, which verifies and reads every accepted message once more with other code, does not agree.", "An attack that one of two implementations falls for; or a message of a shape on which they differ.", "Keep the reference and report the message's shape to Vestibule's makers; `second_opinion: report` records and lets in.";
    // --- an identity provider's metadata ---
    MetadataTooLarge = "metadata-too-large", 503, "The metadata, or one entity in it, is larger than the limit.", "An aggregate of the whole world, or an attack.", "Fetch the one entity (`metadata_query`), or a smaller aggregate.";
    MetadataEncoding = "metadata-encoding", 503, "The metadata is not UTF-8, or declares another encoding.", "A file that was saved by an editor.", "Let it be served as UTF-8.";
    MetadataMalformed = "metadata-malformed", 503, "The metadata is not well-formed XML with namespaces.", "It was cut on its way, or is still being written.", "Look at what the source serves; write files beside their place and rename them.";
    MetadataDoctype = "metadata-doctype", 503, "The metadata has a document type declaration.", "An attack with entities, or a page for people.", "Nothing; keep refusing. Open the address in a browser to see what it serves.";
    MetadataMarkup = "metadata-markup", 503, "The metadata's XML is deeper or more crowded than the limits, has a processing instruction inside, or namespaces that nobody agrees on.", "An attack on parsers.", "Nothing; keep refusing.";
    MetadataForeign = "metadata-foreign", 503, "The document is not SAML 2.0 metadata.", "The address shows an HTML page: an error, a sign-in, a proxy's word.", "Look at what the source serves (an address: in a browser without being signed in); correct `metadata_url` or `metadata_file`.";
    MetadataUnsigned = "metadata-unsigned", 503, "The metadata is not signed as a whole, and its signer is pinned.", "The address of an unsigned variant, or the signature was stripped.", "Use the signed document's address; a signature inside does not cover the whole.";
    MetadataSignatureRefused = "metadata-signature-refused", 503, "The metadata's signature does not have the one accepted shape, or uses a weak algorithm.", "SHA-1, or an attack on signature verification.", "Let the source sign with SHA-256 or better: enveloped, exclusive canonicalisation, by ID.";
    MetadataSignatureInvalid = "metadata-signature-invalid", 503, "No pinned key made the metadata's signature.", "The signer has a new key, or somebody else signed.", "Compare the signer's new certificate out of band, then change `metadata_certificate_file`.";
    MetadataDigestMismatch = "metadata-digest-mismatch", 503, "The metadata was changed after it was signed.", "Something between the source and the gate rewrote it, or an attack.", "Fetch it by https from the source itself.";
    MetadataEntityMissing = "metadata-entity-missing", 503, "The identity provider that is wanted is not in the metadata.", "A typing error in `entity_id`, or the identity provider left the federation.", "Compare `entity_id` with the names in the document.";
    MetadataEntityAmbiguous = "metadata-entity-ambiguous", 503, "The metadata holds several identity providers and none is named.", "An aggregate.", "Name one by `entity_id`.";
    MetadataEntityDuplicate = "metadata-entity-duplicate", 503, "The metadata describes the entity twice.", "A merging error at the source, or an attack.", "Tell the source's people.";
    MetadataKeyMissing = "metadata-key-missing", 503, "The identity provider is left without a suitable signing key.", "RSA under 2048 bits, DSA, or an encryption key only.", "Let the IdP publish a signing key: RSA of at least 2048 bits, or ECDSA.";
    MetadataAddressMissing = "metadata-address-missing", 503, "The identity provider has no sign-on address for HTTP-Redirect or HTTP-POST.", "An IdP that is set up for other protocols.", "Enable the Web Browser SSO profile at the IdP.";
    MetadataTimeInvalid = "metadata-time-invalid", 503, "A validUntil in the metadata is not a UTC time.", "A malformed document.", "Report it to the source's people.";
    MetadataExpired = "metadata-expired", 503, "The metadata says that it is no longer valid.", "The source has not been refreshed, or our clock is ahead.", "Get it anew from the source; synchronise the clock.";
    MetadataValidUntilMissing = "metadata-valid-until-missing", 503, "The metadata does not say until when it is valid, and `metadata_valid_at_most` requires it.", "Another document than the federation's.", "Use the federation's own document, or remove `metadata_valid_at_most`.";
    MetadataValidUntilFar = "metadata-valid-until-far", 503, "The metadata says that it is valid for longer than is allowed.", "A document that was made to be replayed for long.", "Use the federation's own document, or raise `metadata_valid_at_most`.";
    MetadataOlder = "metadata-older", 503, "The metadata is older than what was seen before.", "A mirror that lags behind, or somebody who brings back an old key.", "Nothing, if it passes by itself; else look at the source.";
    MetadataEntityChanged = "metadata-entity-changed", 503, "The metadata describes another identity provider than before.", "The source's address now leads to another tenant or product.", "Correct the source, or configure the new identity provider as one of its own.";
    MetadataHostChanged = "metadata-host-changed", 503, "An address of the identity provider moves to another host.", "The identity provider moved, or its metadata was tampered with.", "Ask the identity provider's people, then agree to the change: `vestibule metadata apply --idp ID`.";
    MetadataKeysSwapped = "metadata-keys-swapped", 503, "All signing keys of the identity provider are new, and nothing vouches for them.", "A new installation, a rollover without overlap, or tampering.", "Compare the fingerprints with the identity provider's people, then agree to the change: `vestibule metadata apply --idp ID`.";
    MetadataKeysAdded = "metadata-keys-added", 503, "A signing key is new, and `key_changes: hold` leaves it to the owner.", "A key rollover.", "Compare the fingerprint with the identity provider's people, then agree to the change: `vestibule metadata apply --idp ID`.";
    // --- the sign-in ---
    AttemptMissing = "attempt-missing", 400, "The browser that posted the answer does not hold the sign-in that it belongs to.", "Cookies are blocked, the sign-in took longer than 15 minutes, or it began in another browser.", "Compare `public_url` with the address in the browser; see whether a gateway drops Set-Cookie.";
    AttemptExpired = "attempt-expired", 400, "The sign-in took longer than 15 minutes.", "The user left the IdP's page open.", "Nothing; the user starts again.";
    AttemptBeforeStart = "attempt-before-start", 400, "The sign-in began before this gate was started.", "A restart: with the memory store, answered requests are not remembered across it. With `store: redis`: the server was replaced or restarted meanwhile.", "Nothing; the user starts again.";
    AttemptForeign = "attempt-foreign", 403, "The sign-in belongs to another site or another assertion consumer service.", "An answer was posted to another address than the one asked for.", "Compare the ACS address at the IdP with the one that `vestibule metadata --values` prints.";
    HandoffInvalid = "handoff-invalid", 400, "What came from the site or from its sign-on host cannot be read.", "A link that was cut off or made up; `session.secret` changed meanwhile, or differs between the machines that serve the two.", "Give every machine the same `session.secret_file`; keep an old secret in the list while it changes.";
    HandoffExpired = "handoff-expired", 400, "The hand-over from the sign-on host came later than a minute after it was made.", "A very slow line, a page from the history, or clocks that differ between machines.", "Nothing, if it happens once; else synchronise the clocks.";
    HandoffForeign = "handoff-foreign", 403, "The hand-over is for another site, or the site does not sign on there.", "A link that was brought to another host, or `sites[].sign_on` changed meanwhile.", "Compare `sites[].sign_on` with the sign-on host that the browser came from.";
    HandoffReplayed = "handoff-replayed", 400, "The hand-over from the sign-on host was brought before.", "The back button, a page from the history, or somebody else's copy.", "Nothing; the user starts again.";
    HandoffUnasked = "handoff-unasked", 403, "The browser that brings the hand-over does not hold the sign-in that it answers.", "Cookies are blocked, the sign-in began in another browser, or somebody sent a link that would sign the user in as somebody else.", "Compare the site's `public_url` with the address in the browser; see whether a gateway drops Set-Cookie.";
    HandoffEnded = "handoff-ended", 400, "The session at the sign-on host ended before it was handed over.", "A sign-out at the same moment, or a store that is too small.", "Nothing, if it happens once; else raise `session.max_bytes`.";
    SignInLoop = "sign-in-loop", 400, "The same sign-in came around for the third time.", "The session cookie does not come back: a gateway drops Set-Cookie or Cookie, or `public_url` is not the address in the browser.", "Let the gateway pass Cookie to the gate and Set-Cookie to the browser; compare `public_url`.";
    ReturnAddressForeign = "return-address-foreign", 400, "The return address is not on this site.", "A crafted link, or a gateway that passes another host.", "Let `rd` be a path or an address under `public_url`.";
    IdpStaged = "idp-staged", 403, "The identity provider has `status: staged`, and no test link began the sign-in.", "An old link, or an answer that the identity provider sent unasked; or it is being set up.", "`vestibule test-link --idp ID` makes a link to try it; `status: live` lets everybody sign in by it.";
    IdpRetired = "idp-retired", 403, "The identity provider has `status: retired`: nobody signs in by it any more.", "An old link or bookmark, or a tile at the identity provider that is still there.", "Take the application off the identity provider, or set its `status` to `live` again.";
    TestLinkInvalid = "test-link-invalid", 403, "The test link was not made for this site, or not with this gate's secret, or it was altered.", "Part of the link is missing, it is for another site, or `session.secret` has changed since.", "Make a new one: `vestibule test-link --idp ID --site NAME`, with the configuration that the gate runs.";
    TestLinkExpired = "test-link-expired", 403, "The test link is over.", "It was made for a limited time.", "Make a new one: `vestibule test-link --idp ID`; `--for` says how long it lasts.";
    IdpUnknown = "idp-unknown", 400, "The site has no identity provider that this could be.", "An old link, or an identity provider that the site does not admit.", "Use an `id` of `identity_providers` that the site admits.";
    NoIdpLive = "no-idp-live", 403, "The site admits no identity provider with `status: live`, so nobody can sign in.", "All that it admits are still staged, or have been retired.", "Set `status: live` for one that the site admits (`vestibule test-link --idp ID` tries it first), or admit another in the site's `identity_providers`.";
    MetadataUnavailable = "metadata-unavailable", 503, "Nothing is known of the identity provider yet: the source of its metadata has not given a usable document since the start, and there is no earlier copy.", "`metadata_url` cannot be reached or serves something else; without `state_dir` no copy outlives a restart.", "Look at the lines about this identity provider's metadata in the log, and at `metadata_url`; set `state_dir` and `state_key_file`.";
    Busy = "busy", 503, "More sign-ins arrive than can be verified.", "A flood of posts to the assertion consumer service.", "Nothing; the user tries again. Look for the source of the posts.";
    RateLimited = "rate-limited", 429, "More sign-ins, or answers of identity providers, came from one address, or for one identity provider, than `rate_limits` allows.", "A script or an attack; or very many people behind one address, or a proxy whose word about its clients is not taken, so that all of them are its own address.", "Let the gateway say whom it serves (`trusted_proxies`, X-Forwarded-For); raise the limit that the detail names.";
    StoreUnavailable = "store-unavailable", 503, "The session store cannot be reached or is full.", "The store is down or too small; or half a million people are remembered already.", "Look at the store; raise `session.max_bytes`. Where the detail says that no more people can be remembered: docs/admission.md.";
    AuditUnavailable = "audit-unavailable", 503, "Audit events cannot be written, and `audit.required` lets nobody sign in without.", "The disk is full, the file's folder is gone, or whoever reads standard output has stopped.", "Look at the lines about audit events in the log, and at `audit.file`; or set `audit.required: false`.";
    SessionsFormInvalid = "sessions-form-invalid", 403, "What a form of the list of sessions names was not sealed for the session that posts it.", "The list was shown before the person signed in anew, or before `session.secret` was lost; or somebody tries to end the sessions of others.", "Nothing; whoever opens the list again can choose again.";
    CrossSiteRequest = "cross-site-request", 403, "Another site's page sent this request.", "A crafted page.", "Nothing; keep refusing.";
    // --- single logout (Core 3.7, Profiles 4.4) ---
    QueryMalformed = "query-malformed", 400, "The query of a logout message cannot be read in one way only: a parameter is missing, doubled or spelled in another way.", "A link that was cut or changed, or an attack.", "Nothing here; look at what sent the browser, and at proxies that change queries.";
    QuerySignatureIncomplete = "query-signature-incomplete", 403, "The query of a logout message has a signature without its algorithm, or the other way round.", "Tampering, or an IdP that does not follow Bindings 3.4.4.1.", "Report it to the IdP's maker.";
    DeflateInvalid = "deflate-invalid", 400, "The message in the query is not raw DEFLATE, or something follows it.", "Something other than an identity provider made the link.", "Report it to the IdP's maker.";
    NotALogoutMessage = "not-a-logout-message", 400, "The root of the document is not the LogoutRequest or LogoutResponse that its parameter promises.", "Another SAML message was sent to the single logout service.", "Check the endpoints registered at the IdP.";
    LogoutMalformed = "logout-malformed", 403, "The logout message breaks the schema: something is doubled or does not belong there.", "A malformed or hostile message.", "Report it to the IdP's maker.";
    LogoutSwitchedOff = "logout-switched-off", 403, "Single logout with this IdP is switched off.", "The IdP has our single logout address, and `single_logout: false` is configured.", "Take the address away at the IdP, or remove `single_logout: false`.";
    LogoutUnsigned = "logout-unsigned", 403, "The logout message is not signed.", "The IdP does not sign logout messages, or the signature was stripped.", "Turn signing of logout messages on at the IdP. One that never signs its answers needs `require_signed_logout: requests`; `false` would let anybody sign people out.";
    LogoutIssuerUnknown = "logout-issuer-unknown", 403, "The logout message names no issuer, or one that is none of this site's IdPs, or another than the one that signed it.", "The entity ID of the IdP differs from its metadata; or a message for another service was sent.", "Compare the entity ID at the IdP with the configured metadata; an answer under another name is taken with `logout_issuers`.";
    LogoutDestinationMissing = "logout-destination-missing", 403, "A signed logout message has no Destination.", "An IdP that does not follow Bindings 3.4.5.2 and 3.5.5.2.", "Let the IdP set Destination.";
    LogoutDestinationMismatch = "logout-destination-mismatch", 403, "The logout message was made for another address.", "The single logout address registered at the IdP differs from ours; or a message for another service was sent.", "Make the single logout address at the IdP equal to the one that `vestibule metadata --values` prints.";
    LogoutExpired = "logout-expired", 403, "The logout message came too late: after its NotOnOrAfter, more than five minutes after it was issued, or from before this gate was started.", "The clocks differ, or an old message was sent again.", "Synchronise both clocks; `clock_skew` allows up to 5m.";
    LogoutReplayed = "logout-replayed", 403, "This logout request was carried out before.", "A reload, the back button, or an attack.", "Nothing; keep refusing.";
    LogoutUnsolicited = "logout-unsolicited", 400, "The logout response answers no request that this browser was sent with.", "Cookies are blocked, the answer took longer than 15 minutes, or the link was made by somebody else.", "Nothing; whoever signed out here is signed out here.";
    // --- the identity ---
    UserMissing = "user-missing", 403, "No candidate of `identity.user` has a value.", "The IdP does not send the attribute.", "Send the attribute from the IdP, or change `identity.user`.";
    EmailInvalid = "email-invalid", 403, "The e-mail address does not have the form of one.", "The attribute holds something else.", "Change `identity.email` or the attribute at the IdP.";
    IdentityControlCharacter = "identity-control-character", 403, "The user or e-mail holds a control character.", "An attempt to inject headers, or a broken directory entry.", "Correct the entry at the IdP.";
    EmailDomainForeign = "email-domain-foreign", 403, "The IdP may not speak for this e-mail domain, or the tenant is for the people of others.", "The user belongs to another IdP or tenant.", "Add the domain to `email_domains` of the IdP if it may speak for it, and of the tenant where it lists any.";
    IdentityIncomplete = "identity-incomplete", 403, "Something that `identity.required` names did not arrive.", "The IdP does not send the attribute, or sends it under another name; the detail lists the names that did arrive.", "Send the attribute from the IdP, or name the one that it sends under `identity`.";
    GroupsOverage = "groups-overage", 403, "The IdP sent a link instead of the groups, because there are too many, and `groups_overage: refuse` is configured.", "Entra ID sends at most 150 groups.", "At Entra ID, emit only groups assigned to the application; or set `groups_overage`.";
    NotInvited = "not-invited", 403, "The user is on no list of invited people, and `admission.just_in_time` is false.", "Somebody who was not invited, or was invited under another address or user.", "Add the person to `admission.invited_file`, or set `admission.just_in_time: true`.";
    AccountNotLinked = "account-not-linked", 403, "The e-mail address is that of an invitation that belongs to another user, or to another IdP.", "The same address at two IdPs, a user who was renamed at the IdP, or somebody who tries to be another.", "Invite the person for this IdP (`idp:`), or set `link_by_email: true` for both IdPs if equal addresses are one person there.";
    SessionLimit = "session-limit", 403, "The person has as many living sessions at this site as `session.limit_per_user` allows, and `session.on_limit` is `refuse`.", "The person is signed in in other browsers, or has left one without signing out; or several people share one account.", "The person signs out elsewhere (`/vestibule/sessions` lists it), or you end it: `vestibule sessions revoke --user`. Or raise `session.limit_per_user`, or set `session.on_limit: end_oldest`.";
    ScopeForeign = "scope-foreign", 403, "The user is of a scope that the IdP's metadata does not let it speak for.", "An IdP of a federation that names people of another member, or metadata that lacks the scope.", "Compare the shibmd:Scope elements of the IdP's metadata with what it sends.";
    IdentityTooLarge = "identity-too-large", 403, "The user, or the list of groups, is larger than the limit.", "An attribute that does not name a user, or a user in very many groups.", "Change `identity.user`, or let the IdP send fewer groups.";
    // --- a request ---
    PathMalformed = "path-malformed", 400, "The path cannot be read in one way only.", "A probe for path confusion, or an application that needs encoded slashes.", "Set `allow_encoded_slash: true` if the application needs encoded slashes.";
    BodyIncomplete = "body-incomplete", 400, "The body of a request to the gate's own endpoints was malformed, ended early or did not arrive in time.", "The browser went away, or something other than a browser posted.", "Nothing.";
    HostMissing = "host-missing", 400, "The request names no host, or several.", "A broken client or gateway.", "Let the gateway pass one Host.";
    SiteUnknown = "site-unknown", 403, "No site has this host.", "The host in the browser differs from `public_url`, a tenant is not listed, or a gateway passes another host, perhaps to a path that is pinned to one site.", "Compare `public_url` (and `sites`, `tenants`) with the address in the browser; let the gateway pass the original host.";
    SessionMissing = "session-missing", 401, "The request needs a session and has none.", "The user is not signed in.", "Nothing.";
    AccessDenied = "access-denied", 403, "The user is signed in but no rule lets them in here.", "A missing group or role.", "Look at the rule in this event; give the user the group or role.";
    StepUpNeeded = "step-up-needed", 401, "The rule asks for a stronger or a more recent sign-in than the session's.", "Somebody opens what is better protected.", "Nothing: a browser is sent to sign in once more.";
    StepUpFailed = "step-up-failed", 403, "Somebody signed in once more for a rule and still does not meet it.", "The IdP did not do what it was asked: it names another class of authentication, or did not let the person sign in anew.", "Compare the rule in this event with what the IdP sends; see whether the IdP supports the class or ForceAuthn.";
    AccessUnknownGroups = "access-unknown-groups", 403, "The rule asks for a group or role, and the IdP did not say which groups the user has.", "The IdP sends no groups attribute, or Entra sent a link instead of groups.", "Send groups from the IdP, name the attribute in `identity.groups`, or set `groups_absent: empty`; at Entra ID, emit only groups assigned to the application.";
    GatewayUntrusted = "gateway-untrusted", 403, "A question came from an address that is not a trusted gateway's and without the gateways' secret; or a question, or a request to the public listener, came with a wrong or doubled one.", "The gateway's address is not in `trusted_proxies`, as that of a pod that was replaced; or its secret is not one of `gateways.secret_file`; or a client sent the header itself and the gateway did not replace it.", "Add the gateway's address to `trusted_proxies`, or let it send the secret of `gateways.secret_file`.";
    OriginalUrlMissing = "original-url-missing", 403, "The gateway did not say which address was asked for.", "The gateway's configuration lacks the header, or its address for questions has no path after it.", "Print the gateway's configuration with `vestibule gateway`; docs/forward-auth.md says what it must send.";
    OriginalUrlDoubled = "original-url-doubled", 403, "The gateway said twice, or under another spelling too, which address was asked for.", "The client's own header was passed on beside the gateway's; or, over gRPC, a message that no Envoy sends.", "Let the gateway replace, not append, the header.";
    OriginalUrlMalformed = "original-url-malformed", 403, "The address that the gateway passed, or over gRPC the whole message, cannot be read.", "The gateway's configuration: over gRPC, that it sends bodies of more than 256 KiB along.", "Print the gateway's configuration with `vestibule gateway`; docs/forward-auth.md says what it must send.";
    HeaderTooLarge = "header-too-large", 431, "The header of the request is larger than 64 KiB or has more than 100 lines.", "Very many cookies on the host, or an attack.", "Remove cookies that the application no longer needs.";
    MethodRefused = "method-refused", 405, "The request's method is never forwarded: TRACE and CONNECT.", "A scanner.", "Nothing; keep refusing.";
    NotServed = "not-served", 404, "With `forward_auth: true`, and at a sign-on host, the gate serves its own pages only, and this address is none of them.", "The gateway sends the application's requests to the gate's public listener, or somebody opened that listener's address instead of `public_url`.", "Open `public_url`; let the gateway send only what is under `path_prefix` to the gate, and everything else to the application.";
    // --- the application ---
    UpstreamUnreachable = "upstream-unreachable", 502, "The application could not be reached.", "It is down, or `upstream` is wrong.", "Look at the application and at `upstream`.";
    UpstreamTimeout = "upstream-timeout", 504, "The application did not answer in time.", "It is overloaded or stuck.", "Look at the application; raise `upstream.read_timeout`.";
    Internal = "internal", 500, "Something failed inside the gate; the request was refused.", "A defect.", "Report it with the reference and the log around it.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_kebab_case() {
        let codes: HashSet<_> = Reason::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for code in codes {
            assert!(
                code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b.is_ascii_digit()),
                "{code}"
            );
        }
    }

    #[test]
    fn every_status_refuses() {
        for reason in Reason::ALL {
            assert!((400..=599).contains(&reason.status()), "{reason}");
        }
    }
}
