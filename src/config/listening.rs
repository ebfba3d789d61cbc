//! Of the file as its author writes it ([`super::file`]): what listens, and to whom.

use super::reader::Field;
use super::schema::section;
use super::values::{FilePath, OneOrMany, OrOff};
use crate::secret::Secret;
use std::net::SocketAddr;

section! {
    /// Listeners, in the long form.
    Listen {
        public: Field<SocketAddr>,
        authz: Field<OrOff<SocketAddr>>,
        grpc: Field<OrOff<SocketAddr>>,
    }
}

section! {
    /// TLS of the public listener.
    Tls {
        certificate_file: Field<FilePath>,
        private_key_file: Field<FilePath>,
    }
}

section! {
    /// What tells gateways from others beside their address.
    Gateways {
        secret_header: Field<String>,
        secret: Field<OneOrMany<Secret>>,
        secret_file: Field<OneOrMany<FilePath>>,
    }
}
