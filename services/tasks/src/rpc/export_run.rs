//! ExportRun: a run with all that belongs to it as one JSON file, page by page.
//!
//! No transaction outlives a page, however slowly the file is read. The journal only ever grows, so the pages up to the head
//! that the run was read with are the journal as it was then; what people do meanwhile may be in the lists.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::db::{Database, Tx};
use mc_proto::google::api::HttpBody;
use mc_proto::tasks::v1::ExportRunRequest;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tonic::{Request, Status};
use uuid::Uuid;

use crate::domain::id::{ArtifactId, RunId, TaskId, WorkspaceId};
use crate::error::Error;
use crate::rpc::{Api, names, view, view_people};
use crate::store::{artifact, inbox, journal, mailbox, run, task};

/// What the file says it is. It changes when a reader of the old one would be misled.
const FORMAT: &str = "missioncontrol.run/1";
/// Members of a list that are read at once; events are fewer where they are large.
const PAGE: i64 = 200;
/// Artifacts are read one by one where their content goes along: each may have some MiB.
const WHOLE_ARTIFACTS: i64 = 1;
/// Bytes of one message of the stream at most.
const CHUNK: usize = 256 * 1024;

pub(super) async fn export_run(
    api: &Api,
    request: Request<ExportRunRequest>,
) -> Result<BoxStream<'static, Result<HttpBody, Status>>, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let (workspace, id) = names::run(&caller, "name", &request.name)?;
    let mut export = Export {
        database: api.database.clone(),
        workspace,
        run: id,
        with_content: request.artifact_content,
        head_seq: 0,
    };
    let head = export.head(&request.name, api.ambient.clock.now()).await?;
    let rest =
        stream::try_unfold((export, Place::Commands(None), true), |(export, place, first)| async move {
            let Some((text, next)) = export.page(place, first).await? else { return Ok(None) };
            let is_same = std::mem::discriminant(&place) == std::mem::discriminant(&next);
            Ok::<_, Error>(Some((text, (export, next, !is_same))))
        });
    let text = stream::once(async { Ok(head) }).chain(rest);
    Ok(text.map_ok(chunks).try_flatten().map_err(|error| Failure::from(error).into()).boxed())
}

/// A run that is being written.
struct Export {
    database: Database,
    workspace: WorkspaceId,
    run: RunId,
    with_content: bool,
    head_seq: i64,
}

/// What is written next, behind what.
#[derive(Debug, Clone, Copy)]
enum Place {
    Commands(Option<i64>),
    Items(Option<Uuid>),
    Artifacts(Option<Uuid>),
    Events(i64),
    End,
}

impl Place {
    /// What stands in front of the first member.
    fn opening(self) -> &'static str {
        match self {
            Self::Commands(_) => ",\n\"commands\": [",
            Self::Items(_) => "],\n\"inboxItems\": [",
            Self::Artifacts(_) => "],\n\"artifacts\": [",
            Self::Events(_) => "],\n\"events\": [",
            Self::End => "]}\n",
        }
    }
}

impl Export {
    async fn read(&self) -> Result<Tx, Error> {
        Ok(self.database.read(self.workspace.uuid()).await?)
    }

    /// The run and its task; with this the journal's end is settled.
    async fn head(&mut self, name: &str, now: OffsetDateTime) -> Result<String, Error> {
        let mut tx = self.read().await?;
        let run = run::get(&mut tx, self.run).await?.ok_or_else(|| Error::NotFound(name.to_owned()))?;
        let task = task::get(&mut tx, TaskId::new(run.task_id)).await?;
        self.head_seq = run.head_seq;
        let now = now.format(&Rfc3339).map_err(|_| Failure::internal())?;
        let run = shown(&view::run(&run))?;
        let task = task.map(|task| shown(&view::task(&task))).transpose()?.unwrap_or_default();
        Ok(format!(
            "{{\"format\": {},\n\"exportTime\": {},\n\"run\": {run},\n\"task\": {task}",
            json!(FORMAT),
            json!(now)
        ))
    }

    /// Some members of a list, and where it goes on; none behind the end. `first` is true where a list begins.
    async fn page(&self, place: Place, first: bool) -> Result<Option<(String, Place)>, Error> {
        let mut tx = self.read().await?;
        let (members, next) = match place {
            Place::Commands(before) => {
                let found = mailbox::orders(&mut tx, self.run, before, PAGE).await?;
                let next = found.last().map_or(Place::Items(None), |last| Place::Commands(Some(last.number)));
                (members(&found, |one| shown(&view_people::command(one)))?, next)
            }
            Place::Items(after) => {
                let filter = inbox::Filter { run: Some(self.run), ..inbox::Filter::default() };
                let found = inbox::list(&mut tx, self.workspace, filter, after, PAGE).await?;
                let next =
                    found.last().map_or(Place::Artifacts(None), |last| Place::Items(Some(last.item_id)));
                (members(&found, |one| shown(&view_people::inbox_item(one)))?, next)
            }
            Place::Artifacts(after) => {
                let limit = if self.with_content { WHOLE_ARTIFACTS } else { PAGE };
                let found = artifact::list(&mut tx, self.workspace, Some(self.run), after, limit).await?;
                let next =
                    found.last().map_or(Place::Events(0), |last| Place::Artifacts(Some(last.artifact_id)));
                let mut written = members(&found, |one| shown(&view::artifact(one)))?;
                if let ([one], [written], true) = (&*found, &mut *written, self.with_content) {
                    let content = artifact::content(&mut tx, ArtifactId::new(one.artifact_id)).await?;
                    written["content"] = content.map(|(_, bytes)| STANDARD.encode(bytes)).into();
                }
                (written, next)
            }
            Place::Events(after_seq) => {
                let mut found = journal::page(&mut tx, self.run, after_seq, PAGE).await?;
                found.retain(|record| record.seq <= self.head_seq);
                let next = found.last().map_or(Place::End, |last| Place::Events(last.seq));
                let event = |record| shown(&view::record(self.workspace, self.run, record));
                (found.into_iter().map(event).collect::<Result<_, _>>()?, next)
            }
            Place::End if first => return Ok(Some((place.opening().to_owned(), Place::End))),
            Place::End => return Ok(None),
        };
        let mut text = if first { place.opening() } else { "" }.to_owned();
        for (index, member) in members.iter().enumerate() {
            text.push_str(if first && index == 0 { "\n" } else { ",\n" });
            text.push_str(&member.to_string());
        }
        Ok(Some((text, next)))
    }
}

fn members<T>(found: &[T], write: impl Fn(&T) -> Result<Value, Failure>) -> Result<Vec<Value>, Failure> {
    found.iter().map(write).collect()
}

/// A message as the interface shows it.
fn shown<M: prost::Message + prost::Name>(message: &M) -> Result<Value, Failure> {
    mc_proto::json::to_value(message).map_err(|error| {
        tracing::error!(message = M::full_name(), %error, "a message has no JSON form");
        Failure::internal()
    })
}

/// A page in messages that are not too large.
fn chunks(text: String) -> BoxStream<'static, Result<HttpBody, Error>> {
    let bytes = text.into_bytes();
    let body = |data: &[u8]| {
        Ok(HttpBody { content_type: "application/json".into(), data: data.to_vec(), extensions: Vec::new() })
    };
    let chunks: Vec<_> = bytes.chunks(CHUNK).map(body).collect();
    stream::iter(chunks).boxed()
}
