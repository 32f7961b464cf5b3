//! The tools an agent may be granted: by whose leave, to which hosts, and what their servers promise.

use serde::{Deserialize, Serialize};

use super::query;
use super::team::{self, DELEGATE, Teammate};
use super::text::quote;
use mc_chassis::error::Violations;

/// Tools that can be granted. `finish` is not among them: every run has it.
pub(crate) const GRANTABLE: [&str; 7] =
    ["write_artifact", "read_artifact", "http_fetch", HTTP_REQUEST, ASK_HUMAN, "wait", DELEGATE];
/// The tool whose effect can be declared.
pub(crate) const HTTP_REQUEST: &str = "http_request";
const ASK_HUMAN: &str = "ask_human";
const FINISH: &str = "finish";
const WITH_HOSTS: [&str; 2] = ["http_fetch", HTTP_REQUEST];
/// Hosts of one grant.
pub(crate) const MAX_HOSTS: usize = 100;

/// Shortest time for which an approval stays open before it is escalated, in milliseconds.
pub(crate) const MIN_EXPIRY_MS: i64 = 60 * 1_000;
/// Longest, in milliseconds: 30 days.
pub(crate) const MAX_EXPIRY_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// Leave to use one tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ToolGrant {
    /// One of [`GRANTABLE`].
    pub(crate) tool: String,
    /// For `http_fetch` and `http_request`: hosts that it may reach, `api.example.com` or `*.example.com`, lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_hosts: Vec<String>,
    /// Whether the agent may use it by itself.
    #[serde(default, skip_serializing_if = "Policy::is_allow")]
    pub(crate) policy: Policy,
    /// For `http_request`: what the servers promise; at most once when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) effect: Option<Effect>,
    /// For `http_request` with [`Effect::Queryable`]: where to ask.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) query_url: String,
    /// With [`Policy::Ask`]: milliseconds for which an approval may stay open before it is escalated; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) approval_expiry_ms: Option<i64>,
    /// For `delegate`: whom it may hand work to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) teammates: Vec<Teammate>,
}

/// Whether an agent may use a tool by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Policy {
    /// It may.
    #[default]
    Allow,
    /// A person approves each call.
    Ask,
    /// It may not.
    Deny,
    /// None that this release knows: refused from callers, and not to be taken for leave where it is stored.
    #[serde(other)]
    Unknown,
}

impl Policy {
    // Serde hands a reference.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    fn is_allow(&self) -> bool {
        *self == Self::Allow
    }
}

/// What the servers behind `http_request` promise about a request that may come twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Effect {
    /// Nothing.
    AtMostOnce,
    /// They honour `Idempotency-Key`.
    Idempotent,
    /// They can be asked at the grant's `query_url`.
    Queryable,
    /// None that this release knows: refused from callers, and no promise where it is stored.
    #[serde(other)]
    Unknown,
}

/// Holds a list of grants to the rules, each under `field[index]`.
pub(crate) fn check(field: &str, grants: &[ToolGrant], violations: &mut Violations) {
    for (index, grant) in grants.iter().enumerate() {
        let path = format!("{field}[{index}]");
        match grant.tool.as_str() {
            "" => violations
                .add(format!("{path}.tool"), format!("is required: one of {}", GRANTABLE.join(", "))),
            FINISH => {
                violations.add(format!("{path}.tool"), "finish is granted to every agent; leave it out");
            }
            tool if !GRANTABLE.contains(&tool) => violations.add(
                format!("{path}.tool"),
                format!("{} is no tool; the tools are {}", quote(tool), GRANTABLE.join(", ")),
            ),
            tool if grants[..index].iter().any(|earlier| earlier.tool == tool) => {
                violations.add(format!("{path}.tool"), format!("{tool} is granted twice"));
            }
            _ => {}
        }
        check_hosts(&path, grant, violations);
        check_policy(&path, grant, violations);
        check_expiry(&path, grant, violations);
        query::check(&path, grant, violations);
        team::check(&path, grant, violations);
    }
}

