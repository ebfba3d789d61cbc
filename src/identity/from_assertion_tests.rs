use super::*;
use crate::clock::Moment;
use crate::identity::groups::{MOST_GROUP_OCTETS, MOST_GROUPS};
use crate::identity::{Overage, Person, Transform};
use crate::saml::parties::Scope;
use crate::saml::response::{Attribute, NameId};

const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
const MAIL_OID: &str = "urn:oid:0.9.2342.19200300.100.1.3";
const ENTRA_GROUPS: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";
const ENTRA_LINK: &str = "http://schemas.microsoft.com/claims/groups.link";

/// An assertion to be asked, and how.
struct Case {
    name_id: NameId,
    attributes: Vec<Attribute>,
    email_domains: Option<Vec<Domain>>,
    scopes: Vec<Scope>,
    mapping: Mapping,
}

impl Case {
    fn new(name_id: &str) -> Self {
        Self {
            name_id: NameId {
                value: name_id.into(),
                format: None,
                name_qualifier: None,
                sp_name_qualifier: None,
            },
            attributes: Vec::new(),
            email_domains: None,
            scopes: Vec::new(),
            mapping: Mapping::default(),
        }
    }
    fn format(mut self, format: &str) -> Self {
        self.name_id.format = Some(format.into());
        self
    }
    fn with(self, name: &str, values: &[&str]) -> Self {
        self.friendly(name, None, values)
    }
    fn friendly(mut self, name: &str, friendly_name: Option<&str>, values: &[&str]) -> Self {
        self.attributes.push(Attribute {
            name: name.into(),
            friendly_name: friendly_name.map(str::to_owned),
            name_format: None,
            values: values.iter().map(|&v| v.to_owned()).collect(),
        });
        self
    }
    fn user_from(mut self, candidates: &[&str]) -> Self {
        self.mapping.user = candidates.iter().map(|&c| c.to_owned()).collect();
        self
    }
    fn email_from(mut self, candidates: &[&str]) -> Self {
        self.mapping.email = candidates.iter().map(|&c| c.to_owned()).collect();
        self
    }
    fn domains(mut self, domains: &[&str]) -> Self {
        self.email_domains = Some(domains.iter().map(|&d| Domain::parse(d).unwrap()).collect());
        self
    }
    fn scopes(mut self, scopes: &[&str]) -> Self {
        self.scopes = scopes.iter().map(|&s| Scope(s.to_owned())).collect();
        self
    }
    fn mapped(mut self, change: impl FnOnce(&mut Mapping)) -> Self {
        change(&mut self.mapping);
        self
    }
    fn identify(&self) -> Result<Identity, Refusal> {
        let said = Said {
            name_id: &self.name_id,
            attributes: &self.attributes,
            session_index: Some("_s1"),
            authn_instant: Moment::from_seconds(1),
            authn_context_class: Some("urn:class"),
            forced: false,
            session_not_on_or_after: Some(Moment::from_seconds(9)),
            scopes: &self.scopes,
        };
        said.identify("corp", self.email_domains.as_deref(), &self.mapping)
    }
    fn known(&self) -> Identity {
        self.identify().unwrap_or_else(|refusal| panic!("{refusal}"))
    }
    fn refused(&self) -> Reason {
        match self.identify() {
            Ok(identity) => panic!("{identity:?}"),
            Err(refusal) => refusal.reason,
        }
    }
}

fn known(groups: &[&str]) -> Groups {
    Groups::Known(groups.iter().map(|&g| g.to_owned()).collect())
}

#[test]
fn what_the_assertion_says_of_the_sign_in_is_kept() {
    let identity = Case::new("ada").format(PERSISTENT).known();
    assert_eq!((identity.idp(), identity.user()), ("corp", "ada"));
    assert_eq!(identity.name_id().value, "ada");
    assert_eq!(identity.session_index(), Some("_s1"));
    assert_eq!(identity.authn_instant(), Moment::from_seconds(1));
    assert_eq!(identity.authn_context_class(), Some("urn:class"));
    assert_eq!(identity.session_not_on_or_after(), Some(Moment::from_seconds(9)));
}

