//! The file exactly as its author writes it: one declaration a key, each optional here.
//!
//! What a value means, what its default is and what goes with what is said in [`super::check`]; what each key is for,
//! in config.example.yaml, which a test holds to this list.

mod limits;

pub(super) use super::process::{Metrics, Reload, Shutdown, Tracing};
use super::reader::Field;
use super::schema::section;
use super::shared_store::Redis;
use super::values::{Block, Date, FilePath, Nested, OneOrMany, OrOff, Short, Size, Table, Word};
use super::words::{
    AccessWord, AuditOutput, Carried, DefaultAccess, GroupsAbsent, GroupsSent, GroupsTold, Level, StoreWord,
    TransformWord,
};
use crate::admission::RoleSync;
use crate::config::ConsoleAddress;
use crate::headers::{Encoding, Preset};
use crate::identity::Overage;
use crate::observe::audit::Told;
use crate::observe::log::LogFormat;
use crate::saml::demand::{Comparison, SignRequests};
use crate::saml::metadata::change::KeyChanges;
use crate::saml::parties::{Binding, Cbc, RequireSigned, SignatureAlgorithm};
use crate::saml::second_opinion::Weight;
use crate::secret::Secret;
use crate::session::OnLimit;
use crate::site::{RequireSignedLogout, Status};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::time::Duration;

pub(super) use super::listening::{Gateways, Listen, Tls};
pub(super) use limits::{Limits, RateLimit, RateLimits, Saml};

section! {
    /// The top level: the short form of one site, and what all sites have in common.
    File {
        public_url: Field<String>,
        public_urls: Field<Vec<Field<String>>>,
        upstream: Field<Short<String, Upstream>>,
        upstreams: Field<Vec<Route>>,
        forward_auth: Field<bool>,
        path_prefix: Field<String>,
        acs_aliases: Field<Vec<Field<String>>>,
        include: Field<OneOrMany<String>>,
        sites: Field<Vec<Site>>,
        sign_on: Field<Vec<SignOn>>,
        identity_providers: Field<Vec<IdentityProvider>>,
        service_provider: ServiceProvider,
        identity: Identity,
        groups_absent: Field<Word<GroupsAbsent>>,
        groups_overage: Field<Word<Overage>>,
        group_aliases: Field<Table<Field<String>>>,
        roles: Field<Table<Field<OneOrMany<String>>>>,
        role_sync: Field<Word<RoleSync>>,
        default_role: Field<String>,
        rules: Field<Vec<Rule>>,
        default_access: Field<Word<DefaultAccess>>,
        allow_encoded_slash: Field<bool>,
        cors: Cors,
        keep_fragment: Field<bool>,
        headers: Headers,
        jwt: Jwt,
        session: Session,
        store: Field<Word<StoreWord>>,
        redis: Redis,
        clock_skew: Field<Duration>,
        saml: Saml,
        second_opinion: Field<Word<Weight>>,
        listen: Field<Short<SocketAddr, Listen>>,
        tls: Tls,
        trusted_proxies: Field<Vec<Field<IpNet>>>,
        limits: Limits,
        rate_limits: RateLimits,
        gateways: Gateways,
        admin: Admin,
        shutdown: Shutdown,
        reload: Reload,
        state_dir: Field<FilePath>,
        state_key_file: Field<OneOrMany<FilePath>>,
        log: Log,
        audit: Audit,
        metrics: Metrics,
        tracing: Tracing,
        branding: Branding,
        admission: Admission,
        console: Console,
    }
    later {
        encryption = "": "the RSA keys of service_provider.private_key_file open what is encrypted; list the old one there too while keys change",
    }
}

section! {
    /// One site of several. What has the name of a top-level key overrides it, key by key ([`super::check`], sites.rs).
    Site {
        name: Field<String>,
        public_url: Field<String>,
        public_urls: Field<Vec<Field<String>>>,
        upstream: Field<Short<String, Upstream>>,
        upstreams: Field<Vec<Route>>,
        forward_auth: Field<bool>,
        path_prefix: Field<String>,
        acs_aliases: Field<Vec<Field<String>>>,
        identity_providers: Field<Vec<Field<String>>>,
        sign_on: Field<String>,
        service_provider: ServiceProvider,
        identity: Identity,
        groups_absent: Field<Word<GroupsAbsent>>,
        groups_overage: Field<Word<Overage>>,
        group_aliases: Field<Table<Field<String>>>,
        roles: Field<Table<Field<OneOrMany<String>>>>,
        default_role: Field<String>,
        role_sync: Field<Word<RoleSync>>,
        rules: Field<Vec<Rule>>,
        default_access: Field<Word<DefaultAccess>>,
        allow_encoded_slash: Field<bool>,
        headers: Headers,
        jwt: Jwt,
        session: Session,
        clock_skew: Field<Duration>,
        cors: Cors,
        keep_fragment: Field<bool>,
        branding: Branding,
        admission: Admission,
        tenants: Field<Vec<Tenant>>,
    }
}

