//! What people say of a channel, checked.

use mc_chassis::Failure;
use mc_chassis::error::Violations;
use mc_proto::tasks::v1 as proto;
use url::{Host, Url};

use crate::domain::id::{UserId, WorkspaceId};
use crate::domain::notice::{DEFAULT_KINDS, NoticeKind};
use crate::rpc::{names, quiet_content};
use crate::store::channel::{Settings, format};

/// Characters of a name.
const NAME_CHARS: usize = 80;
/// Bytes of an address.
const URL_BYTES: usize = 2_000;
/// Agents that a channel names.
const AGENTS: usize = 20;
/// Seconds of a delay.
const DELAY_S: i64 = 86_400;

/// Number of a channel's format.
pub(super) fn format(channel: &proto::Channel, violations: &mut Violations) -> i16 {
    match proto::ChannelFormat::try_from(channel.format) {
        Ok(proto::ChannelFormat::StandardWebhook) => format::WEBHOOK,
        Ok(proto::ChannelFormat::Slack) => format::SLACK,
        Ok(proto::ChannelFormat::Mail) => format::MAIL,
        Ok(proto::ChannelFormat::Unspecified) | Err(_) => {
            violations.add(
                "channel.format",
                "must be CHANNEL_FORMAT_STANDARD_WEBHOOK, CHANNEL_FORMAT_SLACK or CHANNEL_FORMAT_MAIL",
            );
            0
        }
    }
}

/// Whose own channel it is to be: the person's or, if nobody's, the workspace's.
pub(super) fn owner(
    person: UserId,
    format: i16,
    channel: &proto::Channel,
    violations: &mut Violations,
) -> Option<UserId> {
    if channel.owner.is_empty() {
        if format == format::MAIL {
            violations.add(
                "channel.owner",
                format!("is required of a channel by mail, which goes to your own address: users/{person}"),
            );
        }
        return None;
    }
    if channel.owner != format!("users/{person}") {
        violations.add(
            "channel.owner",
            format!("must be users/{person}, who you are, or empty for a channel of the workspace"),
        );
    }
    Some(person)
}

/// Where a channel leads, if it has an address of its own.
pub(super) fn url(format: i16, channel: &proto::Channel, violations: &mut Violations) -> Option<Url> {
    if format != format::MAIL {
        return address("channel.url", &channel.url, violations);
    }
    if !channel.url.is_empty() {
        violations.add("channel.url", "must be empty: mail goes to the address of its owner's account");
    }
    None
}

/// Everything but the address, which is `shown` as it may be.
pub(super) fn settings(
    workspace: WorkspaceId,
    channel: &proto::Channel,
    shown: String,
    violations: &mut Violations,
) -> Settings {
    violations.line("channel.display_name", &channel.display_name, NAME_CHARS, true);
    let mut kinds = self::kinds("kinds", &channel.kinds, violations);
    if kinds.is_empty() {
        kinds = DEFAULT_KINDS.to_vec();
    }
    Settings {
        display_name: channel.display_name.clone(),
        url: shown,
        kinds,
        agents: agents(workspace, &channel.agents, violations),
        delay_s: delay_s(channel.delay.as_ref(), violations),
        include_content: channel.include_content,
        disabled: channel.disabled,
        quiet: quiet_content::quiet(channel.quiet_hours.as_ref(), violations),
        urgent: self::kinds("urgent_kinds", &channel.urgent_kinds, violations),
        digest_s: quiet_content::digest_s(channel.digest_window.as_ref(), violations),
    }
}

