//! Notifications on their way: made with what they tell of, signed, tried again, given up, replayed, and never sent elsewhere.

use mc_chassis::clock::{Clock, SystemClock};
use mc_chassis::egress::{Egress, EgressPolicy};
use mc_proto::tasks::v1::{
    self as proto, ChannelFormat, Delivery, DeliveryState, ListDeliveriesRequest, NotificationKind,
    ReplayDeliveryRequest, TestChannelRequest,
};
use serde_json::json;
use time::Duration;

use super::channels::webhook;
use super::receiver::{Came, Receiver};
use super::*;
use crate::domain::event::{Cancelled, Succeeded};
use crate::domain::id::{CommandId, UserId};
use crate::notify::Notifier;
use crate::store::lease::Lease;

impl Service {
    async fn end_by(&self, lease: &Lease, event: Event) {
        let append = Append { events: vec![event], ..intent(lease, 99) };
        append_with(&self.tables.engine, lease.workspace, &append, &Besides::default()).await.expect("end");
    }

    pub(super) async fn fail(&self, lease: &Lease, reason: &str) {
        let error = RunError::new(reason, "It fell over.");
        self.end_by(lease, Event::Failed(Failed { error })).await;
    }

    pub(super) async fn deliveries(&self, wanted: DeliveryState) -> Vec<Delivery> {
        let list = ListDeliveriesRequest {
            parent: format!("workspaces/{HOME}"),
            state: wanted as i32,
            page_size: 1_000,
            ..Default::default()
        };
        let listed = self.notifications().list_deliveries(self.ask(list)).await.expect("list");
        listed.into_inner().deliveries
    }

    pub(super) async fn replay(&self, name: &str) -> Delivery {
        let request = self.ask_as_admin(ReplayDeliveryRequest { name: name.into() });
        let replayed = self.notifications().replay_delivery(request).await.expect("replayed");
        replayed.into_inner().delivery.expect("a delivery")
    }

    /// Lets time pass, and sends what is due then.
    pub(super) async fn later(&self, by: Duration) {
        self.clock.advance(by);
        self.notifier.round().await;
    }
}

fn verified(came: &Came, secret: &str) -> Result<(), standardwebhooks::WebhookError> {
    standardwebhooks::Webhook::new(secret).expect("a secret").verify(came.body.as_bytes(), &came.headers)
}

