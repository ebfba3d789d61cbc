//! What a test sign-in will ask, before anything has happened.

use super::sheet::{certificates, fact};
use crate::clock::Moment;
use crate::pages::{Section, Sheet};
use crate::saml::authn_request::{Question, RequestId, preview};
use crate::site::Site;
use crate::test_link::TestLink;

/// What would be asked, and whether it can be.
pub(super) fn sheet(site: &Site, link: &TestLink, now: Moment) -> (Sheet, bool) {
    let mut sheet = Sheet::default();
    let idp = &link.idp;
    let sp = &site.service_provider;
    let ours = Section {
        heading: "Where the answer must go",
        note: Some("These are the values to enter at the identity provider.".to_owned()),
        facts: vec![
            fact("our entity ID (audience)", sp.entity_id.as_str()),
            fact("assertion consumer service (ACS)", &sp.acs_url),
            fact("site", &site.name),
        ],
        ..Section::default()
    };
    let mut theirs = vec![
        fact("identity provider", format!("{} ({})", idp.id, idp.label)),
        fact("status", idp.status.as_str()),
        fact("this link is good until", link.until.to_string()),
    ];
    let saml = match idp.saml(now) {
        Ok(saml) => saml,
        Err(refusal) => {
            sheet.lead.push(format!(
                "It cannot be asked: {} ({}). {}",
                refusal.detail,
                refusal.reason.code(),
                refusal.reason.what_to_change()
            ));
            sheet.sections = vec![section("Who would be asked", theirs), ours];
            return (sheet, false);
        }
    };
    // A name of the same length as that of the request which is made when the button is pressed.
    let id = RequestId::from_sealed(EXAMPLE_ID.to_owned());
    let question = Question {
        service_provider: sp,
        identity_provider: &saml,
        demand: &idp.demand,
        anew: false,
        id: &id,
        relay_state: "",
        acs_url: &sp.acs_url,
        prefer: None,
    };
    theirs.push(fact("its entity ID", saml.entity_id.as_str()));
    let mut request = Section { heading: "The request", ..Section::default() };
    let asked = match preview(&question, now) {
        Ok(preview) => {
            theirs.push(fact("address", &preview.location));
            theirs.push(fact("binding", preview.binding.name()));
            let demand = &idp.demand;
            let format = demand.name_id_format.as_deref().unwrap_or("any (nothing is asked for)");
            request.facts.push(fact("NameIDPolicy", format));
            request.facts.push(fact("signed", if preview.signed { "yes" } else { "no" }));
            request
                .facts
                .push(fact("asks for", demand.in_words().unwrap_or_else(|| "nothing in particular".into())));
            request.text = Some(preview.xml.replace("><", ">\n<"));
            true
        }
        Err(problem) => {
            sheet.lead.push(format!("It cannot be asked: {problem}."));
            false
        }
    };
    sheet.sections = vec![section("Who will be asked", theirs), ours, request];
    sheet.sections.push(certificates(&saml, now));
    (sheet, asked)
}

fn section(heading: &'static str, facts: Vec<(String, String)>) -> Section {
    Section { heading, facts, ..Section::default() }
}

const EXAMPLE_ID: &str = "_(made when you go on)";
