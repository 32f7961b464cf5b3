//! Which parts of a profile an update changes: `google.protobuf.FieldMask` paths, down into `spec`.

use mc_chassis::error::Violation;

use super::agent::Profile;
use super::text::quote;
use mc_chassis::error::Violations;

type Copy = fn(&mut Profile, &Profile);

/// Every path that may be named, with what it copies.
const PATHS: [(&str, Copy); 22] = [
    ("display_name", |to, from| to.display_name.clone_from(&from.display_name)),
    ("role", |to, from| to.role.clone_from(&from.role)),
    ("avatar", |to, from| to.avatar.clone_from(&from.avatar)),
    ("spec", |to, from| to.spec.clone_from(&from.spec)),
    ("spec.instructions", |to, from| to.spec.instructions.clone_from(&from.spec.instructions)),
    ("spec.model", |to, from| to.spec.model.clone_from(&from.spec.model)),
    ("spec.parameters", |to, from| to.spec.parameters.clone_from(&from.spec.parameters)),
    ("spec.parameters.temperature", |to, from| {
        to.spec.parameters.temperature = from.spec.parameters.temperature;
    }),
    ("spec.parameters.top_p", |to, from| to.spec.parameters.top_p = from.spec.parameters.top_p),
    ("spec.parameters.max_output_tokens", |to, from| {
        to.spec.parameters.max_output_tokens = from.spec.parameters.max_output_tokens;
    }),
    ("spec.parameters.seed", |to, from| to.spec.parameters.seed = from.spec.parameters.seed),
    ("spec.tools", |to, from| to.spec.tools.clone_from(&from.spec.tools)),
    ("spec.limits", |to, from| to.spec.limits.clone_from(&from.spec.limits)),
    ("spec.limits.max_steps", |to, from| to.spec.limits.max_steps = from.spec.limits.max_steps),
    ("spec.limits.max_tokens", |to, from| to.spec.limits.max_tokens = from.spec.limits.max_tokens),
    ("spec.limits.max_duration", |to, from| {
        to.spec.limits.max_duration_ms = from.spec.limits.max_duration_ms;
    }),
    ("spec.limits.max_cost_nano_usd", |to, from| {
        to.spec.limits.max_cost_nano_usd = from.spec.limits.max_cost_nano_usd;
    }),
    ("spec.limits.max_step_duration", |to, from| {
        to.spec.limits.max_step_duration_ms = from.spec.limits.max_step_duration_ms;
    }),
    ("spec.limits.max_concurrent_runs", |to, from| {
        to.spec.limits.max_concurrent_runs = from.spec.limits.max_concurrent_runs;
    }),
    ("spec.context", |to, from| to.spec.context = from.spec.context),
    ("spec.context.window_tokens", |to, from| {
        to.spec.context.window_tokens = from.spec.context.window_tokens;
    }),
    ("spec.context.compact_at_percent", |to, from| {
        to.spec.context.compact_at_percent = from.spec.context.compact_at_percent;
    }),
];

/// The parts of a profile that are to change.
#[derive(Debug, Clone)]
pub(crate) struct Mask(Option<Vec<Copy>>);

impl Mask {
    /// Reads paths; none means all.
    pub(crate) fn parse(paths: &[String]) -> Result<Self, Vec<Violation>> {
        if paths.is_empty() {
            return Ok(Self(None));
        }
        let mut violations = Violations::default();
        let mut copies = Vec::new();
        for path in paths {
            match PATHS.iter().find(|(known, _)| known == path) {
                Some((_, copy)) => copies.push(*copy),
                None => violations.add(
                    "update_mask",
                    format!(
                        "{} cannot be changed; {} can",
                        quote(path),
                        PATHS.map(|(known, _)| known).join(", ")
                    ),
                ),
            }
        }
        violations.into_result().map(|()| Self(Some(copies)))
    }

    /// `current` with the named parts of `new`.
    pub(crate) fn apply(&self, current: &Profile, new: Profile) -> Profile {
        let Some(copies) = &self.0 else { return new };
        let mut changed = current.clone();
        for copy in copies {
            copy(&mut changed, &new);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Context, Limits, Parameters, Spec, ToolGrant};

    fn old() -> Profile {
        Profile {
            display_name: "old".into(), role: "old".into(), avatar: "🚀".into(), spec: spec("old", 1)
        }
    }

    fn new() -> Profile {
        Profile {
            display_name: "new".into(), role: "new".into(), avatar: "🛰️".into(), spec: spec("new", 2)
        }
    }

    fn spec(text: &str, number: i32) -> Spec {
        Spec {
            instructions: text.into(),
            model: format!("simulator/{text}"),
            parameters: Parameters {
                temperature: Some(f64::from(number)),
                top_p: Some(f64::from(number) / 10.0),
                max_output_tokens: Some(number),
                seed: Some(number.into()),
            },
            tools: vec![ToolGrant { tool: text.into(), ..ToolGrant::default() }],
            limits: Limits {
                max_steps: Some(number),
                max_tokens: Some(number.into()),
                max_duration_ms: Some(number.into()),
                max_cost_nano_usd: Some(number.into()),
                max_step_duration_ms: Some(number.into()),
                max_concurrent_runs: Some(number),
            },
            context: Context { window_tokens: Some(number), compact_at_percent: Some(number) },
        }
    }

    fn update(paths: &[&str]) -> Profile {
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        Mask::parse(&paths).expect("known").apply(&old(), new())
    }

    #[test]
    fn empty_mask_replaces_everything() {
        assert_eq!(update(&[]), new());
    }

    #[test]
    fn each_path_changes_its_field_and_no_other() {
        for (path, copy) in PATHS {
            let mut expected = old();
            copy(&mut expected, &new());
            assert_ne!(expected, old(), "{path} changes something");
            assert_eq!(update(&[path]), expected, "{path}");
        }
        let leaves: Vec<&str> =
            PATHS.map(|(path, _)| path).into_iter().filter(|path| *path != "spec").collect();
        assert_eq!(update(&leaves), new(), "the leaves together are everything");
    }

    #[test]
    fn parent_and_child_may_be_named_together() {
        let changed = update(&["spec.parameters.seed", "spec.parameters"]);
        assert_eq!(changed.spec.parameters, new().spec.parameters);
        assert_eq!(changed.spec.model, old().spec.model);
    }

    #[test]
    fn unknown_paths_are_refused_with_the_known_ones() {
        let paths = ["name", "spec.modell", "agent.role", "*", "spec.", "etag"].map(String::from);
        let broken = Mask::parse(&paths).expect_err("unknown");
        assert_eq!(broken.len(), paths.len());
        assert!(broken.iter().all(|it| it.field == "update_mask"));
        assert!(
            broken[1].description.contains("spec.modell") && broken[1].description.contains("spec.model,")
        );
    }
}
