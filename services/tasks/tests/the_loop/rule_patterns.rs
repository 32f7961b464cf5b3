//! Which arguments fit a rule: exactly those that it speaks of, however they are written to look like them.

use mc_tasks::domain::rule::{
    Condition, MAX_PREFIX_CHARS, MAX_VALUE_BYTES, MAX_VALUES, Match, Pattern, check_address, read_value,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn condition(pointer: &str, matching: Match) -> Condition {
    Condition { pointer: pointer.into(), matching }
}

fn pattern(conditions: &[(&str, Match)]) -> Pattern {
    let conditions = conditions.iter().map(|(pointer, matching)| condition(pointer, matching.clone()));
    Pattern::new(conditions.collect()).unwrap()
}

fn equals(value: Value) -> Match {
    Match::Equals { value }
}

fn below(url: &str) -> Match {
    Match::UrlPrefix { url: url.into() }
}

fn begins(prefix: &str) -> Match {
    Match::TextPrefix { prefix: prefix.into() }
}

fn fits(matching: Match, value: impl Into<Value>) -> bool {
    pattern(&[("/a", matching)]).fits(&json!({"a": value.into()}).to_string())
}

#[test]
fn every_argument_is_spoken_of_or_the_call_does_not_fit() {
    let post = pattern(&[("/method", equals(json!("POST"))), ("/url", below("https://a.example/v1"))]);
    let call = json!({"method": "POST", "url": "https://a.example/v1/x"});
    assert!(post.fits(&call.to_string()));
    for more in [json!(""), json!(null), json!({}), json!([])] {
        let mut call = call.clone();
        call["body"] = more;
        assert!(!post.fits(&call.to_string()), "{call}");
    }
    let with_body = pattern(&[
        ("/method", equals(json!("POST"))),
        ("/url", below("https://a.example/v1")),
        ("/body", Match::Any),
    ]);
    assert!(with_body.fits(&call.to_string()), "any is also nothing");
    assert!(with_body.fits(r#"{"method":"POST","url":"https://a.example/v1","body":{"deep":[1]}}"#));
    assert!(!with_body.fits(r#"{"method":"POST"}"#), "an argument that is not there fits no other condition");

    let nested = pattern(&[("/a/b", Match::Any), ("/c/0", equals(json!(1)))]);
    assert!(nested.fits(r#"{"a":{"b":[1,{"x":2}]},"c":[1]}"#));
    for bad in [r#"{"a":{"b":1,"x":2},"c":[1]}"#, r#"{"a":{"b":1},"c":[1,2]}"#, r#"{"a":{},"c":[1]}"#] {
        assert!(!nested.fits(bad), "{bad}");
    }
    let none = pattern(&[]);
    assert!(none.fits("{}") && none.fits("  ") && none.fits(""));
    assert!(!none.fits(r#"{"a":null}"#), "a rule that says nothing allows no arguments");
    assert!(pattern(&[("/a~1b~0c", equals(json!(1)))]).fits(r#"{"a/b~c":1}"#));
}

#[test]
fn what_can_be_read_in_two_ways_does_not_fit() {
    let any = pattern(&[("", Match::Any)]);
    assert!(any.fits(r#"{"a":{"b":1}}"#));
    for bad in [
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"x":[{"a":1,"a":1}]}"#,
        "[]",
        "null",
        "\"text\"",
        "{",
        r#"{"a":1} {"a":2}"#,
        r#"{"a":18446744073709551616}"#,
        r#"{"a":1e400}"#,
        r#"{"a":9007199254740993.0}"#,
        r#"{"a":NaN}"#,
        "{'a':1}",
    ] {
        assert!(!any.fits(bad), "{bad}");
    }
}

#[test]
fn texts_are_equal_character_by_character() {
    assert!(fits(equals(json!("POST")), "POST"));
    for other in ["post", "POST ", "ＰＯＳＴ", "PO\u{200b}ST", "P\u{41e}ST"] {
        assert!(!fits(equals(json!("POST")), other), "{other:?}");
    }
    assert!(!fits(equals(json!("\u{e9}")), "e\u{301}"), "no normalising");
    assert!(
        pattern(&[("/a", equals(json!("POST")))]).fits(r#"{"a":"\u0050OST"}"#),
        "JSON's escapes mean the same"
    );
    for (value, other) in [
        (json!(1), json!(1.0)),
        (json!(1), json!("1")),
        (json!(null), json!(false)),
        (json!([1, 2]), json!([2, 1])),
    ] {
        assert!(!fits(equals(value.clone()), other.clone()), "{value} {other}");
    }
    assert!(
        fits(equals(json!({"x": 1, "y": 2})), json!({"y": 2, "x": 1})),
        "the order of members is nothing"
    );
    let one_of = Match::OneOf { values: vec![json!("PUT"), json!(7)] };
    assert!(fits(one_of.clone(), "PUT") && fits(one_of.clone(), 7) && !fits(one_of, "7"));
}

#[test]
fn beginning_of_a_text_never_fits_an_address() {
    assert!(fits(begins("reports/"), "reports/may.md"));
    for bad in ["Reports/may.md", "report", " reports/may.md", "x/reports/"] {
        assert!(!fits(begins("reports/"), bad), "{bad}");
    }
    for prefix in ["h", "http", "https://", "https://api.example.com", " ", "HTTPS"] {
        for address in [
            "https://api.example.com.evil.example/",
            "https://api.example.com@evil.example/",
            "HTTPS://api.example.com/",
            " https://api.example.com/",
            "ht\ntps://api.example.com/",
            "https:api.example.com",
            "https:\\\\api.example.com",
        ] {
            assert!(!fits(begins(prefix), address), "{prefix:?} {address:?}");
        }
    }
    for value in [json!(1), json!(null), json!(["reports/x"])] {
        assert!(!fits(begins("reports/"), value));
    }
}

#[test]
fn address_fits_by_its_parts_and_by_whole_names_of_its_path() {
    let rule = "https://api.example.com/v1/orders";
    for good in [
        "https://api.example.com/v1/orders",
        "https://api.example.com/v1/orders/",
        "https://api.example.com/v1/orders/7",
        "https://api.example.com/v1/orders?state=open",
        "https://api.example.com/v1/orders/7#top",
        "https://API.Example.COM/v1/orders/7",
        "https://api.example.com:443/v1/orders/7",
        "https://api.example.com:0443/v1/orders/7",
        "HTTPS://api.example.com/v1/orders/7",
        "https:\\\\api.example.com\\v1\\orders",
        "https://api.example.com/v1/./orders/x/../7",
        "https://api.example.com/v2/../v1/orders/7",
        "https://api.example.com/v1/%2e/orders",
        "https://%61pi.example.com/v1/orders",
        "https://ａpi.example.com/v1/orders",
        "https://api.example.com/v1/orders/a%20b",
    ] {
        assert!(fits(below(rule), good), "{good}");
    }
    for bad in [
        "http://api.example.com/v1/orders",
        "https://api.example.com:8443/v1/orders",
        "https://api.example.com./v1/orders",
        "https://api.example.com.evil.example/v1/orders",
        "https://evil.example/v1/orders",
        "https://evil.example/https://api.example.com/v1/orders",
        "https://api.example.com@evil.example/v1/orders",
        "https://user:pass@api.example.com/v1/orders",
        "https://api.example.com%40evil.example/v1/orders",
        "https://api.example.com\\@evil.example/v1/orders",
        "https://evil.example\\@api.example.com/v1/orders",
        "https://evil.example#@api.example.com/v1/orders",
        "https://evil.example?https://api.example.com/v1/orders",
        "https://xapi.example.com/v1/orders",
        "https://аpi.example.com/v1/orders",
        "https://api.example.com/v1/orders-of-others",
        "https://api.example.com/v1/ordersX",
        "https://api.example.com/V1/orders",
        "https://api.example.com/v1/Orders/7",
        "https://api.example.com/v1",
        "https://api.example.com/v1/orders/../admin",
        "https://api.example.com/v1/orders/%2e%2e/admin",
        "https://api.example.com/v1/orders/.%2E/admin",
        "https://api.example.com/v1/orders/..%2fadmin",
        "https://api.example.com/v1/orders/..%5cadmin",
        "https://api.example.com/v1/orders/%252e%252e/admin",
        "https://api.example.com/v1/orders/%252e%252e%252fadmin",
        "https://api.example.com/v1/orders/..;/admin",
        "https://api.example.com/v1/orders/..;x=y/admin",
        "https://api.example.com/v1/orders;x/7",
        "https://api.example.com/v1/orders//7",
        "https://api.example.com//v1/orders",
        "https://api.example.com/v1/orders/%00",
        "https://api.example.com/v1/orders/%0d%0aHost:%20evil",
        "https://api.example.com/v1/orders/%c0%ae%c0%ae/admin",
        "https://api.example.com/v1/orders/%ef%bc%8e%ef%bc%8e/admin",
        "https://api.example.com/v1/orders/．．/admin",
        "https://api.example.com/v1/orders/7%zz",
        "https://api.example.com/v1/orders/%3b",
        "https://api.example.com/v1%2forders",
        "https://api.example.com/v1/%6frders",
        "//api.example.com/v1/orders",
        "/v1/orders",
        "ftp://api.example.com/v1/orders",
        "file:///v1/orders",
        "javascript://api.example.com/v1/orders",
        "",
        "https://",
    ] {
        assert!(!fits(below(rule), bad), "{bad}");
    }
    assert!(!fits(below(rule), json!(["https://api.example.com/v1/orders"])));
    let folder = "https://api.example.com/v1/orders/";
    assert!(fits(below(folder), "https://api.example.com/v1/orders/7"));
    assert!(!fits(below(folder), "https://api.example.com/v1/orders"));
    assert!(fits(below("https://api.example.com"), "https://api.example.com/anything"));
    assert!(
        fits(below("http://127.0.0.1:8080/"), "http://127.1:8080/x")
            && !fits(below("http://127.0.0.1:8080/"), "http://127.0.0.1/x")
    );
}

#[test]
fn patterns_are_held_at_their_edges() {
    let ok = |pointer: &str, matching: Match| Pattern::new(vec![condition(pointer, matching)]).is_ok();
    for good in ["", "/", "/a", "/a~0b~1c", &format!("/{}", "\u{e9}".repeat(255))] {
        assert!(ok(good, Match::Any), "{good}");
    }
    for bad in ["a", "#/a", "/~", "/~2", "/a\0", &format!("/{}", "a".repeat(256))] {
        assert!(!ok(bad, Match::Any), "{bad}");
    }
    let twice =
        Pattern::new(vec![condition("/a", Match::Any), condition("/a", equals(json!(1)))]).unwrap_err();
    assert_eq!((twice[0].at, twice[0].field), (1, "pointer"));
    assert!(ok("", begins(&"\u{e9}".repeat(MAX_PREFIX_CHARS))) && !ok("", begins("")));
    assert!(!ok("", begins(&"x".repeat(MAX_PREFIX_CHARS + 1))));
    let values = |count: usize| Match::OneOf { values: (0..count).map(|n| json!(n)).collect() };
    assert!(ok("", values(MAX_VALUES)) && !ok("", values(MAX_VALUES + 1)) && !ok("", values(0)));
    assert!(!ok("", Match::OneOf { values: vec![json!(1), json!(1)] }));
    let text = |bytes: usize| json!("x".repeat(bytes - 2));
    assert!(ok("", equals(text(MAX_VALUE_BYTES))) && !ok("", equals(text(MAX_VALUE_BYTES + 1))));
    assert!(read_value(&text(MAX_VALUE_BYTES).to_string()).is_ok());
    assert!(read_value(&text(MAX_VALUE_BYTES + 1).to_string()).is_err());
    for bad in ["", "POST", "{\"a\":1,\"a\":1}", "1 2"] {
        assert!(read_value(bad).is_err(), "{bad}");
    }
    for good in
        ["https://a.example", "http://a.example:81/x/", &format!("https://a.example/{}", "x".repeat(2_030))]
    {
        check_address(good).unwrap();
    }
    for bad in [
        "a.example",
        "ftp://a.example/",
        "https://u@a.example/",
        "https://a.example/?",
        "https://a.example/?q=1",
        "https://a.example/#f",
        "https://a.example/a//b",
        "https://a.example/%2f",
        "https://a.example/\u{e9}",
        "https://a.example/;v",
        &format!("https://a.example/{}", "x".repeat(2_031)),
    ] {
        assert!(check_address(bad).is_err(), "{bad}");
    }
    let long = json!({"content": "x".repeat(MAX_VALUE_BYTES)}).to_string();
    assert!(Pattern::of_arguments(&long).unwrap_err().contains("make a rule by itself"));
    assert!(Pattern::of_arguments(r#"{"a":1,"a":2}"#).is_err());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-c/~%.:@é ]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c/~]{0,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-c/~]{0,3}", any_json(), 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

/// A path as the most careless server would read it: unescaped again and again, parameters cut, slashes folded, dots resolved.
fn carelessly_read(path: &str) -> String {
    let mut text = path.to_owned();
    for _ in 0..4 {
        let bytes = text.as_bytes();
        let (mut read, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let hex = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
            match (bytes[at], hex) {
                (b'%', Some(byte)) => {
                    read.push(byte);
                    at += 3;
                }
                (byte, _) => {
                    read.push(byte);
                    at += 1;
                }
            }
        }
        text = String::from_utf8_lossy(&read).into_owned();
    }
    let mut names: Vec<&str> = Vec::new();
    for name in text.split(['/', '\\']) {
        match name.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

proptest! {
    #[test]
    fn the_rule_of_a_call_fits_that_call_and_no_other(one in any_object(), other in any_object()) {
        let rule = Pattern::of_arguments(&one.to_string()).unwrap();
        prop_assert!(rule.fits(&one.to_string()));
        prop_assert_eq!(rule.fits(&other.to_string()), one == other);
        let stored = serde_json::to_string(&rule).unwrap();
        prop_assert_eq!(serde_json::from_str::<Pattern>(&stored).unwrap(), rule);
    }

    #[test]
    fn an_argument_that_no_condition_speaks_of_never_fits(call in any_object(), name in "[x-z]{1,3}", more in any_json()) {
        let members = call.as_object().unwrap();
        let conditions = members.iter().map(|(name, value)| {
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            condition(&pointer, equals(value.clone()))
        });
        let rule = Pattern::new(conditions.collect()).unwrap();
        prop_assert!(rule.fits(&call.to_string()));
        let mut wider = call.clone();
        wider[name] = more;
        prop_assert!(!rule.fits(&wider.to_string()));
    }

    #[test]
    fn nothing_that_is_read_panics(text in ".{0,80}", url in ".{0,80}") {
        let _ = pattern(&[("", Match::Any)]).fits(&text);
        let _ = fits(below("https://a.example/x"), url.as_str());
        let _ = check_address(&url);
    }

    #[test]
    fn no_address_that_fits_leads_out_however_carelessly_it_is_read(
        parts in prop::collection::vec(prop::sample::select(vec![
            "/", "\\", "..", ".", "%2e", "%2E%2e", "%2f", "%5C", "%252e", "%25", ";", "a", "v1", "orders", "@", ":", "?", "#",
            "%00", "%0a", "．", "é", " ", "\t", "//", "evil.example", "api.example.com", "%ef%bc%8f", "%c0%af", "https://",
        ]), 0..10),
        head in prop::sample::select(vec![
            "https://api.example.com/v1/orders", "https://api.example.com/v1", "https://api.example.com", "https://", "",
        ]),
    ) {
        let address = format!("{head}{}", parts.concat());
        if fits(below("https://api.example.com/v1/orders"), address.as_str()) {
            let url = url::Url::parse(&address).unwrap();
            prop_assert_eq!(url.host_str(), Some("api.example.com"));
            prop_assert_eq!(url.port_or_known_default(), Some(443));
            prop_assert!(url.username().is_empty() && url.password().is_none());
            let path = carelessly_read(url.path());
            prop_assert!(path == "/v1/orders" || path.starts_with("/v1/orders/"), "{} -> {}", address, path);
        }
    }
}
