//! What can wait: held in quiet hours or gathered for a while, and sent as one; what cannot goes out at once.

use mc_proto::tasks::v1::{self as proto, Delivery, DeliveryState, QuietHours, TestChannelRequest};
use serde_json::json;
use time::Duration;

use super::channels::webhook;
use super::mail::by_mail;
use super::post_office::PostOffice;
use super::receiver::Receiver;
use super::*;

/// Quiet for two hours when the clocks of these tests begin, at 8:00 on a Monday.
fn morning() -> QuietHours {
    QuietHours { time_zone: "UTC".into(), start: "07:00".into(), end: "10:00".into(), days: Vec::new() }
}

fn minutes(minutes: i64) -> prost_types::Duration {
    prost_types::Duration { seconds: minutes * 60, nanos: 0 }
}

impl Service {
    async fn failures(&self, count: usize) {
        for _ in 0..count {
            self.fail(&self.leased().await, "STUCK_LOOP").await;
        }
    }

    async fn pending(&self) -> Vec<Delivery> {
        self.deliveries(DeliveryState::Pending).await
    }
}

#[tokio::test]
async fn quiet_hours_hold_what_happens_and_end_with_one_mail_that_says_how_much_more_there_is() {
    let (service, office) = (Service::new().await, PostOffice::new().await);
    let channel = proto::Channel { quiet_hours: Some(morning()), urgent_kinds: vec![4], ..by_mail(USER) };
    service.open_as(Role::Viewer, channel).await.expect("made");
    let notifier = service.mailing(office.mailer());
    service.failures(57).await;
    let item = service.tables.ask(&service.leased().await, 1, &[]).await;
    service.fail(&service.leased().await, "STEP_LIMIT_REACHED").await;
    notifier.round().await;
    let [urgent] = &office.came()[..] else { panic!("what cannot wait") };
    assert_eq!(urgent.header("Subject"), "Writer was stopped by a limit: Write the report");
    let pending = service.pending().await;
    let end = (NOW + Duration::hours(2)).unix_timestamp();
    assert_eq!(pending.len(), 58);
    for held in &pending {
        let next = held.next_attempt_time.map(|at| at.seconds);
        assert_eq!((held.held, held.attempts, next), (true, 0, Some(end)), "{held:?}");
    }
    service.tables.close(item).await;
    service.clock.advance(Duration::hours(2) - Duration::SECOND);
    notifier.round().await;
    assert!(office.came().is_empty(), "it is quiet");

    service.clock.advance(Duration::SECOND);
    notifier.round().await;
    let [digest] = &office.came()[..] else { panic!("one mail") };
    assert_eq!(digest.header("Subject"), "57 things happened in Mission Control");
    let words = digest.words();
    assert!(words.contains("and 37 more") && !words.contains("question"), "{words}");
    assert_eq!(words.matches("Writer failed: Write the report").count(), 40, "20 in text and 20 in HTML");
    let delivered = service.deliveries(DeliveryState::Delivered).await;
    let ids: std::collections::BTreeSet<_> =
        delivered.iter().filter(|it| it.held).map(|it| it.digest.as_str()).collect();
    let [id] = ids.into_iter().collect::<Vec<_>>()[..] else { panic!("one id") };
    assert_eq!(digest.header("Message-ID"), format!("<{id}@mc.example.com>"));
    let [skipped] = &service.deliveries(DeliveryState::Skipped).await[..] else { panic!("the question") };
    assert!(skipped.error.contains("decided"), "{}", skipped.error);
    service.clock.advance(Duration::hours(1));
    notifier.round().await;
    assert!(office.came().is_empty() && service.pending().await.is_empty());
}

#[tokio::test]
async fn second_address_is_told_after_its_quiet_hours_and_only_of_what_is_still_open() {
    let (service, receiver) = (Service::new().await, Receiver::new().await);
    let second = proto::Channel {
        delay: Some(minutes(30)),
        quiet_hours: Some(morning()),
        ..webhook(&receiver.url("/second"))
    };
    service.open(second).await.expect("made");
    let [decided, open] = [
        service.tables.ask(&service.leased().await, 1, &[]).await,
        service.tables.ask(&service.leased().await, 1, &[]).await,
    ];
    service.later(Duration::minutes(30)).await;
    assert!(receiver.came().is_empty() && service.pending().await.iter().all(|it| it.held));
    service.tables.close(decided).await;
    service.later(Duration::minutes(90)).await;
    let [came] = &receiver.came()[..] else { panic!("one") };
    assert_eq!(came.json()["type"], json!("run.question_asked"), "one alone is no digest");
    assert!(came.body.contains(&open.to_string()) && !came.body.contains(&decided.to_string()));
}

