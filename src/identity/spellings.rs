//! One attribute, many names: the spellings under which common IdPs send the same thing.
//!
//! Sources: the inetOrgPerson and X.520 OIDs, eduPerson, the claim URIs of ADFS and Entra, Active Directory's
//! attribute OIDs, and the names that the templates of Okta, Google, OneLogin, JumpCloud and Auth0 suggest. Compared
//! without ASCII case.

/// Each row is one attribute; the short names of a row are what a configuration would say.
const ROWS: &[&[&str]] = &[
    &[
        "mail",
        "email",
        "emailAddress",
        "email_address",
        "e-mail",
        "user.email",
        "urn:oid:0.9.2342.19200300.100.1.3",
        "urn:oid:1.2.840.113549.1.9.1",
        "urn:mace:dir:attribute-def:mail",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
        "http://schemas.xmlsoap.org/claims/EmailAddress",
    ],
    &[
        "displayName",
        "display_name",
        "fullName",
        "full_name",
        "user.displayName",
        "urn:oid:2.16.840.1.113730.3.1.241",
        "urn:mace:dir:attribute-def:displayName",
        "http://schemas.microsoft.com/identity/claims/displayname",
    ],
    &[
        "givenName",
        "given_name",
        "firstName",
        "first_name",
        "user.firstName",
        "urn:oid:2.5.4.42",
        "urn:mace:dir:attribute-def:givenName",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname",
    ],
    &[
        "sn",
        "surname",
        "lastName",
        "last_name",
        "familyName",
        "family_name",
        "user.lastName",
        "urn:oid:2.5.4.4",
        "urn:mace:dir:attribute-def:sn",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname",
    ],
    &[
        "cn",
        "commonName",
        "common_name",
        "urn:oid:2.5.4.3",
        "urn:mace:dir:attribute-def:cn",
        "http://schemas.xmlsoap.org/claims/CommonName",
    ],
    &["name", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"],
    &["uid", "urn:oid:0.9.2342.19200300.100.1.1", "urn:mace:dir:attribute-def:uid"],
    &[
        "username",
        "user_name",
        "login",
        "user.login",
        "user.username",
        "http://schemas.goauthentik.io/2021/02/saml/username",
    ],
    &[
        "nickname",
        "eduPersonNickname",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.2",
        "http://schemas.auth0.com/nickname",
    ],
    &["preferred_username", "preferredUsername"],
    &["sAMAccountName", "urn:oid:1.2.840.113556.1.4.221"],
    &["windowsaccountname", "http://schemas.microsoft.com/ws/2008/06/identity/claims/windowsaccountname"],
    &[
        "upn",
        "userPrincipalName",
        "urn:oid:1.2.840.113556.1.4.656",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    ],
    &[
        "eppn",
        "eduPersonPrincipalName",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.6",
        "urn:mace:dir:attribute-def:eduPersonPrincipalName",
    ],
    &["nameidentifier", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"],
    &["objectidentifier", "http://schemas.microsoft.com/identity/claims/objectidentifier"],
    &["subject-id", "urn:oasis:names:tc:SAML:attribute:subject-id"],
    &["pairwise-id", "urn:oasis:names:tc:SAML:attribute:pairwise-id"],
    &["tenantid", "http://schemas.microsoft.com/identity/claims/tenantid"],
    &["eduPersonUniqueId", "urn:oid:1.3.6.1.4.1.5923.1.1.1.13"],
    &["eduPersonTargetedID", "urn:oid:1.3.6.1.4.1.5923.1.1.1.10"],
    &["eduPersonOrcid", "urn:oid:1.3.6.1.4.1.5923.1.1.1.16"],
    &["eduPersonAssurance", "urn:oid:1.3.6.1.4.1.5923.1.1.1.11"],
    &["schacHomeOrganization", "urn:oid:1.3.6.1.4.1.25178.1.2.9"],
    &["department", "user.department", "urn:oid:2.16.840.1.113730.3.1.2"],
    &["title", "jobTitle", "job_title", "user.title", "urn:oid:2.5.4.12"],
    &["o", "organization", "organizationName", "user.organization", "urn:oid:2.5.4.10"],
    &["ou", "organizationalUnit", "organizationalUnitName", "urn:oid:2.5.4.11"],
    &[
        "telephoneNumber",
        "phone",
        "user.primaryPhone",
        "urn:oid:2.5.4.20",
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/otherphone",
    ],
    &["preferredLanguage", "urn:oid:2.16.840.1.113730.3.1.39"],
    &[
        "employeeNumber",
        "user.employeeNumber",
        "urn:oid:2.16.840.1.113730.3.1.3",
        "urn:mace:dir:attribute-def:employeeNumber",
    ],
    GROUPS,
    &[
        "memberOf",
        "isMemberOf",
        "urn:oid:1.2.840.113556.1.2.102",
        "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
        "urn:mace:dir:attribute-def:isMemberOf",
    ],
    &["role", "roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"],
    &[
        "eduPersonAffiliation",
        "affiliation",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.1",
        "urn:mace:dir:attribute-def:eduPersonAffiliation",
    ],
    &[
        "eduPersonScopedAffiliation",
        "scopedAffiliation",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
        "urn:mace:dir:attribute-def:eduPersonScopedAffiliation",
    ],
    &[
        "eduPersonEntitlement",
        "entitlement",
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.7",
        "urn:mace:dir:attribute-def:eduPersonEntitlement",
    ],
];

const GROUPS: &[&str] = &[
    "groups",
    "group",
    "user.groups",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
    "http://schemas.xmlsoap.org/claims/Group",
];

/// What Entra sends instead of more than 150 groups: where to ask for them.
const GROUPS_LINK: &[&str] = &["http://schemas.microsoft.com/claims/groups.link", "groups.link"];

/// Whether two names mean one attribute.
pub(super) fn same_attribute(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || ROWS.iter().any(|row| is_among(row, one) && is_among(row, other))
}

/// The attributes of federations whose values are `name@scope`, where the metadata says who may use which scope.
const SCOPED: &[&str] = &["eppn", "eduPersonScopedAffiliation", "subject-id", "pairwise-id"];

/// Whether this is a name of one of them.
pub(super) fn is_scoped(name: &str) -> bool {
    SCOPED.iter().any(|scoped| same_attribute(scoped, name))
}

/// Whether this is a name of the claim that Entra replaces by a link.
pub(super) fn is_groups_claim(name: &str) -> bool {
    is_among(GROUPS, name)
}

/// Whether this is Entra's link.
pub(super) fn is_groups_link(name: &str) -> bool {
    is_among(GROUPS_LINK, name)
}

fn is_among(names: &[&str], name: &str) -> bool {
    names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_name_stands_in_two_rows() {
        let mut seen = HashSet::new();
        for name in ROWS.iter().copied().flatten() {
            assert!(seen.insert(name.to_ascii_lowercase()), "{name}");
            assert!(!is_groups_link(name));
        }
    }

    #[test]
    fn spellings_of_one_attribute_are_one_and_others_are_not() {
        assert!(same_attribute("mail", "urn:oid:0.9.2342.19200300.100.1.3"));
        assert!(same_attribute("EMAIL", "Mail"));
        assert!(same_attribute("custom", "Custom"));
        assert!(!same_attribute("custom", "mail"));
        assert!(!same_attribute("groups", "memberOf"));
        assert!(!same_attribute("groups", "http://schemas.microsoft.com/claims/groups.link"));
    }
}
