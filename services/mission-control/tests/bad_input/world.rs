//! Whom and what the attempts are about: a person of every role, one of another workspace, and a resource of every kind.

use std::collections::BTreeMap;

use mc_chassis::auth::{Role, RunAssertion};
use mc_identity::bootstrap::{First, bootstrap};
use mc_proto::llm::v1 as llm;
use mc_proto::llm::v1::generation_service_client::GenerationServiceClient;
use serde_json::{Value, json};
use time::Duration;
use uuid::Uuid;

use crate::contract::ROLES;
use crate::house::House;

const PASSWORD: &str = "correct horse battery staple";

/// Somebody with an account.
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) user: Uuid,
    /// Of a session.
    pub(crate) token: String,
}

/// A session, with what works once besides.
pub(crate) struct Session {
    pub(crate) token: String,
    pub(crate) refresh_token: String,
    /// Signs in elsewhere.
    pub(crate) code: String,
}

/// The fleet with people and resources in it.
pub(crate) struct World {
    pub(crate) house: House,
    pub(crate) http: reqwest::Client,
    /// Id of the workspace that the people below belong to.
    pub(crate) home: String,
    /// Id of a workspace that they do not.
    pub(crate) elsewhere: String,
    people: BTreeMap<Role, Person>,
    /// Owner of `elsewhere`.
    pub(crate) stranger: Person,
    /// Of a session whose time is over.
    pub(crate) expired: String,
    /// Of a session that was ended.
    pub(crate) revoked: String,
    /// Resources that no attempt uses up, by collection.
    shared: BTreeMap<String, String>,
    /// Ids of an open question and of an outcome that nobody knows, besides the approval that attempts share.
    question: String,
    outcome: String,
    made: std::sync::atomic::AtomicU32,
}

impl World {
    pub(crate) async fn new() -> Self {
        let house = House::open().await;
        let http = reqwest::Client::new();
        let folder = tempfile::tempdir().expect("a folder");
        let database = house.kit.login("identity", "api").await;
        let mut accounts = Vec::new();
        for name in ["viewer", "operator", "admin", "owner", "stranger"] {
            let first = First {
                email: format!("{name}@example.com"),
                password: Some(PASSWORD.to_owned()),
                workspace_name: name.to_owned(),
            };
            let file = folder.path().join(name);
            accounts.push(bootstrap(&database, &house.ambient, &first, &file).await.expect("an account"));
        }
        let id = |at: usize| accounts[at].workspace.rsplit('/').next().expect("an id").to_owned();
        let (home, elsewhere) = (id(3), id(4));

        // Its session ends before the others begin.
        let expired = sign_in(&http, &house, "viewer@example.com").await;
        house.clock.advance(Duration::minutes(61));
        let revoked = sign_in(&http, &house, "viewer@example.com").await["sessionToken"].clone();
        let mut people = Vec::new();
        for account in &accounts {
            let session = sign_in(&http, &house, &account.email).await;
            let token = text(&session["sessionToken"]);
            let me = call(&http, &house, "GET", "/v1/me", &token, None).await;
            let user = text(&me["user"]["name"]).trim_start_matches("users/").parse().expect("an id");
            people.push(Person { email: account.email.clone(), user, token });
        }
        let stranger = people.pop().expect("five people");
        for (role, person) in ROLES.into_iter().zip(&people).take(3) {
            let role = format!("{role:?}").to_lowercase();
            sqlx::query(
                "INSERT INTO identity.membership (workspace_id, user_id, role, create_time) VALUES ($1::uuid, $2, $3, now())",
            )
            .bind(&home)
            .bind(person.user)
            .bind(role)
            .execute(&house.kit.admin())
            .await
            .expect("a member");
        }
        let revoked = text(&revoked);
        call(&http, &house, "POST", "/v1/auth:signOut", &revoked, Some(json!({}))).await;
        // The edge may go by what identity said of it for so long.
        house.clock.advance(mc_gateway::auth::REVOCATION_BOUND);

        let people = ROLES.into_iter().zip(people).collect();
        let mut world = Self {
            house,
            http,
            home,
            elsewhere,
            people,
            stranger,
            expired: text(&expired["sessionToken"]),
            revoked,
            shared: BTreeMap::new(),
            question: String::new(),
            outcome: String::new(),
            made: 0.into(),
        };
        for collection in crate::contract::public_rpcs().iter().flat_map(super::contract::Rpc::collections) {
            if collection != "workspaces" && !world.shared.contains_key(&collection) {
                let id = world.make(&collection, Role::Owner).await;
                world.shared.insert(collection, id);
            }
        }
        world.question = world.inbox_item(2).await;
        world.outcome = world.inbox_item(3).await;
        world
    }

    pub(crate) fn person(&self, role: Role) -> &Person {
        &self.people[&role]
    }

    /// The resource of a collection that attempts share.
    pub(crate) fn shared(&self, collection: &str) -> &str {
        if collection == "workspaces" { &self.home } else { &self.shared[collection] }
    }