#[tokio::test]
async fn digest_that_fails_comes_again_as_it_was_and_a_replay_of_one_of_it_goes_alone() {
    let (service, receiver) = (Service::new().await, Receiver::new().await);
    let channel = proto::Channel { quiet_hours: Some(morning()), ..webhook(&receiver.url("/")) };
    let secret = service.open(channel).await.expect("made").secret;
    service.failures(3).await;
    service.notifier.round().await;
    receiver.answers([500, 400]);
    service.later(Duration::hours(2)).await;
    let first = receiver.came().remove(0);
    assert_eq!(first.json()["data"]["notifications"].as_array().map(Vec::len), Some(3));
    // What happens meanwhile is no part of it.
    service.failures(1).await;
    service.later(Duration::minutes(10)).await;
    service.later(Duration::minutes(10)).await;
    let came = receiver.came();
    // The new one is not wanted, which holds up nothing, and comes again later.
    let [alone, again, _] = &came[..] else { panic!("the new one, the digest, the new one: {came:?}") };
    let id = first.header("webhook-id");
    assert_eq!((again.header("webhook-id"), again.json()), (id, first.json()), "as it was");
    assert_ne!(alone.header("webhook-id"), id);
    assert!(secret.starts_with("whsec_") && !again.header("webhook-signature").is_empty());

    let delivered = service.deliveries(DeliveryState::Delivered).await;
    let one = delivered.iter().find(|it| it.digest == id).expect("of the digest");
    assert_eq!((one.attempts, one.held), (2, true));
    let replayed = service.replay(&one.name).await;
    assert_eq!((replayed.held, replayed.digest.as_str()), (false, ""));
    // In quiet hours, too: somebody insists.
    service.clock.set(NOW + Duration::days(1));
    service.notifier.round().await;
    let [alone] = &receiver.came()[..] else { panic!("one") };
    let own = one.name.rsplit('/').next().expect("an id").replace('-', "");
    assert_eq!(alone.header("webhook-id"), format!("msg_{own}"));
    assert_eq!(alone.json()["type"], json!("run.failed"));
}

#[tokio::test]
async fn what_happens_is_gathered_from_the_first_on_and_a_new_gathering_begins_after() {
    let (service, receiver) = (Service::new().await, Receiver::new().await);
    let channel = proto::Channel {
        digest_window: Some(minutes(15)),
        urgent_kinds: vec![4],
        ..webhook(&receiver.url("/"))
    };
    service.open(channel).await.expect("made");
    service.failures(1).await;
    service.notifier.round().await;
    service.failures(2).await;
    service.later(Duration::minutes(14)).await;
    assert!(receiver.came().is_empty(), "they are gathered");
    service.fail(&service.leased().await, "STEP_LIMIT_REACHED").await;
    service.later(Duration::SECOND).await;
    assert_eq!(receiver.came()[0].json()["type"], json!("run.limit_reached"), "at once");
    service.later(Duration::MINUTE).await;
    let [digest] = &receiver.came()[..] else { panic!("one for three") };
    assert_eq!(digest.json()["data"]["headline"], json!("3 things happened in Mission Control"));
    service.failures(1).await;
    service.later(Duration::SECOND).await;
    service.later(Duration::minutes(14)).await;
    assert!(receiver.came().is_empty());
    service.later(Duration::minutes(1)).await;
    assert_eq!(receiver.came()[0].json()["type"], json!("run.failed"), "one alone is itself");
}

#[tokio::test]
async fn tests_never_wait_and_what_waits_goes_by_new_settings() {
    let (service, receiver) = (Service::new().await, Receiver::new().await);
    let channel = proto::Channel { quiet_hours: Some(morning()), ..webhook(&receiver.url("/")) };
    let made = service.open(channel).await.expect("made").channel.expect("a channel");
    assert_eq!(made.quiet_hours.as_ref().expect("quiet").days, [1, 2, 3, 4, 5, 6, 7], "written out");
    service.failures(2).await;
    let test = service.ask_as_admin(TestChannelRequest { name: made.name.clone() });
    service.notifications().test_channel(test).await.expect("a test");
    service.notifier.round().await;
    assert_eq!(receiver.came()[0].json()["type"], json!("channel.test"));
    let longer = QuietHours { end: "11:00".into(), ..morning() };
    let changed = proto::Channel { quiet_hours: Some(longer), etag: String::new(), ..made.clone() };
    service.alter(changed, &["quiet_hours"]).await.expect("longer");
    service.later(Duration::SECOND).await;
    let until = (NOW + Duration::hours(3)).unix_timestamp();
    let waits = service.pending().await;
    assert!(waits.iter().all(|it| it.next_attempt_time.is_some_and(|at| at.seconds == until)), "{waits:?}");
    let loud = proto::Channel { quiet_hours: None, etag: String::new(), ..made };
    let loud = service.alter(loud, &["quiet_hours"]).await.expect("never quiet");
    assert_eq!(loud.quiet_hours, None);
    service.later(Duration::SECOND).await;
    let [digest] = &receiver.came()[..] else { panic!("what waited goes out as one") };
    assert_eq!(digest.json()["data"]["notifications"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn retry_that_falls_into_quiet_hours_waits_for_their_end() {
    let (service, receiver) = (Service::new().await, Receiver::new().await);
    let hours = QuietHours { start: "08:02".into(), ..morning() };
    let channel = proto::Channel { quiet_hours: Some(hours), ..webhook(&receiver.url("/")) };
    service.open(channel).await.expect("made");
    service.failures(1).await;
    receiver.answers([500, 500]);
    service.notifier.round().await;
    service.later(Duration::seconds(30)).await;
    assert_eq!(receiver.came().len(), 2);
    service.later(Duration::minutes(60)).await;
    assert!(receiver.came().is_empty(), "its next try was due at about 8:06");
    let waits = service.pending().await;
    assert_eq!((waits[0].held, waits[0].attempts), (true, 2));
    service.later(Duration::minutes(60)).await;
    assert_eq!(receiver.came().len(), 1);
}
