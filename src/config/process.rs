//! The sections about the process itself; see [`super::file`].

use super::reader::Field;
use super::schema::section;
use super::values::{FilePath, Share, Word};
use super::words::TrustParent;
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

section! {
    /// What is counted beside what always is.
    Metrics {
        sites: Field<bool>,
        exemplars: Field<bool>,
    }
}

section! {
    /// Where traces go, and which.
    Tracing {
        otlp_endpoint: Field<String>,
        sample: Field<Share>,
        trust_parent: Field<Word<TrustParent>>,
        service_name: Field<String>,
        headers_file: Field<FilePath>,
        ca_file: Field<FilePath>,
        timeout: Field<Duration>,
    }
}
