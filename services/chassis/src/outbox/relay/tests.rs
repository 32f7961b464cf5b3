//! The relay against a real PostgreSQL, with time standing where the test puts it.

use std::sync::Mutex;

use time::macros::datetime;

use super::*;
use crate::clock::FixedClock;
use crate::db::tests::WIDGETS;
use crate::outbox::{BODY_MAX, append};
use crate::testkit::{self, TestDatabase};

const A: Uuid = Uuid::from_u128(0xa);
const START: time::OffsetDateTime = datetime!(2026-01-01 0:00 UTC);

struct Post {
    kit: TestDatabase,
    db: Database,
    ambient: Ambient,
    clock: Arc<FixedClock>,
}

impl Post {
    async fn new() -> Self {
        let kit = testkit::database(&[&WIDGETS]).await;
        let db = kit.login("widgets", "engine").await;
        let (ambient, clock) = Ambient::fixed(START, 1);
        Self { kit, db, ambient, clock }
    }

    async fn append(&self, topic: &'static str, body: &str) {
        let mut tx = self.db.begin(A).await.unwrap();
        append(&mut tx, &WIDGETS, Some(A), topic, body.as_bytes(), self.ambient.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
    }

    fn relay(&self) -> Relay {
        Relay::new(self.db.clone(), &WIDGETS, "news", self.ambient.clone())
    }

    async fn left(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM widgets.outbox").fetch_one(&self.kit.admin()).await.unwrap()
    }
}

#[tokio::test]
async fn a_message_leaves_with_its_transaction_and_only_then() {
    let post = Post::new().await;
    let mut tx = post.db.begin(A).await.unwrap();
    append(&mut tx, &WIDGETS, Some(A), "news", b"never", START).await.unwrap();
    drop(tx);
    post.append("news", "once").await;
    post.append("weather", "not of this topic").await;

    let seen = Mutex::new(Vec::new());
    let deliver = async |message: Message| {
        seen.lock().unwrap().push((
            message.workspace,
            String::from_utf8(message.body).unwrap(),
            message.attempt,
        ));
        Ok(())
    };
    assert_eq!(post.relay().once(&deliver).await.unwrap(), 1);
    assert_eq!(post.relay().once(&deliver).await.unwrap(), 0);
    assert_eq!(*seen.lock().unwrap(), [(Some(A), "once".to_owned(), 1)]);
    assert_eq!(post.left().await, 1, "the other topic's message waits for its own relay");
}

#[tokio::test]
async fn a_workspace_can_add_for_itself_alone_and_read_nothing() {
    let post = Post::new().await;
    post.append("news", "of A").await;
    let mut tx = post.db.begin(A).await.unwrap();
    let seen: i64 =
        sqlx::query_scalar("SELECT count(*) FROM widgets.outbox").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(seen, 0);
    for other in [Some(Uuid::from_u128(0xb)), None] {
        let mut tx = post.db.begin(A).await.unwrap();
        assert!(append(&mut tx, &WIDGETS, other, "news", b"of another", START).await.is_err());
    }
    let mut tx = post.db.begin_open().await.unwrap();
    append(&mut tx, &WIDGETS, None, "news", b"of nobody", START).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_message_that_does_not_arrive_is_delayed_longer_each_time() {
    let post = Post::new().await;
    post.append("news", "x").await;
    let relay = post.relay();
    let busy = async |_| Err(Undelivered::Later("busy".to_owned()));
    assert_eq!(relay.once(&busy).await.unwrap(), 1);
    assert_eq!(relay.once(&busy).await.unwrap(), 0, "delayed by 0.25 to 0.5 s");
    post.clock.advance(time::Duration::milliseconds(500));
    assert_eq!(relay.once(&busy).await.unwrap(), 1);
    post.clock.advance(time::Duration::milliseconds(499));
    assert_eq!(relay.once(&busy).await.unwrap(), 0, "delayed by 0.5 to 1 s");
    post.clock.advance(time::Duration::milliseconds(501));
    let third = async |message: Message| if message.attempt == 3 { Ok(()) } else { panic!("{message:?}") };
    assert_eq!(relay.once(&third).await.unwrap(), 1);
    assert_eq!(post.left().await, 0);
}

#[tokio::test]
async fn a_refused_message_is_kept_and_holds_up_no_other() {
    let post = Post::new().await;
    post.append("news", "bad").await;
    post.append("news", "good").await;
    let deliver = async |message: Message| match message.body.as_slice() {
        b"bad" => Err(Undelivered::Never("malformed".to_owned())),
        _ => Ok(()),
    };
    assert_eq!(post.relay().once(&deliver).await.unwrap(), 2);
    post.clock.advance(time::Duration::days(365));
    assert_eq!(post.relay().once(&deliver).await.unwrap(), 0);
    assert_eq!(post.left().await, 1);
}

#[tokio::test]
async fn what_a_dead_relay_had_taken_is_delivered_by_another_after_the_lease() {
    let post = Post::new().await;
    post.append("news", "x").await;
    let dead = post.relay();
    assert_eq!(dead.take().await.unwrap().len(), 1);
    let second = async |message: Message| if message.attempt == 2 { Ok(()) } else { panic!("{message:?}") };
    let lease: time::Duration = dead.lease().try_into().unwrap();
    post.clock.advance(lease - time::Duration::MILLISECOND);
    assert_eq!(post.relay().once(&second).await.unwrap(), 0);
    post.clock.advance(time::Duration::MILLISECOND);
    assert_eq!(post.relay().once(&second).await.unwrap(), 1);
    dead.put_off(1, 1, &Undelivered::Later("late".to_owned())).await.unwrap();
    assert_eq!(post.left().await, 0);
}

#[tokio::test]
async fn relays_side_by_side_deliver_each_message_once() {
    let post = Post::new().await;
    for number in 0..50 {
        post.append("news", &number.to_string()).await;
    }
    let seen = Mutex::new(Vec::new());
    let deliver = async |message: Message| {
        seen.lock().unwrap().push(message.id);
        Ok(())
    };
    let pace = Pace { batch: 5, ..Pace::default() };
    let drain = async || {
        let relay = post.relay().paced(pace.clone());
        while relay.once(&deliver).await.unwrap() > 0 {}
    };
    futures::join!(drain(), drain(), drain());
    while post.relay().once(&deliver).await.unwrap() > 0 {}
    let mut seen = seen.into_inner().unwrap();
    seen.sort_unstable();
    assert_eq!(seen, (1..=50).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_woken_relay_does_not_wait_for_its_poll_and_stops_when_asked() {
    let post = Post::new().await;
    let lifecycle = Lifecycle::new();
    let relay = post.relay().paced(Pace { poll: Duration::from_hours(1), ..Pace::default() });
    let wake = relay.waker();
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let deliver = async move |message: Message| {
        sender.send(message.id).unwrap();
        Ok(())
    };
    let running = lifecycle.spawn("relay", relay.run(lifecycle.clone(), deliver));
    for _ in 0..3 {
        post.append("news", "x").await;
        wake.wake();
        receiver.recv().await.unwrap();
    }
    assert!(lifecycle.shutdown(Duration::from_secs(10)).await.is_clean());
    running.await.unwrap();
    assert_eq!(post.left().await, 0);
}

#[tokio::test]
async fn a_body_has_a_mebibyte_at_most() {
    let post = Post::new().await;
    let mut tx = post.db.begin(A).await.unwrap();
    let body = vec![0; BODY_MAX + 1];
    append(&mut tx, &WIDGETS, Some(A), "news", &body[..BODY_MAX], START).await.unwrap();
    let refused = append(&mut tx, &WIDGETS, Some(A), "news", &body, START).await.unwrap_err();
    assert!(refused.to_string().contains("1048577 bytes"), "{refused}");
}
