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
    use crate::saml::algorithms::Allowed;
    use crate::saml::decryption_tests::sealed;
    use crate::saml::demand::Demand;
    use crate::saml::parties::{IdentityProvider, Limits, Policy};
    use crate::saml::response::{Answers, Attribute, Expected, RawResponse};
    use crate::saml::second_opinion::reading::Reading;
    use crate::saml::second_opinion::xmlsec::{Evidence, Said};
    use crate::saml::signature::Signature;
    use crate::saml::signed_by::SignedBy;
    use crate::saml::testing::{ACS, NOW, REQUESTED_AT, idp, replaced, sign, sp, xml};
    use crate::saml::xml::{Element, SIGNATURE, parse};
    use std::time::Duration;

    fn accepted(message: &str, idp: &IdentityProvider) -> (ResponseText, AcceptedAssertion) {
        let limits = Limits::default();
        let text = ResponseText::from_xml(message.to_owned(), &limits).unwrap();
        let service_provider = sp(&["rsa2048"]);
        let expected = Expected {
            answers: Answers::Request { id: "_request", issued: REQUESTED_AT },
            service_provider: &service_provider,
            identity_provider: idp,
            acs_url: ACS,
            demand: &Demand::default(),
        };
        let policy = Policy { clock_skew: Duration::from_secs(60) };
        let raw = RawResponse::parse(&text, &limits).unwrap();
        let assertion =
            raw.verify(idp, &service_provider, NOW).unwrap().accept(&expected, &policy, NOW).unwrap();
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
        assert!(!refusal.is_behind_decryption());
        assert!(!refusal.detail.contains("eva@") && !refusal.detail.contains("ada@"), "{refusal}");
        let reported = seek(Weight::Report).weigh(&other, &assertion).unwrap();
        assert!(matches!(reported, Opinion::Disagrees(_)), "{reported}");
    }

    #[test]
    fn it_reads_the_text_as_it_was_posted() {
        let message = xml("signxml_both").replacen("<saml:NameID Format=", "<saml:NameID\n\tFormat=", 1);
        assert_eq!(opinion(&message, &["rsa2048"]), Opinion::Agrees);
    }

    /// The signature over the element with that ID, by our own code.
    fn signed_by(message: &str, id: &str) -> SignedBy {
        let document = parse(message, 64).unwrap();
        let is_signature = |node: &uppsala::NodeId| {
            let parent = document.parent(*node).and_then(|parent| Element::at(&document, parent));
            Element::at(&document, *node).is_some_and(|e| e.is(SIGNATURE, "Signature"))
                && parent.is_some_and(|parent| parent.attribute("ID") == Some(id))
        };
        let node = document.descendants(document.root()).into_iter().find(is_signature).unwrap();
        let signature = Signature::parse(&document, node).unwrap();
        signature
            .verify(&document, &idp(&["rsa2048"]).keys, &Allowed::strong())
            .unwrap()
            .by()
            .unwrap()
            .clone()
    }

    #[test]
    fn of_an_encrypted_answer_what_was_posted_and_what_was_opened_must_both_be_good() {
        let message = xml("response");
        let (from, to) =
            (message.find("<saml:Assertion").unwrap(), message.find("</samlp:Response>").unwrap());
        let outer = format!(
            "{}<saml:EncryptedAssertion>x</saml:EncryptedAssertion>{}",
            &message[..from],
            &message[to..]
        );
        let outer = sign(&outer, "_response", "rsa2048");
        let inner = sign(&message, "_assertion", "rsa2048");
        let (_, assertion) = accepted(&inner, &idp(&["rsa2048"]));
        let said = Said { name_id: &assertion.name_id().value, attributes: assertion.attributes() };
        let outer_by = [signed_by(&outer, "_response")];
        let inner_by = [signed_by(&inner, "_assertion")];
        let posted = Evidence { document: &outer, signatures: &outer_by };
        let opened = Evidence { document: &inner, signatures: &inner_by };
        assert_eq!(xmlsec::opinion(&[posted, opened], &said), Opinion::Agrees);

        let disagrees =
            |evidence: &[Evidence<'_>]| matches!(xmlsec::opinion(evidence, &said), Opinion::Disagrees(_));
        let other_outer = replaced(&outer, ">x<", ">y<");
        assert!(disagrees(&[Evidence { document: &other_outer, ..posted }, opened]));
        let other_inner = replaced(&inner, ">ada@", ">eva@");
        assert!(disagrees(&[posted, Evidence { document: &other_inner, ..opened }]));
        // Signed around the ciphertext alone: what was opened is read all the same.
        let plain = Evidence { document: &message, signatures: &[] };
        assert_eq!(xmlsec::opinion(&[posted, plain], &said), Opinion::Agrees);
        assert!(disagrees(&[posted, Evidence { document: &other_inner, signatures: &[] }]));
        assert!(disagrees(&[plain]));
    }

    #[test]
    fn of_an_encrypted_answer_each_signature_that_is_there_is_judged() {
        let plain = xml("response");
        let inside = sealed(&sign(&plain, "_assertion", "rsa2048"), "rsa2048");
        let outside = sign(&sealed(&plain, "rsa2048"), "_response", "rsa2048");
        let both = sign(&inside, "_response", "rsa2048");
        for message in [&inside, &outside, &both] {
            assert_eq!(opinion(message, &["evil", "rsa2048"]), Opinion::Agrees);
        }
        // Signed inside alone, nothing of the envelope is evidence.
        assert_eq!(
            opinion(&replaced(&inside, "ID=\"_response\"", "ID=\"1\""), &["rsa2048"]),
            Opinion::Agrees
        );

        let judge = SecondOpinion::seek(Weight::Enforce).unwrap().unwrap();
        for message in [&outside, &both] {
            let (_, assertion) = accepted(message, &idp(&["rsa2048"]));
            let other = replaced(message, "<e:EncryptedKey>", "<e:EncryptedKey Id=\"_k\">");
            let other = ResponseText::from_xml(other, &Limits::default()).unwrap();
            let refusal = judge.weigh(&other, &assertion).unwrap_err();
            assert_eq!(refusal.reason, Reason::SecondOpinionDisagrees);
            assert!(refusal.is_behind_decryption());
        }
    }

    #[test]
    fn what_is_encrypted_by_itself_is_not_compared_and_opens_no_other_door() {
        let head = "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"><saml:Subject>";
        let attributes = "<saml:AttributeStatement><saml:Attribute Name=\"a\"><saml:AttributeValue>1</saml:AttributeValue>\
                          </saml:Attribute><saml:EncryptedAttribute>x</saml:EncryptedAttribute></saml:AttributeStatement>";
        let named =
            format!("{head}<saml:NameID>ada</saml:NameID></saml:Subject>{attributes}</saml:Assertion>");
        let unnamed = format!(
            "{head}<saml:EncryptedID>x</saml:EncryptedID></saml:Subject>{attributes}</saml:Assertion>"
        );
        let ours = |pairs: &[(&str, &str)]| -> Vec<_> {
            let one = |(name, value): &(&str, &str)| Attribute {
                name: (*name).to_owned(),
                friendly_name: None,
                name_format: None,
                values: vec![(*value).to_owned()],
            };
            pairs.iter().map(one).collect()
        };
        let compare = |document: &str, name_id: &str, pairs: &[(&str, &str)]| {
            Reading::of_events(document).unwrap().compare(&Said { name_id, attributes: &ours(pairs) })
        };
        assert_eq!(compare(&named, "ada", &[("a", "1")]), Ok(()));
        assert_eq!(compare(&named, "ada", &[("a", "1"), ("opened", "2")]), Ok(()));
        assert_eq!(compare(&named, "ada", &[("opened", "2"), ("a", "1")]), Ok(()));
        for (name_id, pairs) in [
            ("eva", &[("a", "1")][..]),
            ("ada", &[]),
            ("ada", &[("a", "2")]),
            ("ada", &[("a", "1"), ("opened", "2"), ("another", "3")]),
            ("ada", &[("opened", "2"), ("another", "3"), ("a", "1")]),
        ] {
            assert!(matches!(compare(&named, name_id, pairs), Err(Opinion::Disagrees(_))), "{pairs:?}");
        }
        assert!(matches!(compare(&unnamed, "whoever", &[("a", "1")]), Err(Opinion::NotComparable(_))));
        assert!(matches!(
            compare(&unnamed, "whoever", &[("a", "2"), ("b", "3")]),
            Err(Opinion::Disagrees(_))
        ));
    }
}
