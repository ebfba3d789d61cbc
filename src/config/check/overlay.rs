//! What a site, a tenant and a sign-on host say, laid over what stands below, key by key.
//!
//! Each section is taken apart whole: a key that is added to it and forgotten here does not compile.

use crate::config::file::{
    File, ServiceProvider as SpFile, SignOn as SignOnFile, Site as SiteFile, Tenant as TenantFile,
};
use crate::config::reader::Slot as _;

/// The site over the top level.
pub(super) fn site(site: &SiteFile, top: &File) -> File {
    let SiteFile {
        place,
        faulty,
        written: _,
        // What a view knows of a site beside its short form.
        name: _,
        identity_providers: _,
        sign_on: _,
        tenants: _,
        public_url,
        public_urls,
        upstream,
        upstreams,
        forward_auth,
        acs_aliases,
        rules,
        path_prefix,
        service_provider,
        identity,
        groups_absent,
        groups_overage,
        group_aliases,
        role_sync,
        roles,
        default_role,
        default_access,
        allow_encoded_slash,
        headers,
        jwt,
        session,
        clock_skew,
        cors,
        keep_fragment,
        branding,
        admission,
    } = site;
    File {
        place: place.clone(),
        faulty: *faulty,
        // Its own or none.
        public_url: public_url.clone(),
        public_urls: public_urls.clone(),
        upstream: upstream.clone(),
        upstreams: upstreams.clone(),
        forward_auth: forward_auth.clone(),
        acs_aliases: acs_aliases.clone(),
        rules: rules.clone(),
        // Its own where it says so.
        path_prefix: path_prefix.over(&top.path_prefix),
        service_provider: under_own_name(service_provider, &top.service_provider),
        identity: identity.over(&top.identity),
        groups_absent: groups_absent.over(&top.groups_absent),
        groups_overage: groups_overage.over(&top.groups_overage),
        group_aliases: group_aliases.over(&top.group_aliases),
        role_sync: role_sync.over(&top.role_sync),
        roles: roles.over(&top.roles),
        default_role: default_role.over(&top.default_role),
        default_access: default_access.over(&top.default_access),
        allow_encoded_slash: allow_encoded_slash.over(&top.allow_encoded_slash),
        headers: headers.over(&top.headers),
        jwt: jwt.over(&top.jwt),
        session: session.over(&top.session),
        clock_skew: clock_skew.over(&top.clock_skew),
        cors: cors.over(&top.cors),
        keep_fragment: keep_fragment.over(&top.keep_fragment),
        branding: branding.over(&top.branding),
        admission: admission.over(&top.admission),
        ..top.clone()
    }
}

/// The tenant over its site.
pub(super) fn tenant(tenant: &TenantFile, below: &File) -> File {
    let TenantFile {
        place,
        faulty,
        written: _,
        // What a view knows of a tenant beside its short form.
        name: _,
        email_domains: _,
        identity_providers: _,
        service_provider,
        identity,
        groups_absent,
        groups_overage,
        group_aliases,
        roles,
        default_role,
        role_sync,
        session,
        branding,
        admission,
    } = tenant;
    File {
        place: place.clone(),
        faulty: *faulty,
        service_provider: under_own_name(service_provider, &below.service_provider),
        identity: identity.over(&below.identity),
        groups_absent: groups_absent.over(&below.groups_absent),
        groups_overage: groups_overage.over(&below.groups_overage),
        group_aliases: group_aliases.over(&below.group_aliases),
        role_sync: role_sync.over(&below.role_sync),
        roles: roles.over(&below.roles),
        default_role: default_role.over(&below.default_role),
        session: session.over(&below.session),
        branding: branding.over(&below.branding),
        admission: admission.over(&below.admission),
        ..below.clone()
    }
}

/// The sign-on host over the top level.
pub(super) fn host(host: &SignOnFile, top: &File) -> File {
    let SignOnFile {
        place,
        faulty,
        written: _,
        // What a view knows of a host beside its short form.
        name: _,
        identity_providers: _,
        public_url,
        path_prefix,
        acs_aliases,
        service_provider,
        identity,
        session,
        clock_skew,
        branding,
    } = host;
    File {
        place: place.clone(),
        faulty: *faulty,
        public_url: public_url.clone(),
        path_prefix: path_prefix.over(&top.path_prefix),
        acs_aliases: acs_aliases.clone(),
        service_provider: service_provider.over(&top.service_provider),
        identity: identity.over(&top.identity),
        session: session.over(&top.session),
        clock_skew: clock_skew.over(&top.clock_skew),
        branding: branding.over(&top.branding),
        ..top.clone()
    }
}

/// Keys may be shared, names may not.
fn under_own_name(own: &SpFile, below: &SpFile) -> SpFile {
    SpFile { entity_id: own.entity_id.clone(), ..own.over(below) }
}
