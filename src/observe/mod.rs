//! What the owner sees: the log, the audit events, the metrics.
//!
//! [`log`] installs one subscriber that writes lines of text on a terminal and JSON elsewhere; `bridge` lets other
//! crates' messages in only where they cannot quote a request; [`audit`] is the record of who came in, who was refused
//! and why, and may have outputs of its own; both leave by a bounded queue, so that nobody who speaks waits for a reader;
//! [`metrics`] counts without a look-up on the path of a known session.

pub mod audit;
mod bridge;
mod format;
pub mod log;
mod log_file;
pub mod metrics;
mod outputs;
mod queue;
pub mod traces;
mod visible;

pub use log_file::FileSettings;
pub use outputs::{AuditSettings, Output, Outputs, audit_is_kept};
