//! The service on a fresh database, called over its wire within the process.

use std::sync::Arc;

use mc_chassis::auth::Role;
use mc_chassis::auth::testing::TestAuth;
use mc_chassis::client::{Channel, Target, Upstream};
use mc_chassis::clock::FixedClock;
use mc_chassis::config::{ClientSettings, ServerSettings};
use mc_chassis::db::Database;
use mc_chassis::server::{Listener, Served, memory, serve};
use mc_chassis::testkit::{self, TestDatabase};
use mc_chassis::{Ambient, Failure, Lifecycle};
use mc_proto::identity::v1 as pb;
use pb::api_token_service_client::ApiTokenServiceClient;
use pb::auth_service_client::AuthServiceClient;
use pb::credential_service_client::CredentialServiceClient;
use pb::workspace_service_client::WorkspaceServiceClient;
use time::OffsetDateTime;
use time::macros::datetime;
use tonic::{Request, Response, Status};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::domain::account::{Account, Email};
use crate::passwords::Passwords;
use crate::signing::CallerKeys;
use crate::store::{accounts, scope, workspaces};
use crate::{Dependencies, KeyRing, SCHEMA, Settings, build};

pub(crate) const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
pub(crate) const ADA: Uuid = Uuid::from_u128(0xa1);
pub(crate) const BOB: Uuid = Uuid::from_u128(0xa2);
pub(crate) const WORKSPACE: Uuid = Uuid::from_u128(0xb1);
pub(crate) const OTHER_WORKSPACE: Uuid = Uuid::from_u128(0xb2);
pub(crate) const EMAIL: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// The key-encryption key of tests: 32 bytes of 0x11.
pub(crate) const KEK: [u8; 32] = [0x11; 32];

pub(crate) struct Fixture {
    pub(crate) auth: TestAuth,
    pub(crate) ambient: Ambient,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) kit: TestDatabase,
    pub(crate) database: Database,
    pub(crate) signing: CallerKeys,
    channel: Channel,
    real_channel: Channel,
    _lifecycle: Lifecycle,
}

impl Fixture {
    /// With nobody in it.
    pub(crate) async fn start() -> Self {
        let (ambient, clock) = Ambient::fixed(NOW, 1);
        let auth = TestAuth::new(clock.clone());
        let kit = testkit::database(&[&SCHEMA]).await;
        let database = kit.login("identity", "api").await;
        let lifecycle = Lifecycle::new();
        let parts = Dependencies {
            database: database.clone(),
            relay: kit.login("identity", "relay").await,
            keys: ring(),
            trust: auth.trust(),
            ambient: ambient.clone(),
            lifecycle: lifecycle.clone(),
        };
        let real = build(&Settings::default(), parts).await.expect("build");
        // The same service, for callers that tests make up without signing them in.
        let tested = Served { verifier: auth.verifier("identity"), ..real.clone() };
        let signing = CallerKeys::new(database.clone(), ring(), ambient.clone());
        let channel = serve_in_memory(tested, &lifecycle);
        let real_channel = serve_in_memory(real, &lifecycle);
        Self { auth, ambient, clock, kit, database, signing, channel, real_channel, _lifecycle: lifecycle }
    }

    /// With Ada, who owns [`WORKSPACE`], and Bob, who views it and owns [`OTHER_WORKSPACE`].
    pub(crate) async fn populated() -> Self {
        let fixture = Self::start().await;
        let hash = Passwords::new(1)
            .hash(Zeroizing::new(PASSWORD.into()), &fixture.ambient.ids)
            .await
            .expect("hash");
        let mut tx = fixture.database.begin_open().await.expect("begin");
        for (user, email) in [(ADA, EMAIL), (BOB, "bob@example.com")] {
            let email = Email::parse(email).expect("address");
            let account = Account { user, email, display_name: "Someone".into(), create_time: NOW };
            scope::user(&mut tx, user).await.expect("scope");
            accounts::insert(&mut tx, &account, &hash).await.expect("account");
        }
        for (id, members) in [
            (WORKSPACE, vec![(ADA, Role::Owner), (BOB, Role::Viewer)]),
            (OTHER_WORKSPACE, vec![(BOB, Role::Owner)]),
        ] {
            scope::workspace(&mut tx, Some(id)).await.expect("scope");
            workspaces::insert(&mut tx, id, "Home", NOW).await.expect("workspace");
            for (user, role) in members {
                workspaces::insert_member(&mut tx, id, user, role, NOW).await.expect("member");
            }
        }
        tx.commit().await.expect("commit");
        fixture
    }

