//! What clients may take of the gate.

use crate::config::reader::Field;
use crate::config::schema::section;
use crate::config::values::{OrOff, Size};
use crate::limits::Rate;
use std::time::Duration;

section! {
    /// Of whomever: sizes and times.
    Limits {
        connections: Field<u32>,
        connections_per_address: Field<OrOff<u32>>,
        header_lines: Field<u32>,
        header_size: Field<Size>,
        header_timeout: Field<Duration>,
        body_timeout: Field<Duration>,
        idle_timeout: Field<Duration>,
        write_timeout: Field<Duration>,
    }
}

section! {
    /// How often strangers may ask for what costs.
    RateLimits {
        sign_ins: RateLimit,
        answers: RateLimit,
    }
}

section! {
    /// How often one kind of thing may be asked for.
    RateLimit {
        per_address: Field<OrOff<Rate>>,
        per_idp: Field<OrOff<Rate>>,
    }
}

section! {
    /// Limits on messages.
    Saml {
        max_message_size: Field<Size>,
    }
}
