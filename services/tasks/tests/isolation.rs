//! Workspaces are isolated under every role that serves tasks.

use mc_chassis::testkit::{Exempt, Verb, assert_isolation};

const SCHEDULES: &str = "the engine schedules the runs of all workspaces";
const APPENDS: &str =
    "one statement appends for runs of several workspaces, each taken from the run row that it fences on";
const TELLS: &str =
    "a claim changes runs of several workspaces in one statement, and tells of each by its own row";
const FIRES: &str =
    "one statement sees to the ticks of many workspaces' schedules; no word of people is in these tables";
const NUMBERS: &str = "one relay numbers the changes of all workspaces";

const SENDS: &str = "one statement tells channels of many workspaces, and one dispatcher sends for all; no word of people is in these tables";

const PARKS: &str = "one statement lets runs of many workspaces go; no word of people is in this table";

const EXEMPT: &[Exempt] = &[
    Exempt::login("engine", "run", SCHEDULES),
    Exempt::login("engine", "ready", SCHEDULES),
    Exempt::login("engine", "delayed", SCHEDULES),
    Exempt::login("engine", "journal", APPENDS).only(Verb::Add),
    Exempt::login("engine", "change", TELLS),
    Exempt::login("engine", "activity", NUMBERS),
    Exempt::login("engine", "activity_head", NUMBERS),
    Exempt::login("engine", "park", PARKS),
    Exempt::login("engine", "schedule", FIRES),
    Exempt::login("engine", "schedule_fire", FIRES),
    Exempt::login("engine", "channel", SENDS),
    Exempt::login("engine", "delivery", SENDS),
    Exempt::login("engine", "channel_turn", SENDS),
    Exempt::table("activity_relay", "the relay's lease, which belongs to no workspace"),
    Exempt::table("worker", "a worker process belongs to no workspace"),
];

#[tokio::test]
async fn no_serving_role_gets_at_another_workspace() {
    assert_isolation(&mc_tasks::SCHEMA, EXEMPT).await;
}
