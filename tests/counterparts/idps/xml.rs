//! The little that the tests themselves read in messages and metadata: as text, because the parser that is under test
//! must not be its own witness.

use crate::support::visitor::Answer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;

/// The SAMLResponse in a page that posts one, decoded.
pub(crate) fn answer_in(page: &Answer) -> String {
    let (_, _, fields) = page.form();
    let value = fields.iter().find(|(name, _)| name == "SAMLResponse").map(|(_, value)| value);
    let value = value.unwrap_or_else(|| panic!("no answer: {page:?}"));
    let compact: String = value.split_whitespace().collect();
    String::from_utf8(STANDARD.decode(compact).unwrap()).unwrap()
}

/// The base64 of a certificate in a PEM file, without line breaks.
pub(crate) fn certificate_base64(pem: &Path) -> String {
    let text = std::fs::read_to_string(pem).unwrap();
    text.lines().filter(|line| !line.starts_with("-----")).collect()
}

/// The metadata with a second signing certificate after the first, as the owner of a gate pastes one in when the
/// identity provider cannot announce it itself.
pub(super) fn with_another_certificate(metadata: &str, base64: &str) -> String {
    let begin = metadata.find("KeyDescriptor").expect("a key");
    let begin = metadata[..begin].rfind('<').unwrap();
    let name = metadata[begin + 1..].split([' ', '>', '\n']).next().unwrap();
    let close = format!("</{name}>");
    let end = begin + metadata[begin..].find(&close).unwrap() + close.len();
    let descriptor = &metadata[begin..end];
    let value = descriptor.find("X509Certificate").unwrap();
    let value = value + descriptor[value..].find('>').unwrap() + 1;
    let value_end = value + descriptor[value..].find('<').unwrap();
    let another = format!("{}{base64}{}", &descriptor[..value], &descriptor[value_end..]);
    format!("{}{another}{}", &metadata[..end], &metadata[end..])
}
