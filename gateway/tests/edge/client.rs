//! What services are told of where a call comes from.

use mc_gateway::Settings;
use serde_json::json;

use crate::rig::{BEARER, Rig, json as send};

/// What identity was told of a sign-in with these headers.
async fn told(rig: &Rig, headers: &[(&str, &str)]) -> Option<String> {
    let mut request = rig.http.post(format!("http://{}/v1/auth:signIn", rig.address));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    assert_eq!(send(request.json(&json!({"email": "a@b.c", "password": "p"}))).await.0, 200);
    let (rpc, metadata, _) = rig.fake.last_seen();
    assert_eq!(rpc, "SignIn");
    assert_eq!(metadata.get_all("x-mc-client-address").iter().count(), 1);
    metadata.get("x-mc-client-address").map(|value| value.to_str().expect("ASCII").to_owned())
}

#[tokio::test]
async fn address_is_the_connections_whatever_the_client_writes() {
    let rig = Rig::start().await;
    let written = [("x-forwarded-for", "203.0.113.9"), ("x-mc-client-address", "203.0.113.9")];
    assert_eq!(told(&rig, &written).await.as_deref(), Some("127.0.0.1"));
}

#[tokio::test]
async fn proxies_are_believed_as_far_as_there_are_any() {
    let rig = Rig::with(Settings { trusted_hops: 1, ..Settings::default() }).await;
    let written = [("x-forwarded-for", "203.0.113.9, 192.0.2.7"), ("x-mc-client-address", "203.0.113.9")];
    assert_eq!(told(&rig, &written).await.as_deref(), Some("192.0.2.7"));
    assert_eq!(told(&rig, &[]).await.as_deref(), Some("127.0.0.1"), "past the proxy");
}

#[tokio::test]
async fn services_that_know_their_caller_are_not_told() {
    let rig = Rig::start().await;
    let request = rig.http.get(format!("http://{}/v1/workspaces/w/agents/a", rig.address));
    assert_eq!(send(request.bearer_auth(BEARER).header("x-mc-client-address", "203.0.113.9")).await.0, 200);
    assert!(!rig.fake.last_seen().1.contains_key("x-mc-client-address"));
}
