//! What the owner sees: the log, the audit events, the metrics.
//!
//! [`log`] installs one subscriber that writes lines of text on a terminal and JSON elsewhere; `bridge` lets other
//! crates' messages in only where they cannot quote a request; [`audit`] is the record of who came in, who was refused
//! and why; [`metrics`] counts without a look-up on the path of a known session.

pub mod audit;
mod bridge;
mod format;
pub mod log;
pub mod metrics;
mod visible;
