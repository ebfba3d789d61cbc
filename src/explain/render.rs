//! An explanation as text for a terminal. The cause comes before everything else; the rules come last, every one.
//!
//! Whatever comes out of a message goes through [`tame`]: no message may move the cursor or colour the terminal.

use super::differ;
use super::report::{
    Against, Cause, CertificateSeen, EncryptedSeen, Explained, IdentitySeen, Report, RuleSeen, SignatureSeen,
    State, Values, Verdict,
};
use crate::saml::reading::tame;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const ODD: Style = AnsiColor::Yellow.on_default();

/// How far the names in front of values reach.
const WIDTH: usize = 22;

/// Writes everything.
///
/// # Errors
/// What writing says.
pub fn render(to: &mut dyn Write, report: &Report) -> io::Result<()> {
    for (number, message) in report.messages.iter().enumerate() {
        if number > 0 {
            writeln!(to)?;
        }
        print_message(to, message)?;
    }
    for note in &report.notes {
        writeln!(to, "\n{ODD}note:{ODD:#} {}", tame(note))?;
    }
    Ok(())
}

fn print_message(to: &mut dyn Write, message: &Explained) -> io::Result<()> {
    let carried = match message.carried {
        "post" => "posted",
        "redirect" => "in a query",
        _ => "as XML",
    };
    writeln!(to, "{BOLD}{}{BOLD:#} {carried}, {}", tame(&message.kind), tame(&message.found))?;
    for note in &message.notes {
        writeln!(to, "  {ODD}note:{ODD:#} {}", tame(note))?;
    }
    if let Some(verdict) = &message.verdict {
        print_verdict(to, verdict)?;
    }
    if let Some(opinion) = &message.second_opinion {
        let style = if opinion.starts_with("disagrees") { BAD } else { GOOD };
        writeln!(to, "\n{style}The second opinion (xmlsec1 and samael) {}.{style:#}", tame(opinion))?;
    }
    heading(to, "what it says", &message.says)?;
    for fact in &message.says {
        row(to, &fact.name, &tame(&fact.value))?;
    }
    print_protection(to, &message.signatures, &message.encrypted)?;
    if let Some(identity) = &message.identity {
        print_identity(to, identity)?;
    }
    if let Some(against) = &message.against {
        print_against(to, against)?;
    }
    print_rules(to, &message.rules)
}

fn print_verdict(to: &mut dyn Write, verdict: &Verdict) -> io::Result<()> {
    match &verdict.refused {
        None => writeln!(to, "\n{GOOD}Every rule that can be applied here is passed.{GOOD:#}")?,
        Some(cause) => {
            writeln!(to, "\n{BAD}refused: {}{BAD:#}", cause.code)?;
            print_cause(to, cause, "  ")?;
        }
    }
    for said in &verdict.clocks {
        writeln!(to, "  {ODD}clock:{ODD:#} {said}")?;
    }
    let before = verdict.refused.as_ref().map(|cause| cause.code);
    match verdict.refused_now.as_deref() {
        now if now == before => Ok(()),
        None => writeln!(to, "  {DIM}Now it would be accepted.{DIM:#}"),
        Some(code) => writeln!(to, "  {DIM}Now it would be refused: {code}.{DIM:#}"),
    }
}

fn print_cause(to: &mut dyn Write, cause: &Cause, indent: &str) -> io::Result<()> {
    writeln!(to, "{indent}{}", cause.meaning)?;
    if !cause.detail.is_empty() {
        writeln!(to, "{indent}{DIM}found  {DIM:#} {}", tame(&cause.detail))?;
    }
    for hint in &cause.hints {
        writeln!(to, "{indent}{DIM}note   {DIM:#} {}", tame(hint))?;
    }
    writeln!(to, "{indent}{DIM}cause  {DIM:#} {}", cause.likely_cause)?;
    writeln!(to, "{indent}{DIM}change {DIM:#} {}", cause.what_to_change)
}

fn print_protection(
    to: &mut dyn Write,
    signatures: &[SignatureSeen],
    encrypted: &[EncryptedSeen],
) -> io::Result<()> {
    heading(to, "how it is signed", signatures)?;
    for signature in signatures {
        let names =
            format!("{}, digest {}, {}", signature.algorithm, signature.digest, signature.canonicalization);
        row(to, &signature.over, &tame(&names))?;
        match &signature.made_by {
            None if signature.unaltered.is_none() => row(to, "", "not verified")?,
            Some(certificate) => row(to, "", &format!("{GOOD}signed by{GOOD:#} {}", described(certificate)))?,
            None => row(to, "", &format!("{BAD}signed by nobody whom the configuration knows{BAD:#}"))?,
        }
        for certificate in signature.shown.iter().filter(|shown| Some(*shown) != signature.made_by.as_ref()) {
            let known = if certificate.configured { "configured" } else { "not configured" };
            row(to, "", &format!("shows, {known}: {}", described(certificate)))?;
        }
        match signature.unaltered {
            Some(true) => row(to, "", "unaltered since it was signed")?,
            Some(false) => row(to, "", &format!("{BAD}altered after it was signed{BAD:#}"))?,
            None => {}
        }
    }
    heading(to, "how it is encrypted", encrypted)?;
    for part in encrypted {
        row(to, &part.part, &tame(&format!("{}, its key with {}", part.content, part.key)))?;
        for certificate in &part.recipients {
            row(to, "", &format!("for {}", described(certificate)))?;
        }
        row(to, "", &tame(&part.opened))?;
    }
    Ok(())
}

