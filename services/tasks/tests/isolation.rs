//! Workspaces are isolated under every role that serves tasks.

use mc_chassis::testkit::{Exempt, Verb, assert_isolation};

const SCHEDULES: &str = "the engine schedules the runs of all workspaces";
const APPENDS: &str =
    "one statement appends for runs of several workspaces, each taken from the run row that it fences on";

const EXEMPT: &[Exempt] = &[
    Exempt::login("engine", "run", SCHEDULES),
    Exempt::login("engine", "ready", SCHEDULES),
    Exempt::login("engine", "delayed", SCHEDULES),
    Exempt::login("engine", "journal", APPENDS).only(Verb::Add),
    Exempt::table("worker", "a worker process belongs to no workspace"),
];

#[tokio::test]
async fn no_serving_role_gets_at_another_workspace() {
    assert_isolation(&mc_tasks::SCHEMA, EXEMPT).await;
}
