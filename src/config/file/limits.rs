//! What clients may take of the gate.

use crate::config::reader::Field;
use crate::config::schema::section;
use crate::config::values::Size;

section! {
    /// At once.
    Limits {
        connections: Field<u32>,
    }
}

section! {
    /// Limits on messages.
    Saml {
        max_message_size: Field<Size>,
    }
}
