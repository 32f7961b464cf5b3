//! The journal's JSON: fixtures of every kind of event that must be readable for ever, and what newer ones may bring.

use std::collections::BTreeSet;

use mc_tasks::domain::conversation::{FinishReason, Part};
use mc_tasks::domain::event::{DecodeError, EVENT_VERSION, EffectClass, Event};
use proptest::prelude::*;

use crate::any_event::any_event;

/// Written by the first release. Lines may be added; a line that is there is never changed.
const V1: &str = include_str!("fixtures/v1.jsonl");

#[test]
fn what_the_first_release_wrote_is_still_read_and_written_the_same() {
    let mut kinds = BTreeSet::new();
    for line in V1.lines() {
        let event = Event::from_json(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(event.to_json(), line);
        kinds.insert(event.kind());
    }
    assert_eq!(kinds.len(), 20, "every kind has a fixture: {kinds:?}");
}

#[test]
fn unknown_fields_are_passed_over_at_every_depth() {
    for line in V1.lines() {
        let known = Event::from_json(line).unwrap();
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        add_field_everywhere(&mut value);
        assert_eq!(Event::from_json(&value.to_string()).unwrap(), known);
    }
}

fn add_field_everywhere(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.values_mut().for_each(add_field_everywhere);
            map.insert("of_a_later_release".into(), serde_json::json!({"a": [1]}));
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(add_field_everywhere),
        _ => {}
    }
}

#[test]
fn an_event_of_a_newer_version_is_left_to_a_newer_release() {
    let newer = format!(r#"{{"v":{},"kind":"started"}}"#, EVENT_VERSION + 1);
    assert!(matches!(Event::from_json(&newer), Err(DecodeError::Newer { found: 2 })));
    assert!(matches!(Event::from_json(r#"{"v":1,"kind":"teleported"}"#), Err(DecodeError::Malformed(_))));
    assert!(matches!(Event::from_json("{"), Err(DecodeError::Malformed(_))));
    assert_eq!(Event::from_json(r#"{"kind":"started"}"#).unwrap().kind(), "started");
}

#[test]
fn an_unknown_effect_class_is_taken_as_the_most_dangerous() {
    let line = r#"{"v":1,"kind":"tool_call_started","step":1,"call_id":"c","tool":"t","arguments_json":"{}","effect_class":"maybe","idempotency_key":"k"}"#;
    match Event::from_json(line).unwrap() {
        Event::ToolCallStarted(started) => assert_eq!(started.effect_class, EffectClass::AtMostOnce),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unknown_finish_reason_is_taken_as_another() {
    let line = r#"{"v":1,"kind":"model_call_completed","step":1,"attempt":1,"message":{"role":"assistant","parts":[]},"finish_reason":"bored"}"#;
    match Event::from_json(line).unwrap() {
        Event::ModelCallCompleted(completed) => assert_eq!(completed.finish_reason, FinishReason::Other),
        other => panic!("{other:?}"),
    }
}

#[test]
fn opaque_bytes_and_odd_text_come_back_exactly() {
    let bytes: Vec<u8> = (0..=255).collect();
    let part = Part::Opaque(mc_tasks::domain::conversation::Opaque {
        provider: "p\0".into(),
        model: "\u{202e}\u{10ffff}\"\\".into(),
        content: bytes,
    });
    let text = serde_json::to_string(&part).unwrap();
    assert_eq!(serde_json::from_str::<Part>(&text).unwrap(), part);
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(event in any_event()) {
        let text = event.to_json();
        prop_assert!(text.starts_with(&format!(r#"{{"v":1,"kind":"{}""#, event.kind())), "{}", text);
        prop_assert_eq!(Event::from_json(&text).unwrap(), event);
    }

    #[test]
    fn nothing_that_is_read_panics(text in ".{0,200}") {
        let _ = Event::from_json(&text);
    }
}
