//! PublishAgent: freezes the draft as the next version.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::error::{Violations, both};
use mc_proto::registry::v1::{PublishAgentRequest, PublishAgentResponse};

use super::{Agents, agent_of, convert};
use crate::domain::{Version, VersionRef, is_etag, note};
use crate::error::Error;
use crate::store;

pub(super) async fn handle(
    agents: &Agents,
    caller: &Caller,
    request: PublishAgentRequest,
) -> Result<PublishAgentResponse, Error> {
    let mut violations = Violations::default();
    note("note", &request.note, &mut violations);
    let named = agent_of(caller, "name", &request.name);
    let ((workspace, id), ()) = both(named, violations.into_result().map_err(Failure::from))?;
    let publisher = caller.user()?;

    let mut tx = agents.database.begin(workspace).await?;
    // The lock makes publishes of one agent queue up, so that each takes the number after the one before it.
    let Some(agent) = store::lock(&mut tx, workspace, id).await? else {
        return Err(Error::NotFound(request.name));
    };
    if !is_etag(&request.etag, &agent.etag()) {
        return Err(Error::EtagMismatch(request.name));
    }
    // Rules may have become stricter since the draft was saved; what is published holds today's.
    agent.profile.check()?;
    let latest = store::read_version(&mut tx, workspace, id, VersionRef::Latest).await?;
    let version = match latest {
        // The draft is the spec: a new name alone makes no new version.
        Some(latest) if latest.spec == agent.profile.spec => latest,
        _ => {
            let next = Version {
                workspace,
                agent: id,
                number: agent.latest_version + 1,
                display_name: agent.profile.display_name,
                spec: agent.profile.spec,
                publisher,
                note: request.note,
                create_time: agents.ambient.clock.now(),
            };
            store::insert_version(&mut tx, &next).await?
        }
    };
    tx.commit().await?;
    Ok(PublishAgentResponse { agent_version: Some(convert::version(version)) })
}

#[cfg(test)]
mod tests {
    use mc_chassis::auth::Role;
    use mc_chassis::auth::testing::TestAuth;
    use mc_proto::registry::v1 as pb;
    use tonic::Code;
    use uuid::Uuid;

    use crate::testing::{Fixture, USER, WORKSPACE, ada, fields, outcome};

    #[tokio::test]
    async fn draft_becomes_the_next_version_once() {
        let fixture = Fixture::start().await;
        let made = fixture.create(ada()).await;
        let one = fixture.publish(&made.name).await.expect("publish");
        assert_eq!((one.version, one.name.clone()), (1, format!("{}/versions/1", made.name)));
        assert_eq!((one.display_name.as_str(), one.publisher), ("Ada", format!("users/{USER}")));
        assert_eq!(one.spec, made.spec);
        assert_eq!(fixture.publish(&made.name).await.expect("again").version, 1);

        let renamed = pb::Agent { name: made.name.clone(), display_name: "Eve".into(), ..Default::default() };
        fixture.update(renamed, &["display_name"]).await.expect("rename");
        let again = fixture.publish(&made.name).await.expect("the spec is as it was");
        assert_eq!((again.version, again.display_name.as_str()), (1, "Ada"));

        let mut changed = made.clone();
        changed.etag.clear();
        changed.spec.as_mut().expect("spec").instructions = "Be kind.".into();
        fixture.update(changed.clone(), &["spec.instructions"]).await.expect("update");
        let two = fixture.publish(&made.name).await.expect("publish");
        assert_eq!((two.version, two.spec), (2, changed.spec));
        let read = fixture.request(pb::GetAgentRequest { name: made.name.clone() });
        let agent = fixture.client().get_agent(read).await.expect("get").into_inner().agent.expect("agent");
        assert_eq!(agent.latest_version, 2);
    }

    #[tokio::test]
    async fn publishes_at_the_same_time_make_one_version() {
        let fixture = Fixture::start().await;
        let name = fixture.create(ada()).await.name;
        let (one, two, three) =
            tokio::join!(fixture.publish(&name), fixture.publish(&name), fixture.publish(&name));
        assert_eq!([one, two, three].map(|version| version.expect("publish").version), [1, 1, 1]);
    }

    #[tokio::test]
    async fn note_and_etag_are_held() {
        let fixture = Fixture::start().await;
        let made = fixture.create(ada()).await;
        let publish = async |note: String, etag: &str| {
            let request = pb::PublishAgentRequest { name: made.name.clone(), note, etag: etag.into() };
            outcome(fixture.client().publish_agent(fixture.request(request)).await)
        };
        let failure = publish("n".repeat(501), "").await.expect_err("too long");
        assert_eq!(fields(&failure), ["note"]);
        assert_eq!(publish(String::new(), "r9").await.expect_err("stale").code(), Code::Aborted);
        let version =
            publish("ä".repeat(500), &made.etag).await.expect("publish").agent_version.expect("version");
        assert_eq!(version.note.chars().count(), 500);
    }

    #[tokio::test]
    async fn only_people_with_the_permission_publish() {
        let fixture = Fixture::start().await;
        let name = fixture.create(ada()).await.name;
        let message = pb::PublishAgentRequest { name, ..Default::default() };
        let mut client = fixture.client();
        let operator = client.publish_agent(fixture.request_as(Role::Operator, message.clone())).await;
        assert_eq!(operator.expect_err("operator").code(), Code::PermissionDenied);
        let run = TestAuth::run(WORKSPACE, Uuid::from_u128(5), USER);
        let run = fixture.auth.service("tasks").request_for_run("registry", &run, message);
        assert_eq!(client.publish_agent(run).await.expect_err("a run").code(), Code::PermissionDenied);
    }

    #[tokio::test]
    async fn published_versions_cannot_be_changed_by_sql() {
        let fixture = Fixture::start().await;
        let name = fixture.create(ada()).await.name;
        fixture.publish(&name).await.expect("publish");
        for statement in [
            "UPDATE registry.agent_version SET note = 'x'",
            "DELETE FROM registry.agent_version",
            "TRUNCATE registry.agent_version",
        ] {
            let mut tx = fixture.kit.login("registry", "api").await.begin(WORKSPACE).await.expect("begin");
            let refused = sqlx::query(statement).execute(&mut *tx).await.expect_err(statement);
            let code = refused.as_database_error().and_then(sqlx::error::DatabaseError::code);
            assert_eq!(code.as_deref(), Some("42501"), "the serving role lacks the grant: {statement}");
            let refused = sqlx::query(statement).execute(&fixture.kit.admin()).await.expect_err(statement);
            assert!(refused.to_string().contains("immutable"), "not even a superuser: {refused}");
        }
    }
}
