//! What the service says of itself while its database is away.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn service_is_ready_while_its_database_answers() {
    let tables = Tables::new().await;
    let (ambient, _) = Ambient::fixed(NOW, 3);
    let lifecycle = Lifecycle::new();
    let (link, _) = memory();
    let parts = Parts {
        database: tables.api.clone(),
        registry: Upstream::new(
            "registry",
            Target::Memory(link.clone()),
            &ClientSettings::default(),
            &lifecycle,
        ),
        llm: Upstream::new("llm", Target::Memory(link.clone()), &ClientSettings::default(), &lifecycle),
        identity: Upstream::new("identity", Target::Memory(link), &ClientSettings::default(), &lifecycle),
        mails: false,
        bus: Bus::local(),
        verifier: TestAuth::new(ambient.clock.clone()).verifier("tasks"),
        ambient,
    };
    let readiness = crate::build(parts, &lifecycle).readiness;
    let reaches = async |ready| tokio::time::timeout(Duration::from_secs(20), readiness.reaches(ready)).await;
    reaches(true).await.expect("ready once the database answers");
    tables.kit.lock_out().await;
    reaches(false).await.expect("not ready without it");
    tables.kit.let_in().await;
    reaches(true).await.expect("ready again");
}