    /// Words that rows may use: `${agent}`, `${otherAgent}`, `${email}` and so on.
    pub(crate) fn words(&self) -> BTreeMap<String, String> {
        let mut words = BTreeMap::new();
        for (collection, id) in &self.shared {
            words.insert(collection.trim_end_matches('s').to_owned(), id.clone());
        }
        words.insert("workspace".to_owned(), self.home.clone());
        words.insert("question".to_owned(), self.question.clone());
        words.insert("outcome".to_owned(), self.outcome.clone());
        words.insert("elsewhere".to_owned(), self.elsewhere.clone());
        words.insert("email".to_owned(), self.person(Role::Viewer).email.clone());
        words.insert("password".to_owned(), PASSWORD.to_owned());
        words.insert("owner".to_owned(), self.person(Role::Owner).user.to_string());
        words.insert("unknown".to_owned(), self.house.ambient.ids.uuid().to_string());
        words.insert("serial".to_owned(), self.serial().to_string());
        words
    }

    /// A session of its own.
    pub(crate) async fn session(&self, role: Role) -> Session {
        let session = sign_in(&self.http, &self.house, &self.person(role).email).await;
        let (token, refresh_token) = (text(&session["sessionToken"]), text(&session["refreshToken"]));
        let path = "/v1/auth:createSignInCode";
        let code = call(&self.http, &self.house, "POST", path, &token, Some(json!({}))).await;
        Session { token, refresh_token, code: text(&code["code"]) }
    }

    /// A new API token of the owner, narrowed to `scope`.
    pub(crate) async fn narrowed(&self, scope: &str) -> String {
        let body = json!({"displayName": "narrow", "scopes": [scope]});
        text(&self.post("tokens", Role::Owner, body).await["secret"])
    }

    /// A number that was not given before.
    pub(crate) fn serial(&self) -> u32 {
        self.made.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }

    /// Makes a resource of a collection and answers with its id.
    pub(crate) async fn make(&self, collection: &str, role: Role) -> String {
        let owner = Role::Owner;
        let name = match collection {
            "agents" => {
                let spec = json!({"instructions": "Help.", "model": "simulator/demo"});
                let agent = self.post("agents", owner, json!({"displayName": "Agent", "spec": spec})).await;
                let name = text(&agent["agent"]["name"]);
                let publish = format!("/v1/{name}:publish");
                call(&self.http, &self.house, "POST", &publish, &self.person(owner).token, Some(json!({})))
                    .await;
                name
            }
            "versions" => "1".to_owned(),
            "tasks" => {
                let agent = Box::pin(self.make("agents", owner)).await;
                let assignee = format!("workspaces/{}/agents/{agent}", self.home);
                text(
                    &self.post("tasks", owner, json!({"title": "Task", "assignee": assignee})).await["task"]
                        ["name"],
                )
            }
            "runs" => {
                let task = Box::pin(self.make("tasks", owner)).await;
                text(&self.post(&format!("tasks/{task}:start"), owner, json!({})).await["run"]["name"])
            }
            "schedules" => {
                let agent = Box::pin(self.make("agents", owner)).await;
                let template =
                    json!({"title": "Task", "assignee": format!("workspaces/{}/agents/{agent}", self.home)});
                let body = json!({"displayName": "Daily", "cron": "@daily", "timeZone": "UTC", "template": template});
                text(&self.post("schedules", owner, body).await["schedule"]["name"])
            }
            // Of the task that attempts share; people take back their own alone.
            "comments" => {
                let task = self.shared("tasks");
                text(
                    &self.post(&format!("tasks/{task}/comments"), role, json!({"text": "Hm."})).await["taskComment"]
                        ["name"],
                )
            }
            "channels" => {
                let body = json!({"displayName": "On call", "format": 1, "url": "https://hooks.example/mc"});
                text(&self.post("channels", owner, body).await["channel"]["name"])
            }
            "deliveries" => {
                let channel = Box::pin(self.make("channels", owner)).await;
                text(
                    &self.post(&format!("channels/{channel}:test"), owner, json!({})).await["delivery"]["name"],
                )
            }
            "artifacts" => self.artifact().await,
            "generations" => self.generation().await,
            "providers" => {
                let path = format!("providers?providerId=p{}", self.serial());
                let body = json!({"kind": "PROVIDER_KIND_OPENAI_COMPATIBLE", "baseUrl": "https://models.example/v1"});
                text(&self.post(&path, owner, body).await["provider"]["name"])
            }
            "credentials" => {
                let body = json!({"credential": {"displayName": "Key"}, "secret": "a secret of some length"});
                text(&self.post("credentials", owner, body).await["credential"]["name"])
            }
            "inbox" => self.inbox_item(1).await,
            "approvalRules" => {
                let agent = Box::pin(self.make("agents", owner)).await;
                let agent = format!("workspaces/{}/agents/{agent}", self.home);
                let body = json!({"agent": agent, "tool": "http_fetch"});
                text(&self.post("approvalRules", owner, body).await["approvalRule"]["name"])
            }
            // People see their own tokens alone.
            "tokens" => {
                text(&self.post("tokens", role, json!({"displayName": "ci"})).await["apiToken"]["name"])
            }
            other => panic!("say here in world.rs how one of `{other}` is made"),
        };
        name.rsplit('/').next().expect("a name").to_owned()
    }

