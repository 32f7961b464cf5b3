//! One model call as it is kept.

use time::OffsetDateTime;
use uuid::Uuid;

use super::accumulate::Answer;
use super::ask::Attribution;
use super::conversation::{FinishReason, Message};
use super::fault::{Fault, Kind};
use super::follow::Delta;
use super::model_name::ModelName;
use super::price::PriceBook;
use super::usage::Usage;

/// Resource name of a generation.
pub fn name(workspace: Uuid, id: Uuid) -> String {
    format!("workspaces/{workspace}/generations/{id}")
}

/// Where a generation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The answer is coming, or its owner died and nobody has noticed yet.
    Running,
    /// The answer is whole.
    Succeeded,
    /// No answer came.
    Failed,
    /// The answer was cut.
    Interrupted,
    /// It was stopped on order.
    Cancelled,
}

impl State {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state that [`Self::as_str`] wrote.
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::Running, Self::Succeeded, Self::Failed, Self::Interrupted, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// What a generation used and what that costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Tokens.
    pub usage: Usage,
    /// The provider's own words for them, as JSON.
    pub raw_usage: Option<String>,
    /// Nano US dollars; `None` is unknown.
    pub cost_nano_usd: Option<i64>,
    /// The line of the price book behind the cost; empty where there is none.
    pub price_source: String,
}

/// What the ledger has of a generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Tokens.
    pub usage: Usage,
    /// Nano US dollars; `None` is unknown.
    pub cost_nano_usd: Option<i64>,
}

/// A generation that ended without a whole answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {fault}")]
pub struct Unanswered {
    /// Its resource name.
    pub name: String,
    /// Why.
    pub fault: Fault,
    /// What the ledger has of it all the same; `None` when nothing was booked.
    pub settled: Option<Settled>,
}

/// A whole answer, settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The generation.
    pub id: Uuid,
    /// The answer.
    pub message: Message,
    /// Why the model stopped.
    pub finish_reason: FinishReason,
    /// What was used.
    pub usage: Usage,
    /// Nano US dollars; `None` is unknown.
    pub cost_nano_usd: Option<i64>,
    /// The model as the provider names it.
    pub provider_model: String,
}

/// One event of a generation, for whoever follows it.
#[derive(Clone, Debug)]
pub enum Event {
    /// It exists; always the first event.
    Started {
        /// The generation.
        id: Uuid,
        /// True when it existed before this request.
        attached: bool,
    },
    /// More of the answer.
    Delta(Delta),
    /// The answer is whole; always the last event of a good stream.
    Finished(Box<Finished>),
}

/// How a generation ended.
#[derive(Clone, Debug)]
pub enum End {
    /// With a whole answer, which is paid.
    Succeeded(Answer, Settlement),
    /// Before anything of an answer came; nothing is paid.
    Failed(Fault),
    /// By us, on order or because the link broke: as far as it came, and what it costs; nothing if its provider was not
    /// asked yet.
    Cut(Fault, Option<Message>, Option<Settlement>),
}

impl End {
    /// The state that it leaves.
    pub fn state(&self) -> State {
        match self {
            Self::Succeeded(..) => State::Succeeded,
            Self::Failed(_) => State::Failed,
            Self::Cut(fault, ..) if fault.kind == Kind::Cancelled => State::Cancelled,
            Self::Cut(..) => State::Interrupted,
        }
    }
}

/// A generation as it is kept.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its id.
    pub id: Uuid,
    /// Its workspace.
    pub workspace: Uuid,
    /// The key it is kept under.
    pub idempotency_key: String,
    /// SHA-256 of the request; `None` when the key was cancelled before it was used.
    pub request_hash: Option<Vec<u8>>,
    /// `{provider}/{model}`.
    pub model: String,
    /// Where the price book looks the model up.
    pub price_place: String,
    /// Where it stands.
    pub state: State,
    /// Process that runs it.
    pub owner: Uuid,
    /// How often it has been taken away, plus 1.
    pub epoch: i32,
    /// True when its owner has not shown itself for longer than the lease.
    pub stale: bool,
    /// What its request is about, and what had come of its answer at the last heartbeat, in tokens.
    pub estimate: Usage,
    /// The answer, as far as it came.
    pub message: Option<Message>,
    /// Why the model stopped.
    pub finish_reason: Option<FinishReason>,
    /// The model as the provider names it.
    pub provider_model: String,
    /// What went wrong, as a reason.
    pub error_reason: String,
    /// What went wrong, for people.
    pub error_message: String,
    /// When the provider said that it is worth coming back.
    pub retry_at: Option<OffsetDateTime>,
    /// Whom it is booked to.
    pub attribution: Attribution,
    /// When it was asked for.
    pub created_at: OffsetDateTime,
    /// When its first token came.
    pub first_token_at: Option<OffsetDateTime>,
    /// When it ended.
    pub ended_at: Option<OffsetDateTime>,
    /// What was used and what it costs, once settled.
    pub settled: Option<Settled>,
}

impl From<&Settlement> for Settled {
    fn from(settlement: &Settlement) -> Self {
        Self { usage: settlement.usage, cost_nano_usd: settlement.cost_nano_usd }
    }
}

impl Settlement {
    /// What some usage of a model costs by the price book.
    pub fn of(book: &PriceBook, place: &str, model: &str, usage: Usage, raw_usage: Option<String>) -> Self {
        let price = book.price(place, model);
        let cost_nano_usd = price.and_then(|price| price.cost(&usage));
        let price_source = price.filter(|_| cost_nano_usd.is_some()).map(super::price::Price::citation);
        Self { usage, raw_usage, cost_nano_usd, price_source: price_source.unwrap_or_default() }
    }
}

impl Stored {
    /// Its resource name.
    pub fn name(&self) -> String {
        name(self.workspace, self.id)
    }

    /// What the death of its owner is settled at: what was asked, and what had come at the last heartbeat.
    pub fn estimated_settlement(&self, book: &PriceBook) -> Settlement {
        let name = ModelName::parse(&self.model);
        let model = name.as_ref().map_or("", ModelName::model);
        Settlement::of(book, &self.price_place, model, self.estimate, None)
    }

    /// How it ended, as its followers hear it; `None` while it runs. `now` tells how long a wait still is.
    pub fn outcome(&self, now: OffsetDateTime) -> Option<Result<Finished, Unanswered>> {
        if self.state == State::Running {
            return None;
        }
        let whole = self.message.clone().zip(self.finish_reason).filter(|_| self.state == State::Succeeded);
        let Some((message, finish_reason)) = whole else {
            let kind = Kind::from_reason(&self.error_reason).unwrap_or(Kind::Interrupted);
            let wait = self.retry_at.map(|at| std::time::Duration::try_from(at - now).unwrap_or_default());
            let fault = Fault::new(kind, self.error_message.clone()).after(wait);
            return Some(Err(Unanswered { name: self.name(), fault, settled: self.settled }));
        };
        let Settled { usage, cost_nano_usd } = self.settled.unwrap_or_default();
        Some(Ok(Finished {
            id: self.id,
            message,
            finish_reason,
            usage,
            cost_nano_usd,
            provider_model: self.provider_model.clone(),
        }))
    }
}
