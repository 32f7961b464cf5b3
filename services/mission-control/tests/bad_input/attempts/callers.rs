//! Who calls, for which workspace and by which path.

use mc_chassis::auth::Role;

use super::Plan;
use crate::contract::{Access, ROLES};
use crate::request::Request;

impl Plan<'_> {
    pub(super) async fn tokens(&mut self) {
        if self.rpc.access == Access::Public {
            return;
        }
        let base = self.base().await;
        let unknown = format!("mc_pat_{}", "a".repeat(43));
        let refresh = format!("mc_ref_{}", "a".repeat(43));
        let long = "x".repeat(8 * 1024 + 1);
        let (expired, revoked) = (self.world.expired.clone(), self.world.revoked.clone());
        let basic = base.clone().bearer(None).header("authorization", "Basic bWU6c2VjcmV0");
        let twice = base.clone().header("authorization", "Bearer another");
        let tries = [
            ("no token", base.clone().bearer(None), "UNAUTHENTICATED"),
            ("another scheme than Bearer", basic, "UNAUTHENTICATED"),
            ("two Authorization headers", twice, "UNAUTHENTICATED"),
            ("an empty token", base.clone().bearer(Some("")), "UNAUTHENTICATED"),
            ("a token of more than 8 KiB", base.clone().bearer(Some(&long)), "UNAUTHENTICATED"),
            ("a malformed token", base.clone().bearer(Some("nonsense")), "TOKEN_INVALID"),
            ("an unknown token", base.clone().bearer(Some(&unknown)), "TOKEN_INVALID"),
            ("a refresh token in place of a session's", base.clone().bearer(Some(&refresh)), "TOKEN_INVALID"),
            ("an expired token", base.clone().bearer(Some(&expired)), "TOKEN_EXPIRED"),
            ("a revoked token", base.clone().bearer(Some(&revoked)), "TOKEN_REVOKED"),
        ];
        for (name, request, reason) in tries {
            self.add(name, None, request, (401, reason, None));
        }
    }

    pub(super) async fn roles(&mut self) {
        match self.rpc.access {
            Access::Public => {
                let request = self.good(Role::Viewer, true).await;
                self.add("nobody in particular, who may", None, request, (200, "", None));
            }
            Access::Authenticated => {
                let request = self.good(Role::Viewer, true).await;
                self.add("somebody who is signed in, who may", None, request, (200, "", None));
            }
            Access::From(lowest) => {
                if let Some(below) = ROLES.into_iter().rev().find(|role| *role < lowest) {
                    let request = self.base().await.bearer(Some(&self.world.person(below).token));
                    self.add(
                        "the highest role that may not",
                        None,
                        request,
                        (403, "PERMISSION_DENIED", None),
                    );
                }
                let permission = &self.rpc.binding.permission;
                let other = if permission == "tasks.run.read" { "tasks.task.read" } else { "tasks.run.read" };
                let narrow = self.world.narrowed(other).await;
                let request = self.base().await.bearer(Some(&narrow));
                self.add("an API token of another scope", None, request, (403, "PERMISSION_DENIED", None));
                let request = self.good(lowest, true).await;
                self.add("the lowest role that may", None, request, (200, "", None));
            }
        }
    }

    pub(super) async fn workspaces(&mut self) {
        let collections = self.rpc.collections();
        let Some(named) = self.rpc.named_by().map(str::to_owned) else { return };
        if collections.is_empty() {
            return;
        }
        let base = self.base().await;
        let stranger = base.clone().bearer(Some(&self.world.stranger.token));
        self.add("a person of another workspace", None, stranger, (404, "WORKSPACE_NOT_FOUND", None));
        let at = |workspace: &str| {
            self.rpc.path(|collection| match collection {
                "workspaces" => workspace.to_owned(),
                other => self.world.shared(other).to_owned(),
            })
        };
        let paths = [
            (
                "a workspace that is not the caller's",
                at(&self.world.elsewhere),
                (404, "WORKSPACE_NOT_FOUND", None),
            ),
            (
                "a workspace that is not there",
                at(&self.world.house.ambient.ids.uuid().to_string()),
                (404, "WORKSPACE_NOT_FOUND", None),
            ),
            ("a workspace that is no id", at("nope"), (400, "INVALID_FIELD", Some(named.as_str()))),
            (
                "a workspace in capitals",
                at(&self.world.home.to_uppercase()),
                (400, "INVALID_FIELD", Some(named.as_str())),
            ),
            ("a workspace with a NUL", at("%00"), (400, "INVALID_FIELD", Some(named.as_str()))),
            ("a workspace that climbs", at(".."), (404, "ROUTE_NOT_FOUND", None)),
            ("a workspace without an id", at(""), (404, "ROUTE_NOT_FOUND", None)),
        ];
        for (name, path, answer) in paths {
            self.add(name, None, Request { path, ..base.clone() }, answer);
        }
    }

    pub(super) async fn names(&mut self) {
        let Some(named) = self.rpc.named_by().map(str::to_owned) else { return };
        if self.rpc.collections().len() < 2 {
            return;
        }
        let base = self.base().await;
        let unknown = self.world.house.ambient.ids.uuid().to_string();
        let wrong = (400, "INVALID_FIELD", Some(named.as_str()));
        let long = "a".repeat(20_000);
        let tries = [
            ("an id that is not there", unknown.as_str(), (404, "NOT_FOUND", None)),
            ("an id that is none", "No%20such%20id", wrong),
            ("an id with a NUL", "%00", wrong),
            ("an id with a slash", "a%2Fb", wrong),
            ("an id of 20,000 characters", long.as_str(), wrong),
            ("an id that is not UTF-8", "%ff", (400, "MALFORMED_PATH", None)),
            ("an id with a broken escape", "%zz", (400, "MALFORMED_PATH", None)),
        ];
        for (name, last, answer) in tries {
            let path = self.path_with(last);
            self.add(name, None, Request { path, ..base.clone() }, answer);
        }
    }

    pub(super) async fn http(&mut self) {
        let base = self.base().await;
        let request = Request { method: http::Method::TRACE, ..base.clone() };
        self.add("a method that is not taken", None, request, (405, "METHOD_NOT_ALLOWED", None));
        let path = format!("{}/no/such/path", base.path);
        self.add(
            "a path that is not there",
            None,
            Request { path, ..base.clone() },
            (404, "ROUTE_NOT_FOUND", None),
        );
        let path = format!("{}:noSuchVerb", base.path);
        self.add("a verb that is not there", None, Request { path, ..base }, (404, "ROUTE_NOT_FOUND", None));
    }
}
