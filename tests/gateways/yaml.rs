//! YAML as JSON, as much of it as the printed texts use; for looking into them.

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use serde_json::{Map, Value};

/// Every document of the text.
pub fn documents(text: &str) -> Vec<Value> {
    let mut parser = Parser::new_from_str(text);
    let mut found = Vec::new();
    loop {
        match next(&mut parser) {
            Event::StreamEnd => return found,
            Event::DocumentStart(_) => {
                let event = next(&mut parser);
                found.push(value(event, &mut parser));
            }
            _ => {}
        }
    }
}

fn next<'a>(parser: &mut Parser<'a, StrInput<'a>>) -> Event<'a> {
    parser.next_event().expect("an event").unwrap_or_else(|error| panic!("no YAML: {error}")).0
}

fn value<'a>(event: Event<'a>, parser: &mut Parser<'a, StrInput<'a>>) -> Value {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, ..) => plain(&text),
        Event::Scalar(text, ..) => Value::String(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match next(parser) {
                    Event::SequenceEnd => return Value::Array(items),
                    event => items.push(value(event, parser)),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut members = Map::new();
            loop {
                let key = match next(parser) {
                    Event::MappingEnd => return Value::Object(members),
                    Event::Scalar(text, ..) => text.into_owned(),
                    other => panic!("a key: {other:?}"),
                };
                let event = next(parser);
                let below = value(event, parser);
                assert!(members.insert(key.clone(), below).is_none(), "{key} stands there twice");
            }
        }
        other => panic!("{other:?}"),
    }
}

fn plain(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "" | "~" | "null" => Value::Null,
        _ => text.parse::<i64>().map_or_else(|_| Value::String(text.to_owned()), Value::from),
    }
}
