//! Workspaces are kept apart by PostgreSQL itself, under the role that serves.

use mc_chassis::testkit;

#[tokio::test]
async fn workspaces_are_isolated() {
    testkit::assert_isolation(&mc_registry::SCHEMA, &[]).await;
}
