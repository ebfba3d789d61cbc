//! The recording of a browser (HTTP Archive 1.2): what it sent, to whom and when.

use super::{Carried, Found, Unreadable, field, in_query, inflated, pairs, percent_decoded};
use crate::clock::Moment;
use crate::saml::parties::Limits;
use serde_json::Value;

/// The messages of all requests, in their order. What was sent again unchanged is the same message.
pub(super) fn messages(text: &str, limits: &Limits) -> Result<Vec<Found>, Unreadable> {
    let har: Value = serde_json::from_str(text).map_err(|error| {
        Unreadable(format!("the input looks like a recording (HAR) and is not JSON: {error}"))
    })?;
    let entries = har.pointer("/log/entries").and_then(Value::as_array).ok_or_else(|| {
        Unreadable("the input is JSON and no recording (HAR): it has no log.entries".to_owned())
    })?;
    let mut found: Vec<Found> = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        let Some(message) = in_entry(number + 1, entry, limits) else { continue };
        match found.iter_mut().find(|earlier| earlier.carried == message.carried) {
            Some(earlier) => earlier.notes.push(format!("the same was sent again: {}", message.place)),
            None => found.push(message),
        }
    }
    Ok(found)
}

fn in_entry(number: usize, entry: &Value, limits: &Limits) -> Option<Found> {
    let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str);
    let (method, url) = (text("/request/method")?, text("/request/url")?);
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let query = query.split('#').next().unwrap_or_default();
    let place = format!("request {number} of the recording: {method} {address}");
    let posted = body(entry).and_then(|fields| posted(&place, &fields, limits));
    let found = posted.or_else(|| in_query(&place, query, limits))?;
    let sent_at = text("/startedDateTime")
        .and_then(|text| text.parse::<jiff::Timestamp>().ok())
        .map(|at| Moment::from_millis(at.as_millisecond()));
    Some(Found { sent_to: Some(address.to_owned()), sent_at, ..found })
}

/// A body is what the gate would get, whatever is in it.
fn posted(place: &str, fields: &[(String, String)], limits: &Limits) -> Option<Found> {
    let (field, value) = field(fields)?;
    let mut found = Found { field: Some(field), ..Found::plain(place, Carried::Post(value.to_owned())) };
    if inflated(value, limits).is_some() {
        found.notes.push("it is deflated, as only a message in a query may be".to_owned());
    }
    Some(found)
}

/// The fields of a posted form: from the body, which is literal; else from the list, which some browsers decode and
/// others do not.
fn body(entry: &Value) -> Option<Vec<(String, String)>> {
    let data = entry.pointer("/request/postData")?;
    if let Some(text) = data.get("text").and_then(Value::as_str).filter(|text| text.contains("SAML")) {
        return Some(pairs(text));
    }
    let params = data.get("params")?.as_array()?;
    let field = |param: &Value| {
        let text = |name: &str| param.get(name).and_then(Value::as_str);
        let value = text("value")?;
        let decoded = if value.contains('%') { percent_decoded(value)? } else { value.to_owned() };
        Some((text("name")?.to_owned(), decoded))
    };
    Some(params.iter().filter_map(field).collect())
}
