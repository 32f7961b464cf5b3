//! What each tool takes and refuses, with every limit at its edge.

use serde_json::{Value, json};

use super::*;

fn refusal(tool: Tool, arguments: impl ToString) -> String {
    Arguments::parse(tool, &arguments.to_string()).expect_err("must be refused")
}

#[test]
fn text_that_is_no_json_object_is_named_with_its_place() {
    assert_eq!(
        refusal(Tool::ReadArtifact, r#"{"path": "rep"#),
        r#"the arguments are not valid JSON (EOF while parsing a string at line 1 column 13); they begin with `{"path": "rep`"#
    );
    assert_eq!(refusal(Tool::ReadArtifact, "[]"), "the arguments must be one JSON object, not a list");
    assert_eq!(refusal(Tool::ReadArtifact, "\"a\""), "the arguments must be one JSON object, not a string");
    assert!(refusal(Tool::ReadArtifact, "[".repeat(100_000)).contains("not valid JSON"));
    assert!(refusal(Tool::ReadArtifact, "é".repeat(500)).ends_with(&format!("`{}`", "é".repeat(100))));
}

#[test]
fn nothing_at_all_counts_as_no_arguments() {
    assert_eq!(refusal(Tool::ReadArtifact, ""), "path: is missing");
    assert_eq!(refusal(Tool::HttpFetch, " \n"), "url: is missing");
}

#[test]
fn the_argument_that_is_wrong_is_named() {
    assert_eq!(refusal(Tool::WriteArtifact, json!({"path": "a"})), "content: is missing");
    assert_eq!(refusal(Tool::WriteArtifact, json!({"path": 5})), "path: must be a string, not a number");
    assert_eq!(refusal(Tool::WriteArtifact, json!({"path": null})), "path: is missing");
    assert_eq!(
        refusal(Tool::HttpFetch, json!({"url": "http://a.b", "method": "POST"})),
        "method: `http_fetch` has no such argument"
    );
    assert_eq!(
        refusal(Tool::ReadArtifact, json!({"path": "a", "offset": -1})),
        "offset: must be a whole number from 0, not -1"
    );
    assert_eq!(
        refusal(Tool::ReadArtifact, json!({"path": "a", "offset": 1.5})),
        "offset: must be a whole number from 0, not 1.5"
    );
}

#[test]
fn a_path_stays_inside_the_run() {
    for good in
        ["report.md", "a/b/c.txt", ".hidden", "..a", "a..", "münchen/日本.md", "a b.txt", &"x".repeat(255)]
    {
        assert_eq!(check_path(good), Ok(()), "{good}");
    }
    for bad in [
        "",
        "/a",
        "..",
        "../a",
        "a/..",
        "a/../b",
        "./a",
        "a/.",
        "a//b",
        "a/",
        "a\\b",
        "C:x",
        "a\0b",
        "a\nb",
        "a\u{85}b",
        &"é".repeat(256),
    ] {
        assert!(check_path(bad).is_err(), "{bad:?}");
    }
    assert_eq!(check_path(&"é".repeat(255)), Ok(()));
    assert_eq!(
        refusal(Tool::ReadArtifact, json!({"path": "../x"})),
        "path: must not hold an empty name, `.` or `..`"
    );
}

#[test]
fn an_artifact_of_4_mib_is_taken_and_one_byte_more_is_not() {
    let write = |bytes: usize| {
        Arguments::parse(Tool::WriteArtifact, &json!({"path": "a", "content": "x".repeat(bytes)}).to_string())
    };
    assert!(write(MAX_ARTIFACT_BYTES).is_ok());
    assert!(write(MAX_ARTIFACT_BYTES + 1).unwrap_err().starts_with("content: is 4194305 bytes long"));
    assert!(write(0).is_ok());
}

#[test]
fn media_type_is_given_or_follows_from_the_path() {
    let media_type = |arguments: Value| match Arguments::parse(Tool::WriteArtifact, &arguments.to_string()) {
        Ok(Arguments::WriteArtifact { media_type, .. }) => Ok(media_type),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    assert_eq!(media_type(json!({"path": "a/b.MD", "content": ""})).unwrap(), "text/markdown");
    assert_eq!(media_type(json!({"path": "a.md/b", "content": ""})).unwrap(), "text/plain");
    assert_eq!(
        media_type(json!({"path": "b", "content": "", "media_type": "image/svg+xml"})).unwrap(),
        "image/svg+xml"
    );
    for bad in ["text", "text/", "/plain", "text/plain\r\nx: y", "text/plain; charset=utf-8", "a/b/c"] {
        assert!(media_type(json!({"path": "b", "content": "", "media_type": bad})).is_err(), "{bad:?}");
    }
}

#[test]
fn an_address_is_http_and_holds_no_credentials() {
    let fetch = |url: &str| Arguments::parse(Tool::HttpFetch, &json!({"url": url}).to_string());
    assert!(fetch("https://example.com/a?b#c").is_ok());
    for bad in [
        "example.com",
        "/a",
        "file:///etc/passwd",
        "ftp://a.b/",
        "http://",
        "http://u:p@a.b/",
        "http://u@a.b/",
    ] {
        assert!(fetch(bad).unwrap_err().starts_with("url: "), "{bad}");
    }
    let long = |bytes: usize| format!("http://a.b/{}", "x".repeat(bytes - 11));
    assert!(fetch(&long(MAX_URL_BYTES)).is_ok());
    assert!(fetch(&long(MAX_URL_BYTES + 1)).is_err());
}

#[test]
fn finish_takes_a_summary_and_a_list_of_evidence() {
    let finish = |arguments: Value| match Arguments::parse(Tool::Finish, &arguments.to_string()) {
        Ok(Arguments::Finish(finish)) => Ok(finish),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    assert_eq!(
        finish(json!({"summary": "s", "evidence": ["e"], "outcome": "impossible"})),
        Ok(Finish { summary: "s".into(), evidence: vec!["e".into()], done: false })
    );
    assert_eq!(finish(json!({"summary": " \n"})).unwrap_err(), "summary: is empty");
    assert_eq!(
        finish(json!({"summary": "s", "evidence": "e"})).unwrap_err(),
        "evidence: must be a list of strings, not a string"
    );
    assert_eq!(
        finish(json!({"summary": "s", "evidence": ["e", 1]})).unwrap_err(),
        "evidence[1]: must be a string, not a number"
    );
    assert_eq!(finish(json!({"summary": "s", "evidence": [""]})).unwrap_err(), "evidence[0]: is empty");
    assert_eq!(
        finish(json!({"summary": "s", "outcome": "ok"})).unwrap_err(),
        "outcome: must be `done` or `impossible`, not `ok`"
    );
    assert!(finish(json!({"summary": "é".repeat(MAX_SUMMARY_CHARS)})).is_ok());
    assert!(finish(json!({"summary": "é".repeat(MAX_SUMMARY_CHARS + 1)})).is_err());
    assert!(finish(json!({"summary": "s", "evidence": vec!["e"; MAX_EVIDENCE]})).is_ok());
    assert!(finish(json!({"summary": "s", "evidence": vec!["e"; MAX_EVIDENCE + 1]})).is_err());
    assert!(finish(json!({"summary": "s", "evidence": ["é".repeat(MAX_EVIDENCE_CHARS)]})).is_ok());
    assert!(finish(json!({"summary": "s", "evidence": ["é".repeat(MAX_EVIDENCE_CHARS + 1)]})).is_err());
}
