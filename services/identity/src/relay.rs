//! What runs behind the service: outbox records become links of the audit trail, and what has expired is removed.

use std::time::Duration;

use mc_chassis::db::Database;
use mc_chassis::outbox::{Message, Relay, Undelivered, Wake};
use mc_chassis::{Ambient, Lifecycle};

use crate::SCHEMA;
use crate::domain::audit::Event;
use crate::store::{attempts, audit, sessions, sign_in_codes};

/// How often what has expired is removed.
const SWEEP_EVERY: Duration = Duration::from_mins(10);

/// Starts the relay and the sweep. The waker spares a fresh record the wait for the next look.
pub(crate) fn start(database: Database, ambient: Ambient, lifecycle: &Lifecycle) -> Wake {
    let relay = Relay::new(database.clone(), &SCHEMA, audit::TOPIC, ambient.clone());
    let wake = relay.waker();
    let (trail, now) = (database.clone(), ambient.clone());
    let running = lifecycle.clone();
    lifecycle.spawn("audit relay", async move {
        // The future owns what it uses, so that it may move between threads.
        let deliver = move |message: Message| ingest(trail.clone(), now.clone(), message);
        relay.run(running, deliver).await;
    });
    let draining = lifecycle.draining();
    lifecycle.spawn("sweep", async move {
        loop {
            if let Err(error) = sweep(&database, &ambient).await {
                tracing::warn!(%error, "remove what has expired; trying again later");
            }
            tokio::select! {
                () = draining.cancelled() => break,
                () = tokio::time::sleep(SWEEP_EVERY) => {}
            }
        }
    });
    wake
}

/// Adds one record to its workspace's chain; a record that arrives again is there already.
async fn ingest(database: Database, ambient: Ambient, message: Message) -> Result<(), Undelivered> {
    let never = |why: &str| Undelivered::Never(why.to_owned());
    let workspace = message.workspace.ok_or_else(|| never("an audit record without a workspace"))?;
    let body = String::from_utf8(message.body).map_err(|_| never("an audit record that is not text"))?;
    let event: Event =
        serde_json::from_str(&body).map_err(|_| never("an audit record that is not an event"))?;
    let written = async {
        let mut tx = database.begin(workspace).await?;
        audit::ingest(&mut tx, workspace, &event, &body, ambient.clock.now()).await?;
        tx.commit().await
    };
    written.await.map_err(|error| Undelivered::Later(error.to_string()))
}

async fn sweep(database: &Database, ambient: &Ambient) -> Result<(), sqlx::Error> {
    let now = ambient.clock.now();
    attempts::sweep(database.pool(), now).await?;
    sign_in_codes::sweep(database.pool(), now).await?;
    sessions::sweep(database.pool(), now).await
}

#[cfg(test)]
mod tests {
    use time::Duration as Span;

    use super::*;
    use crate::testing::{EMAIL, Fixture, PASSWORD, WORKSPACE};

    #[tokio::test]
    async fn sweep_removes_what_is_over_and_nothing_else() {
        let fixture = Fixture::populated().await;
        let relay = fixture.kit.login("identity", "relay").await;
        fixture.sign_in(EMAIL, PASSWORD).await.expect("sign in");
        let left = async || -> (i64, i64) {
            sqlx::query_as(
                "SELECT (SELECT count(*) FROM identity.session_token), (SELECT count(*) FROM identity.sign_in_window)",
            )
            .fetch_one(&fixture.kit.admin())
            .await
            .expect("count")
        };
        sweep(&relay, &fixture.ambient).await.expect("sweep");
        assert_eq!(left().await, (2, 1));
        // The session token ends after an hour and is kept for a day more; the refresh token lives for thirty.
        fixture.clock.advance(Span::hours(25) + Span::SECOND);
        sweep(&relay, &fixture.ambient).await.expect("sweep");
        assert_eq!(left().await, (1, 0));
    }

    #[tokio::test]
    async fn record_that_arrives_twice_is_one_link_and_a_broken_one_is_set_aside() {
        let fixture = Fixture::populated().await;
        let relay = fixture.kit.login("identity", "relay").await;
        let event = Event {
            id: fixture.ambient.ids.uuid(),
            actor: "users/1".into(),
            action: "credential.resolve".into(),
            resource: "workspaces/1/credentials/1".into(),
            detail: String::new(),
            time: fixture.ambient.clock.now(),
        };
        let body = serde_json::to_vec(&event).expect("JSON");
        let message = |workspace, body: &[u8]| Message { id: 1, workspace, body: body.to_vec(), attempt: 1 };
        let ingest = async |message| ingest(relay.clone(), fixture.ambient.clone(), message).await;
        ingest(message(Some(WORKSPACE), &body)).await.expect("first");
        ingest(message(Some(WORKSPACE), &body)).await.expect("again");
        let links: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.audit_event")
            .fetch_one(&fixture.kit.admin())
            .await
            .expect("count");
        assert_eq!(links, 1);
        for broken in
            [message(None, &body), message(Some(WORKSPACE), b"{}"), message(Some(WORKSPACE), &[0xff])]
        {
            assert!(matches!(ingest(broken).await, Err(Undelivered::Never(_))));
        }
    }
}
