use super::change::{Change, Difference, KeyChanges, fingerprint, judge};
use super::testing::{described, entity, key, logout, read, role, service};
use super::{Described, MetadataProblem};
use crate::reason::Reason;
use crate::saml::testing::IDP;

fn judged(running: &Described, found: &Described, policy: KeyChanges) -> Change {
    judge(running, found, policy)
}

/// `same`, `apply`, or the code of the rule that holds or refuses.
fn outcome(running: &Described, found: &Described, policy: KeyChanges) -> &'static str {
    match judged(running, found, policy) {
        Change::Same => "same",
        Change::Apply(differences) => {
            assert!(!differences.is_empty());
            "apply"
        }
        Change::Hold { why: MetadataProblem { reason, .. }, .. } => match reason {
            Reason::MetadataHostChanged => "held: host",
            Reason::MetadataKeysSwapped => "held: swapped",
            Reason::MetadataKeysAdded => "held: added",
            other => panic!("{other}"),
        },
        Change::Refuse(why) => {
            assert_eq!(why.reason, Reason::MetadataEntityChanged);
            "refused"
        }
    }
}

fn signed(described: Described) -> Described {
    Described { signed: true, ..described }
}

#[test]
fn keys_are_taken_where_something_vouches_for_them() {
    const A: &str = "rsa2048";
    const B: &str = "p256";
    const C: &str = "p384";
    /// Running, found, whether it is signed by the pinned key; what `apply` and `hold` say.
    type Case<'c> = (&'c [&'c str], &'c [&'c str], bool, &'c str, &'c str);
    let cases: &[Case<'_>] = &[
        (&[A], &[A], false, "same", "same"),
        (&[A, B], &[B, A], false, "same", "same"),
        (&[A], &[A, B], false, "apply", "held: added"),
        (&[A, B], &[B], false, "apply", "apply"),
        (&[A, B], &[B, C], false, "apply", "held: added"),
        (&[A], &[B], false, "held: swapped", "held: added"),
        (&[A, B], &[C], false, "held: swapped", "held: added"),
        (&[A], &[B], true, "apply", "held: added"),
        (&[A], &[A, B], true, "apply", "held: added"),
    ];
    for (running, found, is_signed, with_apply, with_hold) in cases {
        let (before, after) = (described(running), Described { signed: *is_signed, ..described(found) });
        let said = [KeyChanges::Apply, KeyChanges::Hold].map(|policy| outcome(&before, &after, policy));
        assert_eq!(said, [*with_apply, *with_hold], "{running:?} to {found:?}, signed: {is_signed}");
        let same = fingerprint(&before.identity_provider) == after.fingerprint;
        assert_eq!(same, *with_apply == "same", "the fingerprint tells the same");
    }
}

#[test]
fn a_renewed_certificate_of_a_known_key_is_no_new_key() {
    let (before, mut after) = (described(&["rsa2048"]), described(&["rsa2048"]));
    // No fixture has two certificates for one key.
    let mut certificates = after.identity_provider.keys.certificates().to_vec();
    certificates[0].sha256 = [7; 32];
    after.identity_provider.keys = after.identity_provider.keys.showing(certificates);
    match judged(&before, &after, KeyChanges::Hold) {
        Change::Apply(differences) => {
            assert!(matches!(differences[..], [Difference::CertificateRenewed { .. }]), "{differences:?}");
            assert!(differences[0].to_string().starts_with("~ certificate of the same key, SHA-256 "));
        }
        other => panic!("{other:?}"),
    }
}

fn at(sign_on: &[(&str, &str)], logout_at: &[(&str, &str)]) -> Described {
    let mut content = key("", "rsa2048");
    content.extend(logout_at.iter().map(|(binding, at)| logout(binding, at, "")));
    content.extend(sign_on.iter().map(|(binding, at)| service(binding, at)));
    read(&entity(IDP, "", &role("", &content))).unwrap()
}

#[test]
fn addresses_may_move_on_their_host_and_not_to_another() {
    const R: &str = "HTTP-Redirect";
    const P: &str = "HTTP-POST";
    let running = at(&[(R, "https://idp.example.org/sso")], &[(R, "https://slo.example.org/slo")]);
    let slo = [(R, "https://slo.example.org/slo")];
    let cases = [
        (at(&[(R, "https://idp.example.org/new?x=y")], &slo), "apply"),
        (at(&[(R, "https://idp.example.org/sso"), (P, "https://idp.example.org/post")], &slo), "apply"),
        (at(&[(R, "https://idp.example.org:443/sso")], &slo), "apply"),
        (at(&[(R, "https://idp.example.net/sso")], &slo), "held: host"),
        (at(&[(R, "https://idp.example.org/sso"), (P, "https://evil.example.net/post")], &slo), "held: host"),
        (at(&[(R, "https://idp.example.org:8443/sso")], &slo), "held: host"),
        (at(&[(R, "http://idp.example.org/sso")], &slo), "held: host"),
        (at(&[(R, "https://slo.example.org/sso")], &slo), "held: host"),
        (at(&[(R, "https://idp.example.org/sso")], &[]), "apply"),
        (at(&[(R, "https://idp.example.org/sso")], &[(P, "https://idp.example.org/slo")]), "apply"),
        (at(&[(R, "https://idp.example.org/sso")], &[(R, "https://evil.example.net/slo")]), "held: host"),
    ];
    for (found, expected) in cases {
        assert_eq!(outcome(&running, &found, KeyChanges::Apply), expected, "{:?}", found.identity_provider);
        // The pinned signature vouches for keys; a host that moves is for the owner to see all the same.
        assert_eq!(outcome(&running, &signed(found), KeyChanges::Hold), expected);
    }
}

#[test]
fn a_logout_answer_on_a_foreign_host_is_held() {
    let running = at(&[("HTTP-Redirect", "https://idp.example.org/sso")], &[]);
    let content = key("", "rsa2048")
        + &logout(
            "HTTP-POST",
            "https://idp.example.org/slo",
            " ResponseLocation=\"https://evil.example.net/\"",
        )
        + &service("HTTP-Redirect", "https://idp.example.org/sso");
    let found = read(&entity(IDP, "", &role("", &content))).unwrap();
    assert_eq!(outcome(&running, &found, KeyChanges::Apply), "held: host");
}

#[test]
fn another_entity_is_refused_whoever_signed() {
    let running = described(&["rsa2048"]);
    let mut found = signed(described(&["rsa2048"]));
    found.identity_provider.entity_id.0.push('/');
    assert_eq!(outcome(&running, &found, KeyChanges::Apply), "refused");
}

#[test]
fn a_diff_can_be_read() {
    let running = at(&[("HTTP-Redirect", "https://idp.example.org/sso")], &[]);
    let content = key("", "p256")
        + &logout(
            "HTTP-POST",
            "https://idp.example.net/slo",
            " ResponseLocation=\"https://idp.example.net/done\"",
        )
        + &service("HTTP-POST", "https://idp.example.net/sso");
    let scope = "<md:Extensions><s:Scope xmlns:s=\"urn:mace:shibboleth:metadata:1.0\">example.net</s:Scope></md:Extensions>";
    let found =
        read(&entity(IDP, "", &(scope.to_owned() + &role("WantAuthnRequestsSigned=\"true\"", &content))))
            .unwrap();
    let Change::Hold { differences, why } = judged(&running, &found, KeyChanges::Apply) else { panic!() };
    assert_eq!(why.reason, Reason::MetadataHostChanged);
    assert!(why.sentence.contains("moves to https://idp.example.net"), "{why}");
    let fingerprint = |found: &Described| found.identity_provider.keys.certificates()[0].fingerprint();
    let lines: Vec<_> = differences.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            format!(
                "+ signing key CN=test p256 (P-256), SHA-256 {}, 2025-01-01 to 2035-01-01",
                fingerprint(&found)
            ),
            format!(
                "- signing key CN=test rsa2048 (RSA 2048), SHA-256 {}, 2025-01-01 to 2035-01-01",
                fingerprint(&running)
            ),
            "+ sign-on by HTTP-POST: https://idp.example.net/sso".to_owned(),
            "- sign-on by HTTP-Redirect: https://idp.example.org/sso".to_owned(),
            "+ logout by HTTP-POST: https://idp.example.net/slo, answers to https://idp.example.net/done"
                .to_owned(),
            "+ scope example.net".to_owned(),
            "~ refuses requests that are not signed".to_owned(),
        ]
    );
    assert_eq!(fingerprint(&found).len(), 32 * 3 - 1);
}
