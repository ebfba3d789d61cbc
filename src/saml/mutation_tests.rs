//! A small, repeatable fuzzer of good messages.

use super::logout::{AcceptedLogoutRequest, Carries, LogoutText, RawLogout};
use super::parties::{Limits, Policy};
use super::response::AcceptedAssertion;
use super::testing::{IDP, NOW, SLO, idp, outcome, sign, sp, xml as fixture};
use super::xml::{ASSERTION, PROTOCOL};
use crate::reason::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

/// Whatever is done to a good message, it is refused or says exactly what was signed.
#[test]
fn mutations_are_refused_or_mean_the_same() {
    let idp = idp(&["rsa2048"]);
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for name in ["signxml_rsa2048_rsa_sha256", "signxml_both", "xmlsec1_odd_response"] {
        let message = fixture(name);
        let facts = |accepted: &AcceptedAssertion| {
            let attributes: Vec<_> =
                accepted.attributes().iter().map(|a| (a.name.clone(), a.values.clone())).collect();
            (accepted.id().to_owned(), accepted.name_id().clone(), attributes, accepted.acceptable_until())
        };
        let original = facts(&outcome(&message, &idp, NOW).unwrap());
        let mut accepted = 0;
        for _ in 0..400 {
            let mutated = dice.mutate(&message);
            if let Ok(found) = outcome(&mutated, &idp, NOW) {
                assert!(facts(&found) == original, "{mutated}");
                accepted += 1;
            }
        }
        assert!(accepted < 200, "the mutations of {name} hardly change anything: {accepted}");
    }
}

/// The same of a logout request: nobody else's session ends by it.
#[test]
fn mutations_of_a_logout_request_are_refused_or_mean_the_same() {
    let request = format!(
        "<samlp:LogoutRequest xmlns:samlp=\"{PROTOCOL}\" xmlns:saml=\"{ASSERTION}\" ID=\"_assertion\" Version=\"2.0\" \
         IssueInstant=\"2026-01-15T12:00:30Z\" Destination=\"{SLO}\"><saml:Issuer>{IDP}</saml:Issuer>\
         <saml:NameID>ada@example.org</saml:NameID><samlp:SessionIndex>engineers</samlp:SessionIndex></samlp:LogoutRequest>"
    );
    let message = sign(&request, "_assertion", "rsa2048");
    let (idp, sp) = (idp(&["rsa2048"]), sp(&[]));
    let policy = Policy { clock_skew: Duration::from_secs(60) };
    let judge = |xml: &str| -> Result<AcceptedLogoutRequest, Refusal> {
        let limits = Limits::default();
        let text = LogoutText::from_form(Carries::Request, &STANDARD.encode(xml), None, &limits)?;
        RawLogout::parse(&text, &limits)?.verify(&idp, &sp, true)?.accept_request(&idp, &sp, &policy, NOW)
    };
    let original = judge(&message).unwrap();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut accepted = 0;
    for _ in 0..1000 {
        let mutated = dice.mutate(&message);
        if let Ok(found) = judge(&mutated) {
            let same = found.means(original.name_id(), Some("engineers"))
                && !found.means(original.name_id(), Some("root"))
                && (found.id(), found.issued()) == (original.id(), original.issued())
                && found.name_id() == original.name_id();
            assert!(same, "{mutated}");
            accepted += 1;
        }
    }
    assert!(accepted < 500, "the mutations hardly change anything: {accepted}");
}

/// xorshift64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }

    fn place(&mut self, text: &str) -> usize {
        let at = self.roll(text.len());
        (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    }

    fn tag(&mut self, text: &str) -> usize {
        let tags: Vec<_> = text.match_indices('<').map(|(at, _)| at).collect();
        tags[self.roll(tags.len())]
    }

    fn mutate(&mut self, text: &str) -> String {
        const SNIPPETS: &[&str] = &[
            "<!---->",
            "<!-- x -->",
            "<![CDATA[x]]>",
            "&#x41;",
            "&amp;",
            " ID=\"_assertion\"",
            " x:ID=\"_x\" xmlns:x=\"urn:x\"",
            "eva@example.org",
            "<?pi x?>",
            "\r\n",
            "\t",
            " xmlns=\"urn:e\"",
            " xmlns:saml=\"urn:e\"",
            "</saml:Assertion>",
            "<saml:NameID>eva@example.org</saml:NameID>",
            "<saml:Assertion ID=\"_x\">",
            "]]>",
            "/>",
            "\"",
            "<",
            ">",
            "&",
            "\u{feff}",
            "\u{200d}",
            "<saml:Subject>",
            "</saml:Subject>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]>",
            " ",
        ];
        const SWAPS: &[(&str, &str)] = &[
            ("_assertion", "_other"),
            ("ada@", "eva@"),
            ("saml:", "x:"),
            ("_response", "_assertion"),
            ("ds:", "x:"),
            ("engineers", "root"),
            ("Assertion", "Assertions"),
            ("12:0", "13:0"),
        ];
        let mut text = text.to_owned();
        for _ in 0..=self.roll(3) {
            let snippet = SNIPPETS[self.roll(SNIPPETS.len())];
            match self.roll(5) {
                0 => {
                    let at = self.place(&text);
                    text.insert_str(at, snippet);
                }
                1 => {
                    let at = self.tag(&text);
                    text.insert_str(at, snippet);
                }
                2 => {
                    let (one, other, place) = (self.tag(&text), self.tag(&text), self.tag(&text));
                    let copy = text[one.min(other)..one.max(other)].replace("ada@", "eva@");
                    text.insert_str(place, &copy);
                }
                3 => {
                    let (one, other) = (self.tag(&text), self.tag(&text));
                    text.replace_range(one.min(other)..one.max(other), "");
                    if !text.contains('<') {
                        return text;
                    }
                }
                _ => {
                    let (from, to) = SWAPS[self.roll(SWAPS.len())];
                    let places: Vec<_> = text.match_indices(from).map(|(at, _)| at).collect();
                    if !places.is_empty() {
                        let at = places[self.roll(places.len())];
                        text.replace_range(at..at + from.len(), to);
                    }
                }
            }
        }
        text
    }
}