#[tokio::test]
async fn failure_of_a_run_reaches_the_receiver_signed_with_a_link_and_no_content() {
    let (service, receiver) = (Service::new().await, Receiver::new().await);
    // The verifier goes by the machine's clock.
    service.clock.set(SystemClock.now());
    let made = service.open(webhook(&receiver.url("/hooks"))).await.expect("made");
    let lease = service.leased().await;
    service.fail(&lease, "STUCK_LOOP").await;
    service.notifier.round().await;

    let [came] = &receiver.came()[..] else { panic!("one notification") };
    verified(came, &made.secret).expect("an implementation that is not ours verifies it");
    assert!(verified(came, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_err(), "and by no other secret");
    let forged = Came { body: came.body.replace("failed", "passed"), ..came.clone() };
    assert!(verified(&forged, &made.secret).is_err());
    let (document, run) = (came.json(), lease.run);
    assert_eq!((came.path.as_str(), came.header("content-type")), ("/hooks", "application/json"));
    assert_eq!(document["type"], json!("run.failed"));
    assert_eq!(document["data"]["headline"], json!("Writer failed: Write the report"));
    assert_eq!(document["data"]["url"], json!(format!("https://mc.example.com/runs/{run}")));
    assert_eq!(document["data"]["run"], json!(format!("workspaces/{HOME}/runs/{run}")));
    assert!(!came.body.contains("fell over"), "no content unless it was asked for");

    let [delivered] = &service.deliveries(DeliveryState::Delivered).await[..] else { panic!("one delivery") };
    assert_eq!(
        (delivered.kind(), delivered.attempts, delivered.status_code),
        (NotificationKind::Failure, 1, 204)
    );
    let id = delivered.name.rsplit('/').next().expect("an id").replace('-', "");
    assert_eq!(came.header("webhook-id"), format!("msg_{id}"));
    assert_eq!(service.safe.uses.lock().expect("unharmed").len(), 1, "the vault knows of it");
    service.later(Duration::days(3)).await;
    assert!(receiver.came().is_empty(), "it is sent once");
}

#[tokio::test]
async fn channel_hears_of_the_kinds_and_agents_that_it_wants_with_content_if_it_wants() {
    let (service, receiver) = (Service::new().await, Receiver::new().await);
    let writer = format!("workspaces/{HOME}/agents/{}", Uuid::from_u128(0xa));
    let other = format!("workspaces/{HOME}/agents/{}", Uuid::from_u128(0xb));
    let to = |path: &str, kinds: &[i32], agents: &[&str], include_content| proto::Channel {
        kinds: kinds.to_vec(),
        agents: agents.iter().map(|&agent| agent.into()).collect(),
        include_content,
        ..webhook(&receiver.url(path))
    };
    service.open(to("/ends", &[6, 7], &[&writer], true)).await.expect("made");
    service.open(to("/limits", &[4], &[], true)).await.expect("made");
    service.open(to("/other", &[4, 5, 6, 7], &[&other], false)).await.expect("made");
    service
        .open(proto::Channel { disabled: true, ..to("/off", &[4, 5, 6, 7], &[], false) })
        .await
        .expect("made");

    let done = Succeeded { summary: "All written.".into(), evidence: Vec::new() };
    service.end_by(&service.leased().await, Event::Succeeded(done)).await;
    let cancelled = Cancelled {
        command: CommandId::new(service.tables.id()),
        requester: UserId::new(USER),
        reason: "Enough.".into(),
        survivors: Vec::new(),
    };
    service.end_by(&service.leased().await, Event::Cancelled(cancelled)).await;
    service.fail(&service.leased().await, "STEP_LIMIT_REACHED").await;
    service.fail(&service.leased().await, "STUCK_LOOP").await;
    service.notifier.round().await;

    let mut told: Vec<_> = receiver
        .came()
        .iter()
        .map(|came| {
            let document = came.json();
            let words = [&document["type"], &document["data"]["content"]]
                .map(|it| it.as_str().unwrap_or("-").to_owned());
            (came.path.clone(), words)
        })
        .collect();
    told.sort();
    let told: Vec<_> =
        told.iter().map(|(path, [kind, said])| (path.as_str(), kind.as_str(), said.as_str())).collect();
    assert_eq!(
        told,
        [
            ("/ends", "run.cancelled", "-"),
            ("/ends", "run.succeeded", "All written."),
            ("/limits", "run.limit_reached", "STEP_LIMIT_REACHED: It fell over."),
        ]
    );
}

#[tokio::test]
async fn question_is_told_of_at_once_and_to_a_second_address_if_nobody_answers() {
    let (service, receiver) = (Service::new().await, Receiver::new().await);
    let second = |minutes: i64| proto::Channel {
        delay: Some(prost_types::Duration { seconds: minutes * 60, nanos: 0 }),
        ..webhook(&receiver.url("/second"))
    };
    service.open(webhook(&receiver.url("/first"))).await.expect("made");
    service.open(second(10)).await.expect("made");
    service.open(second(60)).await.expect("made");
    let item = service.tables.ask(&service.leased().await, 1, &[]).await;
    service.notifier.round().await;
    let [first] = &receiver.came()[..] else { panic!("one address") };
    assert_eq!((first.path.as_str(), &first.json()["type"]), ("/first", &json!("run.question_asked")));
    assert_eq!(first.json()["data"]["url"], json!(format!("https://mc.example.com/inbox?item={item}")));
    assert!(!first.body.contains("Which one?"));

    service.later(Duration::minutes(9)).await;
    assert!(receiver.came().is_empty(), "not yet");
    service.later(Duration::minutes(1)).await;
    assert_eq!(receiver.came().iter().map(|came| came.path.as_str()).collect::<Vec<_>>(), ["/second"]);
    service.tables.close(item).await;
    service.later(Duration::minutes(50)).await;
    assert!(receiver.came().is_empty(), "it is decided");
    let [skipped] = &service.deliveries(DeliveryState::Skipped).await[..] else { panic!("one is skipped") };
    assert_eq!((skipped.attempts, skipped.error.contains("decided")), (0, true));
}

#[tokio::test]
async fn receiver_that_fails_is_tried_ten_times_then_it_is_a_dead_letter_that_can_be_replayed() {
    let (service, receiver) = (Service::new().await, Receiver::new().await);
    service.open(webhook(&receiver.url("/"))).await.expect("made");
    service.fail(&service.leased().await, "STUCK_LOOP").await;
    receiver.answers([500; 10]);
    let mut ids = Vec::new();
    service.notifier.round().await;
    for _ in 0..9 {
        let [pending] = &service.deliveries(DeliveryState::Pending).await[..] else {
            panic!("one is pending")
        };
        assert_eq!((pending.status_code, pending.error.as_str()), (500, "HTTP 500"));
        let next = pending.next_attempt_time.expect("a next attempt").seconds;
        let wait = Duration::seconds(next - service.clock.now().unix_timestamp());
        ids.extend(receiver.came().iter().map(|came| came.header("webhook-id").to_owned()));
        service.later(wait - Duration::seconds(1)).await;
        assert!(receiver.came().is_empty(), "not before its time");
        service.later(Duration::seconds(2)).await;
    }
    ids.extend(receiver.came().iter().map(|came| came.header("webhook-id").to_owned()));
    assert_eq!(ids.len(), 10);
    ids.dedup();
    assert_eq!(ids.len(), 1, "always the same id");
    let [dead] = &service.deliveries(DeliveryState::Dead).await[..] else { panic!("one is dead") };
    assert_eq!((dead.attempts, dead.status_code, dead.next_attempt_time), (10, 500, None));
    service.later(Duration::days(7)).await;
    assert!(receiver.came().is_empty(), "it is given up");

    let replayed = service.replay(&dead.name).await;
    assert_eq!((replayed.state(), replayed.attempts, replayed.replays), (DeliveryState::Pending, 0, 1));
    service.notifier.round().await;
    let [again] = &receiver.came()[..] else { panic!("it is sent again") };
    assert_eq!(again.header("webhook-id"), ids[0]);
    assert_eq!(service.deliveries(DeliveryState::Delivered).await.len(), 1);
}

#[tokio::test]
async fn receiver_that_is_gone_disables_its_channel_and_people_enable_it_again() {
    let (service, receiver) = (Service::new().await, Receiver::new().await);
    let made = service.open(webhook(&receiver.url("/"))).await.expect("made").channel.expect("a channel");
    for _ in 0..3 {
        service.fail(&service.leased().await, "STUCK_LOOP").await;
    }
    receiver.answers([410]);
    service.notifier.round().await;
    assert_eq!(receiver.came().len(), 1);
    let gone = service.channel(&made.name).await.expect("there");
    assert_eq!((gone.disabled, gone.disable_reason.as_str()), (true, "GONE"));
    assert_eq!(service.deliveries(DeliveryState::Dead).await.len(), 1);
    let skipped = service.deliveries(DeliveryState::Skipped).await;
    assert_eq!(skipped.len(), 2, "what waited is not sent");
    service.fail(&service.leased().await, "STUCK_LOOP").await;
    service.later(Duration::minutes(10)).await;
    assert!(receiver.came().is_empty() && service.deliveries(DeliveryState::Pending).await.is_empty());

    service.replay(&skipped[0].name).await;
    let test = service.ask_as_admin(TestChannelRequest { name: made.name.clone() });
    service.notifications().test_channel(test).await.expect("a test");
    service.later(Duration::minutes(10)).await;
    let types: std::collections::BTreeSet<_> =
        receiver.came().iter().map(|came| came.json()["type"].to_string()).collect();
    assert_eq!(types.len(), 2, "what people insist on is sent: {types:?}");
    let back = proto::Channel { disabled: false, etag: String::new(), ..gone };
    let back = service.alter(back, &["disabled"]).await.expect("enabled");
    assert_eq!((back.disabled, back.disable_reason.as_str()), (false, ""));
}

#[tokio::test]
async fn channel_that_fails_is_left_in_peace_and_holds_up_no_other() {
    let (service, bad, good) = (Service::new().await, Receiver::new().await, Receiver::new().await);
    service.open(webhook(&bad.url("/"))).await.expect("made");
    service.open(webhook(&good.url("/"))).await.expect("made");
    for _ in 0..3 {
        service.fail(&service.leased().await, "STUCK_LOOP").await;
    }
    bad.answers_with(503, "retry-after", "60".into());
    service.notifier.round().await;
    assert_eq!((bad.came().len(), good.came().len()), (1, 3), "one failure, and the rest waits");
    service.later(Duration::seconds(59)).await;
    assert!(bad.came().is_empty(), "as it asked");
    service.later(Duration::seconds(1)).await;
    assert_eq!(bad.came().len(), 3);
    // What a receiver does not want says nothing of what comes behind it.
    for _ in 0..2 {
        service.fail(&service.leased().await, "STUCK_LOOP").await;
    }
    bad.answers([400]);
    service.notifier.round().await;
    assert_eq!(bad.came().len(), 2);
}

#[tokio::test]
async fn nothing_is_sent_where_a_redirect_leads_or_where_the_policy_does_not_let_out() {
    let (service, receiver) = (Service::new().await, Receiver::new().await);
    service.open(webhook(&receiver.url("/old"))).await.expect("made");
    service.fail(&service.leased().await, "STUCK_LOOP").await;
    receiver.answers_with(307, "location", receiver.url("/new"));
    service.notifier.round().await;
    assert_eq!(receiver.came().iter().map(|came| came.path.as_str()).collect::<Vec<_>>(), ["/old"]);
    let error = service.deliveries(DeliveryState::Pending).await[0].error.clone();
    assert!(error.contains("redirects"), "{error}");

    let closed = Egress::new(EgressPolicy::default()).expect("a client");
    let guarded = Notifier { egress: closed, ..service.notifier.clone() };
    service.clock.advance(Duration::hours(1));
    guarded.round().await;
    assert!(receiver.came().is_empty(), "loopback is not public");
    let error = service.deliveries(DeliveryState::Pending).await[0].error.clone();
    assert!(error.contains("a loopback address") && error.contains("MC_EGRESS_ALLOW"), "{error}");
}

#[tokio::test]
async fn slack_gets_a_message_at_its_secret_address() {
    let (service, receiver) = (Service::new().await, Receiver::new().await);
    let url = receiver.url("/services/T0/B0/s3cret");
    let channel = proto::Channel { format: ChannelFormat::Slack as i32, ..webhook(&url) };
    service.open(channel).await.expect("made");
    service.fail(&service.leased().await, "STUCK_LOOP").await;
    receiver.answers([404]);
    service.notifier.round().await;
    let [came] = &receiver.came()[..] else { panic!("one message") };
    assert_eq!((came.path.as_str(), came.header("webhook-signature")), ("/services/T0/B0/s3cret", ""));
    assert_eq!(came.json()["text"], json!("Writer failed: Write the report"));
    assert!(came.body.contains("|Open in Mission Control>"), "{}", came.body);
    drop(receiver);
    service.later(Duration::hours(1)).await;
    let failed = service.deliveries(DeliveryState::Pending).await;
    assert!(failed[0].error.contains("failed") && !failed[0].error.contains("s3cret"), "{failed:?}");
}

#[tokio::test]
async fn many_dispatchers_at_once_send_each_once_and_a_dead_one_is_followed_under_the_same_id() {
    let (service, receiver) = (Service::new().await, Receiver::new().await);
    service.open(webhook(&receiver.url("/"))).await.expect("made");
    for _ in 0..30 {
        service.fail(&service.leased().await, "STUCK_LOOP").await;
    }
    for _ in 0..4 {
        futures::future::join_all((0..4).map(|_| service.notifier.round())).await;
        service.clock.advance(Duration::SECOND);
    }
    let mut ids: Vec<_> = receiver.came().iter().map(|came| came.header("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 30);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 30, "none twice");

    // One takes a turn, and is not heard of again.
    service.fail(&service.leased().await, "STUCK_LOOP").await;
    let now = service.clock.now();
    let taken =
        crate::store::dispatch::take(service.tables.engine.pool(), now, now + Duration::minutes(2), 16);
    assert_eq!(taken.await.expect("take").len(), 1);
    service.later(Duration::seconds(119)).await;
    assert!(receiver.came().is_empty(), "it is its turn");
    service.later(Duration::SECOND).await;
    assert_eq!(receiver.came().len(), 1);
}

#[tokio::test]
async fn after_a_rotation_receivers_with_either_secret_verify_for_a_day() {
    let (service, receiver) = (Service::new().await, Receiver::new().await);
    let machine = SystemClock.now();
    service.clock.set(machine - Duration::hours(24));
    let made = service.open(webhook(&receiver.url("/"))).await.expect("made");
    let name = made.channel.expect("a channel").name;
    let rotated = service.rotate(&name, "").await.expect("rotated");
    // A minute before the old secret ends, and when it does.
    for (at, old_verifies) in [(machine - Duration::minutes(1), true), (machine, false)] {
        service.clock.set(at);
        service.fail(&service.leased().await, "STUCK_LOOP").await;
        service.later(Duration::ZERO).await;
        // Events of these tests happen when they always do, which may be later.
        let [came] = &receiver.came()[..] else { panic!("one notification") };
        verified(came, &rotated.secret).expect("by the new one");
        assert_eq!(verified(came, &made.secret).is_ok(), old_verifies, "{at}");
    }
}

#[tokio::test]
async fn vault_that_is_away_delays_and_loses_nothing() {
    let (service, receiver) = (Service::new().await, Receiver::new().await);
    service.open(webhook(&receiver.url("/"))).await.expect("made");
    service.fail(&service.leased().await, "STUCK_LOOP").await;
    service.safe.away.store(true, Ordering::Relaxed);
    service.notifier.round().await;
    let pending = service.deliveries(DeliveryState::Pending).await;
    assert!(pending[0].error.contains("vault") && receiver.came().is_empty(), "{pending:?}");
    service.safe.away.store(false, Ordering::Relaxed);
    service.later(Duration::seconds(7)).await;
    assert_eq!(receiver.came().len(), 1);
}
