//! Members' own channels: anybody has some, nobody else learns of them, and the workspace's are for its admins.

use mc_proto::tasks::v1::{
    self as proto, CreateChannelRequest, CreateChannelResponse, DeleteChannelRequest, DeliveryState,
    GetChannelRequest, ListChannelsRequest, ListDeliveriesRequest, ReplayDeliveryRequest,
    RotateChannelSecretRequest, TestChannelRequest, UpdateChannelRequest,
};

use super::channels::webhook;
use super::mail::by_mail;
use super::*;

const OTHER: Uuid = Uuid::from_u128(0xe);

impl Service {
    pub(super) async fn open_as(
        &self,
        role: Role,
        channel: proto::Channel,
    ) -> Result<CreateChannelResponse, Failure> {
        let request = CreateChannelRequest { parent: format!("workspaces/{HOME}"), channel: Some(channel) };
        let request = self.auth.request(USER, HOME, role, request);
        let made = self.notifications().create_channel(request).await;
        made.map(Response::into_inner).map_err(|status| Failure::from_status(&status))
    }
}

fn reason<T>(answer: Result<T, Status>) -> String {
    Failure::from_status(&answer.err().expect("refused")).reason().to_owned()
}

#[tokio::test]
async fn nobody_learns_of_anothers_own_channel_or_of_what_goes_over_it() {
    let service = Service::new().await;
    let own = service.open_as(Role::Viewer, by_mail(USER)).await.expect("made").channel.expect("a channel");
    let shared = service.open(webhook("https://example.com/")).await.expect("made").channel.expect("one");
    service.fail(&service.leased().await, "STUCK_LOOP").await;
    let mine = service.deliveries(DeliveryState::Pending).await;
    assert_eq!(mine.len(), 2, "over both");
    let of_own = mine.iter().find(|it| it.channel == own.name).expect("a delivery").name.clone();

    let mut client = service.notifications();
    let home = || format!("workspaces/{HOME}");
    let owner = |request| service.auth.request(OTHER, HOME, Role::Owner, request);
    let listed =
        client.list_channels(owner(ListChannelsRequest { parent: home(), ..Default::default() })).await;
    let names: Vec<_> = listed.expect("list").into_inner().channels.into_iter().map(|it| it.name).collect();
    assert_eq!(names, [shared.name.as_str()]);
    let list = ListDeliveriesRequest { parent: home(), ..Default::default() };
    let list = service.auth.request(OTHER, HOME, Role::Owner, list);
    let listed = client.list_deliveries(list).await.expect("list").into_inner().deliveries;
    assert_eq!(listed.iter().map(|it| it.channel.as_str()).collect::<Vec<_>>(), [shared.name.as_str()]);

    let name = || own.name.clone();
    macro_rules! refused {
        ($($method:ident($request:expr);)+) => {
            $(
                let request = service.auth.request(OTHER, HOME, Role::Owner, $request);
                assert_eq!(reason(client.$method(request).await), "NOT_FOUND", stringify!($method));
            )+
        };
    }
    refused! {
        get_channel(GetChannelRequest { name: name() });
        update_channel(UpdateChannelRequest { channel: Some(own.clone()), update_mask: None });
        delete_channel(DeleteChannelRequest { name: name(), etag: String::new() });
        test_channel(TestChannelRequest { name: name() });
        rotate_channel_secret(RotateChannelSecretRequest { name: name(), url: String::new() });
        replay_delivery(ReplayDeliveryRequest { name: of_own.clone() });
    }
    let mut anothers = by_mail(OTHER);
    let refused = service.open_as(Role::Owner, anothers.clone()).await.expect_err("not who asks");
    assert_eq!(refused.violations()[0].field, "channel.owner");
    anothers.owner.clear();
    let refused = service.open_as(Role::Owner, anothers).await.expect_err("nobody's");
    assert_eq!(refused.violations()[0].field, "channel.owner");
}

#[tokio::test]
async fn member_does_all_with_their_own_channel_and_nothing_with_the_workspaces() {
    let service = Service::new().await;
    let own = service.open_as(Role::Viewer, by_mail(USER)).await.expect("made").channel.expect("a channel");
    let shared = service.open(webhook("https://example.com/")).await.expect("made").channel.expect("one");
    let viewer = |channel: &proto::Channel| {
        let renamed = proto::Channel { display_name: "Mine".into(), etag: String::new(), ..channel.clone() };
        let mask = FieldMask { paths: vec!["display_name".into()] };
        let update = UpdateChannelRequest { channel: Some(renamed), update_mask: Some(mask) };
        service.auth.request(USER, HOME, Role::Viewer, update)
    };
    let mut client = service.notifications();
    let changed = client.update_channel(viewer(&own)).await.expect("their own").into_inner();
    assert_eq!(changed.channel.expect("a channel").display_name, "Mine");
    assert_eq!(reason(client.update_channel(viewer(&shared)).await), "PERMISSION_DENIED");
    let refused =
        service.open_as(Role::Operator, webhook("https://example.com/")).await.expect_err("no admin");
    assert_eq!(refused.reason(), "PERMISSION_DENIED");
    assert_eq!(refused.metadata().get("permission").map(String::as_str), Some("tasks.channel.write"));

    macro_rules! as_viewer {
        ($method:ident($request:expr)) => {
            client.$method(service.auth.request(USER, HOME, Role::Viewer, $request)).await
        };
    }
    let test = as_viewer!(test_channel(TestChannelRequest { name: own.name.clone() })).expect("their own");
    let delivery = test.into_inner().delivery.expect("a delivery").name;
    as_viewer!(replay_delivery(ReplayDeliveryRequest { name: delivery })).expect("their own");
    let rotate = RotateChannelSecretRequest { name: own.name.clone(), url: String::new() };
    let rotated = client.rotate_channel_secret(service.ask_as_admin(rotate)).await;
    let refused = Failure::from_status(&rotated.expect_err("nothing secret"));
    assert_eq!(refused.violations()[0].field, "name");
    for name in [&shared.name, &own.name] {
        let delete = DeleteChannelRequest { name: name.clone(), etag: String::new() };
        let deleted = as_viewer!(delete_channel(delete));
        assert_eq!(deleted.is_ok(), *name == own.name);
    }
    assert_eq!(service.channel(&own.name).await.expect_err("gone").reason(), "NOT_FOUND");
}

#[tokio::test]
async fn five_of_ones_own_fit_besides_those_of_the_workspace() {
    let service = Service::new().await;
    for _ in 0..5 {
        service.open_as(Role::Viewer, by_mail(USER)).await.expect("fits");
    }
    let refused = service.open_as(Role::Viewer, by_mail(USER)).await.expect_err("the sixth");
    assert_eq!(refused.reason(), "CHANNEL_LIMIT");
    assert_eq!(refused.metadata().get("limit").map(String::as_str), Some("5"));
    service.open(webhook("https://example.com/")).await.expect("the workspace has room");
    let own = proto::Channel { owner: format!("users/{USER}"), ..webhook("https://example.com/") };
    assert_eq!(service.open(own).await.expect_err("the sixth").reason(), "CHANNEL_LIMIT");
    assert_eq!(service.safe.kept().len(), 1, "no secret is left of what was refused");
}
