//! Vestibule: a SAML 2.0 single sign-on gate in front of applications that know nothing of SAML.
//!
//! docs/architecture.md tells the whole story; this is the map. A request comes in through [`gateway`], which alone
//! knows pingora and hyper. [`access`] judges it: public, allowed, needs a session, refused. Without a session the
//! browser is led through [`login`], whose two halves ask the identity provider and take its answer. The answer is
//! [`saml`]'s: pure rooms in which bytes and a moment go in and a verdict comes out. What was accepted becomes an
//! [`identity`], the identity a [`session`], the session the [`headers`] that the application may trust.
//!
//! ```text
//! RawResponse -verify-> VerifiedResponse -accept-> AcceptedAssertion -> Identity -> Session -judge-> Permit -> headers
//! ```
//!
//! Each arrow consumes what stands before it, so the wrong order does not compile. [`config`] reads the one YAML file
//! and builds [`site`]s from it; [`federation`] keeps what identity providers say of themselves up to date; [`reason`]
//! is the table of everything that can be refused, and [`explain`] says of a message at hand which of it applies.

pub mod access;
pub mod admission;
pub mod cli;
pub mod clock;
pub mod config;
pub mod cookies;
pub mod explain;
pub mod federation;
pub mod gate;
pub mod gateway;
pub mod headers;
pub mod identity;
pub mod limits;
pub mod login;
pub mod observe;
pub mod pages;
pub mod reason;
pub mod saml;
pub mod seal;
pub mod secret;
pub mod session;
pub mod site;
pub mod snippets;
pub mod store;
pub mod test_link;
