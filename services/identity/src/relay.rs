//! What runs behind the service: outbox records become links of the audit trail, and what has expired is removed.

use std::time::Duration;

use mc_chassis::db::Database;
use mc_chassis::outbox::{Message, Relay, Undelivered, Wake};
use mc_chassis::{Ambient, Lifecycle};

use crate::SCHEMA;
use crate::domain::audit::Event;
use crate::store::{attempts, audit, sessions};

/// How often what has expired is removed.
const SWEEP_EVERY: Duration = Duration::from_secs(10 * 60);

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
    sessions::sweep(database.pool(), now).await
}
