//! The sections about the process itself; see [`super::file`].

use super::reader::Field;
use super::schema::section;
use std::time::Duration;

section! {
    /// How to go.
    Shutdown {
        delay: Field<Duration>,
        drain: Field<Duration>,
    }
}

section! {
    /// When the configuration is read again while the gate runs.
    Reload {
        watch: Field<bool>,
        interval: Field<Duration>,
    }
}
