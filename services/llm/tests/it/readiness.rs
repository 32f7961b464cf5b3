//! What the service says of itself while its database is away.

use crate::fleet::{Fleet, PATIENCE};

#[tokio::test]
async fn service_is_ready_while_its_database_answers() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let reaches = async |ready| tokio::time::timeout(PATIENCE, llm.readiness.reaches(ready)).await;
    reaches(true).await.expect("ready once the database answers");
    fleet.database.lock_out().await;
    reaches(false).await.expect("not ready without it");
    fleet.database.let_in().await;
    reaches(true).await.expect("ready again");
}
