//! What is tried at every RPC, whatever it does: the attempts follow from the descriptors.

mod callers;
mod content;

use mc_chassis::auth::Role;
use serde_json::json;

use crate::contract::{Access, Rpc};
use crate::request::{Body, Request};
use crate::rows::{Expected, Rows, merge, write_out, write_out_text};
use crate::world::World;

/// Status, reason and field of an answer.
type Told<'a> = (u16, &'a str, Option<&'a str>);

/// One thing that is tried.
pub(crate) struct Attempt {
    /// What is tried: `malformed JSON`.
    pub(crate) name: String,
    /// The field that it is tried at, where there are several.
    pub(crate) at: Option<String>,
    pub(crate) request: Request,
    pub(crate) expected: Expected,
    /// True for rows that people wrote.
    pub(crate) of_this_rpc: bool,
}

/// Collects the attempts at one RPC.
pub(crate) struct Plan<'a> {
    world: &'a World,
    rpc: &'a Rpc,
    rows: &'a Rows,
    pub(crate) attempts: Vec<Attempt>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(world: &'a World, rpc: &'a Rpc, rows: &'a Rows) -> Self {
        Self { world, rpc, rows, attempts: Vec::new() }
    }

    /// Every attempt, in the order of the table.
    pub(crate) async fn make(mut self) -> Vec<Attempt> {
        self.tokens().await;
        self.roles().await;
        self.workspaces().await;
        self.names().await;
        self.bodies().await;
        self.types().await;
        self.texts().await;
        self.pages().await;
        self.masks().await;
        self.etags().await;
        self.keys().await;
        self.http().await;
        self.rows_of_this_rpc().await;
        self.attempts
    }

    /// A request that is accepted. `consumable` makes a new resource where a success uses it up.
    async fn good(&self, role: Role, consumable: bool) -> Request {
        let mut words = self.world.words();
        let mut token = self.world.person(role).token.clone();
        let fresh = consumable && self.rows.consumes;
        if fresh && self.rpc.collections().is_empty() {
            let mut session = self.world.session(role).await;
            token = std::mem::take(&mut session.token);
            words.insert("refreshToken".to_owned(), session.refresh_token);
            words.insert("signInCode".to_owned(), session.code);
        }
        for (word, prefix) in [("refreshToken", "mc_ref_"), ("signInCode", "mc_otc_")] {
            words.entry(word.to_owned()).or_insert_with(|| format!("{prefix}{}", "a".repeat(43)));
        }
        let mut last = None;
        if fresh && let Some(collection) = self.rpc.collections().last() {
            let id = self.world.make(collection, role).await;
            match self.rows.after.as_deref() {
                Some("fail") => self.world.fail_run(&id).await,
                Some(verb) => {
                    self.world.post(&format!("{collection}/{id}:{verb}"), Role::Owner, json!({})).await;
                }
                None => {}
            }
            last = Some(id);
        }
        let ids = self.rpc.collections().len();
        let mut at = 0;
        let path = self.rpc.path(|collection| {
            at += 1;
            match &last {
                Some(last) if at == ids => last.clone(),
                _ => self.world.shared(collection).to_owned(),
            }
        });
        let query = self.rows.query.iter();
        let query = query.map(|(name, value)| (name.clone(), write_out_text(value, &words))).collect();
        let body = match &self.rows.good {
            Some(good) => Body::Json(write_out(good, &words)),
            None if self.rpc.takes_a_body() => Body::Json(json!({})),
            None => Body::None,
        };
        let method = self.rpc.binding.method.clone();
        let request = Request { method, path, query, headers: Vec::new(), body };
        if self.rpc.access == Access::Public { request } else { request.bearer(Some(&token)) }
    }

    /// A request of the owner that only what is tried keeps from being accepted.
    async fn base(&self) -> Request {
        self.good(Role::Owner, false).await
    }

    /// A request of the owner that a success may use up.
    pub(crate) async fn consumable(&self) -> Request {
        self.good(Role::Owner, true).await
    }

    fn add(&mut self, name: &str, at: Option<&str>, request: Request, answer: Told<'_>) {
        let key = format!("{name}:{}", at.unwrap_or_default());
        let (status, reason, field) = answer;
        let expected = Expected { status, reason: reason.to_owned(), field: field.map(str::to_owned) };
        let expected = self.rows.answers.get(&key).cloned().unwrap_or(expected);
        let at = at.map(str::to_owned);
        self.attempts.push(Attempt { name: name.to_owned(), at, request, expected, of_this_rpc: false });
    }

    /// The path with something else as its last id.
    fn path_with(&self, last: &str) -> String {
        let ids = self.rpc.collections().len();
        let mut at = 0;
        self.rpc.path(|collection| {
            at += 1;
            if at == ids { last.to_owned() } else { self.world.shared(collection).to_owned() }
        })
    }

    async fn rows_of_this_rpc(&mut self) {
        for row in &self.rows.own {
            let words = self.world.words();
            let mut request = self.good(Role::Owner, self.rows.consumes && row.expected.status != 400).await;
            if let Some(last) = &row.last {
                request.path = self.path_with(&write_out_text(last, &words));
            }
            for (name, value) in &row.query {
                request = request.query(name, write_out_text(value, &words));
            }
            if let Some(patch) = &row.with {
                let patch = write_out(patch, &words);
                match &mut request.body {
                    Body::Json(body) => merge(body, &patch),
                    body => *body = Body::Json(patch),
                }
            }
            self.attempts.push(Attempt {
                name: row.name.clone(),
                at: None,
                request,
                expected: row.expected.clone(),
                of_this_rpc: true,
            });
        }
    }
}
