use super::*;

#[cfg(not(feature = "second-opinion"))]
#[test]
fn without_the_feature_nobody_can_be_asked() {
    assert_eq!(Weight::default(), Weight::Off);
    assert!(matches!(SecondOpinion::seek(Weight::Off), Ok(None)));
    for weight in [Weight::Report, Weight::Enforce] {
        assert!(SecondOpinion::seek(weight).unwrap_err().contains("--features second-opinion"));
    }
}

#[cfg(feature = "second-opinion")]
mod with_the_feature {
    use super::*;
    use crate::saml::parties::{IdentityProvider, Limits, Policy};
    use crate::saml::response::{Expected, RawResponse};
    use crate::saml::testing::{ACS, NOW, REQUESTED_AT, idp, replaced, sign, sp, xml};
    use std::time::Duration;

    fn accepted(message: &str, idp: &IdentityProvider) -> (ResponseText, AcceptedAssertion) {
        let limits = Limits::default();
        let text = ResponseText::from_xml(message.to_owned(), &limits).unwrap();
        let service_provider = sp(&[]);
        let expected = Expected {
            request_id: "_request",
            requested_at: REQUESTED_AT,
            service_provider: &service_provider,
            identity_provider: idp,
            acs_url: ACS,
        };
        let policy = Policy { clock_skew: Duration::from_secs(60) };
        let raw = RawResponse::parse(&text, &limits).unwrap();
        let assertion = raw.verify(idp).unwrap().accept(&expected, &policy, NOW).unwrap();
        (text, assertion)
    }

    fn opinion(message: &str, keys: &[&str]) -> Opinion {
        let judge = SecondOpinion::seek(Weight::Report).unwrap().unwrap();
        let (text, assertion) = accepted(message, &idp(keys));
        judge.of(&text, &assertion)
    }

    #[test]
    fn nobody_is_asked_when_it_is_off() {
        assert!(matches!(SecondOpinion::seek(Weight::Off), Ok(None)));
    }

    #[test]
    fn it_agrees_about_what_independent_signers_sign() {
        for (name, key) in [
            ("signxml_both", "rsa2048"),
            ("signxml_response", "rsa2048"),
            ("signxml_rsa2048_rsa_sha384", "rsa2048"),
            ("signxml_rsa2048_rsa_sha512", "rsa2048"),
            ("signxml_rsa4096_rsa_sha256", "rsa4096"),
            ("signxml_p256_ecdsa_sha256", "p256"),
            ("signxml_p384_ecdsa_sha384", "p384"),
            ("signxml_p521_ecdsa_sha512", "p521"),
            ("xmlsec1_odd_assertion", "rsa2048"),
            ("xmlsec1_odd_response", "rsa2048"),
            ("xmlsec1_prefixes", "rsa2048"),
            ("xmlsec1_inclusive", "rsa2048"),
        ] {
            // The key that verifies is not the first one.
            assert_eq!(opinion(&xml(name), &["evil", key]), Opinion::Agrees, "{name}");
        }
    }

    #[test]
    fn it_cannot_judge_rsa_pss() {
        let said = opinion(&xml("signxml_rsa2048_sha256_rsa_mgf1"), &["rsa2048"]);
        assert_eq!(said, Opinion::NotComparable("RSA-PSS".into()));
    }

    #[test]
    fn it_judges_two_signatures_under_two_keys_of_a_kind_only() {
        let both =
            |inner: &str, outer: &str| sign(&sign(&xml("response"), "_assertion", inner), "_response", outer);
        assert_eq!(opinion(&both("rsa2048", "evil"), &["rsa2048", "evil"]), Opinion::Agrees);
        let mixed = opinion(&both("rsa2048", "p256"), &["rsa2048", "p256"]);
        assert!(matches!(mixed, Opinion::NotComparable(_)), "{mixed}");
    }

    #[test]
    fn only_an_id_that_is_signed_makes_a_message_incomparable() {
        let message = xml("response");
        let signed = sign(&replaced(&message, "ID=\"_assertion\"", "ID=\"1\""), "1", "rsa2048");
        let said = opinion(&signed, &["rsa2048"]);
        assert!(matches!(said, Opinion::NotComparable(_)), "{said}");
        let around = sign(&replaced(&message, "ID=\"_response\"", "ID=\"1\""), "_assertion", "rsa2048");
        let said = opinion(&around, &["rsa2048"]);
        assert!(matches!(said, Opinion::Disagrees(_)), "{said}");
    }

    #[test]
    fn a_message_that_is_not_the_accepted_one_is_refused_when_it_is_enforced() {
        let (_, assertion) = accepted(&xml("signxml_both"), &idp(&["rsa2048"]));
        let limits = Limits::default();
        let other = replaced(&xml("signxml_both"), ">ada@", ">eva@");
        let other = ResponseText::from_xml(other, &limits).unwrap();
        let seek = |weight| SecondOpinion::seek(weight).unwrap().unwrap();
        let refusal = seek(Weight::Enforce).weigh(&other, &assertion).unwrap_err();
        assert_eq!(refusal.reason, Reason::SecondOpinionDisagrees);
        assert!(!refusal.detail.contains("eva@") && !refusal.detail.contains("ada@"), "{refusal}");
        let reported = seek(Weight::Report).weigh(&other, &assertion).unwrap();
        assert!(matches!(reported, Opinion::Disagrees(_)), "{reported}");
    }

    #[test]
    fn it_reads_the_text_as_it_was_posted() {
        let message = xml("signxml_both").replacen("<saml:NameID Format=", "<saml:NameID\n\tFormat=", 1);
        assert_eq!(opinion(&message, &["rsa2048"]), Opinion::Agrees);
    }
}
