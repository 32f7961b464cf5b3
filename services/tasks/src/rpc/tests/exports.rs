//! A run as one file: whole, bounded in what is held for it, and of nobody else's.

use std::ops::Range;

use mc_proto::tasks::v1::{ExportRunRequest, PauseRunRequest};
use serde_json::{Value, json};

use super::*;
use crate::domain::event::{EngineNote, NoteReason};
use crate::store::artifact::NewArtifact;
use crate::store::lease::Lease;

const HERE: WorkspaceId = WorkspaceId::new(HOME);

impl Service {
    /// Pieces of the file, as they come.
    async fn pieces(&self, run: RunId, artifact_content: bool) -> Vec<Vec<u8>> {
        let request = ExportRunRequest { name: format!("workspaces/{HOME}/runs/{run}"), artifact_content };
        let mut stream = self.runs().export_run(self.ask(request)).await.expect("export").into_inner();
        let mut pieces = Vec::new();
        while let Some(piece) = stream.message().await.expect("a piece") {
            assert_eq!(piece.content_type, "application/json");
            pieces.push(piece.data);
        }
        pieces
    }

    async fn file(&self, run: RunId, artifact_content: bool) -> Value {
        serde_json::from_slice(&self.pieces(run, artifact_content).await.concat()).expect("one JSON value")
    }

    /// The worker journals a note about each of these steps.
    async fn notes(&self, lease: &Lease, steps: Range<u32>, text: &str, artifacts: Vec<NewArtifact>) {
        let note = |step| EngineNote { step, reason: NoteReason::NoToolCall, text: text.into() };
        let append = Append { events: steps.map(note).map(Event::EngineNote).collect(), ..intent(lease, 1) };
        append_with(&self.tables.engine, HERE, &append, &Besides::artifacts(artifacts))
            .await
            .expect("append");
    }
}

fn seqs(file: &Value) -> Vec<i64> {
    let events = file["events"].as_array().expect("a list");
    events.iter().map(|event| event["seq"].as_str().expect("64 bits").parse().expect("a number")).collect()
}

#[tokio::test]
async fn run_is_exported_whole() {
    let service = Service::new().await;
    let lease = service.leased().await;
    let report = NewArtifact {
        artifact: ArtifactId::new(service.tables.id()),
        path: "report.md".into(),
        media_type: "text/markdown".into(),
        content: b"# Report".to_vec(),
    };
    service.notes(&lease, 0..450, "More than two pages.", vec![report]).await;
    let name = format!("workspaces/{HOME}/runs/{}", lease.run);
    let pause = PauseRunRequest { name: name.clone(), ..Default::default() };
    service.runs().pause_run(service.ask(pause)).await.expect("pause");
    service.tables.ask(&lease, 500, &["red", "blue"]).await;

    let file = service.file(lease.run, false).await;
    assert_eq!(file["format"], "missioncontrol.run/1");
    assert_eq!(file["exportTime"], "2026-11-23T08:00:00Z");
    assert_eq!((&file["run"]["name"], &file["task"]["name"]), (&json!(name), &file["run"]["task"]));
    let seqs = seqs(&file);
    assert!(seqs.len() > 450);
    assert_eq!(seqs, (1..=seqs.len() as i64).collect::<Vec<_>>(), "no gap, in order");
    assert_eq!(file["run"]["headSeq"], seqs.len().to_string());
    assert_eq!(file["commands"].as_array().map(Vec::len), Some(1));
    assert_eq!(file["commands"][0]["kind"], "COMMAND_KIND_PAUSE");
    assert_eq!(file["inboxItems"][0]["choices"], json!(["red", "blue"]));
    assert_eq!(
        (&file["artifacts"][0]["path"], file["artifacts"][0].get("content")),
        (&json!("report.md"), None)
    );

    let whole = service.file(lease.run, true).await;
    assert_eq!(whole["artifacts"][0]["content"], "IyBSZXBvcnQ=");
    assert_eq!(whole["events"], file["events"]);
}

#[tokio::test]
async fn run_with_nothing_but_its_beginning_is_exported() {
    let service = Service::new().await;
    let run = service.tables.run(HERE).await;
    let file = service.file(run, true).await;
    assert_eq!(seqs(&file), [1]);
    for list in ["commands", "inboxItems", "artifacts"] {
        assert_eq!(file[list], json!([]), "{list}");
    }
}

#[tokio::test]
async fn pieces_are_small_and_what_comes_later_is_not_in_the_file() {
    let service = Service::new().await;
    let lease = service.leased().await;
    service.notes(&lease, 0..20, &"x".repeat(60_000), Vec::new()).await;
    let name = format!("workspaces/{HOME}/runs/{}", lease.run);
    let request = ExportRunRequest { name, artifact_content: false };
    let mut stream = service.runs().export_run(service.ask(request)).await.expect("export").into_inner();
    let mut file = stream.message().await.expect("a piece").expect("the head").data;
    service.notes(&lease, 20..23, "Later.", Vec::new()).await;
    while let Some(piece) = stream.message().await.expect("a piece") {
        assert!(piece.data.len() <= 256 * 1024, "{} bytes", piece.data.len());
        file.extend(piece.data);
    }
    let file: Value = serde_json::from_slice(&file).expect("one JSON value");
    assert_eq!(seqs(&file).len().to_string(), file["run"]["headSeq"]);
    assert!(!file.to_string().contains("Later."));
}

#[tokio::test]
async fn run_of_others_is_not_exported() {
    let service = Service::new().await;
    let elsewhere = service.tables.run(WorkspaceId::new(Uuid::from_u128(2))).await;
    let request =
        ExportRunRequest { name: format!("workspaces/{HOME}/runs/{elsewhere}"), artifact_content: false };
    let refused = service.runs().export_run(service.ask(request)).await.expect_err("not here");
    assert_eq!(Failure::from_status(&refused).reason(), "NOT_FOUND");
}