fn check_hosts(path: &str, grant: &ToolGrant, violations: &mut Violations) {
    let path = format!("{path}.allowed_hosts");
    if !grant.allowed_hosts.is_empty() && !WITH_HOSTS.contains(&grant.tool.as_str()) {
        violations.add(&path, format!("only {} take hosts", WITH_HOSTS.join(" and ")));
        return;
    }
    if grant.allowed_hosts.len() > MAX_HOSTS {
        violations.add(&path, format!("must be at most {MAX_HOSTS} hosts"));
        return;
    }
    for (index, host) in grant.allowed_hosts.iter().enumerate() {
        if !is_host_pattern(host) {
            violations.add(
                format!("{path}[{index}]"),
                format!(
                    "{} is no host: write api.example.com or *.example.com, without scheme, port or path, \
                     international names in their xn-- form",
                    quote(host)
                ),
            );
        }
    }
}

fn check_expiry(path: &str, grant: &ToolGrant, violations: &mut Violations) {
    let Some(expiry_ms) = grant.approval_expiry_ms else { return };
    let path = format!("{path}.approval_expiry");
    if grant.policy != Policy::Ask {
        violations.add(path, "only a tool with TOOL_POLICY_ASK takes one");
    } else if !(MIN_EXPIRY_MS..=MAX_EXPIRY_MS).contains(&expiry_ms) || expiry_ms % 1_000 != 0 {
        violations.add(path, "must be 1 minute to 30 days, in whole seconds");
    }
}

fn check_policy(path: &str, grant: &ToolGrant, violations: &mut Violations) {
    let path = format!("{path}.policy");
    match grant.policy {
        Policy::Unknown => {
            violations.add(path, "must be TOOL_POLICY_ALLOW, TOOL_POLICY_ASK or TOOL_POLICY_DENY");
        }
        Policy::Ask | Policy::Deny if grant.tool == ASK_HUMAN => {
            violations
                .add(path, "ask_human takes no other policy than allow; to take it away, leave the tool out");
        }
        Policy::Allow | Policy::Ask | Policy::Deny => {}
    }
}

/// An exact host, or `*.` before a domain of two labels or more.
fn is_host_pattern(pattern: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(suffix) => suffix.contains('.') && is_host(suffix),
        None => is_host(pattern),
    }
}

