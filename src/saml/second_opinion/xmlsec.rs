//! Asks samael 0.0.22, which is pinned: what follows was written against its faults.
//!
//! Only one of its functions is called, the one that verifies every signature of a document and gives back the octets
//! that xmlsec1 digested. Its own service provider is not used: without a certificate that accepts what is not signed.
//! Of several certificates an unsuitable one ends the search, so it gets those that verified and no other. It slices
//! without looking, so a panic is caught, and is a disagreement.

use super::super::algorithms::{Hash, SignatureAlgorithm};
use super::super::response::Attribute;
use super::super::signed_by::SignedBy;
use super::super::xml::shown;
use super::Opinion;
use super::reading::Reading;
use samael::crypto::{
    AllowedSignatureAlgorithm, CertificateDer, Crypto, CryptoError, CryptoProvider as _, ReduceMode,
    XmlSecProviderError,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What samael may verify: ours without RSA-PSS and SHA-1, for which it has no name.
const ALGORITHMS: &[AllowedSignatureAlgorithm] = &[
    AllowedSignatureAlgorithm::RsaSha256,
    AllowedSignatureAlgorithm::RsaSha384,
    AllowedSignatureAlgorithm::RsaSha512,
    AllowedSignatureAlgorithm::EcdsaSha256,
    AllowedSignatureAlgorithm::EcdsaSha384,
    AllowedSignatureAlgorithm::EcdsaSha512,
];

/// What our own code has read.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) name_id: &'a str,
    pub(super) attributes: &'a [Attribute],
}

/// A document with all its signatures, which our own code found good; the one over what was read is the first.
#[derive(Clone, Copy)]
pub(super) struct Evidence<'a> {
    pub(super) document: &'a str,
    pub(super) signatures: &'a [SignedBy],
}

/// The opinion on a message, in which our own code read this. The evidence is the message as it was posted; of an
/// encrypted one also what we decrypted, which is what was read. (Nothing is decrypted here.)
pub(super) fn opinion(evidence: &[Evidence<'_>], said: &Said<'_>) -> Opinion {
    if evidence.iter().all(|one| one.signatures.is_empty()) {
        return Opinion::Disagrees("there is no signature".into());
    }
    let agreed = evidence.iter().try_fold(String::new(), |_, one| match one.signatures.first() {
        Some(first) => digested(one.document, one.signatures).and_then(|octets| same(octets, first)),
        // It lay, encrypted, inside something that is signed.
        None => Ok(one.document.to_owned()),
    });
    agreed.and_then(|read| reads(&read, said)).err().unwrap_or(Opinion::Agrees)
}

/// The octets that xmlsec1 digested for the first of these signatures, after it has found all of them good. They must
/// be all the signatures of the document.
fn digested(document: &str, signatures: &[SignedBy]) -> Result<String, Opinion> {
    for signature in signatures {
        comparable(signature)?;
    }
    let mut certificates: Vec<CertificateDer> = Vec::new();
    for signature in signatures {
        let certificate = CertificateDer::from(signature.certificate().der().to_vec());
        if !certificates.contains(&certificate) {
            certificates.push(certificate);
        }
    }
    if signatures
        .windows(2)
        .any(|pair| matches!(pair, [one, other] if one.certificate().key != other.certificate().key))
    {
        return Err(Opinion::NotComparable("two signatures under keys of two kinds".into()));
    }
    let verify = || {
        Crypto::reduce_xml_to_signed_with_allowed_algorithms(
            document,
            &certificates,
            ReduceMode::PreDigest,
            Some(ALGORITHMS),
        )
    };
    match catch_unwind(AssertUnwindSafe(verify)) {
        Ok(Ok(octets)) => Ok(octets),
        Ok(Err(error)) => Err(because(&error, signatures)),
        Err(_) => Err(Opinion::Disagrees("it panicked".into())),
    }
}

/// What was digested, when it is what we digested.
fn same(octets: String, signed: &SignedBy) -> Result<String, Opinion> {
    if signed.covers(octets.as_bytes()) {
        Ok(octets)
    } else {
        Err(Opinion::Disagrees("it digested something else".into()))
    }
}

/// Whether it is read as we read it.
fn reads(octets: &str, said: &Said<'_>) -> Result<(), Opinion> {
    let compare = || {
        let read = Reading::of_events(octets).and_then(|reading| reading.compare(said));
        read.and_then(|()| Reading::of_samael(octets).map_or(Ok(()), |reading| reading.compare(said)))
    };
    catch_unwind(AssertUnwindSafe(compare))
        .unwrap_or_else(|_| Err(Opinion::Disagrees("its reader panicked".into())))
}

fn comparable(signature: &SignedBy) -> Result<(), Opinion> {
    match signature.algorithm {
        _ if signature.digest == Hash::Sha1 || signature.algorithm.hash() == Hash::Sha1 => {
            Err(Opinion::NotComparable("SHA-1".into()))
        }
        SignatureAlgorithm::RsaPkcs1(_) | SignatureAlgorithm::Ecdsa(_) => Ok(()),
        SignatureAlgorithm::RsaPss(_) => Err(Opinion::NotComparable("RSA-PSS".into())),
    }
}

/// Why samael gave up. Only something that is signed may make a message incomparable.
fn because(error: &CryptoError, signatures: &[SignedBy]) -> Opinion {
    if let CryptoError::CryptoProviderError(inner) = error {
        if let Some(XmlSecProviderError::XmlInvalidIdAttribute { id }) = inner.downcast_ref()
            && signatures.iter().any(|signature| signature.id == *id)
        {
            return Opinion::NotComparable("the ID of what is signed is not a name of XML".into());
        }
        return Opinion::Disagrees(format!("it does not verify: {}", shown(&inner.to_string())).into());
    }
    Opinion::Disagrees(format!("it does not verify: {}", shown(&error.to_string())).into())
}
