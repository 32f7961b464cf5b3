//! A stand-in for the llm service that answers by a script, and the same key always the same.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use mc_chassis::auth::{Caller, RunAssertion};
use mc_chassis::{Failure, sized};
use mc_proto::llm::v1 as proto;
use mc_proto::llm::v1::generate_response::Event;
use mc_proto::llm::v1::generation_service_server::{GenerationService, GenerationServiceServer};
use mc_proto::llm::v1::part::Kind;
use tokio::sync::Notify;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use crate::domain::id::RunId;

/// What is answered to a key.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// These words, then these tool calls.
    Answer(&'static str, Vec<(&'static str, String)>),
    /// These words, and then nothing until [`Script::go_on`].
    Stall(&'static str, Vec<(&'static str, String)>),
    /// These words, and the rest after [`Script::go_on`], to whoever still listens.
    Slow(&'static str, Vec<(&'static str, String)>),
    /// No message in the end, against the contract.
    Malformed,
    /// A failure of this reason.
    Fail(Code, &'static str),
    /// An answer that is cut after some words, booked at 40 tokens and this estimate; none when it has no price.
    Cut(Option<i64>),
}

#[derive(Default)]
pub(crate) struct Script {
    replies: Mutex<VecDeque<Reply>>,
    /// What the first call of a run is answered, whichever run calls first.
    openings: Mutex<HashMap<Uuid, Reply>>,
    by_key: Mutex<HashMap<String, Reply>>,
    pub(crate) asked: Mutex<Vec<(String, RunAssertion)>>,
    /// What the model was last told, whole.
    told: Mutex<Vec<proto::Message>>,
    /// Keys that were cancelled.
    pub(crate) cancelled: Mutex<Vec<String>>,
    /// True when nothing is cancelled, whatever is asked.
    pub(crate) is_deaf: AtomicBool,
    /// True when an order to cancel is taken and not answered.
    pub(crate) holds_cancels: AtomicBool,
    pub(crate) cancel_came: Notify,
    pub(crate) was_asked: Notify,
    /// Whoever followed a stalled answer is gone.
    pub(crate) was_left: Arc<Notify>,
    go_on: Arc<Notify>,
}

impl Script {
    pub(crate) fn then(&self, reply: Reply) -> &Self {
        self.replies.lock().unwrap().push_back(reply);
        self
    }

    /// For runs that are carried on at once: their calls come in no order.
    pub(crate) fn begin(&self, run: RunId, reply: Reply) {
        self.openings.lock().unwrap().insert(run.uuid(), reply);
    }

