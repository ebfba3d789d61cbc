//! A second judge of the signatures: bergshamra-dsig, which shares canonicalisation with the core and nothing else.

use bergshamra_dsig::DsigContext;
use bergshamra_dsig::verify::{VerifyResult, verify_all_document_with_source};
use bergshamra_keys::{KeysManager, loader};

/// Whether every signature of the message is valid under these certificates, and covers what it stands in.
pub(crate) fn calls_it_valid(xml: &str, certificates: &[Vec<u8>]) -> Result<(), String> {
    let mut keys = KeysManager::new();
    // Keys that it cannot read (DSA) are none that it needs: the core skips them too.
    for key in certificates.iter().filter_map(|certificate| loader::load_x509_cert_der(certificate).ok()) {
        keys.add_key(key);
    }
    let context = DsigContext::new(keys).with_insecure(true);
    let document = uppsala::Parser::new().with_forbid_dtd(true).parse(xml).map_err(|e| e.to_string())?;
    let results =
        verify_all_document_with_source(&context, &document, Some(xml)).map_err(|e| e.to_string())?;
    if results.is_empty() {
        return Err("no signature found".to_owned());
    }
    for result in results {
        match result {
            VerifyResult::Valid { signature_node, references, .. } => {
                let parent = document.parent(signature_node);
                if references.len() != 1 || references[0].resolved_node != parent {
                    return Err("a signature covers something else".to_owned());
                }
            }
            VerifyResult::Invalid { reason } => return Err(reason),
        }
    }
    Ok(())
}