fn kinds(field: &str, numbers: &[i32], violations: &mut Violations) -> Vec<NoticeKind> {
    let mut kinds = Vec::new();
    for (place, number) in numbers.iter().enumerate() {
        match i16::try_from(*number).ok().and_then(NoticeKind::of_number) {
            Some(kind) if kind != NoticeKind::Test => kinds.push(kind),
            _ => violations.add(
                format!("channel.{field}[{place}]"),
                "must be a NotificationKind, and not NOTIFICATION_KIND_TEST: tests are always sent",
            ),
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn agents(workspace: WorkspaceId, wanted: &[String], violations: &mut Violations) -> Vec<uuid::Uuid> {
    if wanted.len() > AGENTS {
        violations.add("channel.agents", format!("must be at most {AGENTS}; none stands for all of them"));
        return Vec::new();
    }
    let mut agents = Vec::new();
    for (place, name) in wanted.iter().enumerate() {
        let field = format!("channel.agents[{place}]");
        match names::optional_agent(workspace, &field, name) {
            Ok(Some(agent)) => agents.push(agent.uuid()),
            Ok(None) => violations.add(field, "must be `workspaces/{workspace}/agents/{agent}`"),
            Err(failure) => failure
                .violations()
                .iter()
                .for_each(|wrong| violations.add(wrong.field.clone(), wrong.description.clone())),
        }
    }
    agents.sort_unstable();
    agents.dedup();
    agents
}

fn delay_s(delay: Option<&prost_types::Duration>, violations: &mut Violations) -> i32 {
    let delay = delay.copied().unwrap_or_default();
    match i32::try_from(delay.seconds) {
        Ok(seconds) if delay.nanos == 0 && (0..=DELAY_S).contains(&delay.seconds) => seconds,
        _ => {
            violations.add("channel.delay", format!("must be 0 to {DELAY_S} s, in whole seconds"));
            0
        }
    }
}

/// An address that is sent to. Whether it may be reached is judged with each attempt, by the operator's policy.
pub(super) fn address(field: &str, text: &str, violations: &mut Violations) -> Option<Url> {
    if text.is_empty() {
        violations.add(field, "is required");
        return None;
    }
    if text.len() > URL_BYTES {
        violations.add(field, format!("must be at most {URL_BYTES} bytes, not {}", text.len()));
        return None;
    }
    let wrong = match Url::parse(text) {
        Err(_) => "must be an absolute address, for example https://example.com/hooks",
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "must not hold a user name or password"
        }
        Ok(url) if url.fragment().is_some() => "must not have a fragment (#): it would not be sent",
        Ok(url) if url.scheme() == "https" || url.scheme() == "http" && is_local(&url) => return Some(url),
        Ok(_) => "must begin with https://; http:// is for localhost and private addresses alone",
    };
    violations.add(field, wrong);
    None
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_private(),
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unique_local(),
        None => false,
    }
}

/// What may be shown of an address: all of it, unless it is the secret itself.
pub(super) fn shown(format: i16, url: &Url) -> String {
    if format == format::SLACK {
        format!("{}/...", url.origin().ascii_serialization())
    } else {
        url.as_str().to_owned()
    }
}

/// A failure if anything was noted.
pub(super) fn checked(violations: Violations) -> Result<(), Failure> {
    violations.into_result().map_err(Failure::from)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const WORKSPACE: WorkspaceId = WorkspaceId::new(Uuid::from_u128(7));
    const PERSON: UserId = UserId::new(Uuid::from_u128(8));

    fn good() -> proto::Channel {
        proto::Channel {
            display_name: "On call".into(),
            format: 1,
            url: "https://example.com/hooks?to=us".into(),
            ..proto::Channel::default()
        }
    }

    fn me() -> String {
        format!("users/{PERSON}")
    }

    fn agent(number: u128) -> String {
        format!("workspaces/{WORKSPACE}/agents/{}", Uuid::from_u128(number))
    }

    fn parse(channel: &proto::Channel) -> Result<Settings, Failure> {
        let mut violations = Violations::default();
        let format = format(channel, &mut violations);
        owner(PERSON, format, channel, &mut violations);
        let url = url(format, channel, &mut violations);
        let shown = url.map(|url| shown(format, &url)).unwrap_or_default();
        let settings = settings(WORKSPACE, channel, shown, &mut violations);
        checked(violations).map(|()| settings)
    }

    #[test]
    fn channel_that_does_not_say_is_told_of_what_needs_somebody_at_once_and_without_content() {
        let settings = parse(&good()).expect("good");
        assert_eq!(settings.kinds, DEFAULT_KINDS);
        assert_eq!((settings.delay_s, settings.include_content, settings.disabled), (0, false, false));
        let doubled = parse(&proto::Channel { kinds: vec![6, 1, 6], ..good() }).expect("good");
        assert_eq!(doubled.kinds, [NoticeKind::Approval, NoticeKind::Success]);
    }

    #[test]
    fn every_limit_holds_at_its_edge() {
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let long = |bytes: usize| format!("https://example.com/{}", "x".repeat(bytes - 20));
        for accepted in [
            proto::Channel { display_name: "é".repeat(NAME_CHARS), ..good() },
            proto::Channel { url: long(URL_BYTES), ..good() },
            proto::Channel { url: "http://localhost:8080/".into(), ..good() },
            proto::Channel { url: "http://192.168.0.7/".into(), ..good() },
            proto::Channel { url: "http://[::1]/".into(), ..good() },
            proto::Channel { agents: (0..20).map(agent).collect(), ..good() },
            proto::Channel { delay: seconds(DELAY_S), ..good() },
            proto::Channel { kinds: (1..=8).collect(), urgent_kinds: (1..=8).collect(), ..good() },
            proto::Channel { owner: me(), ..good() },
            proto::Channel { owner: me(), format: 3, url: String::new(), ..good() },
        ] {
            parse(&accepted).expect("within the limits");
        }
        let elsewhere = agent(1).replace(&WORKSPACE.to_string(), &Uuid::nil().to_string());
        for (field, refused) in [
            ("channel.display_name", proto::Channel { display_name: " ".into(), ..good() }),
            ("channel.display_name", proto::Channel { display_name: "é".repeat(NAME_CHARS + 1), ..good() }),
            ("channel.format", proto::Channel { format: 0, ..good() }),
            ("channel.format", proto::Channel { format: 4, ..good() }),
            ("channel.url", proto::Channel { url: String::new(), ..good() }),
            ("channel.url", proto::Channel { url: long(URL_BYTES + 1), ..good() }),
            ("channel.url", proto::Channel { url: "example.com".into(), ..good() }),
            ("channel.url", proto::Channel { url: "http://example.com/".into(), ..good() }),
            ("channel.url", proto::Channel { url: "http://8.8.8.8/".into(), ..good() }),
            ("channel.url", proto::Channel { url: "ftp://localhost/".into(), ..good() }),
            ("channel.url", proto::Channel { url: "https://a:b@example.com/".into(), ..good() }),
            ("channel.url", proto::Channel { url: "https://example.com/#a".into(), ..good() }),
            ("channel.kinds[1]", proto::Channel { kinds: vec![1, 0], ..good() }),
            ("channel.kinds[0]", proto::Channel { kinds: vec![9], ..good() }),
            ("channel.kinds[0]", proto::Channel { kinds: vec![10], ..good() }),
            ("channel.agents", proto::Channel { agents: (0..21).map(agent).collect(), ..good() }),
            ("channel.agents[0]", proto::Channel { agents: vec![String::new()], ..good() }),
            ("channel.agents[1]", proto::Channel { agents: vec![agent(1), elsewhere], ..good() }),
            ("channel.urgent_kinds[0]", proto::Channel { urgent_kinds: vec![9], ..good() }),
            ("channel.url", proto::Channel { owner: me(), format: 3, ..good() }),
            ("channel.owner", proto::Channel { url: String::new(), format: 3, ..good() }),
            ("channel.owner", proto::Channel { owner: format!("users/{}", Uuid::nil()), ..good() }),
            ("channel.owner", proto::Channel { owner: "me".into(), ..good() }),
            ("channel.delay", proto::Channel { delay: seconds(DELAY_S + 1), ..good() }),
            ("channel.delay", proto::Channel { delay: seconds(-1), ..good() }),
            (
                "channel.delay",
                proto::Channel { delay: Some(prost_types::Duration { seconds: 1, nanos: 1 }), ..good() },
            ),
        ] {
            let failure = parse(&refused).expect_err(field);
            assert_eq!(failure.violations()[0].field, field, "{failure}");
            assert_eq!(failure.violations().len(), 1, "{failure}");
        }
    }

    #[test]
    fn of_a_slack_channel_no_more_than_the_host_is_shown() {
        let url = "https://hooks.slack.com/services/T0/B0/s3cret".into();
        let settings = parse(&proto::Channel { format: 2, url, ..good() }).expect("good");
        assert_eq!(settings.url, "https://hooks.slack.com/...");
        assert_eq!(parse(&good()).expect("good").url, good().url);
    }
}