section! {
    /// One tenant of a wildcard site. What has the name of a key of the site overrides it, key by key.
    Tenant {
        name: Field<String>,
        email_domains: Field<Vec<Field<String>>>,
        identity_providers: Field<Vec<Field<String>>>,
        service_provider: ServiceProvider,
        identity: Identity,
        groups_absent: Field<Word<GroupsAbsent>>,
        groups_overage: Field<Word<Overage>>,
        group_aliases: Field<Table<Field<String>>>,
        roles: Field<Table<Field<OneOrMany<String>>>>,
        default_role: Field<String>,
        role_sync: Field<Word<RoleSync>>,
        session: Session,
        branding: Branding,
        admission: Admission,
    }
}

section! {
    /// A host that signs people in for several sites. What has the name of a top-level key overrides it, key by key.
    SignOn {
        name: Field<String>,
        public_url: Field<String>,
        path_prefix: Field<String>,
        acs_aliases: Field<Vec<Field<String>>>,
        identity_providers: Field<Vec<Field<String>>>,
        service_provider: ServiceProvider,
        identity: Identity,
        session: Session,
        clock_skew: Field<Duration>,
        branding: Branding,
    }
}

section! {
    /// Where a part of the application is: an upstream in its long form, with the paths that it serves.
    Route {
        paths: Field<Vec<Field<String>>>,
        url: Field<String>,
        http2: Field<bool>,
        ca_file: Field<FilePath>,
        connect_timeout: Field<Duration>,
        read_timeout: Field<OrOff<Duration>>,
        preserve_host: Field<bool>,
    }
}

section! {
    /// Where the application is, in its long form.
    Upstream {
        url: Field<String>,
        http2: Field<bool>,
        ca_file: Field<FilePath>,
        connect_timeout: Field<Duration>,
        read_timeout: Field<OrOff<Duration>>,
        preserve_host: Field<bool>,
    }
}

section! {
    /// Who may say who somebody is.
    IdentityProvider {
        id: Field<String>,
        label: Field<String>,
        logo_file: Field<FilePath>,
        status: Field<Word<Status>>,
        metadata_url: Field<String>,
        metadata_query: Field<String>,
        metadata_file: Field<FilePath>,
        metadata_xml: Field<Block>,
        metadata_ca_file: Field<FilePath>,
        metadata_certificate_file: Field<OneOrMany<FilePath>>,
        metadata_valid_at_most: Field<Duration>,
        metadata_refresh: Field<Duration>,
        key_changes: Field<Word<KeyChanges>>,
        apply_held_after: Field<OrOff<Duration>>,
        entity_id: Field<String>,
        sso_url: Field<String>,
        sso_binding: Field<Word<Binding>>,
        certificates: Field<Vec<Field<Block>>>,
        certificate_files: Field<Vec<Field<FilePath>>>,
        require_signed: Field<Word<RequireSigned>>,
        require_encrypted: Field<bool>,
        cbc: Field<Word<Cbc>>,
        algorithms: Field<Vec<Field<Word<SignatureAlgorithm>>>>,
        danger_allow_sha1_until: Field<Date>,
        email_domains: Field<Vec<Field<String>>>,
        speaks_for_any: Field<bool>,
        name_id_format: Field<String>,
        force_authn: Field<bool>,
        is_passive: Field<bool>,
        authn_context: Field<OneOrMany<String>>,
        authn_context_comparison: Field<Word<Comparison>>,
        authn_context_accepted: Field<OneOrMany<String>>,
        max_authn_age: Field<Duration>,
        provider_name: Field<String>,
        sign_requests: Field<Word<SignRequests>>,
        allow_unsolicited: Field<bool>,
        single_logout: Field<bool>,
        slo_url: Field<String>,
        slo_response_url: Field<String>,
        slo_binding: Field<Word<Binding>>,
        require_signed_logout: Field<Word<RequireSignedLogout>>,
        logout_issuers: Field<Vec<Field<String>>>,
        sign_out_url: Field<String>,
        admission: Admission,
        default_role: Field<String>,
        link_by_email: Field<bool>,
    }
}

