//! The headers that the application may trust: removed in every spelling, then set.
//!
//! A [`HeaderPlan`] is what a site sends: which headers, from which facts about the person, written how. Per request it
//! removes what the client sent under any of these names ([`HeaderPlan::strip`]); then either [`HeaderPlan::anonymous`]
//! or what [`HeaderPlan::render`] made for the session is set, so that every configured header is always there, on one
//! line, and empty when there is nothing to say. The one to trust is the [`jwt`]: who can reach the application beside
//! the gate can set headers, and cannot sign.
//!
//! Which headers there are is said by [`Preset`]s, under the names that applications know already, and by the owner.
//!
//! # How values are written
//!
//! Groups and roles are joined by the header's separator. Inside each, `%` and the characters of the separator (not the
//! space of `, `) are percent-encoded, so that a group called `Sales, EMEA` stays one group: split first, decode then. A JSON
//! list ([`Separator::Json`]) quotes by itself, and a numbered header ([`Pick::Nth`]) has nothing to separate: neither is
//! encoded so.
//! Letters outside ASCII go out raw as UTF-8, which all gateways that were measured pass on; where the application
//! cannot read that, [`Encoding`] has two others.
//!
//! # The budget
//!
//! nginx gives up on an answer whose headers do not fit its buffer of 4 KiB, so all identity headers together, with
//! names and JWT, keep to [`HeaderPlan::DEFAULT_BUDGET`]. What does not fit is left out of headers *and* JWT, in this
//! order until it fits: the groups (`X-Vestibule-Groups-Omitted: true` says so), the names for display with what says
//! once more what another header says in other words (the NameID and its like, numbered headers), the roles. User, e-mail, IdP and JWT always stay; sign-in
//! bounds them so that they fit, unless very many custom headers repeat them.
//! Rules see everything all the time.

mod aliases;
mod encode;
pub mod jwt;
mod plan;
mod preset;
mod render;
mod strip;

pub use aliases::OWN;
pub use plan::{Encoding, GroupsOut, HeaderPlan, HeaderSpec, Pick, Separator, Source};
pub use preset::{Preset, lay_over};
pub use render::{Subject, Token};
