//! What a call says: its body, its fields, its query and the headers that stand for fields.

use mc_chassis::auth::Role;
use mc_gateway::contract::binding;
use serde_json::{Value, json};

use super::Plan;
use crate::contract::Field;
use crate::request::{Body, Request};
use crate::rows::{merge, write_out};

/// Longer than any text may be.
const LONG: usize = 70_000;
/// Longer than any text of a query may be, and short enough for a URL.
const LONG_QUERY: usize = 4_000;
/// The edge's limit for bodies.
const MAX_BODY: usize = mc_gateway::http::MAX_BODY_BYTES;

impl Plan<'_> {
    pub(super) async fn bodies(&mut self) {
        let base = self.base().await;
        let huge =
            Request { headers: base.headers.clone(), ..base.clone() }
                .body(Body::Raw(vec![b' '; MAX_BODY + 1]));
        self.add("a body of 4 MiB and a byte", None, huge, (413, "BODY_TOO_LARGE", None));
        if !self.rpc.takes_a_body() {
            let request = base.body(Body::Json(json!({"x": 1})));
            self.add("a body where none is taken", None, request, (400, "INVALID_FIELD", Some("body")));
            return;
        }
        let whole = match &self.rpc.binding.body {
            binding::Body::Field(field) => field.name().to_owned(),
            _ => "body".to_owned(),
        };
        let raw = |bytes: &[u8]| base.clone().body(Body::Raw(bytes.to_vec()));
        let malformed = (400, "MALFORMED_JSON", None);
        let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
        let tries = [
            ("malformed JSON", raw(b"{\"a\": oops}"), malformed),
            ("JSON that is cut off", raw(b"{\"a\": "), malformed),
            ("two values in place of one", raw(b"{} {}"), malformed),
            ("a body that is not UTF-8", raw(b"{\"\xff\": 1}"), malformed),
            ("JSON with a comment", raw(b"{/* why */}"), malformed),
            ("50,000 brackets inside each other", raw(deep.as_bytes()), malformed),
            ("an array in place of an object", raw(b"[]"), (400, "INVALID_FIELD", Some(whole.as_str()))),
            ("a string in place of an object", raw(b"\"{}\""), (400, "INVALID_FIELD", Some(whole.as_str()))),
            ("null in place of an object", raw(b"null"), (400, "INVALID_FIELD", Some(whole.as_str()))),
            (
                "text/plain",
                raw(b"{}").header("content-type", "text/plain"),
                (415, "UNSUPPORTED_MEDIA_TYPE", None),
            ),
        ];
        for (name, request, answer) in tries {
            self.add(name, None, request, answer);
        }
        let unknown = if whole == "body" { "noSuchField".to_owned() } else { format!("{whole}.noSuchField") };
        let mut body = self.good_body().await;
        body["noSuchField"] = json!(1);
        let request = base.clone().body(Body::Json(body));
        self.add("a field that is not there", None, request, (400, "INVALID_FIELD", Some(&unknown)));
        let many: Vec<String> = (0..5_000).map(|n| format!("\"nope{n}\": 1")).collect();
        let first = if whole == "body" { "nope0".to_owned() } else { format!("{whole}.nope0") };
        let request = raw(format!("{{{}}}", many.join(",")).as_bytes());
        self.add("5,000 fields that are not there", None, request, (400, "INVALID_FIELD", Some(&first)));
        if let Some(field) = self.top_field() {
            let (json_name, name) = (field.last().json_name().to_owned(), field.name());
            let request = raw(format!("{{\"{json_name}\": null, \"{json_name}\": null}}").as_bytes());
            self.add("a field that is there twice", None, request, (400, "INVALID_FIELD", Some(&name)));
        }
    }

    /// A field right inside the body.
    fn top_field(&self) -> Option<Field> {
        let depth = if matches!(self.rpc.binding.body, binding::Body::Field(_)) { 2 } else { 1 };
        self.rpc.fields.iter().find(|field| field.in_body && field.path.len() == depth).cloned()
    }

    async fn good_body(&self) -> Value {
        match self.base().await.body {
            Body::Json(json) => json,
            _ => json!({}),
        }
    }

    pub(super) async fn types(&mut self) {
        let (base, body) = (self.base().await, self.good_body().await);
        for field in self.rpc.fields.clone() {
            let name = field.name();
            let answer = (400, "INVALID_FIELD", Some(name.as_str()));
            if field.in_body {
                let mut body = body.clone();
                field.put(self.rpc, &mut body, field.misfit());
                let request = base.clone().body(Body::Json(body));
                self.add("a value of the wrong type", Some(&name), request, answer);
            } else {
                if !field.is_text() {
                    let request = base.clone().query(&json_path(&field), "1.5x");
                    self.add("a parameter of the wrong type", Some(&name), request, answer);
                }
                let mut request = base.clone().query(&json_path(&field), "1");
                request.query.push((json_path(&field), "1".to_owned()));
                if !field.last().is_list() && !field.is_text() {
                    self.add("a parameter that is there twice", Some(&name), request, answer);
                }
            }
        }
        let request = base.clone().query("noSuchParameter", "1");
        self.add(
            "a parameter that is not there",
            None,
            request,
            (400, "INVALID_FIELD", Some("noSuchParameter")),
        );
    }

    pub(super) async fn texts(&mut self) {
        let (base, body) = (self.base().await, self.good_body().await);
        for field in self.rpc.fields.clone().into_iter().filter(Field::is_text) {
            let name = field.name();
            let answer = (400, "INVALID_FIELD", Some(name.as_str()));
            let list = |text: String| if field.last().is_list() { json!([text]) } else { json!(text) };
            if field.in_body {
                for (what, text) in [
                    ("a NUL in a text", "a\0b".to_owned()),
                    ("a text of 70,000 characters", "x".repeat(LONG)),
                ] {
                    let mut body = body.clone();
                    field.put(self.rpc, &mut body, list(text));
                    self.add(what, Some(&name), base.clone().body(Body::Json(body)), answer);
                }
            } else {
                let parameter = json_path(&field);
                for (what, text) in [
                    ("a NUL in a parameter", "a\0b".to_owned()),
                    ("a parameter of 4,000 characters", "x".repeat(LONG_QUERY)),
                ] {
                    self.add(what, Some(&name), base.clone().query(&parameter, text), answer);
                }
            }
        }
    }

    pub(super) async fn pages(&mut self) {
        let base = self.base().await;
        if self.rpc.field("page_size").is_some() {
            for (what, size) in [
                ("a page of -1", "-1"),
                ("a page of 1001", "1001"),
                ("a page of more than 32 bits", "4294967297"),
            ] {
                let request = base.clone().query("pageSize", size);
                self.add(what, None, request, (400, "INVALID_FIELD", Some("page_size")));
            }
            let request = base.clone().query("pageSize", "1000");
            self.add("a page of 1000, which is the most", None, request, (200, "", None));
        }
        if self.rpc.field("page_token").is_some() {
            // In base64: `not json`, `"\u0000"`, `[9223372036854775807,"x"]`, `{}`.
            for (what, token) in [
                ("a page token that is none", "bm90IGpzb24"),
                ("a page token with a key of NUL", "Ilx1MDAwMCI"),
                ("a page token with a key of another type", "WzkyMjMzNzIwMzY4NTQ3NzU4MDcsIngiXQ"),
                ("a page token with an object for its key", "e30"),
            ] {
                let request = base.clone().query("pageToken", token);
                self.add(what, None, request, (400, "INVALID_FIELD", Some("page_token")));
            }
        }
    }

    pub(super) async fn masks(&mut self) {
        if self.rpc.field("update_mask").is_none() {
            return;
        }
        let base = self.base().await;
        let wrong = (400, "INVALID_FIELD", Some("update_mask"));
        let paths = vec!["nope"; 500].join(",");
        for (what, mask) in [
            ("a mask of a field that is not there", "nope"),
            ("a mask of what the service sets", "createTime"),
            ("a mask of 500 paths that are not there", paths.as_str()),
            ("a mask with a NUL", "a\0b"),
        ] {
            let request = base.clone().query("updateMask", mask);
            self.add(what, None, request, wrong);
        }
        let request = base.clone().body(Body::Json(json!({})));
        self.add("an update of nothing", None, request, wrong);
    }

    pub(super) async fn etags(&mut self) {
        let base = self.base().await;
        let wrong = (400, "INVALID_FIELD", Some("If-Match"));
        let Some(field) = self.rpc.etag().cloned() else {
            let request = base.header("if-match", "\"r1\"");
            return self.add("If-Match where nothing can be matched", None, request, wrong);
        };
        let stale = base.clone().header("if-match", "\"r999\"");
        self.add("If-Match with a stale etag", None, stale, (412, "ETAG_MISMATCH", None));
        for (what, value) in [
            ("If-Match with a weak etag", "W/\"r1\""),
            ("If-Match with two etags", "\"a\", \"b\""),
            ("an empty If-Match", ""),
        ] {
            self.add(what, None, base.clone().header("if-match", value), wrong);
        }
        let stale = if field.in_body {
            let mut body = self.good_body().await;
            field.put(self.rpc, &mut body, json!("r999"));
            base.body(Body::Json(body))
        } else {
            base.query(&json_path(&field), "r999")
        };
        self.add("a stale etag", None, stale, (412, "ETAG_MISMATCH", None));
    }

    pub(super) async fn keys(&mut self) {
        let base = self.base().await;
        let wrong = (400, "INVALID_FIELD", Some("Idempotency-Key"));
        for (what, key) in [
            ("an Idempotency-Key of 129 characters", "k".repeat(129)),
            ("an empty Idempotency-Key", String::new()),
            ("an Idempotency-Key with a space", "a b".to_owned()),
        ] {
            self.add(what, None, base.clone().header("idempotency-key", key), wrong);
        }
        let twice = base.clone().header("idempotency-key", "a").header("idempotency-key", "b");
        self.add("two Idempotency-Keys", None, twice, (400, "INVALID_FIELD", Some("idempotency-key")));
        if let (Some(_), Some(other)) = (self.rpc.field("request_id"), &self.rows.other) {
            let key = format!("key-{}", self.world.serial());
            let first = self.good(Role::Owner, true).await.header("idempotency-key", key);
            let words = self.world.words();
            let mut changed = first.clone();
            if let Body::Json(body) = &mut changed.body {
                merge(body, &write_out(other, &words));
            }
            self.add("an Idempotency-Key of 1 to 128 characters", None, first.clone(), (200, "", None));
            self.add("the same Idempotency-Key and request", None, first, (200, "", None));
            let reused = (422, "IDEMPOTENCY_KEY_REUSED", None);
            self.add("the same Idempotency-Key and another request", None, changed, reused);
        }
    }
}

/// A parameter's name as clients write it: `attribution.agentVersion`.
fn json_path(field: &Field) -> String {
    field.path.iter().map(prost_reflect::FieldDescriptor::json_name).collect::<Vec<_>>().join(".")
}