#[test]
fn the_user_is_the_first_candidate_with_a_value() {
    let case = || Case::new("n-1").with("uid", &["", " ada "]).with("eppn", &["ada@uni.test"]);
    assert_eq!(case().known().user(), "n-1");
    assert_eq!(case().user_from(&["uid", "NameID"]).known().user(), "ada");
    assert_eq!(case().user_from(&["missing", "EPPN"]).known().user(), "ada@uni.test");
    assert_eq!(case().user_from(&["missing", "nameid"]).known().user(), "n-1");
    assert_eq!(Case::new("Ada").known().user(), "Ada");
}

#[test]
fn no_user_is_refused() {
    assert_eq!(Case::new("").refused(), Reason::UserMissing);
    assert_eq!(Case::new("  ").refused(), Reason::UserMissing);
    let case = Case::new("ada").user_from(&["uid"]).with("uid", &[""]).with("mail", &["a@b.test"]);
    let refusal = case.identify().unwrap_err();
    assert_eq!(refusal.reason, Reason::UserMissing);
    assert!(refusal.detail.contains(r#"["uid"]"#) && refusal.detail.contains(r#""mail""#), "{refusal}");
    assert!(!refusal.detail.contains("a@b.test"));
    assert_eq!(Case::new("ada").user_from(&[]).refused(), Reason::UserMissing);
}

#[test]
fn a_transient_name_id_is_refused_only_as_the_user() {
    let case = || Case::new("_abc").format(TRANSIENT).with("uid", &["ada"]);
    assert_eq!(case().refused(), Reason::NameIdTransient);
    assert_eq!(case().user_from(&["missing", "NameID"]).refused(), Reason::NameIdTransient);
    assert_eq!(case().user_from(&["uid", "NameID"]).known().user(), "ada");
}

#[test]
fn an_endless_user_is_refused() {
    assert_eq!(Case::new(&"a".repeat(256)).known().user().len(), 256);
    assert_eq!(Case::new(&"a".repeat(257)).refused(), Reason::IdentityTooLarge);
}

#[test]
fn control_characters_in_user_email_or_name_id_are_refused() {
    for bad in ["ada\r\nX-Forwarded-User: root", "ada\n", "\tada", "a\u{0}da", "a\u{7f}da", "a\u{85}da"] {
        assert_eq!(Case::new(bad).refused(), Reason::IdentityControlCharacter, "{bad:?}");
        assert_eq!(
            Case::new(bad).user_from(&["uid"]).with("uid", &["x"]).refused(),
            Reason::IdentityControlCharacter
        );
        assert_eq!(
            Case::new("x").user_from(&["uid"]).with("uid", &[bad]).refused(),
            Reason::IdentityControlCharacter
        );
        let mail = format!("{bad}@example.com");
        assert_eq!(
            Case::new("x").with("mail", &[&mail]).refused(),
            Reason::IdentityControlCharacter,
            "{bad:?}"
        );
    }
}

#[test]
fn control_characters_elsewhere_keep_the_value_out() {
    let identity = Case::new("ada").with("displayName", &["Ada\nLovelace"]).with("uid", &["al\0"]).known();
    assert_eq!((identity.name(), identity.preferred_username()), (None, None));
    let identity = Case::new("ada").with("groups", &["a\nb"]).known();
    assert_eq!(identity.in_group("a\nb"), Some(true));
}

#[test]
fn odd_letters_are_kept_byte_for_byte() {
    for user in ["a\u{200b}da", "\u{202e}ada", "e\u{301}ve", "\u{e9}ve", "\u{fe0f}", "\u{a0}ada"] {
        assert_eq!(Case::new(user).known().user(), user);
    }
}

#[test]
fn the_address_is_the_name_id_when_it_has_the_form_and_an_attribute_otherwise() {
    let with_mail = |name_id: &str| Case::new(name_id).with("Email", &["Second@Example.com"]);
    assert_eq!(with_mail("Ada@Example.COM").known().email(), Some("ada@example.com"));
    assert_eq!(with_mail("Ada@Example.COM").known().user(), "Ada@Example.COM");
    assert_eq!(with_mail("ada").known().email(), Some("second@example.com"));
    assert_eq!(with_mail("ada@ex@ample").known().email(), Some("second@example.com"));
    assert_eq!(with_mail("ada@REALM.TEST").format(KERBEROS).known().email(), Some("second@example.com"));
    let transient = with_mail("ada@x.test").format(TRANSIENT).user_from(&["mail"]);
    assert_eq!(transient.known().email(), Some("second@example.com"));
    assert_eq!(Case::new("ada").known().email(), None);
}

#[test]
fn every_common_spelling_of_mail_is_found() {
    for name in [
        "mail",
        "MAIL",
        "email",
        "emailAddress",
        "user.email",
        MAIL_OID,
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
        "http://schemas.xmlsoap.org/claims/EmailAddress",
    ] {
        let identity = Case::new("ada").with(name, &["ada@example.com"]).known();
        assert_eq!(identity.email(), Some("ada@example.com"), "{name}");
    }
}

#[test]
fn the_exact_name_goes_before_its_spellings_and_the_friendly_name_last() {
    let case = || {
        Case::new("ada")
            .friendly("urn:x:1", Some("mail"), &["friendly@example.com"])
            .with(MAIL_OID, &["oid@example.com"])
            .with("mail", &["exact@example.com"])
    };
    assert_eq!(case().known().email(), Some("exact@example.com"));
    let mut two = case();
    two.attributes.pop();
    assert_eq!(two.known().email(), Some("oid@example.com"));
    two.attributes.pop();
    assert_eq!(two.known().email(), Some("friendly@example.com"));
}

#[test]
fn what_was_meant_as_an_address_and_is_none_is_refused() {
    for bad in ["ada@example.com@evil.test", "ada@", "@example.com", "a b@example.com", "\"a@b\"@c.test"] {
        assert_eq!(Case::new("ada").with("mail", &[bad]).refused(), Reason::EmailInvalid, "{bad}");
        assert_eq!(Case::new(bad).format(EMAIL_ADDRESS).refused(), Reason::EmailInvalid, "{bad}");
        let second = Case::new("ada").with("mail", &[bad]).with("other", &["ada@example.com"]);
        assert_eq!(second.email_from(&["mail", "other"]).refused(), Reason::EmailInvalid, "{bad}");
    }
    let skipped = Case::new("ada").with("mail", &["", "none", "ada@example.com"]).known();
    assert_eq!(skipped.email(), Some("ada@example.com"));
}

#[test]
fn an_idp_speaks_for_its_domains_only() {
    let case = |mail: &str| Case::new("ada").with("mail", &[mail]).domains(&["Example.com", "b.test"]);
    assert_eq!(case("ada@EXAMPLE.com").known().email(), Some("ada@example.com"));
    assert_eq!(case("ada@b.test").known().email(), Some("ada@b.test"));
    for foreign in ["ada@evil.test", "ada@sub.example.com", "ada@notexample.com", "ada@example.com.evil.test"]
    {
        assert_eq!(case(foreign).refused(), Reason::EmailDomainForeign, "{foreign}");
    }
    assert_eq!(Case::new("ada").domains(&["example.com"]).refused(), Reason::EmailDomainForeign);
    assert_eq!(Case::new("ada@example.com").domains(&[]).refused(), Reason::EmailDomainForeign);
}

#[test]
fn a_user_that_looks_like_an_address_is_bound_to_the_domains_too() {
    let case =
        |user: &str| Case::new(user).email_from(&["mail"]).with("mail", &["eve@b.test"]).domains(&["b.test"]);
    assert_eq!(case("eve").known().user(), "eve");
    assert_eq!(case("eve@b.test").known().user(), "eve@b.test");
    for foreign in ["ceo@a.test", "ceo@a.test@b.test", "ceo@b.test@a.test", "@b.test"] {
        assert_eq!(case(foreign).refused(), Reason::EmailDomainForeign, "{foreign}");
    }
    let upn = |upn: &str| case("eve").with("upn", &[upn]).known().preferred_username().map(str::to_owned);
    assert_eq!(upn("eve@b.test").as_deref(), Some("eve@b.test"));
    assert_eq!(upn("ceo@a.test"), None);
}

#[test]
fn the_name_is_built_where_it_is_not_sent() {
    let case = || Case::new("ada").with("urn:oid:2.5.4.42", &["Ada"]).with("surname", &["Lovelace"]);
    assert_eq!(case().known().name(), Some("Ada Lovelace"));
    assert_eq!(case().with("displayName", &["Countess"]).known().name(), Some("Countess"));
    assert_eq!(
        Case::new("ada").with("givenName", &["Ada"]).with("cn", &["A. L."]).known().name(),
        Some("A. L.")
    );
    assert_eq!(Case::new("ada").with("givenName", &["Ada"]).known().name(), Some("Ada"));
    assert_eq!(Case::new("ada").with("displayName", &[&"x".repeat(257)]).known().name(), None);
}

#[test]
fn groups_are_known_in_order_and_without_doubles() {
    let case = Case::new("ada").with("Groups", &["b", "a", "", "b", "B", " a"]);
    assert_eq!(*case.known().groups(), known(&["b", "a", "B", " a"]));
    assert_eq!(*Case::new("ada").with("groups", &[]).known().groups(), known(&[]));
    assert_eq!(*Case::new("ada").with("groups", &[""]).known().groups(), known(&[]));
    let split = Case::new("ada").with("groups", &["a"]).with("groups", &["b"]);
    assert_eq!(*split.known().groups(), known(&["a", "b"]));
}

#[test]
fn every_common_spelling_of_groups_is_found() {
    for name in
        ["groups", "Group", ENTRA_GROUPS, "http://schemas.xmlsoap.org/claims/Group", "memberOf", "isMemberOf"]
    {
        assert_eq!(*Case::new("ada").with(name, &["x"]).known().groups(), known(&["x"]), "{name}");
    }
    for name in ["role", "eduPersonAffiliation", "department"] {
        assert_eq!(*Case::new("ada").with(name, &["x"]).known().groups(), Groups::Unknown, "{name}");
    }
}

#[test]
fn groups_that_were_not_sent_are_unknown_unless_the_owner_says_empty() {
    assert_eq!(*Case::new("ada").known().groups(), Groups::Unknown);
    assert_eq!(*Case::new("ada").mapped(|m| m.groups_absent_is_empty = true).known().groups(), known(&[]));
}

#[test]
fn a_link_instead_of_groups_is_unknown_whatever_the_owner_says() {
    for absent_is_empty in [false, true] {
        let case = || Case::new("ada").mapped(|m| m.groups_absent_is_empty = absent_is_empty);
        let linked = || case().with(ENTRA_LINK, &["https://graph.windows.net/x"]);
        assert_eq!(*linked().known().groups(), Groups::Unknown);
        assert_eq!(*linked().with(ENTRA_GROUPS, &["x"]).known().groups(), Groups::Unknown);
        let own = linked().with("department", &["x"]).mapped(|m| m.groups = vec!["department".into()]);
        assert_eq!(*own.known().groups(), known(&["x"]));
    }
}

#[test]
fn very_many_groups_are_refused() {
    let names: Vec<String> = (0..=MOST_GROUPS).map(|i| i.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(Case::new("ada").with("groups", &names).refused(), Reason::IdentityTooLarge);
    assert!(Case::new("ada").with("groups", &names[1..]).identify().is_ok());
    let big = "g".repeat(MOST_GROUP_OCTETS);
    assert!(Case::new("ada").with("groups", &[&big]).identify().is_ok());
    assert_eq!(Case::new("ada").with("groups", &[&big, "g"]).refused(), Reason::IdentityTooLarge);
}

#[test]
fn roles_come_from_groups_exactly_and_in_the_configurations_order() {
    let table = |m: &mut Mapping| {
        m.roles = [("ops", "operator"), ("boss", "admin"), ("root", "admin"), ("Ops", "shout")]
            .map(|(group, role)| (group.to_owned(), role.to_owned()))
            .to_vec();
        m.default_role = Some("user".into());
    };
    let roles = |groups: &[&str]| Case::new("ada").with("groups", groups).mapped(table).known().roles;
    assert_eq!(roles(&["root", "boss", "ops"]), ["operator", "admin"]);
    assert_eq!(roles(&["OPS", "ops "]), ["user"]);
    assert_eq!(roles(&[]), ["user"]);

    let unknown = Case::new("ada").mapped(table).known();
    assert_eq!(unknown.has_role("user"), Some(true));
    assert_eq!(unknown.has_role("admin"), None);
    assert_eq!(unknown.in_group("ops"), None);
    let known = Case::new("ada").with("groups", &[]).known();
    assert!(known.roles.is_empty());
    assert_eq!((known.has_role("admin"), known.in_group("ops")), (Some(false), Some(false)));
}

#[test]
fn nobody_signs_in_as_a_member_of_a_foreign_scope() {
    for name in ["eppn", "urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "eduPersonPrincipalName"] {
        let case = |value: &str| Case::new("x").with(name, &[value]).user_from(&["eppn", "NameID"]);
        assert_eq!(
            case("ada@example.org").scopes(&["example.org", "example.com"]).known().user(),
            "ada@example.org"
        );
        assert_eq!(case(" ada@Example.ORG").scopes(&["example.org"]).known().user(), "ada@Example.ORG");
        for foreign in
            ["ada@example.net", "ada", "ada@", "ada@example.org@example.net", "ada@sub.example.org"]
        {
            assert_eq!(case(foreign).scopes(&["example.org"]).refused(), Reason::ScopeForeign, "{foreign}");
        }
        assert_eq!(case("ada@example.net").known().user(), "ada@example.net", "the metadata names no scopes");
    }
    let friendly = Case::new("x").friendly("urn:x", Some("subject-id"), &["ada@example.net"]);
    assert_eq!(friendly.user_from(&["subject-id"]).scopes(&["example.org"]).refused(), Reason::ScopeForeign);
    let mail =
        Case::new("x").with("mail", &["ada@example.net"]).user_from(&["mail"]).scopes(&["example.org"]);
    assert_eq!(mail.known().user(), "ada@example.net", "an address is no scoped attribute");
}

#[test]
fn foreign_scopes_give_no_groups_and_no_short_name() {
    let case = Case::new("ada")
        .with("eduPersonScopedAffiliation", &["staff@example.org", "staff@example.net", "staff"])
        .with("eppn", &["ada@example.net"])
        .scopes(&["example.org"])
        .mapped(|mapping| mapping.groups = vec!["eduPersonScopedAffiliation".to_owned()]);
    assert_eq!(*case.known().groups(), known(&["staff@example.org"]));
    assert_eq!(case.known().preferred_username(), None);
}

#[test]
fn domains_below_are_meant_by_a_star_alone() {
    let case = |mail: &str| Case::new("ada").with("mail", &[mail]).domains(&["*.example.com", "b.test"]);
    for own in ["ada@a.example.com", "ada@a.b.Example.com", "ada@b.test"] {
        assert!(case(own).identify().is_ok(), "{own}");
    }
    for foreign in ["ada@example.com", "ada@a.b.test", "ada@notexample.com", "ada@a.example.com.evil.test"] {
        assert_eq!(case(foreign).refused(), Reason::EmailDomainForeign, "{foreign}");
    }
}

#[test]
fn a_domain_that_only_looks_alike_is_another_one() {
    let case = |mail: &str| Case::new("ada").with("mail", &[mail]);
    // The first letter of the second is Cyrillic.
    for alike in ["ada@ex\u{430}mple.com", "ada@xn--exmple-4nf.com"] {
        let known = case(alike).known();
        let address = known.email().unwrap();
        assert!(address.starts_with("ada@xn--") && address.is_ascii(), "{address}");
        assert_eq!(case(alike).domains(&["example.com"]).refused(), Reason::EmailDomainForeign, "{alike}");
    }
    assert_eq!(case("ada@bücher.test").known().email(), Some("ada@xn--bcher-kva.test"));
    assert!(case("ada@BÜCHER.test").domains(&["bücher.test"]).identify().is_ok());
    for twofold in ["ada@\u{ff45}xample.com", "ada@example\u{3002}com", "ada@xn--bcher-kva.bücher.test"] {
        assert_eq!(case(twofold).refused(), Reason::EmailInvalid, "{twofold}");
    }
}

fn steps(part: Part, steps: &[Transform]) -> impl FnOnce(&mut Mapping) {
    move |mapping| mapping.transforms = vec![(part, steps.to_vec())]
}

#[test]
fn transforms_are_done_in_order_and_what_is_left_of_nothing_was_not_sent() {
    let user = |name_id: &str, listed: &[Transform]| {
        Case::new(name_id).mapped(steps(Part::User, listed)).identify().map(|identity| identity.user)
    };
    let corp = Transform::Prefix("corp-".into());
    assert_eq!(user("Ada@B.test", &[Transform::Lower, Transform::StripDomain, corp]).unwrap(), "corp-ada");
    assert_eq!(user("@B.test", &[Transform::StripDomain]).unwrap_err().reason, Reason::UserMissing);
    let only_staff = Transform::capture("^staff-(\\d+)$").unwrap();
    assert_eq!(user("staff-12", std::slice::from_ref(&only_staff)).unwrap(), "12");
    assert_eq!(user("guest-12", &[only_staff]).unwrap_err().reason, Reason::UserMissing);

    let cn = Transform::capture("^CN=([^,]+)").unwrap();
    let case = Case::new("ada").with("memberOf", &["CN=Ops,OU=x", "OU=x", "CN=Ops,OU=y", "CN=Dev,OU=x"]);
    assert_eq!(*case.mapped(steps(Part::Groups, &[cn])).known().groups(), known(&["Ops", "Dev"]));
}

#[test]
fn a_user_is_held_to_the_domains_before_its_own_is_taken_away() {
    let case = |user: &str| {
        Case::new(user)
            .email_from(&["mail"])
            .with("mail", &["eve@b.test"])
            .domains(&["b.test"])
            .mapped(steps(Part::User, &[Transform::StripDomain]))
    };
    assert_eq!(case("ceo@b.test").known().user(), "ceo");
    for foreign in ["ceo@a.test", "ceo@a.test@b.test"] {
        assert_eq!(case(foreign).refused(), Reason::EmailDomainForeign, "{foreign}");
    }
}

#[test]
fn a_site_for_some_domains_looks_at_the_values_that_were_sent_as_the_identity_provider_is_judged() {
    let own = [Domain::parse("b.test").unwrap()];
    let case = |user: &str, mail: &str| {
        let steps = |part, step| (part, vec![step]);
        let address = Transform::capture("([a-z.]+@b\\.test)").unwrap();
        Case::new(user)
            .email_from(&["mail"])
            .with("mail", &[mail])
            .with("uid", &["eve@elsewhere.test"])
            .mapped(|mapping| {
                mapping.transforms =
                    vec![steps(Part::User, Transform::StripDomain), steps(Part::Email, address)];
            })
    };
    for (user, mail, is_ours) in [
        ("eve@b.test", "eve@b.test", true),
        ("eve", "eve@b.test", true),
        ("ceo@a.test", "eve@b.test", false),
        ("ceo@a.test@b.test", "eve@b.test", false),
        ("ceo@b.test@", "eve@b.test", false),
        ("eve", "ceo@b.test.evil.test", false),
        ("eve", "", false),
    ] {
        // Whoever vouches: the site judges as the identity provider would be.
        let by_site = case(user, mail).known().held_to(Some(&own));
        let by_idp = case(user, mail).domains(&["b.test"]).identify();
        for judged in [by_site, by_idp] {
            let code = judged.as_ref().err().map(|refusal| refusal.reason);
            assert_eq!(code, (!is_ours).then_some(Reason::EmailDomainForeign), "{user} {mail}");
            assert!(judged.is_err() || judged.unwrap().preferred_username().is_none(), "of another domain");
        }
    }
    assert_eq!(case("eve", "eve@b.test").known().preferred_username(), Some("eve@elsewhere.test"));
    assert!(case("ceo@a.test", "").known().held_to(None).is_ok());
}

#[test]
fn a_pattern_makes_no_address_of_ours_out_of_a_foreign_one() {
    let case = |mail: &str| {
        let ours = Transform::capture("([a-z.]+@b\\.test)").unwrap();
        Case::new("eve").with("mail", &[mail]).domains(&["b.test"]).mapped(steps(Part::Email, &[ours]))
    };
    assert_eq!(case("eve@b.test").known().email(), Some("eve@b.test"));
    assert_eq!(case("smtp:eve@b.test").known().email(), Some("eve@b.test"));
    assert_eq!(case("ceo@b.test.evil.test").refused(), Reason::EmailDomainForeign);
}

#[test]
fn what_is_required_and_does_not_arrive_is_refused_with_the_names_that_did() {
    let case = |required: &[&str]| {
        let required = required.iter().map(|name| Part::named(name)).collect();
        Case::new("ada").with("urn:x:department", &["Sales"]).mapped(|mapping| {
            mapping.custom = vec![("department".into(), vec!["urn:x:department".into()])];
            mapping.required = required;
        })
    };
    for missing in ["email", "name", "given_name", "groups"] {
        let refusal = case(&[missing]).identify().unwrap_err();
        assert_eq!(refusal.reason, Reason::IdentityIncomplete, "{missing}");
        assert!(refusal.detail.contains(missing) && refusal.detail.contains("urn:x:department"), "{refusal}");
        assert!(!refusal.detail.contains("Sales"), "{refusal}");
    }
    assert!(case(&["user", "department", "custom.department"]).identify().is_ok());
    let there = case(&["email", "name", "groups"])
        .with("mail", &["a@b.test"])
        .with("sn", &["L."])
        .with("groups", &[]);
    assert_eq!(there.known().name(), Some("L."));
    // A missing address is told apart from a foreign one.
    assert_eq!(case(&["email"]).domains(&["b.test"]).refused(), Reason::IdentityIncomplete);
}

#[test]
fn headers_get_what_the_owner_names_beside_and_a_session_keeps_no_more() {
    let case = |carried: Vec<Part>| {
        Case::new("ada")
            .with("department", &["", "Sales", "Other"])
            .with("room", &["a\nb"])
            .with("givenName", &["Ada"])
            .mapped(|mapping| {
                let own = |name: &str| (name.to_owned(), vec![name.to_owned()]);
                mapping.custom = vec![own("department"), own("room"), own("desk")];
                mapping.carried = carried;
            })
            .known()
    };
    let custom = |name: &str| Part::Custom(name.into());
    let identity = case(vec![custom("department"), custom("room"), Part::GivenName, custom("desk")]);
    let parts = [custom("department"), custom("room"), Part::GivenName, custom("desk"), Part::FamilyName];
    let said: Vec<_> = parts.iter().map(|part| identity.carried(part.key())).collect();
    assert_eq!(said, [Some("Sales"), None, Some("Ada"), None, None]);
    assert!(case(Vec::new()).carried.is_empty());
}

#[test]
fn a_group_has_our_name_and_nobody_else_may_use_it() {
    let guid = "1d2c0f6e-5b0a-4f6e-9d57-8a1b9a3c4d5e";
    let case = |groups: &[&str]| {
        Case::new("ada").with(ENTRA_GROUPS, groups).mapped(|mapping| {
            mapping.group_aliases = [(guid.to_owned(), "ops".to_owned())].into();
            mapping.roles = vec![("ops".into(), "admin".into()), ("dev".into(), "builder".into())];
        })
    };
    assert_eq!(*case(&[guid, "dev", "other"]).known().groups(), known(&["ops", "dev", "other"]));
    assert_eq!(case(&[guid]).known().roles, ["admin"]);
    // Somebody made a group and called it `ops`.
    assert_eq!(*case(&["ops", "dev"]).known().groups(), known(&["dev"]));
    assert!(case(&["ops"]).known().roles.is_empty());
    assert!(case(&[&guid.to_uppercase()]).known().roles.is_empty(), "exactly as it is sent");
    let both = case(&["ops"]).mapped(|mapping| {
        mapping.group_aliases.insert("ops".into(), "ops".into());
    });
    assert_eq!(both.known().roles, ["admin"], "the owner says that the name itself counts too");
}

#[test]
fn nobody_gets_a_role_by_a_group_whose_name_pretends_to_be_several() {
    for name in ["dev,ops", "dev;ops", "dev|ops", "dev ops", "ops\n", "ops,", " ops", "ops%2C", "OPS"] {
        let case = Case::new("ada").with("groups", &[name]).mapped(|mapping| {
            mapping.roles = vec![("ops".into(), "admin".into()), ("dev".into(), "builder".into())];
        });
        let identity = case.known();
        assert!(identity.roles.is_empty(), "{name:?}");
        assert_eq!(identity.in_group("ops"), Some(false), "{name:?}");
    }
}

#[test]
fn too_many_groups_for_entra_come_to_what_the_owner_says() {
    let case = |overage: Overage| {
        Case::new("ada").with(ENTRA_LINK, &["https://graph.windows.net/x"]).mapped(|mapping| {
            mapping.groups_overage = overage;
            mapping.default_role = Some("reader".into());
            mapping.roles = vec![("ops".into(), "admin".into())];
        })
    };
    assert_eq!(case(Overage::Refuse).refused(), Reason::GroupsOverage);
    for (overage, reader) in [(Overage::Unknown, None), (Overage::DefaultRole, Some(true))] {
        let person = case(overage).known();
        assert_eq!(*person.groups(), Groups::Unknown);
        assert_eq!((person.has_role("reader"), person.has_role("admin")), (reader, None), "{overage:?}");
        assert_eq!(person.in_group("ops"), None, "{overage:?}");
    }
    let whole =
        case(Overage::Refuse).with("memberOf", &["ops"]).mapped(|m| m.groups = vec!["memberOf".into()]);
    assert_eq!(whole.known().roles, ["admin"], "another attribute has them all");
}

#[test]
fn the_people_of_an_identity_provider_have_its_own_default_role() {
    let case = |id: &str| {
        Case::new("ada").with("groups", &[]).mapped(|mapping| {
            mapping.default_role = Some("guest".into());
            mapping.default_role_of = vec![(id.into(), "staff".into())];
        })
    };
    assert_eq!(case("corp").known().roles, ["staff"]);
    assert_eq!(case("Corp").known().roles, ["guest"]);
}
