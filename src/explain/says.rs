//! What a message says, as it stands there: who says what about whom, and until when.

use super::report::Fact;
use crate::saml::reading::Node;

/// Shows or hides what could name or describe a person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Privacy {
    /// Show everything.
    pub(super) show_values: bool,
}

impl Privacy {
    /// A value that may name or describe a person.
    pub(super) fn of(self, value: &str) -> String {
        if self.show_values {
            return value.to_owned();
        }
        let looks_like = if value.contains('@') { ", with an @" } else { "" };
        match value.chars().count() {
            0 => "(empty)".to_owned(),
            1 => "(1 character)".to_owned(),
            count => format!("({count} characters{looks_like})"),
        }
    }
}

impl Privacy {
    /// A sentence of the other side's, in which an address may stand.
    pub(super) fn of_sentence(self, sentence: &str) -> String {
        if self.show_values || !sentence.contains('@') {
            return sentence.to_owned();
        }
        let hidden =
            |word: &str| if word.contains('@') { "(an address)".to_owned() } else { word.to_owned() };
        sentence.split(' ').map(hidden).collect::<Vec<_>>().join(" ")
    }
}

/// Collects facts that are there.
struct Facts {
    privacy: Privacy,
    list: Vec<Fact>,
}

/// What a message says about itself and, where it has assertions, what those say.
pub(super) fn says(message: &Node, privacy: Privacy) -> Vec<Fact> {
    let mut facts = Facts { privacy, list: Vec::new() };
    facts.attribute("ID", message, "ID");
    facts.text("issuer", message.child("Issuer"));
    facts.attribute("issued", message, "IssueInstant");
    facts.attribute("destination", message, "Destination");
    facts.attribute("answers the request", message, "InResponseTo");
    match message.name.as_str() {
        "AuthnRequest" => facts.authn_request(message),
        "LogoutRequest" => facts.logout_request(message),
        _ => facts.status(message),
    }
    let assertions: Vec<_> =
        message.all("Assertion").chain((message.name == "Assertion").then_some(message)).collect();
    for assertion in &assertions {
        facts.assertion(assertion);
    }
    let encrypted = message.all("EncryptedAssertion").count();
    if assertions.len() + encrypted != 1 && message.name == "Response" {
        facts.push("assertions", format!("{}, {encrypted} of them encrypted", assertions.len() + encrypted));
    }
    facts.list
}

impl Facts {
    fn push(&mut self, name: &str, value: impl Into<String>) {
        self.list.push(Fact { name: name.to_owned(), value: value.into() });
    }

    fn attribute(&mut self, name: &str, node: &Node, attribute: &str) {
        if let Some(value) = node.attribute(attribute) {
            self.push(name, value);
        }
    }

    fn text(&mut self, name: &str, node: Option<&Node>) {
        if let Some(node) = node {
            self.push(name, node.text.as_str());
        }
    }

    fn status(&mut self, message: &Node) {
        let Some(status) = message.child("Status") else { return };
        let mut codes = Vec::new();
        let mut at = status.child("StatusCode");
        while let Some(code) = at {
            codes.push(last_part(code.attribute("Value").unwrap_or("(no value)")));
            at = code.child("StatusCode");
        }
        self.push("status", codes.join(" / "));
        if let Some(message) = status.child("StatusMessage") {
            let said = self.privacy.of_sentence(&message.text);
            self.push("status message", said);
        }
    }

    fn authn_request(&mut self, request: &Node) {
        self.attribute("answer to", request, "AssertionConsumerServiceURL");
        self.attribute("answer to the address numbered", request, "AssertionConsumerServiceIndex");
        self.attribute("answer by", request, "ProtocolBinding");
        self.attribute("sign in anew", request, "ForceAuthn");
        self.attribute("without asking the user", request, "IsPassive");
        if let Some(policy) = request.child("NameIDPolicy") {
            self.attribute("NameID format asked for", policy, "Format");
        }
        if let Some(context) = request.child("RequestedAuthnContext") {
            let classes: Vec<_> =
                context.all("AuthnContextClassRef").map(|class| class.text.as_str()).collect();
            let comparison = context.attribute("Comparison").unwrap_or("exact");
            self.push("authentication asked for", format!("{comparison}: {}", classes.join(", ")));
        }
    }

    fn logout_request(&mut self, request: &Node) {
        self.attribute("valid until", request, "NotOnOrAfter");
        self.attribute("reason", request, "Reason");
        self.name_id(request);
        for index in request.all("SessionIndex") {
            let value = self.privacy.of(&index.text);
            self.push("session index", value);
        }
    }