    /// Lets stalled answers end.
    pub(crate) fn go_on(&self) {
        for reply in self.by_key.lock().unwrap().values_mut() {
            if let Reply::Stall(text, calls) = reply {
                *reply = Reply::Answer(text, calls.clone());
            }
        }
        self.go_on.notify_waiters();
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(key, _)| key.clone()).collect()
    }

    /// The results of tools in the newest prompt, in their order.
    pub(crate) fn results(&self) -> Vec<(String, bool)> {
        let told = self.told.lock().unwrap();
        let parts = told.last().map(|turn| turn.parts.clone()).unwrap_or_default();
        parts
            .into_iter()
            .filter_map(|part| match part.kind {
                Some(Kind::ToolResult(result)) => Some((result.content, result.is_error)),
                _ => None,
            })
            .collect()
    }

    /// Arguments of the calls in the newest prompt, in their order.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let told = self.told.lock().unwrap();
        let parts = told.iter().flat_map(|turn| turn.parts.clone());
        parts
            .filter_map(|part| match part.kind {
                Some(Kind::ToolCall(call)) => Some(call.arguments_json),
                _ => None,
            })
            .collect()
    }

    /// What people said, as the newest prompt has it behind the task itself.
    pub(crate) fn heard(&self) -> Vec<String> {
        let told = self.told.lock().unwrap();
        let turns = told.iter().filter(|turn| turn.role() == proto::MessageRole::User);
        turns
            .flat_map(|turn| turn.parts.clone())
            .skip(1)
            .filter_map(|part| match part.kind {
                Some(Kind::Text(text)) => Some(text),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn routes(self: Arc<Self>) -> Routes {
        Routes::new(sized!(GenerationServiceServer::from_arc(self)))
    }

    fn reply(&self, run: Uuid, key: &str) -> Reply {
        let next = || {
            let opening = self.openings.lock().unwrap().remove(&run);
            opening.or_else(|| self.replies.lock().unwrap().pop_front()).unwrap_or_else(finish)
        };
        self.by_key.lock().unwrap().entry(key.to_owned()).or_insert_with(next).clone()
    }
}

/// `finish`, which the script ends with of itself.
pub(crate) fn finish() -> Reply {
    Reply::Answer(
        "Done.",
        vec![("finish", r#"{"summary":"It is written.","evidence":["See for yourself."]}"#.to_owned())],
    )
}

#[tonic::async_trait]
impl GenerationService for Script {
    type GenerateStream = BoxStream<'static, Result<proto::GenerateResponse, Status>>;

    async fn generate(
        &self,
        request: Request<proto::GenerateRequest>,
    ) -> Result<Response<Self::GenerateStream>, Status> {
        let Caller::Run(run) = Caller::of(&request)? else {
            return Err(Failure::permission_denied("llm.generation.create").into());
        };
        let proto::GenerateRequest { idempotency_key: key, messages, .. } = request.into_inner();
        *self.told.lock().unwrap() = messages;
        let reply = self.reply(run.run, &key);
        self.asked.lock().unwrap().push((key.clone(), run));
        self.was_asked.notify_one();
        let generation = format!("generations/{key}");
        let started = proto::GenerationStarted { generation: generation.clone(), attached: false };
        let mut events = vec![Ok(Event::Started(started))];
        match reply {
            Reply::Answer(text, calls) => {
                events.push(Ok(Event::TextDelta(proto::TextDelta { offset: 0, text: text.to_owned() })));
                events.push(Ok(Event::Finished(finished(generation, text, &calls))));
            }
            Reply::Stall(text, _) => {
                events.push(Ok(Event::TextDelta(proto::TextDelta { offset: 0, text: text.to_owned() })));
                let left = Left(self.was_left.clone());
                let stall = stream::once(self.go_on.clone().notified_owned()).map(move |()| {
                    let _left = &left;
                    Err(Status::unavailable("the stall is over; ask again"))
                });
                return Ok(Response::new(stream::iter(events).map(respond).chain(stall).boxed()));
            }
            Reply::Slow(text, calls) => {
                events.push(Ok(Event::TextDelta(proto::TextDelta { offset: 0, text: text.to_owned() })));
                let rest = stream::once(self.go_on.clone().notified_owned())
                    .map(move |()| respond(Ok(Event::Finished(finished(generation.clone(), text, &calls)))));
                return Ok(Response::new(stream::iter(events).map(respond).chain(rest).boxed()));
            }
            Reply::Malformed => {
                let finished = proto::GenerationFinished { generation, ..Default::default() };
                events.push(Ok(Event::Finished(finished)));
            }
            Reply::Fail(code, reason) => {
                events.push(Err(Failure::new(code, reason, "as the script says").into()));
            }
            Reply::Cut(cost) => {
                events.push(Ok(Event::TextDelta(proto::TextDelta { offset: 0, text: "And th".to_owned() })));
                let failure = Failure::new(Code::Aborted, "GENERATION_INTERRUPTED", "as the script says")
                    .with("cost_estimated", "true")
                    .with("total_tokens", "40");
                let failure = match cost {
                    Some(cost) => failure.with("cost_nano_usd", cost.to_string()),
                    None => failure,
                };
                events.push(Err(failure.into()));
            }
        }
        Ok(Response::new(stream::iter(events).map(respond).boxed()))
    }

    /// A stalled answer is cut at 40 tokens and an estimate of 700, a whole one has cost what it costs, and a key that
    /// nobody has used costs nothing.
    async fn cancel_generation(
        &self,
        request: Request<proto::CancelGenerationRequest>,
    ) -> Result<Response<proto::CancelGenerationResponse>, Status> {
        let Caller::Run(_) = Caller::of(&request)? else {
            return Err(Failure::permission_denied("llm.generation.cancel").into());
        };
        if self.is_deaf.load(Ordering::Relaxed) {
            return Err(Failure::unavailable("UNAVAILABLE", "as the script says").into());
        }
        self.cancel_came.notify_one();
        if self.holds_cancels.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let key = request.into_inner().idempotency_key;
        self.cancelled.lock().unwrap().push(key.clone());
        let usage = |output_tokens| {
            Some(proto::Usage { input_tokens: 30, output_tokens, estimated: true, ..Default::default() })
        };
        let (state, usage, cost) = match self.by_key.lock().unwrap().get(&key) {
            Some(Reply::Stall(..)) => (proto::GenerationState::Cancelled, usage(10), Some(700)),
            Some(_) => (proto::GenerationState::Succeeded, usage(70), Some(1_000)),
            None => (proto::GenerationState::Cancelled, None, None),
        };
        let generation = proto::Generation {
            name: format!("generations/{key}"),
            state: state as i32,
            cost_estimated: usage.is_some() && state == proto::GenerationState::Cancelled,
            usage,
            cost_nano_usd: cost,
            ..Default::default()
        };
        Ok(Response::new(proto::CancelGenerationResponse { generation: Some(generation) }))
    }

    async fn get_generation(
        &self,
        _: Request<proto::GetGenerationRequest>,
    ) -> Result<Response<proto::GetGenerationResponse>, Status> {
        Err(Status::unimplemented("no part of this script"))
    }
}

/// Held by the stream of a stalled answer.
struct Left(Arc<Notify>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn respond(event: Result<Event, Status>) -> Result<proto::GenerateResponse, Status> {
    event.map(|event| proto::GenerateResponse { event: Some(event) })
}

fn finished(generation: String, text: &str, calls: &[(&'static str, String)]) -> proto::GenerationFinished {
    let part = |kind| proto::Part { kind: Some(kind) };
    let mut parts = vec![part(Kind::Text(text.to_owned()))];
    parts.extend(calls.iter().enumerate().map(|(at, (tool, arguments))| {
        part(Kind::ToolCall(proto::ToolCall {
            id: format!("call_{at}"),
            tool: (*tool).to_owned(),
            arguments_json: arguments.clone(),
        }))
    }));
    proto::GenerationFinished {
        generation,
        message: Some(proto::Message { role: proto::MessageRole::Assistant as i32, parts }),
        finish_reason: proto::FinishReason::ToolCalls as i32,
        usage: Some(proto::Usage { input_tokens: 90, output_tokens: 10, ..Default::default() }),
        cost_nano_usd: Some(1_000),
        provider_model: "script".to_owned(),
    }
}