/// A host name of RFC 1123, lower case.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    host.len() <= 253 && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(tool: &str, hosts: &[&str]) -> ToolGrant {
        let allowed_hosts = hosts.iter().map(ToString::to_string).collect();
        ToolGrant { tool: tool.into(), allowed_hosts, ..ToolGrant::default() }
    }

    fn broken(grants: &[ToolGrant]) -> Vec<String> {
        let mut violations = Violations::default();
        check("tools", grants, &mut violations);
        violations.into_result().err().unwrap_or_default().into_iter().map(|it| it.field).collect()
    }

    #[test]
    fn every_tool_may_be_granted_once() {
        // A grant of `delegate` names somebody; that has its own tests.
        assert_eq!(broken(&GRANTABLE.map(|tool| grant(tool, &[]))), ["tools[6].teammates"]);
        assert_eq!(broken(&[grant("http_fetch", &[]), grant("http_fetch", &[])]), ["tools[1].tool"]);
    }

    #[test]
    fn unknown_tool_is_refused_with_the_known_ones() {
        let mut violations = Violations::default();
        check("tools", &[grant("shell", &[]), grant("finish", &[]), grant("", &[])], &mut violations);
        let broken = violations.into_result().expect_err("unknown");
        assert!(broken[0].description.contains("http_fetch, http_request, ask_human"), "{broken:?}");
        assert!(broken[1].description.contains("leave it out"), "{broken:?}");
        assert_eq!(broken[2].field, "tools[2].tool");
    }

    #[test]
    fn hosts_are_names_without_scheme_port_or_path() {
        let long_label = "a".repeat(63);
        for host in [
            "api.example.com",
            "*.example.com",
            "localhost",
            "127.0.0.1",
            "xn--bcher-kva.example",
            &long_label,
        ] {
            assert!(broken(&[grant("http_fetch", &[host])]).is_empty(), "{host}");
        }
        let too_long_label = "a".repeat(64);
        let too_long = vec!["abcdefg"; 32].join(".");
        for host in [
            "",
            "*",
            "*.",
            "*.com",
            "a.*.com",
            "https://a.com",
            "a.com:80",
            "a.com/x",
            "A.com",
            "-a.com",
            "a-.com",
            "a..com",
            "a.com.",
            "bücher.example",
            "[::1]",
            "a b.com",
            &too_long_label,
            &too_long,
        ] {
            assert_eq!(broken(&[grant("http_fetch", &[host])]), ["tools[0].allowed_hosts[0]"], "{host}");
        }
    }

    #[test]
    fn hosts_are_bounded_and_for_http_fetch_alone() {
        let hosts = vec!["a.example"; MAX_HOSTS];
        assert!(broken(&[grant("http_fetch", &hosts)]).is_empty());
        let hosts = vec!["a.example"; MAX_HOSTS + 1];
        assert_eq!(broken(&[grant("http_fetch", &hosts)]), ["tools[0].allowed_hosts"]);
        for tool in ["read_artifact", "ask_human"] {
            assert_eq!(broken(&[grant(tool, &["a.example"])]), ["tools[0].allowed_hosts"]);
        }
        assert!(broken(&[grant("http_request", &["a.example"])]).is_empty());
    }

    #[test]
    fn policy_is_for_every_tool_but_ask_human() {
        for policy in [Policy::Allow, Policy::Ask, Policy::Deny] {
            for tool in GRANTABLE {
                let expected: &[&str] =
                    if tool == ASK_HUMAN && policy != Policy::Allow { &["tools[0].policy"] } else { &[] };
                let teammates = if tool == DELEGATE { vec![team::tests::bob()] } else { Vec::new() };
                assert_eq!(
                    broken(&[ToolGrant { policy, teammates, ..grant(tool, &[]) }]),
                    expected,
                    "{tool}: {policy:?}"
                );
            }
        }
        let unknown = ToolGrant { policy: Policy::Unknown, ..grant("http_fetch", &[]) };
        assert_eq!(broken(&[unknown]), ["tools[0].policy"]);
    }

    #[test]
    fn expiry_goes_with_ask_and_is_held_at_its_edges() {
        let expiry = |policy, ms| {
            broken(&[ToolGrant { policy, approval_expiry_ms: Some(ms), ..grant("http_request", &[]) }])
        };
        for good in [MIN_EXPIRY_MS, MAX_EXPIRY_MS] {
            assert!(expiry(Policy::Ask, good).is_empty(), "{good}");
        }
        for bad in [i64::MIN, 0, MIN_EXPIRY_MS - 1_000, MIN_EXPIRY_MS + 1, MAX_EXPIRY_MS + 1_000] {
            assert_eq!(expiry(Policy::Ask, bad), ["tools[0].approval_expiry"], "{bad}");
        }
        for policy in [Policy::Allow, Policy::Deny] {
            assert_eq!(expiry(policy, MIN_EXPIRY_MS), ["tools[0].approval_expiry"]);
        }
    }

    #[test]
    fn stored_grant_of_before_is_free_and_one_of_a_newer_release_is_not() {
        let read = |text: &str| serde_json::from_str::<ToolGrant>(text).expect("a grant");
        assert_eq!(read(r#"{"tool":"http_fetch"}"#), grant("http_fetch", &[]));
        let newer = read(r#"{"tool":"http_request","policy":"ask_twice","effect":"maybe"}"#);
        assert_eq!((newer.policy, newer.effect), (Policy::Unknown, Some(Effect::Unknown)));
    }
}