    fn name_id(&mut self, of: &Node) {
        if let Some(name_id) = of.child("NameID") {
            let format = last_part(name_id.attribute("Format").unwrap_or("unspecified"));
            let value = self.privacy.of(&name_id.text);
            self.push("about", format!("{value}, NameID format {format}"));
        }
        if of.child("EncryptedID").is_some() {
            self.push("about", "(an encrypted NameID)");
        }
    }

    fn assertion(&mut self, assertion: &Node) {
        self.attribute("assertion", assertion, "ID");
        self.text("assertion's issuer", assertion.child("Issuer"));
        self.attribute("assertion issued", assertion, "IssueInstant");
        if let Some(subject) = assertion.child("Subject") {
            self.name_id(subject);
            for confirmation in subject.all("SubjectConfirmation") {
                self.confirmation(confirmation);
            }
        }
        if let Some(conditions) = assertion.child("Conditions") {
            self.attribute("valid from", conditions, "NotBefore");
            self.attribute("valid until", conditions, "NotOnOrAfter");
            for audience in conditions.all("AudienceRestriction").flat_map(|one| one.all("Audience")) {
                self.push("audience", audience.text.as_str());
            }
        }
        for statement in assertion.all("AuthnStatement") {
            self.attribute("signed in", statement, "AuthnInstant");
            self.text("signed in by", statement.at(&["AuthnContext", "AuthnContextClassRef"]));
            if let Some(index) = statement.attribute("SessionIndex") {
                let value = self.privacy.of(index);
                self.push("session index", value);
            }
            self.attribute("session until", statement, "SessionNotOnOrAfter");
        }
    }

    fn confirmation(&mut self, confirmation: &Node) {
        let method = last_part(confirmation.attribute("Method").unwrap_or("(no method)"));
        self.push("presented by", method);
        let Some(data) = confirmation.child("SubjectConfirmationData") else { return };
        self.attribute("recipient", data, "Recipient");
        self.attribute("confirmation until", data, "NotOnOrAfter");
        self.attribute("confirmation answers", data, "InResponseTo");
    }
}

/// `urn:oasis:names:tc:SAML:2.0:status:Success` is `Success` to people.
pub(super) fn last_part(uri: &str) -> &str {
    let known = ["urn:oasis:names:tc:SAML:2.0:", "urn:oasis:names:tc:SAML:1.1:"];
    match known.iter().any(|start| uri.starts_with(start)) {
        true => uri.rsplit(':').next().unwrap_or(uri),
        false => uri,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::parties::Limits;

    fn facts(xml: &str, show_values: bool) -> Vec<(String, String)> {
        let node = Node::read(xml, &Limits::default()).unwrap();
        let facts = says(&node, Privacy { show_values });
        facts.into_iter().map(|fact| (fact.name, fact.value)).collect()
    }

    const LOGOUT: &str = "<LogoutRequest ID='_1' NotOnOrAfter='2026-01-15T12:00:00Z'><Issuer>idp</Issuer>\
        <NameID Format='urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'>ada@x</NameID>\
        <SessionIndex>s</SessionIndex></LogoutRequest>";

    #[test]
    fn people_are_not_named_unless_asked_for() {
        let hidden = facts(LOGOUT, false);
        assert!(hidden.iter().all(|(_, value)| !value.contains("ada")), "{hidden:?}");
        assert!(
            hidden.contains(&("about".into(), "(5 characters, with an @), NameID format persistent".into()))
        );
        assert!(hidden.contains(&("session index".into(), "(1 character)".into())));
        assert!(facts(LOGOUT, true).contains(&("about".into(), "ada@x, NameID format persistent".into())));
    }

    #[test]
    fn every_level_of_a_status_is_told() {
        let xml = "<Response><Status><StatusCode Value='urn:oasis:names:tc:SAML:2.0:status:Responder'>\
            <StatusCode Value='urn:oasis:names:tc:SAML:2.0:status:AuthnFailed'/></StatusCode>\
            <StatusMessage>ada@x.example is not known</StatusMessage></Status></Response>";
        let facts = facts(xml, false);
        assert!(facts.contains(&("status".into(), "Responder / AuthnFailed".into())), "{facts:?}");
        assert!(facts.contains(&("status message".into(), "(an address) is not known".into())), "{facts:?}");
        assert!(facts.contains(&("assertions".into(), "0, 0 of them encrypted".into())), "{facts:?}");
    }
}
