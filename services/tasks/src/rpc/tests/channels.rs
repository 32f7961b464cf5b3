//! Channels: made, changed, rotated and deleted, with what is secret of them in the vault and nowhere else.

use mc_proto::tasks::v1::{
    self as proto, ChannelFormat, CreateChannelRequest, CreateChannelResponse, DeleteChannelRequest,
    GetChannelRequest, ListChannelsRequest, RotateChannelSecretRequest, RotateChannelSecretResponse,
    TestChannelRequest, UpdateChannelRequest,
};

use super::*;

pub(super) const SLACK: &str = "https://hooks.slack.com/services/T0/B0/s3cret";

pub(super) fn webhook(url: &str) -> proto::Channel {
    proto::Channel {
        display_name: "On call".into(),
        format: ChannelFormat::StandardWebhook as i32,
        url: url.into(),
        ..proto::Channel::default()
    }
}

impl Service {
    pub(super) async fn open(&self, channel: proto::Channel) -> Result<CreateChannelResponse, Failure> {
        let request = CreateChannelRequest { parent: format!("workspaces/{HOME}"), channel: Some(channel) };
        let made = self.notifications().create_channel(self.ask_as_admin(request)).await;
        made.map(Response::into_inner).map_err(|status| Failure::from_status(&status))
    }

    pub(super) async fn rotate(&self, name: &str, url: &str) -> Result<RotateChannelSecretResponse, Failure> {
        let request = RotateChannelSecretRequest { name: name.into(), url: url.into() };
        let rotated = self.notifications().rotate_channel_secret(self.ask_as_admin(request)).await;
        rotated.map(Response::into_inner).map_err(|status| Failure::from_status(&status))
    }

    pub(super) async fn alter(
        &self,
        channel: proto::Channel,
        mask: &[&str],
    ) -> Result<proto::Channel, Failure> {
        let paths = mask.iter().map(|&path| path.into()).collect();
        let request = UpdateChannelRequest { channel: Some(channel), update_mask: Some(FieldMask { paths }) };
        let changed = self.notifications().update_channel(self.ask_as_admin(request)).await;
        let changed = changed.map_err(|status| Failure::from_status(&status))?;
        Ok(changed.into_inner().channel.expect("a channel"))
    }

    pub(super) async fn channel(&self, name: &str) -> Result<proto::Channel, Failure> {
        let request = self.ask(GetChannelRequest { name: name.into() });
        let found = self.notifications().get_channel(request).await;
        let found = found.map_err(|status| Failure::from_status(&status))?;
        Ok(found.into_inner().channel.expect("a channel"))
    }
}

#[tokio::test]
async fn channel_is_made_read_listed_changed_and_deleted() {
    let service = Service::new().await;
    let made = service.open(webhook("https://example.com/hooks")).await.expect("made");
    let (channel, secret) = (made.channel.expect("a channel"), made.secret);
    assert!(secret.starts_with("whsec_") && service.safe.kept() == [secret.clone()], "in the vault");
    assert!(!format!("{channel:?}").contains("whsec_"), "shown once");
    assert_eq!(channel.kinds, [1, 2, 3, 4, 5, 8], "a default is written out");
    assert_eq!(service.channel(&channel.name).await.expect("there"), channel);
    let list =
        ListChannelsRequest { parent: format!("workspaces/{HOME}"), page_size: 1, ..Default::default() };
    let listed = service.notifications().list_channels(service.ask(list)).await.expect("list").into_inner();
    assert_eq!((listed.channels.as_slice(), listed.next_page_token.as_str()), (&[channel.clone()][..], ""));

    let new = proto::Channel { kinds: vec![6], disabled: true, ..channel.clone() };
    let changed = service.alter(new.clone(), &["kinds"]).await.expect("changed");
    assert_eq!((changed.kinds.as_slice(), changed.disabled), (&[6][..], false), "no more than the mask says");
    let stale = service.alter(new, &["kinds"]).await.expect_err("stale");
    assert_eq!(stale.reason(), "ETAG_MISMATCH");

    let delete = |etag: &str| DeleteChannelRequest { name: channel.name.clone(), etag: etag.into() };
    let stale = service.notifications().delete_channel(service.ask_as_admin(delete(&channel.etag))).await;
    assert_eq!(Failure::from_status(&stale.expect_err("stale")).reason(), "ETAG_MISMATCH");
    service.notifications().delete_channel(service.ask_as_admin(delete(""))).await.expect("deleted");
    assert_eq!(service.channel(&channel.name).await.expect_err("gone").reason(), "NOT_FOUND");
    assert!(service.safe.kept().is_empty(), "and its secret");
}

