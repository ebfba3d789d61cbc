//! JSON Schema, as much of it as docs/audit.schema.json uses; a word that is not known here fails; and as much as the schemas
//! of Kubernetes objects in tests/gateways use.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(missing_docs, unreachable_pub, reason = "nobody but tests reads this")]

use serde_json::{Map, Value};

/// The words of a list.
pub fn words_of(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Whether the value is as the schema says.
pub fn valid(schema: &Value, value: &Value) -> Result<(), String> {
    for (word, rule) in schema.as_object().unwrap() {
        let holds = match word.as_str() {
            "$schema" | "title" | "description" | "additionalProperties" | "items" => true,
            "type" => is_of_type(rule.as_str().unwrap(), value),
            "const" => rule == value,
            "enum" => rule.as_array().unwrap().contains(value),
            "pattern" => matches(rule.as_str().unwrap(), value.as_str().unwrap_or_default()),
            "minimum" => value.as_i64() >= rule.as_i64(),
            "maximum" => value.as_i64() <= rule.as_i64(),
            "maxItems" => value.as_array().map_or(0, Vec::len) as u64 <= rule.as_u64().unwrap(),
            "required" => words_of(rule).all(|name| value.get(name).is_some()),
            "propertyNames" => members(value).all(|(name, _)| valid(rule, &name.as_str().into()).is_ok()),
            "properties" => {
                for (name, below) in members(value) {
                    if let Some(rule) = rule.get(name) {
                        valid(rule, below).map_err(|why| format!("{name}: {why}"))?;
                    }
                }
                true
            }
            "oneOf" => {
                rule.as_array().unwrap().iter().filter(|branch| valid(branch, value).is_ok()).count() == 1
            }
            other => panic!("this test does not know `{other}`"),
        };
        if !holds {
            return Err(format!("`{word}` does not hold"));
        }
    }
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        let known = schema["properties"].as_object().unwrap();
        if let Some((name, _)) = members(value).find(|(name, _)| !known.contains_key(*name)) {
            return Err(format!("{name} is not described"));
        }
    }
    match (schema.get("items"), value) {
        (Some(rule), Value::Array(items)) => items.iter().try_for_each(|item| valid(rule, item)),
        _ => Ok(()),
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        other => panic!("this test does not know the type `{other}`"),
    }
}

/// The few patterns of the schema, each by its own hand: a library of expressions for five of them is not worth it.
fn matches(pattern: &str, text: &str) -> bool {
    let shaped = |shape: &str| {
        text.len() == shape.len()
            && shape.chars().zip(text.chars()).all(|(wanted, found)| match wanted {
                '0' => found.is_ascii_digit(),
                'f' => matches!(found, '0'..='9' | 'a'..='f'),
                'F' => matches!(found, '0'..='9' | 'A'..='F'),
                exact => found == exact,
            })
    };
    match pattern {
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$" => {
            shaped("0000-00-00T00:00:00.000Z")
        }
        "^([0-9A-F]{2}:){31}[0-9A-F]{2}$" => shaped(&["FF"; 32].join(":")),
        "^[0-9a-f]{4}-[0-9a-f]{4}$" => shaped("ffff-ffff"),
        "^[0-9a-f]{32}$" => shaped(&"f".repeat(32)),
        "^[.]?[A-Za-z0-9_-]*$" => {
            let rest = text.strip_prefix('.').unwrap_or(text);
            rest.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        }
        "^[a-z0-9]+(-[a-z0-9]+)*$" => text.split('-').all(|word| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        }),
        other => regex::Regex::new(other).unwrap_or_else(|error| panic!("{other}: {error}")).is_match(text),
    }
}
