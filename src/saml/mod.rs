//! SAML 2.0, pure: bytes and a moment in, a verdict out. No HTTP, no YAML, no clock of its own.

mod accept;
mod algorithms;
mod assertion;
pub mod authn_request;
mod envelope;
mod instant;
mod keys;
pub mod metadata;
mod one_or_more;
pub mod parties;
pub mod response;
mod signature;
mod structure;
mod subject;
#[cfg(test)]
mod testing;
mod xml;
