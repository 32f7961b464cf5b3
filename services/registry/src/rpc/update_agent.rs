//! UpdateAgent: changes an agent's draft. Published versions never change.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::error::both;
use mc_proto::registry::v1::{UpdateAgentRequest, UpdateAgentResponse};

use super::{Agents, agent_of, convert};
use crate::domain::{Mask, is_etag};
use crate::error::Error;
use crate::store;

pub(super) async fn handle(
    agents: &Agents,
    caller: &Caller,
    request: UpdateAgentRequest,
) -> Result<UpdateAgentResponse, Error> {
    let given = request.agent.unwrap_or_default();
    let (name, etag) = (given.name.clone(), given.etag.clone());
    let mask = Mask::parse(&request.update_mask.unwrap_or_default().paths).map_err(Failure::from);
    let ((workspace, id), mask) = both(agent_of(caller, "agent.name", &name), mask)?;

    let mut tx = agents.database.begin(workspace).await?;
    let Some(current) = store::lock(&mut tx, workspace, id).await? else { return Err(Error::NotFound(name)) };
    if !is_etag(&etag, &current.etag()) {
        return Err(Error::EtagMismatch(name));
    }
    // Rules are held on the whole, because a mask may name a part that fits only together with the rest.
    let profile = mask.apply(&current.profile, convert::profile(given));
    profile.check()?;
    profile.check_workspace(workspace)?;
    let agent = if profile == current.profile {
        current
    } else {
        store::update(&mut tx, &current, &profile, agents.ambient.clock.now()).await?
    };
    tx.commit().await?;
    Ok(UpdateAgentResponse { agent: Some(convert::agent(agent)) })
}

#[cfg(test)]
mod tests {
    use mc_proto::registry::v1 as pb;
    use tonic::Code;

    use crate::testing::{Fixture, ada, fields};

    fn only(name: &str, change: impl FnOnce(&mut pb::Agent)) -> pb::Agent {
        let mut agent =
            pb::Agent { name: name.into(), spec: Some(pb::AgentSpec::default()), ..Default::default() };
        change(&mut agent);
        agent
    }

    #[tokio::test]
    async fn mask_changes_what_it_names_down_to_one_field_of_the_spec() {
        let fixture = Fixture::start().await;
        let made = fixture.create(ada()).await;
        fixture.clock.advance(time::Duration::SECOND);
        let parameters = pb::ModelParameters { max_output_tokens: Some(7), ..Default::default() };
        let change = only(&made.name, |it| {
            it.spec = Some(pb::AgentSpec { parameters: Some(parameters), ..Default::default() });
        });
        let changed = fixture.update(change, &["spec.parameters.max_output_tokens"]).await.expect("update");
        let mut expected = made.clone();
        let spec = expected.spec.as_mut().expect("spec");
        spec.parameters.as_mut().expect("parameters").max_output_tokens = Some(7);
        (expected.etag, expected.update_time) = ("r2".into(), changed.update_time);
        assert_eq!(changed, expected);
        let seconds = |agent: &pb::Agent| agent.update_time.expect("time").seconds;
        assert_eq!(seconds(&changed), seconds(&made) + 1);
    }

    #[tokio::test]
    async fn empty_mask_replaces_all_and_an_equal_draft_changes_nothing() {
        let fixture = Fixture::start().await;
        let made = fixture.create(ada()).await;
        let same = fixture.update(made.clone(), &[]).await.expect("update");
        assert_eq!(same, made);
        let failure =
            fixture.update(only(&made.name, |it| it.role = "x".into()), &[]).await.expect_err("incomplete");
        assert_eq!(fields(&failure), ["agent.display_name", "agent.spec.instructions", "agent.spec.model"]);
    }

    #[tokio::test]
    async fn unknown_paths_and_broken_values_are_refused() {
        let fixture = Fixture::start().await;
        let name = fixture.create(ada()).await.name;
        let failure =
            fixture.update(only(&name, |_| ()), &["spec.modell", "latest_version"]).await.expect_err("paths");
        assert_eq!(fields(&failure), ["update_mask", "update_mask"]);
        let failure = fixture.update(only("nonsense", |_| ()), &["x"]).await.expect_err("both");
        assert_eq!(fields(&failure), ["agent.name", "update_mask"]);
        let failure = fixture.update(only(&name, |_| ()), &["spec.model"]).await.expect_err("empty model");
        assert_eq!(fields(&failure), ["agent.spec.model"]);
    }

    #[tokio::test]
    async fn stale_etag_is_refused() {
        let fixture = Fixture::start().await;
        let made = fixture.create(ada()).await;
        let change =
            |etag: &str, role: &str| pb::Agent { etag: etag.into(), role: role.into(), ..made.clone() };
        let changed = fixture.update(change(&made.etag, "one"), &["role"]).await.expect("fresh");
        let failure = fixture.update(change(&made.etag, "two"), &["role"]).await.expect_err("stale");
        assert_eq!((failure.code(), failure.reason()), (Code::Aborted, "ETAG_MISMATCH"));
        fixture.update(change(&changed.etag, "two"), &["role"]).await.expect("fresh again");
        fixture.update(change("", "three"), &["role"]).await.expect("without one");
    }
}