#[tokio::test]
async fn address_of_a_slack_channel_is_in_the_vault_alone() {
    let service = Service::new().await;
    let slack = proto::Channel { format: ChannelFormat::Slack as i32, ..webhook(SLACK) };
    let made = service.open(slack).await.expect("made");
    let channel = made.channel.expect("a channel");
    assert_eq!((made.secret.as_str(), channel.url.as_str()), ("", "https://hooks.slack.com/..."));
    assert_eq!(service.safe.kept(), [SLACK]);
    let everything = service.tables.channels_as_text().await;
    assert!(!everything.contains("s3cret"), "{everything}");

    let same = service.alter(channel.clone(), &["display_name", "url"]).await.expect("as it is shown");
    assert_eq!(same.url, channel.url);
    let other = proto::Channel { url: "https://example.com/".into(), etag: String::new(), ..channel.clone() };
    let refused = service.alter(other, &["url"]).await.expect_err("a secret");
    assert_eq!(refused.violations()[0].field, "channel.url");

    let refused = service.rotate(&channel.name, "").await.expect_err("an address is needed");
    assert_eq!(refused.violations()[0].field, "url");
    let rotated = service.rotate(&channel.name, "https://slack.example.com/x/t0ken").await.expect("rotated");
    let channel = rotated.channel.expect("a channel");
    assert_eq!((channel.url.as_str(), rotated.secret.as_str()), ("https://slack.example.com/...", ""));
    assert_eq!(service.safe.kept(), ["https://slack.example.com/x/t0ken"], "the old one is forgotten");
}

#[tokio::test]
async fn rotation_keeps_the_secret_before_for_a_day_and_no_more_than_two() {
    let service = Service::new().await;
    let made = service.open(webhook("https://example.com/hooks")).await.expect("made");
    let name = made.channel.expect("a channel").name;
    let refused = service.rotate(&name, "https://example.com/").await.expect_err("no secret");
    assert_eq!(refused.violations()[0].field, "url");
    let second = service.rotate(&name, "").await.expect("rotated");
    let expires = second.channel.expect("a channel").old_secret_expire_time.expect("signs along");
    assert_eq!(expires.seconds, (NOW + time::Duration::hours(24)).unix_timestamp());
    assert_eq!(service.safe.kept(), [made.secret, second.secret.clone()]);
    let third = service.rotate(&name, "").await.expect("rotated");
    assert_eq!(service.safe.kept(), [second.secret, third.secret]);
    let delete = DeleteChannelRequest { name, etag: String::new() };
    service.notifications().delete_channel(service.ask_as_admin(delete)).await.expect("deleted");
    assert!(service.safe.kept().is_empty(), "both go with it");
}

#[tokio::test]
async fn a_hundred_channels_fit_and_what_is_refused_leaves_no_secret() {
    let service = Service::new().await;
    for _ in 0..99 {
        service.open(webhook("https://example.com/")).await.expect("fits");
    }
    let (one, other) = tokio::join!(
        service.open(webhook("https://example.com/")),
        service.open(webhook("https://example.com/")),
    );
    let (made, refused) = if one.is_ok() { (one, other) } else { (other, one) };
    made.expect("the hundredth fits");
    assert_eq!(refused.expect_err("the next does not").reason(), "CHANNEL_LIMIT");
    assert_eq!(service.safe.kept().len(), 100);
    service.safe.away.store(true, Ordering::Relaxed);
    let name = {
        let list = ListChannelsRequest { parent: format!("workspaces/{HOME}"), ..Default::default() };
        let listed = service.notifications().list_channels(service.ask(list)).await.expect("list");
        listed.into_inner().channels[0].name.clone()
    };
    assert_eq!(service.rotate(&name, "").await.expect_err("no vault").reason(), "VAULT_AWAY");
}

#[tokio::test]
async fn channels_are_for_admins_of_the_workspace_and_tests_are_bounded() {
    let service = Service::new().await;
    let made = service.open(webhook("https://example.com/")).await.expect("made");
    let name = made.channel.expect("a channel").name;
    let test = || TestChannelRequest { name: name.clone() };
    let denied = service.notifications().test_channel(service.ask(test())).await.expect_err("an operator");
    assert_eq!(denied.code(), tonic::Code::PermissionDenied);
    let stranger = service.auth.request(USER, Uuid::from_u128(2), Role::Owner, test());
    let denied = service.notifications().test_channel(stranger).await.expect_err("another workspace");
    assert_eq!(Failure::from_status(&denied).reason(), "NOT_FOUND");
    for _ in 0..10 {
        service.notifications().test_channel(service.ask_as_admin(test())).await.expect("fits");
    }
    let busy = service.notifications().test_channel(service.ask_as_admin(test())).await.expect_err("eleven");
    assert_eq!(Failure::from_status(&busy).reason(), "CHANNEL_BUSY");
}
