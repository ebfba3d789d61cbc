//! The stages of the way of an answer, and which rule belongs to which.

use crate::reason::Reason;

/// The stages of the way, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// From the form field to text.
    Encoding,
    /// From text to a document.
    Xml,
    /// What stands where in the document.
    Structure,
    /// What a signature is made of.
    SignatureShape,
    /// Which parts are signed.
    Presence,
    /// What is encrypted, and whether it opens.
    Encryption,
    /// Who signed, and whether that is still what they signed.
    Signature,
    /// The response around the assertion.
    Response,
    /// The assertion.
    Assertion,
    /// The Web Browser SSO profile.
    Profile,
}

impl Part {
    /// All of them, in their order.
    pub const ALL: [Self; 10] = [
        Self::Encoding,
        Self::Xml,
        Self::Structure,
        Self::SignatureShape,
        Self::Presence,
        Self::Encryption,
        Self::Signature,
        Self::Response,
        Self::Assertion,
        Self::Profile,
    ];

    /// Its rules, by the codes that they refuse with. A test holds that every rule about messages is in a part.
    pub const fn reasons(self) -> &'static [Reason] {
        match self {
            Self::Encoding => &[Reason::MessageTooLarge, Reason::Base64Invalid, Reason::EncodingNotUtf8],
            Self::Xml => &[
                Reason::XmlMalformed,
                Reason::XmlDoctype,
                Reason::XmlTooDeep,
                Reason::XmlCrowded,
                Reason::EncodingNotUtf8,
            ],
            Self::Structure => &[
                Reason::NotAResponse,
                Reason::XmlProcessingInstruction,
                Reason::XmlNamespaceRelative,
                Reason::XmlNamespaceForeign,
                Reason::XmlIdDuplicate,
                Reason::XmlIdQualified,
                Reason::AssertionCount,
                Reason::AssertionMisplaced,
                Reason::SignatureMisplaced,
                Reason::SignatureSeveral,
            ],
            Self::SignatureShape => &[
                Reason::SignatureComment,
                Reason::SignatureShape,
                Reason::SignatureCanonicalization,
                Reason::SignatureAlgorithm,
                Reason::SignatureReference,
                Reason::SignatureTransforms,
                Reason::DigestAlgorithm,
            ],
            Self::Presence => &[
                Reason::SignatureMissing,
                Reason::SignatureMissingAssertion,
                Reason::SignatureMissingResponse,
            ],
            Self::Encryption => &[
                Reason::EncryptionMissing,
                Reason::AssertionEncrypted,
                Reason::EncryptionShape,
                Reason::EncryptionReference,
                Reason::EncryptionAlgorithm,
                Reason::EncryptionKeyTransport,
                Reason::EncryptionCbc,
                Reason::DecryptionKey,
                Reason::DecryptionContent,
                Reason::DecryptionPlaintext,
            ],
            Self::Signature => &[Reason::SignatureInvalid, Reason::SignatureEmpty, Reason::DigestMismatch],
            Self::Response => &[
                Reason::VersionUnsupported,
                Reason::IdMissing,
                Reason::IssueInstantInvalid,
                Reason::IssuerFormat,
                Reason::ResponseMalformed,
                Reason::StatusMissing,
            ],
            Self::Assertion => &[
                Reason::VersionUnsupported,
                Reason::IdMissing,
                Reason::IssueInstantInvalid,
                Reason::AssertionMalformed,
                Reason::IssuerMissing,
                Reason::IssuerFormat,
                Reason::SubjectMissing,
                Reason::NameIdMissing,
                Reason::NameIdEncrypted,
                Reason::SubjectConfirmationMissing,
                Reason::ConfirmationDataMissing,
                Reason::RecipientMissing,
                Reason::ConfirmationExpiryMissing,
                Reason::ConfirmationNotBefore,
                Reason::ConditionsMissing,
                Reason::ConditionUnknown,
                Reason::TimeInvalid,
                Reason::AudienceMissing,
                Reason::AuthnStatementMissing,
                Reason::AuthnInstantInvalid,
            ],
            Self::Profile => &[
                Reason::IssueInstantFuture,
                Reason::IssueInstantOld,
                Reason::StatusNotSuccess,
                Reason::NoPassive,
                Reason::NoAuthnContext,
                Reason::InvalidNameIdPolicy,
                Reason::DestinationMismatch,
                Reason::DestinationMissing,
                Reason::ResponseIssuerMismatch,
                Reason::ResponseIssuerMissing,
                Reason::InResponseToMismatch,
                Reason::InResponseToMissing,
                Reason::IssuerMismatch,
                Reason::ConfirmationInResponseToMissing,
                Reason::RecipientMismatch,
                Reason::ConfirmationInResponseToMismatch,
                Reason::ConfirmationExpired,
                Reason::ConditionsNotYetValid,
                Reason::ConditionsExpired,
                Reason::AudienceMismatch,
                Reason::AuthnInstantInvalid,
                Reason::SessionExpired,
                Reason::AuthnContextMismatch,
                Reason::AuthnTooOld,
            ],
        }
    }

    /// Where a rule belongs of which only the code is known.
    pub(super) fn of(reason: Reason) -> Self {
        Self::ALL.into_iter().find(|part| part.reasons().contains(&reason)).unwrap_or(Self::Profile)
    }
}
