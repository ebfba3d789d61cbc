//! SAML 2.0, pure: bytes and a moment in, a verdict out. No HTTP, no YAML, no clock of its own.
//!
//! (SKELETON: signatures are the contract with the other rooms; the body is the saml room's owner's.)

pub mod authn_request;
pub mod metadata;
pub mod parties;
pub mod response;
