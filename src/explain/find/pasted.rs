//! What people paste: a value, a body, an address, a command line, a page.

use super::{Carried, FIELDS, Found, Unreadable, in_query, inflated, looks_like_a_document, percent_decoded};
use crate::saml::parties::Limits;
use crate::saml::reading;

/// The messages of a text that is neither XML nor a recording.
pub(super) fn messages(text: &str, limits: &Limits) -> Result<Vec<Found>, Unreadable> {
    if is_page(text) {
        return Ok(in_page(text).into_iter().collect());
    }
    if FIELDS.iter().any(|field| text.contains(&format!("{field}="))) {
        return Ok(words(text).filter_map(|word| in_word(word, limits)).collect());
    }
    if let Some(value) = FIELDS.iter().find_map(|field| text.split_once(field)).map(|(_, after)| after) {
        // As developer tools list the fields of a form: the name, then perhaps a colon, then the value.
        let value = value.trim_start_matches([':', '"', '\'', ' ', '\t', '\r', '\n', ',']);
        let end = value.find(['"', '\'', ',']).unwrap_or(value.len());
        let lines = value.get(..end).unwrap_or_default().lines().take_while(|line| !line.contains(':'));
        return value_alone(&lines.collect::<Vec<_>>().join("\n"), limits).map(|found| vec![found]);
    }
    value_alone(text, limits).map(|found| vec![found])
}

/// Whether this is HTML, perhaps with a form in it that posts a message.
pub(super) fn is_page(text: &str) -> bool {
    let start = text.get(..1024).unwrap_or(text).to_ascii_lowercase();
    start.starts_with('<')
        && ["<html", "<!doctype html", "<form", "<body"].iter().any(|tag| start.contains(tag))
}

/// The pieces of a text that could be a body or an address: a command line has quotes around it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let outside = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>');
    text.split(outside).filter(|word| FIELDS.iter().any(|field| word.contains(&format!("{field}="))))
}

fn in_word(word: &str, limits: &Limits) -> Option<Found> {
    // An address, or only its path, ends before the question mark.
    let (address, encoded) = match word.split_once('?') {
        Some((address, query)) if FIELDS.iter().any(|field| query.contains(&format!("{field}="))) => {
            (Some(address), query)
        }
        _ => (None, word),
    };
    let encoded = encoded.split('#').next().unwrap_or_default();
    let mut notes = Vec::new();
    let mut encoded = encoded.to_owned();
    if !encoded.contains('%') && encoded.contains('+') {
        // A browser writes %2B: these plus signs were decoded before they were copied.
        notes.push("its plus signs are taken as they stand: it was decoded before it was copied".to_owned());
        encoded = encoded.replace('+', "%2B");
    }
    let place = if address.is_some() { "the query of the address" } else { "the form body" };
    let found = in_query(place, &encoded, limits)?;
    Some(Found { sent_to: address.map(str::to_owned), notes, ..found })
}

/// The value of the field and nothing else.
fn value_alone(text: &str, limits: &Limits) -> Result<Found, Unreadable> {
    let mut notes = Vec::new();
    let mut value = text.trim().to_owned();
    if value.contains('%') {
        notes.push("it was percent-encoded, as in an address or a body, and has been decoded".to_owned());
        value = percent_decoded(&value).unwrap_or(value);
    }
    if value.contains(' ') && !value.contains('+') {
        notes.push("its spaces are taken for plus signs: something decoded it twice".to_owned());
        value = value.replace(' ', "+");
    }
    let octets = reading::base64(&value).ok_or_else(|| {
        Unreadable(
            "the input is neither XML nor base64, and holds no SAMLResponse or SAMLRequest; was it cut off?"
                .to_owned(),
        )
    })?;
    if looks_like_a_document(&octets) {
        return Ok(Found { notes, ..Found::plain("the input", Carried::Post(value)) });
    }
    let xml = inflated(&value, limits).ok_or_else(|| {
        Unreadable("the input is base64, but neither of XML nor of deflated XML".to_owned())
    })?;
    Ok(Found { notes, ..Found::plain("the input", Carried::Redirect { xml, query: String::new() }) })
}

/// The hidden field of a page that posts itself.
fn in_page(text: &str) -> Option<Found> {
    FIELDS.into_iter().find_map(|field| {
        let named = [format!("name=\"{field}\""), format!("name='{field}'")];
        let at = named.iter().find_map(|name| text.find(name.as_str()))?;
        let start = text.get(..at)?.rfind('<')?;
        let tag = text.get(start..)?.split('>').next()?;
        let (_, value) = tag.split_once("value=")?;
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let value = unescaped(value.get(1..)?.split(quote).next()?);
        Some(Found { field: Some(field), ..Found::plain("the form of the page", Carried::Post(value)) })
    })
}

/// The references that stand in base64, and those of five characters that everybody knows.
fn unescaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let Some((name, beyond)) = after.split_once(';').filter(|(name, _)| name.len() <= 8) else {
            out.push('&');
            rest = after;
            continue;
        };
        let number = name.strip_prefix('#').and_then(|digits| match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        });
        let character = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "plus" => Some('+'),
            "equals" => Some('='),
            "sol" => Some('/'),
            _ => number.and_then(char::from_u32),
        };
        match character {
            Some(character) => {
                out.push(character);
                rest = beyond;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}