fn print_identity(to: &mut dyn Write, identity: &IdentitySeen) -> io::Result<()> {
    let unverified = if identity.verified { "" } else { " (unverified: no configured key vouches for it)" };
    writeln!(to, "\n{BOLD}what the application would be told{BOLD:#}{ODD}{unverified}{ODD:#}")?;
    row(to, "NameID format", &tame(&identity.name_id_format))?;
    for fact in &identity.told {
        row(to, &fact.name, &tame(&fact.value))?;
    }
    for attribute in &identity.attributes {
        let friendly = attribute.friendly_name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let read_as = match &attribute.read_as[..] {
            [] => "not used".to_owned(),
            keys => format!("read as {}", keys.join(", ")),
        };
        let values = tame(&attribute.values.join(", "));
        row(
            to,
            "attribute",
            &format!("{}: {values} {DIM}{read_as}{DIM:#}", tame(&format!("{}{friendly}", attribute.name))),
        )?;
    }
    Ok(())
}

fn print_against(to: &mut dyn Write, against: &Against) -> io::Result<()> {
    writeln!(to, "\n{BOLD}held against{BOLD:#}")?;
    row(to, "site", &against.site)?;
    row(to, "our entity ID", &against.entity_id)?;
    row(to, "ACS", &against.acs_url)?;
    row(to, "identity provider", &format!("{} ({})", against.idp, against.idp_entity_id))?;
    for certificate in &against.certificates {
        row(to, "certificate", &described(certificate))?;
    }
    let request = match against.request_id.as_deref() {
        _ if against.unsolicited => "none: nobody asked, and `allow_unsolicited` lets that be".to_owned(),
        Some(id) => tame(id),
        None => "not known".to_owned(),
    };
    row(to, "request", &request)?;
    row(
        to,
        "time",
        &format!("{}, {}; clock_skew {} s", against.at, against.at_because, against.clock_skew_seconds),
    )
}

fn print_rules(to: &mut dyn Write, rules: &[RuleSeen]) -> io::Result<()> {
    heading(to, "the rules, by the codes that they refuse with", rules)?;
    if !rules.is_empty() {
        writeln!(to, "  {DIM}pass, FAIL, - not reached, ? cannot be told here{DIM:#}")?;
    }
    let mut part = "";
    for rule in rules {
        if rule.part != part {
            part = rule.part;
            let unverified = if rule.unverified { " (unverified)" } else { "" };
            writeln!(to, "  {BOLD}{part}{BOLD:#}{ODD}{unverified}{ODD:#}")?;
        }
        let (style, word) = match rule.state {
            State::Passed => (GOOD, "pass"),
            State::Failed => (BAD, "FAIL"),
            State::NotReached => (DIM, "-   "),
            State::CannotBeToldHere => (ODD, "?   "),
        };
        let code = rule.code;
        match &rule.compared {
            Some(values) => {
                write!(to, "    {style}{word}{style:#} {code:<38}")?;
                print_values(to, values, rule.state)?;
            }
            None => write!(to, "    {style}{word}{style:#} {code}")?,
        }
        writeln!(to)?;
        if let Some(cause) = &rule.cause {
            writeln!(to, "         {DIM}cause  {DIM:#} {}", cause.likely_cause)?;
            writeln!(to, "         {DIM}change {DIM:#} {}", cause.what_to_change)?;
        }
    }
    Ok(())
}

fn print_values(to: &mut dyn Write, values: &Values, state: State) -> io::Result<()> {
    match values {
        Values::Words { words } => write!(to, "{}", tame(words)),
        Values::Times { what, then, compared_with, seconds_later } => {
            let distance = match seconds_later {
                0 => "the same moment as".to_owned(),
                1.. => format!("{seconds_later} s after"),
                _ => format!("{} s before", seconds_later.unsigned_abs()),
            };
            write!(to, "{what} {then}, {distance} {compared_with}")
        }
        Values::Texts { found, wanted, difference } => {
            if state == State::Passed {
                return write!(to, "{}", tame(wanted));
            }
            for (number, one) in found.iter().enumerate() {
                let (start, differing, end) = differ::pieces(one, wanted);
                let comma = if number > 0 { ", " } else { "" };
                write!(to, "{comma}{}{BAD}{}{BAD:#}{}", tame(start), tame(differing), tame(end))?;
            }
            write!(to, ", expected {}", tame(wanted))?;
            match difference {
                Some(difference) => write!(to, "; {}", tame(difference)),
                None => Ok(()),
            }
        }
    }
}

fn heading<T>(to: &mut dyn Write, words: &str, over: &[T]) -> io::Result<()> {
    if over.is_empty() { Ok(()) } else { writeln!(to, "\n{BOLD}{words}{BOLD:#}") }
}

fn row(to: &mut dyn Write, name: &str, value: &str) -> io::Result<()> {
    writeln!(to, "  {DIM}{name:<WIDTH$}{DIM:#} {value}")
}

fn described(certificate: &CertificateSeen) -> String {
    let CertificateSeen { subject, sha256, key, not_after, .. } = certificate;
    format!("{}, {key}, until {not_after}, SHA-256 {sha256}", tame(subject))
}
