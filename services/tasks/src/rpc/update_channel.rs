//! UpdateChannel: changes what people say of a channel; what is secret of it is rotated instead.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::error::Violations;
use mc_proto::tasks::v1::{self as proto, UpdateChannelRequest, UpdateChannelResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::channel_content::{checked, settings, shown, url};
use crate::rpc::{Api, channel_access, names, view, view_channel};
use crate::store::channel::{self, format};

const FIELDS: [&str; 14] = [
    "display_name",
    "url",
    "kinds",
    "agents",
    "delay",
    "include_content",
    "disabled",
    "quiet_hours",
    "quiet_hours.time_zone",
    "quiet_hours.start",
    "quiet_hours.end",
    "quiet_hours.days",
    "urgent_kinds",
    "digest_window",
];

pub(super) async fn update_channel(
    api: &Api,
    request: Request<UpdateChannelRequest>,
) -> Result<UpdateChannelResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let wanted = request.channel.ok_or_else(|| Failure::invalid("channel", "is required"))?;
    let (workspace, id) = names::channel(&caller, "channel.name", &wanted.name)?;
    let paths = mask(request.update_mask.map(|mask| mask.paths).unwrap_or_default())?;

    let mut tx = api.database.begin(workspace.uuid()).await?;
    let stored = channel::lock(&mut tx, id).await?.ok_or_else(|| Error::NotFound(wanted.name.clone()))?;
    channel_access::may_change(&caller, stored.owner, &wanted.name)?;
    if !wanted.etag.is_empty() && wanted.etag != view::etag(stored.revision) {
        return Err(Error::EtagMismatch(wanted.name));
    }
    let merged = merge(view_channel::channel(&stored), wanted, &paths);
    let mut violations = Violations::default();
    let url = if merged.url == stored.url {
        stored.url.clone()
    } else if stored.format == format::SLACK {
        violations.add("channel.url", "is a secret of this channel; replace it with :rotateSecret");
        String::new()
    } else {
        let url = url(stored.format, &merged, &mut violations);
        url.map(|url| shown(stored.format, &url)).unwrap_or_default()
    };
    let settings = settings(workspace, &merged, url, &mut violations);
    checked(violations)?;
    channel::update(&mut tx, id, &settings, api.ambient.clock.now()).await?;
    let channel = channel::get(&mut tx, id).await?.map(|channel| view_channel::channel(&channel));
    tx.commit().await?;
    Ok(UpdateChannelResponse { channel })
}

/// The fields to change: those of the mask, or all when it is empty.
fn mask(paths: Vec<String>) -> Result<Vec<String>, Failure> {
    if paths.is_empty() {
        return Ok(FIELDS.into_iter().filter(|path| !path.contains('.')).map(String::from).collect());
    }
    match paths.iter().find(|path| !FIELDS.contains(&path.as_str())) {
        Some(path) => Err(Failure::invalid(
            "update_mask",
            format!("may name {}; {path:?} cannot be changed", FIELDS.join(", ")),
        )),
        None => Ok(paths),
    }
}

fn merge(mut channel: proto::Channel, wanted: proto::Channel, paths: &[String]) -> proto::Channel {
    for path in paths {
        match path.as_str() {
            "display_name" => channel.display_name.clone_from(&wanted.display_name),
            "url" => channel.url.clone_from(&wanted.url),
            "kinds" => channel.kinds.clone_from(&wanted.kinds),
            "agents" => channel.agents.clone_from(&wanted.agents),
            "delay" => channel.delay = wanted.delay,
            "include_content" => channel.include_content = wanted.include_content,
            "disabled" => channel.disabled = wanted.disabled,
            "quiet_hours" => channel.quiet_hours.clone_from(&wanted.quiet_hours),
            "urgent_kinds" => channel.urgent_kinds.clone_from(&wanted.urgent_kinds),
            "digest_window" => channel.digest_window = wanted.digest_window,
            _ => {
                if let Some(field) = path.strip_prefix("quiet_hours.") {
                    let new = wanted.quiet_hours.clone().unwrap_or_default();
                    merge_hours(channel.quiet_hours.get_or_insert_default(), new, field);
                }
            }
        }
    }
    channel
}

fn merge_hours(hours: &mut proto::QuietHours, wanted: proto::QuietHours, field: &str) {
    match field {
        "time_zone" => hours.time_zone = wanted.time_zone,
        "start" => hours.start = wanted.start,
        "end" => hours.end = wanted.end,
        "days" => hours.days = wanted.days,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mask_names_what_can_be_changed_and_empty_means_all() {
        assert_eq!(mask(Vec::new()).expect("all").len(), 10, "each as a whole");
        for path in FIELDS {
            let wanted = proto::Channel {
                display_name: "n".into(),
                url: "u".into(),
                kinds: vec![1],
                agents: vec!["a".into()],
                delay: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
                include_content: true,
                disabled: true,
                quiet_hours: Some(proto::QuietHours {
                    time_zone: "UTC".into(),
                    start: "22:00".into(),
                    end: "07:00".into(),
                    days: vec![1],
                }),
                urgent_kinds: vec![1],
                digest_window: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
                ..proto::Channel::default()
            };
            let paths = mask(vec![path.into()]).expect(path);
            let merged = merge(proto::Channel::default(), wanted, &paths);
            assert_ne!(merged, proto::Channel::default(), "{path} is merged");
        }
        for path in ["format", "name", "owner", "quiet_hours.zone", "channel.url", "disable_reason", "*", ""]
        {
            let failure = mask(vec!["url".into(), path.into()]).expect_err(path);
            assert_eq!(failure.violations()[0].field, "update_mask");
        }
    }
}