    /// Posts to a path below the workspace, which has to succeed.
    pub(crate) async fn post(&self, path: &str, role: Role, body: Value) -> Value {
        let path = format!("/v1/workspaces/{}/{path}", self.home);
        call(&self.http, &self.house, "POST", &path, &self.person(role).token, Some(body)).await
    }

    /// Makes a run one that has failed. Only a worker does that, and none runs here.
    pub(crate) async fn fail_run(&self, run: &str) {
        sqlx::query(
            "WITH taken AS (DELETE FROM tasks.ready WHERE run_id = $1::uuid)
             UPDATE tasks.run SET status = 4, end_time = now(), error_reason = 'STUCK_LOOP', error_message = 'Stuck.'
             WHERE run_id = $1::uuid",
        )
        .bind(run)
        .execute(&self.house.kit.admin())
        .await
        .expect("a failed run");
    }

    /// Only a worker writes one, and no worker runs here.
    async fn artifact(&self) -> String {
        let id = self.house.ambient.ids.uuid();
        let run: Uuid = Box::pin(self.make("runs", Role::Owner)).await.parse().expect("an id");
        sqlx::query(
            "INSERT INTO tasks.artifact (artifact_id, workspace_id, run_id, path, revision, media_type, sha256, content, create_time)
             VALUES ($1, $2::uuid, $3, 'notes.md', 1, 'text/markdown', sha256('x'), 'x', now())",
        )
        .bind(id)
        .bind(&self.home)
        .bind(run)
        .execute(&self.house.kit.admin())
        .await
        .expect("an artifact");
        id.to_string()
    }

    /// An open inbox item: 1 asks for an approval, 2 asks a question, 3 what became of a call. Only a worker writes one.
    async fn inbox_item(&self, kind: i16) -> String {
        let id = self.house.ambient.ids.uuid();
        let run: Uuid = Box::pin(self.make("runs", Role::Owner)).await.parse().expect("an id");
        sqlx::query(
            r#"INSERT INTO tasks.inbox_item (item_id, workspace_id, run_id, kind, step, call_id, tool, arguments_json,
                                             parameters_json_schema, effect_class, question, choices, create_time)
               VALUES ($1, $2::uuid, $3, $4, 1, 'call_1', 'http_request', '{"url": "https://a.example"}',
                       '{"type": "object", "required": ["url"]}', 4, 'Which?', '{"this","that"}', now())"#,
        )
        .bind(id)
        .bind(&self.home)
        .bind(run)
        .bind(kind)
        .execute(&self.house.kit.admin())
        .await
        .expect("an inbox item");
        sqlx::query("UPDATE tasks.run SET open_items = open_items + 1 WHERE run_id = $1")
            .bind(run)
            .execute(&self.house.kit.admin())
            .await
            .expect("its run");
        id.to_string()
    }

    /// Only a service may ask for one.
    async fn generation(&self) -> String {
        let run = Box::pin(self.make("runs", Role::Owner)).await;
        let agent = Box::pin(self.make("agents", Role::Owner)).await;
        let assertion = RunAssertion {
            service: "tasks".to_owned(),
            workspace: self.home.parse().expect("an id"),
            run: run.parse().expect("an id"),
            agent_version: format!("workspaces/{}/agents/{agent}/versions/1", self.home),
            started_by: self.person(Role::Owner).user,
        };
        let part = llm::Part { kind: Some(llm::part::Kind::Text("Hello".to_owned())) };
        let message = llm::GenerateRequest {
            parent: format!("workspaces/{}", self.home),
            idempotency_key: format!("{run}/1/1"),
            model: "simulator/echo".to_owned(),
            messages: vec![llm::Message { role: llm::MessageRole::User.into(), parts: vec![part] }],
            ..llm::GenerateRequest::default()
        };
        let request = self.house.auth.service("tasks").request_for_run("llm", &assertion, message);
        let mut stream = GenerationServiceClient::new(self.house.llm.streams())
            .generate(request)
            .await
            .expect("a generation")
            .into_inner();
        let mut name = String::new();
        while let Some(reply) = stream.message().await.expect("an answer") {
            if let Some(llm::generate_response::Event::Started(started)) = reply.event {
                name = started.generation;
            }
        }
        name
    }
}

async fn sign_in(http: &reqwest::Client, house: &House, email: &str) -> Value {
    let body = json!({"email": email, "password": PASSWORD});
    call(http, house, "POST", "/v1/auth:signIn", "", Some(body)).await["session"].clone()
}

/// A call that has to succeed.
async fn call(
    http: &reqwest::Client,
    house: &House,
    method: &str,
    path: &str,
    bearer: &str,
    body: Option<Value>,
) -> Value {
    let mut request =
        http.request(method.parse().expect("a method"), format!("http://{}{path}", house.address));
    if !bearer.is_empty() {
        request = request.bearer_auth(bearer);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.expect("an answer");
    let (status, text) = (response.status(), response.text().await.expect("a body"));
    assert!(status.is_success(), "{method} {path}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{method} {path}: {error} in {text}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text was expected, not {value}")).to_owned()
}
