//! REST: requests in, problems and replies out.

use serde_json::{Value, json};

use crate::rig::{BEARER, Rig, json as send};
use mc_chassis::Failure;
use tonic::{Code, Status};

const AGENTS: &str = "/v1/workspaces/w/agents";

#[tokio::test]
async fn create_reaches_the_service_as_the_caller_and_comes_back() {
    let rig = Rig::start().await;
    let request =
        rig.request("POST", AGENTS).header("idempotency-key", "\"k1\"").header("x-request-id", "req-7");
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request =
        request.header("traceparent", traceparent).json(&json!({"displayName": "Ada", "latestVersion": 3}));
    let response = request.send().await.expect("answered");
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    assert_eq!(
        (&headers["etag"], &headers["x-request-id"]),
        (&"\"e1\"".parse().expect("v"), &"req-7".parse().expect("v"))
    );
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["cache-control"], "no-store");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(
        body,
        json!({"agent": {"name": "workspaces/w/agents/new", "displayName": "Ada", "etag": "e1"}})
    );

    let (rpc, metadata, message) = rig.fake.last_seen();
    assert_eq!(rpc, "CreateAgent");
    assert_eq!(metadata.get("authorization").expect("set"), &format!("Bearer caller.{BEARER}.workspaces.w"));
    assert_eq!(metadata.get("x-request-id").expect("set"), "req-7");
    assert_eq!(metadata.get("traceparent").expect("set"), traceparent);
    assert!(metadata.contains_key("grpc-timeout"));
    assert!(message.contains("request_id: \"k1\"") && message.contains("latest_version: 0"), "{message}");
}

#[tokio::test]
async fn caller_is_exchanged_once_per_workspace_and_not_at_all_for_public_calls() {
    use std::sync::atomic::Ordering;
    let rig = Rig::start().await;
    for _ in 0..3 {
        assert_eq!(rig.get("/v1/workspaces/w/agents/a").await.0, 200);
    }
    assert_eq!(rig.get("/v1/workspaces/v/agents/a").await.0, 200);
    assert_eq!(rig.fake.0.exchanges.load(Ordering::SeqCst), 2);
    let sign_in = rig.http.post(format!("http://{}/v1/auth:signIn", rig.address));
    assert_eq!(send(sign_in.json(&json!({"email": "a@b.c", "password": "p"}))).await, (200, json!({})));
    assert_eq!(rig.fake.0.exchanges.load(Ordering::SeqCst), 2);

    rig.fake.0.revoked.store(true, Ordering::SeqCst);
    rig.clock.advance(time::Duration::seconds(29));
    assert_eq!(rig.get("/v1/workspaces/w/agents/a").await.0, 200, "within the bound");
    rig.clock.advance(time::Duration::seconds(1));
    assert_eq!(rig.get("/v1/workspaces/w/agents/a").await.0, 401, "at the bound");
}

#[tokio::test]
async fn missing_or_unknown_bearer_is_challenged() {
    let rig = Rig::start().await;
    for authorization in [None, Some("Bearer nonsense"), Some("Basic eDp5"), Some("Bearer ")] {
        let mut request = rig.http.get(format!("http://{}{AGENTS}", rig.address));
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let response = request.send().await.expect("answered");
        assert_eq!(response.status(), 401, "{authorization:?}");
        assert!(response.headers()["www-authenticate"].to_str().expect("ASCII").starts_with("Bearer"));
        let problem: Value = response.json().await.expect("JSON");
        assert_eq!(problem["reason"], "UNAUTHENTICATED");
    }
    assert_eq!(rig.get("/v1/workspaces/other/agents").await.0, 404, "a workspace that is not the caller's");
}

#[tokio::test]
async fn failures_become_problems() {
    let rig = Rig::start().await;
    let table: [(Status, u16, &str); 6] = [
        (Failure::invalid("agent.spec.model", "must be {provider}/{model}").into(), 400, "INVALID_FIELD"),
        (Failure::permission_denied("registry.agent.read").into(), 403, "PERMISSION_DENIED"),
        (Failure::already_exists("workspaces/w/agents/a").into(), 409, "ALREADY_EXISTS"),
        (Failure::new(Code::ResourceExhausted, "OVERLOADED", "later").into(), 429, "OVERLOADED"),
        (
            Failure::unavailable("DATABASE_UNAVAILABLE", "the database is away").into(),
            503,
            "DATABASE_UNAVAILABLE",
        ),
        (Status::data_loss("a secret of the inside"), 500, "INTERNAL"),
    ];
    for (status, code, reason) in table {
        rig.fake.fail_next(status);
        let response = rig.request("GET", "/v1/workspaces/w/agents/a").send().await.expect("answered");
        assert_eq!(response.status(), code);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers().contains_key("retry-after"), code == 503);
        let id = response.headers()["x-request-id"].to_str().expect("ASCII").to_owned();
        let problem: Value = response.json().await.expect("JSON");
        assert_eq!(
            (problem["reason"].as_str(), problem["instance"].as_str()),
            (Some(reason), Some(id.as_str()))
        );
        assert!(!problem.to_string().contains("secret"), "{problem}");
    }
    let (status, problem) = rig.get("/v1/workspaces/w/agents/a/versions/1").await;
    assert_eq!((status, problem["reason"].as_str()), (503, Some("UPSTREAM_UNAVAILABLE")));
    assert!(!problem.to_string().contains("10.1.2.3"), "{problem}");
    assert_eq!(rig.get("/v1/workspaces/w/agents/a/versions").await.1["reason"], "INTERNAL");
    assert_eq!(send(rig.request("POST", "/v1/workspaces/w/agents/a:publish")).await.0, 422);
}

