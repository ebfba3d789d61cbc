//! The sections that say where a shared store is, as their author writes them.

use super::reader::Field;
use super::schema::section;
use super::values::{Count, FilePath, OneOrMany, Word};
use crate::secret::Secret;
use crate::store::OnFailure;
use std::time::Duration;

section! {
    /// Redis or Valkey, where several gates share their sessions.
    Redis {
        url: Field<OneOrMany<String>>,
        cluster: Field<bool>,
        sentinel: Sentinel,
        username: Field<String>,
        password: Field<Secret>,
        password_file: Field<FilePath>,
        tls: RedisTls,
        prefix: Field<String>,
        timeout: Field<Duration>,
        connections: Field<Count>,
        acknowledged_by: Field<Count>,
        max_staleness: Field<Duration>,
        on_store_failure: Field<Word<OnFailure>>,
    }
}

section! {
    /// Who says which server is the primary.
    Sentinel {
        name: Field<String>,
        url: Field<OneOrMany<String>>,
        username: Field<String>,
        password: Field<Secret>,
        password_file: Field<FilePath>,
    }
}

section! {
    /// TLS to the store.
    RedisTls {
        ca_file: Field<FilePath>,
        certificate_file: Field<FilePath>,
        private_key_file: Field<FilePath>,
    }
}
