//! Metadata over the years: where it comes from, how often it is read, what becomes of a change.
//!
//! ```text
//! source.rs    an address (http.rs, connect.rs, outbound.rs) or a file
//! terms.rs     how the owner wants its documents to be read
//! watch.rs     one identity provider: running, held (held.rs), refused; the only one that writes to `Idp::metadata`
//! folder.rs    what outlives the process; restart.rs takes it up
//! schedule.rs  when to look again
//! endings.rs   certificates that end
//! ```
//!
//! What happens to sign-ins (sessions go on in every case, and other identity providers are not touched):
//!
//! | the source | what runs | sign-ins |
//! |---|---|---|
//! | is down, slow, refuses, cuts off | the last good document | work, until that document's validUntil |
//! | the same, and nothing is known: no copy in `state_dir` | nothing | 503, `metadata-unavailable` |
//! | serves HTML, broken XML, another entity or the name of another identity provider here, something expired or (where a signer is pinned) older or not signed by it | the last good document; audited as `metadata-refused` | as above |
//! | has new keys beside a known one, or under the pinned signature | the new document; audited as `metadata-changed` | work |
//! | has only new keys and no pinned signature, or another host, or (`key_changes: hold`) any new key, or is signed and may be an old one | the last good document; audited as `metadata-held` | work with the old keys, until the owner agrees |
//! | whatever it serves, once the last good document is past its validUntil | nothing | 503, `metadata-expired` |
//!
//! Readiness does not depend on any of this: a gate without metadata still serves whoever is signed in, and everything
//! that needs no session.

mod connect;
mod endings;
mod folder;
mod held;
mod http;
mod outbound;
mod restart;
mod schedule;
mod source;
mod terms;
mod watch;

pub use connect::Connection;
pub use endings::Endings;
pub use folder::{Copy, Folder, Kind};
pub use held::Held;
pub use http::{HttpSource, Patience, may_be_asked};
pub use outbound::Outbound;
pub use schedule::Pace;
pub use source::{FileSource, LARGEST_DOCUMENT, Origin, Reading, Source, SourceProblem, Version};
pub use terms::{NO_KEY_FITS, Other, Terms};
pub use watch::{Changes, Running, Standing, Watch};