    pub(crate) fn auth_client(&self) -> AuthServiceClient<Channel> {
        AuthServiceClient::new(self.channel.clone())
    }

    /// Verifies callers with the keys that the service itself signs with.
    pub(crate) fn real_auth_client(&self) -> AuthServiceClient<Channel> {
        AuthServiceClient::new(self.real_channel.clone())
    }

    pub(crate) fn workspaces(&self) -> WorkspaceServiceClient<Channel> {
        WorkspaceServiceClient::new(self.channel.clone())
    }

    pub(crate) fn tokens(&self) -> ApiTokenServiceClient<Channel> {
        ApiTokenServiceClient::new(self.channel.clone())
    }

    pub(crate) fn credentials(&self) -> CredentialServiceClient<Channel> {
        CredentialServiceClient::new(self.channel.clone())
    }

    /// A request of Ada, who owns the workspace.
    pub(crate) fn ada<M>(&self, message: M) -> Request<M> {
        self.auth.request(ADA, WORKSPACE, Role::Owner, message)
    }

    /// A request of Bob, who owns the other workspace.
    pub(crate) fn bob<M>(&self, message: M) -> Request<M> {
        self.auth.request(BOB, OTHER_WORKSPACE, Role::Owner, message)
    }

    /// A request of a person in no workspace.
    pub(crate) fn outside<M>(&self, user: Uuid, message: M) -> Request<M> {
        let person =
            mc_chassis::auth::Person { user, workspace: None, role: None, scopes: vec![], session: user };
        with_bearer(&self.auth.token_of(person), message)
    }

    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Result<pb::Session, Failure> {
        let request = pb::SignInRequest { email: email.into(), password: password.into() };
        outcome(self.auth_client().sign_in(request).await).map(|reply| reply.session.expect("session"))
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Result<pb::Session, Failure> {
        let request = pb::RefreshRequest { refresh_token: refresh_token.into() };
        outcome(self.auth_client().refresh(request).await).map(|reply| reply.session.expect("session"))
    }

    /// Exchanges as the gateway.
    pub(crate) async fn exchange(&self, token: &str, workspace: &str) -> Result<String, Failure> {
        let message = pb::ExchangeTokenRequest { token: token.into(), workspace: workspace.into() };
        let request = self.auth.service("gateway").request("identity", message);
        outcome(self.auth_client().exchange_token(request).await).map(|reply| reply.caller_token)
    }

    /// Events of the audit trail with this action: workspace and actor. Those that are on their way count too.
    pub(crate) async fn audited(&self, action: &str) -> Vec<(Uuid, String)> {
        sqlx::query_as(
            "SELECT workspace_id, e.body ->> 'actor' FROM (
                 SELECT workspace_id, body::jsonb AS body FROM identity.audit_event
                 UNION SELECT workspace_id, convert_from(body, 'UTF8')::jsonb FROM identity.outbox) e
             WHERE e.body ->> 'action' = $1 ORDER BY e.body ->> 'id'",
        )
        .bind(action)
        .fetch_all(&self.kit.admin())
        .await
        .expect("read the trail")
    }

    /// Whom a caller token of the service speaks of.
    pub(crate) async fn opened(&self, caller_token: &str) -> mc_chassis::auth::CallerToken {
        let now = self.ambient.clock.now();
        let keys = self.signing.listed().await.expect("keys");
        keys.iter()
            .find_map(|key| mc_chassis::auth::CallerToken::open(key, caller_token, now))
            .expect("signed by a listed key")
    }
}

fn ring() -> KeyRing {
    KeyRing::parse(&format!("test:{}", "11".repeat(32))).expect("a key")
}

fn serve_in_memory(served: Served, lifecycle: &Lifecycle) -> Channel {
    let (link, listener) = memory();
    let life = lifecycle.clone();
    lifecycle.spawn("server", async move {
        serve(served, &ServerSettings::default(), vec![Listener::Memory(listener)], &life).await
    });
    Upstream::new("identity", Target::Memory(link), &ClientSettings::default(), lifecycle).unary()
}

pub(crate) fn with_bearer<M>(bearer: &str, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {bearer}").parse().expect("ASCII"));
    request
}

pub(crate) fn parent() -> String {
    format!("workspaces/{WORKSPACE}")
}

/// A reply, or the failure that came over the wire.
pub(crate) fn outcome<M>(reply: Result<Response<M>, Status>) -> Result<M, Failure> {
    reply.map(Response::into_inner).map_err(|status| Failure::from_status(&status))
}

/// The fields that a failure names.
pub(crate) fn fields(failure: &Failure) -> Vec<&str> {
    failure.violations().iter().map(|violation| violation.field.as_str()).collect()
}
