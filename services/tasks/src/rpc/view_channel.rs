//! Channels and deliveries, as the contract shows them.

use mc_proto::tasks::v1 as proto;

use crate::rpc::quiet_content;
use crate::rpc::view::{etag, run_name, timestamp};
use crate::store::channel::Channel;
use crate::store::delivery::{Delivery, state};

/// A channel.
pub(super) fn channel(channel: &Channel) -> proto::Channel {
    let workspace = channel.workspace_id;
    proto::Channel {
        name: format!("workspaces/{workspace}/channels/{}", channel.channel_id),
        display_name: channel.display_name.clone(),
        format: i32::from(channel.format),
        url: channel.url.clone(),
        kinds: channel.kinds.iter().map(|kind| i32::from(*kind)).collect(),
        agents: channel.agents.iter().map(|agent| format!("workspaces/{workspace}/agents/{agent}")).collect(),
        delay: seconds(channel.delay_s),
        include_content: channel.include_content,
        disabled: channel.disabled,
        disable_reason: channel.disable_reason.clone(),
        old_secret_expire_time: channel.old_secret_expire_time.map(timestamp),
        creator: format!("users/{}", channel.creator),
        create_time: Some(timestamp(channel.create_time)),
        update_time: Some(timestamp(channel.update_time)),
        etag: etag(channel.revision),
        owner: channel.owner.map(|owner| format!("users/{owner}")).unwrap_or_default(),
        quiet_hours: quiet_content::view(channel),
        urgent_kinds: channel.urgent_kinds.iter().map(|kind| i32::from(*kind)).collect(),
        digest_window: seconds(channel.digest_s),
    }
}

fn seconds(seconds: i32) -> Option<prost_types::Duration> {
    (seconds > 0).then(|| prost_types::Duration { seconds: i64::from(seconds), nanos: 0 })
}

/// A delivery.
pub(super) fn delivery(delivery: &Delivery) -> proto::Delivery {
    let workspace = delivery.workspace_id;
    let pending = delivery.state == state::PENDING;
    let item = |item| format!("workspaces/{workspace}/inbox/{item}");
    proto::Delivery {
        name: format!("workspaces/{workspace}/deliveries/{}", delivery.delivery_id),
        channel: format!("workspaces/{workspace}/channels/{}", delivery.channel_id),
        kind: i32::from(delivery.kind),
        run: delivery.run_id.map(|run| run_name(workspace, run)).unwrap_or_default(),
        inbox_item: delivery.item_id.map(item).unwrap_or_default(),
        state: i32::from(delivery.state),
        attempts: i32::from(delivery.attempts),
        next_attempt_time: pending.then(|| timestamp(delivery.due_time)),
        status_code: i32::from(delivery.status_code),
        error: delivery.error.clone(),
        create_time: Some(timestamp(delivery.create_time)),
        settle_time: delivery.settle_time.map(timestamp),
        replays: delivery.replays,
        held: delivery.held,
        digest: delivery.digest_id.map(|digest| format!("msg_{}", digest.simple())).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::notice::NoticeKind;

    #[test]
    fn kinds_have_the_numbers_of_the_contract() {
        for kind in NoticeKind::ALL {
            let contract =
                proto::NotificationKind::try_from(i32::from(kind.number())).expect("in the contract");
            let name = format!("NOTIFICATION_KIND_{}", format!("{kind:?}").to_uppercase());
            assert_eq!(contract.as_str_name(), name);
            assert_eq!(NoticeKind::of_number(kind.number()), Some(kind));
        }
        assert_eq!((NoticeKind::of_number(0), NoticeKind::of_number(10)), (None, None));
        for (number, contract) in [
            (state::PENDING, proto::DeliveryState::Pending),
            (state::DELIVERED, proto::DeliveryState::Delivered),
            (state::DEAD, proto::DeliveryState::Dead),
            (state::SKIPPED, proto::DeliveryState::Skipped),
        ] {
            assert_eq!(i32::from(number), contract as i32);
        }
    }
}
