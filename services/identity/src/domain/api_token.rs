//! API tokens: bearers for programs, narrowed by scopes, with an end.

use mc_chassis::error::Violation;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::text::MAX_NAME;
use mc_chassis::error::Violations;

/// How far ahead a token may end.
pub(crate) const MAX_TTL: Duration = Duration::days(366);
/// How far ahead it ends when nothing is said.
pub(crate) const DEFAULT_TTL: Duration = Duration::days(90);
/// Scopes of one token.
pub(crate) const MAX_SCOPES: usize = 50;

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiToken {
    pub(crate) workspace: Uuid,
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    pub(crate) display_name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) hint: String,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) expire_time: OffsetDateTime,
    pub(crate) revoke_time: Option<OffsetDateTime>,
}

impl ApiToken {
    /// `workspaces/{workspace}/tokens/{token}`.
    pub(crate) fn name(&self) -> String {
        format!("workspaces/{}/tokens/{}", self.workspace, self.id)
    }
}

/// What a caller wants a token to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) display_name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) end: End,
}

/// When a token is to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing was said.
    #[default]
    Default,
    At(OffsetDateTime),
    /// What was said is no time.
    Never,
}

impl Wanted {
    /// Holds every field to its rule, and settles scopes and end. `own_scopes` narrow the bearer that asks: it cannot
    /// make one that may do more.
    pub(crate) fn settle(
        self,
        own_scopes: &[String],
        is_permission: impl Fn(&str) -> bool,
        now: OffsetDateTime,
    ) -> Result<(String, Vec<String>, OffsetDateTime), Vec<Violation>> {
        let mut violations = Violations::default();
        violations.line("api_token.display_name", &self.display_name, MAX_NAME, true);
        if self.scopes.len() > MAX_SCOPES {
            violations.add("api_token.scopes", format!("must be at most {MAX_SCOPES}"));
        }
        for (index, scope) in self.scopes.iter().take(MAX_SCOPES).enumerate() {
            let field = format!("api_token.scopes[{index}]");
            if !is_permission(scope) {
                violations
                    .add(field, "must be a permission (tasks.task.start) or the start of some (tasks.*)");
            } else if !own_scopes.is_empty() && !own_scopes.iter().any(|own| covers(own, scope)) {
                violations.add(field, "is outside the scopes of the token that this call came with");
            }
        }
        let expire_time = match self.end {
            End::Default => now + DEFAULT_TTL,
            End::At(at) if at > now && at <= now + MAX_TTL => at,
            End::At(_) | End::Never => {
                violations.add("api_token.expire_time", "must be in the future and at most 366 days ahead");
                now
            }
        };
        violations.into_result()?;
        let scopes = if self.scopes.is_empty() { own_scopes.to_vec() } else { self.scopes };
        Ok((self.display_name, scopes, expire_time))
    }
}

/// Whether everything inside `inner` is inside `outer`.
fn covers(outer: &str, inner: &str) -> bool {
    outer == inner || outer.strip_suffix('*').is_some_and(|prefix| inner.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    fn settle(wanted: Wanted, own: &[&str]) -> Result<(String, Vec<String>, OffsetDateTime), Vec<String>> {
        let own: Vec<String> = own.iter().map(ToString::to_string).collect();
        let known = |scope: &str| scope.starts_with("tasks.") || scope.starts_with("llm.");
        wanted.settle(&own, known, NOW).map_err(|broken| broken.into_iter().map(|it| it.field).collect())
    }

    fn wanted(scopes: &[&str]) -> Wanted {
        Wanted {
            display_name: "ci".into(),
            scopes: scopes.iter().map(ToString::to_string).collect(),
            end: End::Default,
        }
    }

    #[test]
    fn end_is_held_at_its_edges_and_defaults_to_ninety_days() {
        let with = |end| settle(Wanted { end, ..wanted(&[]) }, &[]).map(|(_, _, end)| end);
        assert_eq!(with(End::Default), Ok(NOW + DEFAULT_TTL));
        let second = Duration::SECOND;
        assert_eq!(with(End::At(NOW + second)), Ok(NOW + second));
        assert_eq!(with(End::At(NOW + MAX_TTL)), Ok(NOW + MAX_TTL));
        for bad in [End::At(NOW), End::At(NOW - second), End::At(NOW + MAX_TTL + second), End::Never] {
            assert_eq!(with(bad), Err(vec!["api_token.expire_time".to_owned()]));
        }
    }

    #[test]
    fn narrowed_bearer_makes_no_wider_one() {
        let scopes = |asked: &[&str], own: &[&str]| settle(wanted(asked), own).map(|(_, scopes, _)| scopes);
        assert_eq!(scopes(&[], &[]), Ok(vec![]));
        assert_eq!(scopes(&[], &["tasks.*"]), Ok(vec!["tasks.*".to_owned()]), "nothing asked for inherits");
        assert_eq!(scopes(&["tasks.run.read"], &["tasks.*"]), Ok(vec!["tasks.run.read".to_owned()]));
        assert_eq!(scopes(&["tasks.run.*"], &["tasks.*"]), Ok(vec!["tasks.run.*".to_owned()]));
        assert!(scopes(&["llm.usage.read"], &["tasks.*"]).is_err());
        assert!(scopes(&["tasks.*"], &["tasks.run.read"]).is_err());
    }

    #[test]
    fn every_broken_rule_is_named_at_once() {
        let bad = Wanted {
            display_name: String::new(),
            scopes: vec!["nonsense".into(), "tasks.*".into()],
            end: End::At(NOW),
        };
        let broken = settle(bad, &[]).expect_err("broken");
        assert_eq!(broken, ["api_token.display_name", "api_token.scopes[0]", "api_token.expire_time"]);
        let many = vec!["tasks.x"; MAX_SCOPES];
        assert!(settle(wanted(&many), &[]).is_ok());
        assert!(settle(wanted(&[many, vec!["tasks.x"]].concat()), &[]).is_err());
    }
}