#[tokio::test]
async fn update_is_masked_by_its_body_and_conditional_on_its_etag() {
    let rig = Rig::start().await;
    let patch = |etag: &str| {
        let request = rig.request("PATCH", "/v1/workspaces/w/agents/a").header("if-match", etag);
        request.json(&json!({"role": "Engineer"}))
    };
    let (status, body) = send(patch("\"e1\"")).await;
    assert_eq!((status, body["agent"]["role"].as_str()), (200, Some("Engineer")));
    assert!(rig.fake.last_seen().2.contains(r#"paths: ["role"]"#));
    let (status, problem) = send(patch("\"stale\"")).await;
    assert_eq!((status, problem["reason"].as_str()), (412, Some("ETAG_MISMATCH")));
    let (status, problem) = send(rig.request("PATCH", "/v1/workspaces/w/agents/a").json(&json!({}))).await;
    assert_eq!((status, problem["violations"][0]["field"].as_str()), (400, Some("update_mask")));
}

#[tokio::test]
async fn known_etag_answers_not_modified() {
    let rig = Rig::start().await;
    let response = rig
        .request("GET", "/v1/workspaces/w/agents/a")
        .header("if-none-match", "\"e1\"")
        .send()
        .await
        .expect("answered");
    assert_eq!(
        (response.status().as_u16(), &response.headers()["etag"]),
        (304, &"\"e1\"".parse().expect("v"))
    );
    assert!(response.bytes().await.expect("body").is_empty());
}

#[tokio::test]
async fn bodies_are_held_to_their_type_and_size() {
    let rig = Rig::start().await;
    let post =
        |kind: &str, body: Vec<u8>| rig.request("POST", AGENTS).header("content-type", kind).body(body);
    let reason = async |request| send(request).await.1["reason"].as_str().map(str::to_owned);
    assert_eq!(send(post("text/plain", b"{}".to_vec())).await.0, 415);
    let (status, problem) = send(post("application/json", b"{\n  oops".to_vec())).await;
    assert_eq!(
        (status, problem["reason"].as_str(), problem["metadata"]["line"].as_str()),
        (400, Some("MALFORMED_JSON"), Some("2"))
    );

    let limit = mc_gateway::http::MAX_BODY_BYTES;
    let padded = |length: usize| format!("{{\"role\": \"{}\"}}", "x".repeat(length - 12)).into_bytes();
    assert_eq!(padded(limit).len(), limit);
    assert_eq!(send(post("application/json", padded(limit))).await.0, 200, "the largest body");
    let (status, problem) = send(post("application/json", padded(limit + 1))).await;
    assert_eq!((status, problem["reason"].as_str()), (413, Some("BODY_TOO_LARGE")));
    let chunks = futures::stream::iter((0..5).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024 * 1024])));
    let unannounced = rig
        .request("POST", AGENTS)
        .header("content-type", "application/json")
        .body(reqwest::Body::wrap_stream(chunks));
    assert_eq!(
        reason(unannounced).await.as_deref(),
        Some("BODY_TOO_LARGE"),
        "without a Content-Length as well"
    );
}

#[tokio::test]
async fn nothing_there_wrong_method_head_and_options() {
    let rig = Rig::start().await;
    for path in ["/runs", "/v1", "/v1/workspaces/w/agents/", "/v2/me", "/v1/workspaces/w/agents/a:explode"] {
        let (status, problem) = rig.get(path).await;
        assert_eq!((status, problem["reason"].as_str()), (404, Some("ROUTE_NOT_FOUND")), "{path}");
    }
    assert_eq!(rig.get("/v1/workspaces/%ff/agents").await.1["reason"], "MALFORMED_PATH");
    let response = rig.request("PUT", "/v1/workspaces/w/agents/a").send().await.expect("answered");
    assert_eq!(
        (response.status().as_u16(), &response.headers()["allow"]),
        (405, &"DELETE, GET, PATCH".parse().expect("v"))
    );

    let head = rig.request("HEAD", "/v1/workspaces/w/runs/r").send().await.expect("answered");
    assert_eq!(head.status(), 200);
    assert!(head.headers()["content-length"].to_str().expect("ASCII").parse::<usize>().expect("number") > 10);
    assert_eq!(
        rig.request("HEAD", "/v1/workspaces/w/runs/r:watch").send().await.expect("answered").status(),
        405
    );
    let options = rig.request("OPTIONS", AGENTS).send().await.expect("answered");
    assert_eq!(
        (options.status().as_u16(), &options.headers()["allow"]),
        (204, &"GET, POST, HEAD, OPTIONS".parse().expect("v"))
    );
    let (_, run) = rig.get("/v1/workspaces/w/runs/r").await;
    assert_eq!(run["run"]["headSeq"], "9007199254740993", "64 bits come as a string");
}

