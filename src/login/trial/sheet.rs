//! A test sign-in in words: what was sent, what every rule said, and what would have followed.

use crate::access::Says;
use crate::clock::Moment;
use crate::explain::Explained;
use crate::explain::report::{AttributeSeen, Cause, CertificateSeen, RuleSeen, SignatureSeen, State, Values};
use crate::gate::Told;
use crate::identity::{Mapping, Person};
use crate::pages::{Section, Sheet, Table};
use crate::reason::Refusal;
use crate::saml::parties::IdentityProvider;
use crate::saml::reading;
use crate::session::Session;
use crate::site::{Face, Site};

/// An answer, whom it is from, and what the rules said of it.
pub(super) struct Judged<'a> {
    pub(super) site: &'a Site,
    pub(super) saml: Option<&'a IdentityProvider>,
    /// None: it could not be explained.
    pub(super) explained: Option<&'a Explained>,
    pub(super) now: Moment,
}

/// What an accepted answer would have led to, then what it was.
pub(super) fn accepted(
    judged: &Judged<'_>,
    session: &Session,
    admission: &[(&'static str, String)],
    told: &[Told],
) -> Sheet {
    let mut sections: Vec<Section> = judged.explained.into_iter().map(identity).collect();
    sections.push(roles(&judged.site.mapping, session));
    if matches!(judged.site.face, Face::SignOn) {
        sections.push(each_site());
        sections.extend(sent(judged, None));
        return Sheet { lead: Vec::new(), sections };
    }
    let admission = admission.iter().map(|(name, said)| fact(name, said)).collect();
    sections.push(Section { heading: "What admission said", facts: admission, ..Section::default() });
    sections.push(access(judged.site, session, judged.now));
    sections.extend(headers(told));
    sections.extend(sent(judged, None));
    Sheet { lead: Vec::new(), sections }
}

/// At a sign-on host there is no application: what would be said of admission, rules and headers is true of no site.
fn each_site() -> Section {
    let note = "This is a sign-on host. Each site that signs on here reads the same answer by its own identity, roles and \
                admission, and decides by its own rules; this page cannot say for them whether this person is let in.";
    Section { heading: "What the sites make of it", note: Some(note.to_owned()), ..Section::default() }
}

/// Why it is refused, then what it was.
pub(super) fn refused(judged: &Judged<'_>, refusal: &Refusal) -> Sheet {
    let mut sections: Vec<Section> = judged.explained.into_iter().map(identity).collect();
    sections.extend(sent(judged, Some(refusal)));
    Sheet { lead: cause(refusal, judged.explained), sections }
}

/// The refusal, with what was found about it in this very answer.
fn cause(refusal: &Refusal, explained: Option<&Explained>) -> Vec<String> {
    let reason = refusal.public_reason();
    if refusal.is_behind_decryption() {
        return vec![
            format!("Refused: {}", reason.code()),
            "What is encrypted did not open, or what was inside is not signed as it must be. Which of the two is not \
             shown to anybody, because whoever is told can use the gate to open what others encrypted. The exact code \
             is in the audit log, under the reference below."
                .to_owned(),
        ];
    }
    let same = |cause: &&Cause| cause.code == reason.code();
    let told = explained.and_then(|explained| explained.verdict.as_ref()?.refused.as_ref()).filter(same);
    let mut lead = vec![format!("Refused: {}", reason.code()), reason.meaning().to_owned()];
    if !refusal.detail.is_empty() {
        lead.push(format!("Found: {}", reading::tame(&refusal.detail)));
    }
    lead.extend(
        told.iter().flat_map(|cause| &cause.hints).map(|hint| format!("Note: {}", reading::tame(hint))),
    );
    lead.push(format!("Likely cause: {}", reason.likely_cause()));
    lead.push(format!("What to change: {}", reason.what_to_change()));
    lead
}

/// What it was: the same for every answer.
fn sent(judged: &Judged<'_>, refusal: Option<&Refusal>) -> Vec<Section> {
    let mut sections = Vec::new();
    if let Some(explained) = judged.explained {
        sections.extend(attributes(explained));
        sections.push(signatures(explained, judged));
        sections.push(encryption(explained));
    }
    sections.extend(judged.saml.map(|saml| certificates(saml, judged.now)));
    if let Some(explained) = judged.explained {
        sections.push(clocks(explained, judged));
        sections.push(says(explained));
        sections.extend(rules(explained, refusal));
    }
    sections
}

fn identity(explained: &Explained) -> Section {
    let heading = "Who it would be";
    let Some(identity) = &explained.identity else {
        let note = "Nothing could be read of who it is.".to_owned();
        return Section { heading, note: Some(note), ..Section::default() };
    };
    let unverified = "No configured key vouches for this: it is what the message says.";
    let mut facts: Vec<_> = identity.told.iter().map(|told| fact(&told.name, &told.value)).collect();
    facts.push(fact("NameID format", &identity.name_id_format));
    Section {
        heading,
        note: (!identity.verified).then(|| unverified.to_owned()),
        facts,
        ..Section::default()
    }
}

fn attributes(explained: &Explained) -> Option<Section> {
    let identity = explained.identity.as_ref()?;
    let row = |attribute: &AttributeSeen| {
        let friendly = attribute.friendly_name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let read_as = match &attribute.read_as[..] {
            [] => "not used".to_owned(),
            keys => keys.join(", "),
        };
        vec![format!("{}{friendly}", attribute.name), attribute.values.join(", "), read_as]
    };
    Some(Section {
        heading: "What the identity provider sent",
        note: identity.attributes.is_empty().then(|| "It sent no attributes.".to_owned()),
        facts: explained
            .says
            .iter()
            .filter(|said| said.name == "about")
            .map(|said| fact("NameID", &said.value))
            .collect(),
        table: table("Attributes", ["name", "values", "read as"], identity.attributes.iter().map(row)),
        ..Section::default()
    })
}

fn roles(mapping: &Mapping, session: &Session) -> Section {
    let mut held: Vec<String> = Vec::new();
    session.each_role(&mut |role| held.push(role.to_owned()));
    let row = |(group, role): &(String, String)| {
        let said = match session.in_group(group) {
            Some(true) => "gives it",
            Some(false) => "not in this group",
            None => "not known: no groups were sent",
        };
        vec![group.clone(), role.clone(), said.to_owned()]
    };
    let by_table = |role: &&String| {
        mapping.roles.iter().any(|(group, mapped)| mapped == *role && session.in_group(group) == Some(true))
    };
    let note = match (held.as_slice(), mapping.default_role_at(session.idp())) {
        ([], _) => "No role.".to_owned(),
        (held, Some(default)) if held.iter().all(|role| role == default && !by_table(&role)) => {
            format!("{default}, the default role: no row gave one.")
        }
        (held, _) => held.join(", "),
    };
    Section {
        heading: "Which mapping gave which role",
        note: Some(note),
        table: table(
            "roles of the configuration",
            ["group", "role", "for this person"],
            mapping.roles.iter().map(row),
        ),
        ..Section::default()
    }
}

fn access(site: &Site, session: &Session, now: Moment) -> Section {
    let rows = site.rules.preview(session, now).into_iter().map(|rule| {
        let says = match rule.says {
            Says::Passes => "lets them in",
            Says::NeedsStepUp => "sends them to sign in in another way first",
            Says::Denied => "refuses them",
            Says::UnknownGroups => "refuses them: their groups are not known",
        };
        vec![rule.place, rule.selects, rule.access, says.to_owned()]
    });
    Section {
        heading: "Where the access rules would let them",
        note: Some("The first rule that selects a request decides.".to_owned()),
        table: table("Rules in their order", ["rule", "selects", "asks for", "says"], rows),
        ..Section::default()
    }
}

fn headers(told: &[Told]) -> Vec<Section> {
    let rows = told.iter().map(|header| {
        let value = if header.claims.is_some() {
            "(a signed JWT, see below)".to_owned()
        } else {
            header.value.clone()
        };
        vec![header.name.clone(), value]
    });
    let all = Section {
        heading: "The headers that the application would have got",
        table: table("Every one is set, empty where there is nothing to say", ["header", "value"], rows),
        ..Section::default()
    };
    let claims = told.iter().filter_map(|header| header.claims.clone()).map(|claims| Section {
        heading: "What the JWT would have claimed",
        note: Some(
            "Its identifiers are those of a session that was not made; the token itself is not shown."
                .to_owned(),
        ),
        text: Some(claims.lines().map(reading::tame).collect::<Vec<_>>().join("\n")),
        ..Section::default()
    });
    [all].into_iter().chain(claims).collect()
}

fn signatures(explained: &Explained, judged: &Judged<'_>) -> Section {
    let row = |signature: &SignatureSeen| {
        let made_by = match (&signature.made_by, signature.unaltered) {
            (Some(certificate), _) => with_days(certificate, judged),
            (None, None) => "not verified".to_owned(),
            (None, Some(_)) => {
                let shown = signature.shown.iter().map(|shown| with_days(shown, judged)).collect::<Vec<_>>();
                match shown.as_slice() {
                    [] => "nobody whom the configuration knows".to_owned(),
                    shown => format!("nobody whom the configuration knows; it shows {}", shown.join(", ")),
                }
            }
        };
        let unaltered = match signature.unaltered {
            Some(true) => "unaltered",
            Some(false) => "altered after it was signed",
            None => "cannot be told",
        };
        let algorithms =
            format!("{}, digest {}, {}", signature.algorithm, signature.digest, signature.canonicalization);
        vec![signature.over.clone(), algorithms, made_by, unaltered.to_owned()]
    };
    let inside = explained.encrypted.iter().any(|part| part.part == "EncryptedAssertion");
    let note = match (explained.signatures.is_empty(), inside) {
        (true, true) => Some("Nothing outside of what is encrypted is signed."),
        (true, false) => Some("Nothing is signed."),
        (false, true) => Some("Signatures inside of what is encrypted are not listed."),
        (false, false) => None,
    };
    Section {
        heading: "How it is signed",
        note: note.map(str::to_owned),
        table: table(
            "Signatures",
            ["over", "algorithms", "signed by", "content"],
            explained.signatures.iter().map(row),
        ),
        ..Section::default()
    }
}

fn encryption(explained: &Explained) -> Section {
    let rows = explained
        .encrypted
        .iter()
        .map(|part| vec![part.part.clone(), part.content.clone(), part.key.clone(), part.opened.clone()]);
    let table = table("Encrypted parts", ["part", "content", "key", "opened"], rows);
    let note = table.is_none().then(|| "Nothing is encrypted.".to_owned());
    Section { heading: "How it is encrypted", note, table, ..Section::default() }
}

/// The certificates whose keys may sign for it.
pub(super) fn certificates(saml: &IdentityProvider, now: Moment) -> Section {
    let rows = saml.keys.certificates().iter().map(|one| {
        let left = days_left(now.whole_days_until(one.not_after));
        vec![one.subject.clone(), one.key.clone(), format!("{} ({left})", one.not_after), one.fingerprint()]
    });
    Section {
        heading: "Certificates of the identity provider",
        table: table(
            "As they are configured, or as its metadata has them",
            ["subject", "key", "ends", "SHA-256"],
            rows,
        ),
        ..Section::default()
    }
}

fn clocks(explained: &Explained, judged: &Judged<'_>) -> Section {
    let tolerated = judged.site.policy.clock_skew.as_secs();
    let mut facts = vec![fact("our clock", judged.now.to_string())];
    let issued = explained.says.iter().find(|fact| fact.name == "issued");
    if let Some(issued) = issued {
        facts.push(fact("issued, by its clock", &issued.value));
    }
    if let Some(issued) = issued.and_then(|issued| reading::moment(&issued.value)) {
        let ahead = (issued.millis().saturating_sub(judged.now.millis())) / 1000;
        let said = match ahead {
            1.. => format!("{ahead} s ahead of ours"),
            _ => format!("at most {} s behind ours, the way of the answer included", -ahead),
        };
        facts.push(fact("its clock is", said));
    }
    facts.push(fact("tolerated (clock_skew)", format!("{tolerated} s")));
    let noticed = explained.verdict.iter().flat_map(|verdict| &verdict.clocks).cloned().collect::<Vec<_>>();
    let note = (!noticed.is_empty()).then(|| noticed.join("; "));
    Section { heading: "Clocks", note, facts, ..Section::default() }
}

fn says(explained: &Explained) -> Section {
    let facts = explained.says.iter().map(|said| fact(&said.name, &said.value)).collect();
    Section { heading: "What the answer says of itself", facts, ..Section::default() }
}

fn rules(explained: &Explained, refusal: Option<&Refusal>) -> Option<Section> {
    if explained.rules.is_empty() {
        return None;
    }
    let row = |rule: &RuleSeen| {
        let state = match rule.state {
            State::Passed => "pass",
            State::Failed => "FAIL",
            State::NotReached => "not reached",
            // What only the gate knows, it has asked before this page was made.
            State::CannotBeToldHere if refusal.is_none() => "pass",
            State::CannotBeToldHere => return None,
        };
        let unverified = if rule.unverified { " (unverified)" } else { "" };
        let compared = rule.compared.as_ref().map(compared).unwrap_or_default();
        Some([state.to_owned(), rule.code.to_owned(), format!("{}{unverified}", rule.part), compared])
    };
    let mut rows: Vec<[String; 4]> = explained.rules.iter().filter_map(row).collect();
    // What refuses comes first; the rest keeps its order.
    rows.sort_by_key(|[state, ..]| state != "FAIL");
    let code = refusal.map(|refusal| refusal.reason.code());
    if let (Some(code), false) =
        (code, rows.iter().any(|[state, rule, ..]| state == "FAIL" && Some(&**rule) == code))
    {
        rows.insert(0, ["FAIL".to_owned(), code.to_owned(), "the sign-in".to_owned(), String::new()]);
    }
    let opinion = explained.second_opinion.as_ref();
    Some(Section {
        heading: "What each rule said",
        note: opinion.map(|said| format!("The second opinion (xmlsec1 and samael) {said}.")),
        table: table(
            "By the codes that they refuse with",
            ["result", "rule", "part", "compared"],
            rows.into_iter().map(Vec::from),
        ),
        ..Section::default()
    })
}

fn compared(values: &Values) -> String {
    match values {
        Values::Words { words } => words.clone(),
        Values::Times { what, then, compared_with, seconds_later } => {
            format!("{what} {then}; compared with {compared_with} ({seconds_later:+} s)")
        }
        Values::Texts { found, wanted, difference } => {
            let found = found.join(", ");
            let difference = difference.as_ref().map(|said| format!("; {said}")).unwrap_or_default();
            if found == *wanted { found } else { format!("{found}, expected {wanted}{difference}") }
        }
    }
}

fn with_days(certificate: &CertificateSeen, judged: &Judged<'_>) -> String {
    let ends = reading::moment(&certificate.not_after);
    let left =
        ends.map_or_else(String::new, |ends| format!(" ({})", days_left(judged.now.whole_days_until(ends))));
    format!("{}, {}, until {}{left}", certificate.subject, certificate.key, certificate.not_after)
}

fn days_left(days: i64) -> String {
    match days {
        ..=-1 => "it has ended".to_owned(),
        1 => "1 day left".to_owned(),
        days => format!("{days} days left"),
    }
}

/// None when there is nothing in it.
fn table<const N: usize>(
    caption: &'static str,
    columns: [&'static str; N],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Option<Table> {
    let tamed = |row: Vec<String>| row.iter().map(|cell| reading::tame(cell)).collect();
    let rows: Vec<Vec<String>> = rows.into_iter().map(tamed).collect();
    (!rows.is_empty()).then(|| Table { caption, columns: columns.to_vec(), rows })
}

/// A name with a value that may come from anywhere.
pub(super) fn fact(name: &str, value: impl AsRef<str>) -> (String, String) {
    (name.to_owned(), reading::tame(value.as_ref()))
}