section! {
    /// Our side of SAML.
    ServiceProvider {
        entity_id: Field<String>,
        private_key_file: Field<OneOrMany<FilePath>>,
        certificate_file: Field<OneOrMany<FilePath>>,
    }
    later {
        decryption_key_file = "": "the RSA keys of service_provider.private_key_file open what is encrypted; list the old one there too while keys change",
        decryption_certificate_file = "": "the RSA keys of service_provider.private_key_file open what is encrypted; list the old one there too while keys change",
        encryption_key_file = "": "the RSA keys of service_provider.private_key_file open what is encrypted; list the old one there too while keys change",
        encryption_certificate_file = "": "the RSA keys of service_provider.private_key_file open what is encrypted; list the old one there too while keys change",
        encryption = "": "the RSA keys of service_provider.private_key_file open what is encrypted; list the old one there too while keys change",
    }
}

section! {
    /// From attributes to an identity.
    Identity {
        user: Field<OneOrMany<String>>,
        email: Field<OneOrMany<String>>,
        name: Field<OneOrMany<String>>,
        given_name: Field<OneOrMany<String>>,
        family_name: Field<OneOrMany<String>>,
        preferred_username: Field<OneOrMany<String>>,
        groups: Field<OneOrMany<String>>,
        custom: Field<Table<Field<OneOrMany<String>>>>,
        transform: Field<Table<Field<Vec<Field<Short<Word<TransformWord>, TransformStep>>>>>>,
        required: Field<OneOrMany<String>>,
    }
}

section! {
    /// One step of a transform that needs a word more: exactly one key.
    TransformStep {
        strip_domain: Field<bool>,
        prefix: Field<String>,
        capture: Field<String>,
    }
}

section! {
    /// One access rule.
    Rule {
        paths: Field<Vec<Field<String>>>,
        methods: Field<Vec<Field<String>>>,
        networks: Field<Vec<Field<IpNet>>>,
        access: Field<Short<Word<AccessWord>, Term>>,
    }
}

section! {
    /// One term of a rule: exactly one key.
    Term {
        any: Field<Vec<Term>>,
        all: Field<Vec<Term>>,
        not: Field<Nested<Term>>,
        role: Field<String>,
        group: Field<String>,
        email: Field<String>,
        email_domain: Field<String>,
        idp: Field<String>,
        authn_context: Field<OneOrMany<String>>,
        authn_age: Field<Duration>,
        fresh: Field<Duration>,
    }
}

section! {
    /// What the application is told.
    Headers {
        preset: Field<OneOrMany<Word<Preset>>>,
        custom: Field<Vec<Header>>,
        groups: Field<Short<Word<GroupsSent>, Field<Vec<Field<String>>>>>,
        budget: Field<Size>,
    }
}

section! {
    /// One header of the owner's own.
    Header {
        name: Field<String>,
        value: Field<Carried>,
        separator: Field<String>,
        numbered: Field<u32>,
        encoding: Field<Word<Encoding>>,
    }
}

section! {
    /// The identity JWT.
    Jwt {
        private_key_file: Field<FilePath>,
        additional_key_files: Field<Vec<Field<FilePath>>>,
    }
}

section! {
    /// Sessions.
    Session {
        cookie_name: Field<String>,
        idle_timeout: Field<Duration>,
        max_age: Field<Duration>,
        close_connections_after: Field<Duration>,
        limit_per_user: Field<u32>,
        on_limit: Field<Word<OnLimit>>,
        max_bytes: Field<Size>,
        secret: Field<OneOrMany<Secret>>,
        secret_file: Field<OneOrMany<FilePath>>,
    }
}

section! {
    /// Health and metrics.
    Admin {
        listen: Field<OrOff<SocketAddr>>,
    }
}

section! {
    /// What to log.
    Log {
        format: Field<Word<LogFormat>>,
        level: Field<Word<Level>>,
        requests: Field<bool>,
    }
}

section! {
    /// Where audit events go, and what they say of people.
    Audit {
        output: Field<Word<AuditOutput>>,
        file: Field<FilePath>,
        rotate: Rotate,
        required: Field<bool>,
        name_id: Field<Word<Told>>,
        user: Field<Word<Told>>,
        groups: Field<Word<GroupsTold>>,
        hash_key_file: Field<FilePath>,
    }
}

section! {
    /// When a new file is begun, and how many old ones stay.
    Rotate {
        max_size: Field<Size>,
        keep: Field<u32>,
    }
}

section! {
    /// The look of the pages.
    Branding {
        name: Field<String>,
        logo_file: Field<FilePath>,
        accent: Field<String>,
        help_url: Field<String>,
    }
}

section! {
    /// Which other origins' scripts may read that somebody is not signed in.
    Cors {
        origins: Field<Vec<Field<String>>>,
        preflight: Field<bool>,
    }
}

section! {
    /// Who is let in at all.
    Admission {
        just_in_time: Field<bool>,
        invited_file: Field<FilePath>,
    }
}

section! {
    /// The console of a later release.
    Console {
        listen: Field<OrOff<ConsoleAddress>>,
        token_file: Field<FilePath>,
    }
}