#[tokio::test]
async fn download_is_bytes_that_no_page_can_run() {
    let rig = Rig::start().await;
    let response =
        rig.request("GET", "/v1/workspaces/w/artifacts/a:download").send().await.expect("answered");
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "text/html");
    assert_eq!(headers["content-disposition"], "attachment");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(headers["content-security-policy"].to_str().expect("ASCII").starts_with("sandbox"));
    assert_eq!(response.bytes().await.expect("body").len(), 4 * 1024 * 1024, "the largest artifact");
}

#[tokio::test]
async fn content_in_pieces_is_one_body_and_one_that_is_cut_is_no_whole_body() {
    let rig = Rig::start().await;
    let response = rig.request("GET", "/v1/workspaces/w/runs/r:export").send().await.expect("answered");
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["content-disposition"], "attachment");
    let whole: serde_json::Value = response.json().await.expect("a whole file");
    assert_eq!(whole["format"], "missioncontrol.run/1");

    let cut = async { rig.request("GET", "/v1/workspaces/w/runs/cut:export").send().await?.bytes().await };
    assert!(cut.await.is_err(), "whoever saves it is told that it is not whole");

    *rig.fake.0.failure.lock().expect("lock") = Some(tonic::Status::not_found("there is no such run"));
    let (status, problem) = rig.get("/v1/workspaces/w/runs/r:export").await;
    assert_eq!(status, 404, "{problem}");
}

#[tokio::test]
async fn pages_of_the_allow_list_may_call_and_others_may_not() {
    let rig = Rig::start().await;
    let preflight = async |origin: &str| {
        let request = rig.http.request(reqwest::Method::OPTIONS, format!("http://{}{AGENTS}", rig.address));
        let request = request.header("origin", origin).header("access-control-request-method", "POST");
        let request = request.header("access-control-request-headers", "authorization,idempotency-key");
        request.send().await.expect("answered").headers().get("access-control-allow-origin").cloned()
    };
    assert_eq!(preflight("tauri://localhost").await.expect("allowed"), "tauri://localhost");
    assert_eq!(preflight("https://evil.example").await, None);
}

#[tokio::test]
async fn panic_and_silence_behind_the_edge_do_not_reach_the_client() {
    let settings =
        mc_gateway::Settings { call_deadline: std::time::Duration::from_millis(50), ..Default::default() };
    let rig = Rig::with(settings).await;
    let (status, problem) = rig.get("/v1/me").await;
    assert_eq!((status, problem["reason"].as_str()), (504, Some("DEADLINE_EXCEEDED")));
    let refresh = rig.http.post(format!("http://{}/v1/auth:refresh", rig.address)).json(&json!({}));
    let (status, problem) = send(refresh).await;
    assert_eq!((status, problem["reason"].as_str()), (500, Some("INTERNAL")));
    assert_ne!(problem["instance"], "", "the log has it under this id");
    assert_eq!(rig.get("/v1/workspaces/w/agents/a").await.0, 200, "the edge lives");
}

#[tokio::test]
async fn health_tells_life_from_readiness_and_the_contract_is_served() {
    let rig = Rig::start().await;
    assert_eq!(rig.request("GET", "/healthz").send().await.expect("answered").status(), 200);
    let (status, states) = rig.get("/readyz").await;
    assert_eq!(
        (status, states["identity"].as_str()),
        (503, Some("UNREACHABLE")),
        "the fakes have no health service"
    );
    let (status, document) = rig.get("/openapi.json").await;
    assert_eq!((status, document["openapi"].as_str()), (200, Some("3.1.0")));
}

#[tokio::test]
async fn http2_without_tls_is_spoken_too() {
    let rig = Rig::start().await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().expect("client");
    let response = client.get(format!("http://{}/healthz", rig.address)).send().await.expect("answered");
    assert_eq!((response.version(), response.status().as_u16()), (reqwest::Version::HTTP_2, 200));
}

#[tokio::test]
async fn one_connection_too_many_waits_for_a_place() {
    let settings = mc_gateway::Settings { connections: 1, ..mc_gateway::Settings::default() };
    let rig = Rig::with(settings).await;
    let first = tokio::net::TcpStream::connect(&rig.address).await.expect("connect");
    let health = rig.http.get(format!("http://{}/healthz", rig.address)).send();
    let mut health = std::pin::pin!(health);
    let waiting = tokio::time::timeout(std::time::Duration::from_millis(200), &mut health).await;
    assert!(waiting.is_err(), "it is answered beside the first");
    drop(first);
    assert_eq!(health.await.expect("answered").status(), 200);
}
