//! What can go wrong in this service, and what callers are told.

mod told;

use mc_chassis::{Failure, db, idempotency};
use mc_proto::tasks::v1::RunState;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tonic::{Code, Status};

use crate::domain::board::MAX_LEVELS;
use crate::domain::id::{RunId, WorkspaceId};
use crate::store::journal;
use crate::store::rule::MAX_RULES;

pub use told::{NamedTask, Tie};

/// The task has a run that has not ended.
pub const TASK_ALREADY_RUNNING: &str = "TASK_ALREADY_RUNNING";
/// The task has no assignee and the request names no agent version.
pub const TASK_UNASSIGNED: &str = "TASK_UNASSIGNED";
/// The agent may spend only so much on a run, and its model has no known price.
pub const MODEL_UNPRICED: &str = "MODEL_UNPRICED";
/// The token that a watch began with has expired.
pub const ACCESS_EXPIRED: &str = "ACCESS_EXPIRED";
/// The run has ended.
pub const RUN_ENDED: &str = "RUN_ENDED";
/// The run is neither paused nor being paused.
pub const RUN_NOT_PAUSED: &str = "RUN_NOT_PAUSED";
/// The run has not failed, so there is nothing to retry.
pub const RUN_NOT_FAILED: &str = "RUN_NOT_FAILED";
/// The run's task has a newer run.
pub const RUN_NOT_NEWEST: &str = "RUN_NOT_NEWEST";
/// Somebody else decided the inbox item first.
pub const ALREADY_DECIDED: &str = "ALREADY_DECIDED";
/// The agent has as many approval rules as it may.
pub const RULE_LIMIT_REACHED: &str = "RULE_LIMIT_REACHED";
/// The run of the inbox item has ended.
pub const ITEM_VOID: &str = "ITEM_VOID";
/// What a watch of a workspace is to begin with is no longer kept.
pub const CURSOR_EXPIRED: &str = "CURSOR_EXPIRED";
/// The workspace has as many schedules as it may.
pub const SCHEDULE_LIMIT: &str = "SCHEDULE_LIMIT";
/// As many fires of the schedule wait as may.
pub const SCHEDULE_BUSY: &str = "SCHEDULE_BUSY";
/// The workspace, or the caller of their own, has as many channels as may be.
pub const CHANNEL_LIMIT: &str = "CHANNEL_LIMIT";
/// No mail server is set.
pub const MAIL_NOT_CONFIGURED: &str = "MAIL_NOT_CONFIGURED";
/// As many tests of the channel wait as may.
pub const CHANNEL_BUSY: &str = "CHANNEL_BUSY";
/// A newer release wrote what is to be read.
pub const NEWER_RELEASE: &str = "NEWER_RELEASE";
/// Tasks that must be done before are not.
pub const TASK_BLOCKED: &str = "TASK_BLOCKED";
/// A task would wait for itself, or be a part of itself.
pub const TASK_CYCLE: &str = "TASK_CYCLE";
/// Tasks would be parts of parts of parts beyond what is shown.
pub const TASK_TOO_DEEP: &str = "TASK_TOO_DEEP";
/// The task has as many parts or comments as it may.
pub const TASK_LIMIT_REACHED: &str = "TASK_LIMIT_REACHED";
/// Somebody else said it.
pub const COMMENT_OF_ANOTHER: &str = "COMMENT_OF_ANOTHER";

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Refused in the caller's terms already: a field that is wrong, a caller who may not, an upstream that said no.
    #[error(transparent)]
    Refused(#[from] Failure),
    /// No such resource in the caller's workspace.
    #[error("{0} was not found")]
    NotFound(String),
    /// The task is not what the caller saw.
    #[error("{0} has changed")]
    EtagMismatch(String),
    /// Nobody is to do the task.
    #[error("{0} has no assignee")]
    Unassigned(String),
    /// The task is being done.
    #[error("the task has a run that has not ended")]
    AlreadyRunning {
        /// Where both are.
        workspace: WorkspaceId,
        /// The run, if it could be told.
        run: Option<RunId>,
    },
    /// The run is over.
    #[error("{name} has ended")]
    RunEnded {
        /// The run.
        name: String,
        /// Number of the `RunState` that it ended in.
        state: i16,
        /// When.
        at: OffsetDateTime,
    },
    /// There is nothing to be resumed.
    #[error("{0} is not paused")]
    NotPaused(String),
    /// There is nothing to be retried.
    #[error("{name} has not failed")]
    NotFailed {
        /// The run.
        name: String,
        /// Number of the `RunState` that it is in.
        state: i16,
    },
    /// Another run speaks for the task.
    #[error("{name} is not the newest run of its task")]
    NotNewest {
        /// The run.
        name: String,
        /// Where both are.
        workspace: WorkspaceId,
        /// The newest.
        newest: RunId,
    },
    /// Another decision came first.
    #[error("{name} is decided already")]
    AlreadyDecided {
        /// The inbox item.
        name: String,
        /// `users/{user}` who decided.
        decider: String,
        /// What: the name of a field of `Decision`.
        decision: &'static str,
        /// What it says besides: a reason, an answer, whether the arguments were changed. Empty if nothing.
        detail: String,
        /// When.
        at: OffsetDateTime,
    },
    /// The agent has as many rules as it may.
    #[error("{agent} has {MAX_RULES} approval rules")]
    RuleLimit {
        /// `workspaces/{workspace}/agents/{agent}`.
        agent: String,
    },
    /// The inbox item's run ended before anybody decided.
    #[error("{0} is void")]
    ItemVoid(String),
    /// The workspace has no room for another schedule.
    #[error("the workspace has as many schedules as it may")]
    ScheduleLimit,
    /// The schedule has no room for another fire.
    #[error("as many fires of {0} wait as may")]
    ScheduleBusy(String),
    /// What the task waits for is not done.
    #[error("{name} is blocked")]
    Blocked {
        /// The task.
        name: String,
        /// What it waits for.
        blockers: Vec<NamedTask>,
    },
    /// The change would lead from a task around to itself.
    #[error("tasks would go around in a circle")]
    Cycle {
        /// How each hangs on the next.
        tie: Tie,
        /// The way around, from the task to itself.
        tasks: Vec<NamedTask>,
    },
    /// The change would nest tasks too deeply.
    #[error("{0} would be nested too deeply")]
    TooDeep(String),
    /// There is no room for another one.
    #[error("{name} has {limit} {what}")]
    TaskLimit {
        /// The task.
        name: String,
        /// Of what: `subtasks`, `comments`.
        what: &'static str,
        /// As many as it may have.
        limit: i64,
    },
    /// Only who said something takes it back.
    #[error("{0} is somebody else's")]
    CommentOfAnother(String),
    /// There is no room for another channel.
    #[error("there are as many channels as may be")]
    ChannelLimit {
        /// Whether of the caller's own; of the workspace otherwise.
        own: bool,
        /// As many as there may be.
        limit: i64,
    },
    /// There is nothing to send mail with.
    #[error("no mail server is set")]
    MailNotConfigured,
    /// The channel has no room for another test.
    #[error("as many tests of {0} wait as may")]
    ChannelBusy(String),
    /// Changes that a watch has yet to see are forgotten.
    #[error("changes after {after_seq} are forgotten up to {oldest_seq}")]
    CursorExpired {
        /// Where the watch is.
        after_seq: i64,
        /// The oldest change that is kept, or the next one that there will be.
        oldest_seq: i64,
    },
    /// The database did not do it.
    #[error("use the database")]
    Database(#[from] sqlx::Error),
    /// The request id could not be honoured.
    #[error(transparent)]
    Idempotency(#[from] idempotency::Error),
    /// A journal could not be read.
    #[error("read a journal")]
    Journal(#[from] journal::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(failure) => failure,
            Error::NotFound(name) => Self::not_found(name),
            Error::EtagMismatch(name) => Self::etag_mismatch(name),
            Error::Unassigned(name) => Self::new(
                Code::FailedPrecondition,
                TASK_UNASSIGNED,
                format!("{name} has no assignee; set one, or name an agent_version"),
            ),
            Error::AlreadyRunning { workspace, run } => {
                let failure = Self::new(
                    Code::FailedPrecondition,
                    TASK_ALREADY_RUNNING,
                    "the task has a run that has not ended; wait for its end before starting another",
                );
                match run {
                    Some(run) => failure.with("run", format!("workspaces/{workspace}/runs/{run}")),
                    None => failure,
                }
            }
            Error::RunEnded { name, state, at } => {
                let state = RunState::try_from(i32::from(state)).unwrap_or_default();
                let how = match state {
                    RunState::Succeeded => "it succeeded",
                    RunState::Failed => "it failed",
                    RunState::Cancelled => "it was cancelled",
                    _ => "it ended",
                };
                let at = in_words(at);
                Self::new(Code::FailedPrecondition, RUN_ENDED, format!("{name} has ended: {how} at {at}"))
                    .with("state", state.as_str_name())
                    .with("end_time", at)
            }
            Error::NotPaused(name) => Self::new(
                Code::FailedPrecondition,
                RUN_NOT_PAUSED,
                format!("{name} is neither paused nor being paused; there is nothing to resume"),
            ),
            Error::NotFailed { name, state } => {
                let state = RunState::try_from(i32::from(state)).unwrap_or_default();
                Self::new(
                    Code::FailedPrecondition,
                    RUN_NOT_FAILED,
                    format!("{name} has not failed; there is nothing to retry"),
                )
                .with("state", state.as_str_name())
            }
            Error::NotNewest { name, workspace, newest } => {
                let newest = format!("workspaces/{workspace}/runs/{newest}");
                Self::new(
                    Code::FailedPrecondition,
                    RUN_NOT_NEWEST,
                    format!("{name} is not the newest run of its task; that is {newest}. Retry that one, or start the task"),
                )
                .with("run", newest)
            }
            Error::AlreadyDecided { name, decider, decision, detail, at } => {
                let at = in_words(at);
                let message =
                    format!("{name} was decided by {decider} at {at}: {decision}; the first decision holds");
                Self::new(Code::FailedPrecondition, ALREADY_DECIDED, message)
                    .with("inbox_item", name)
                    .with("decider", decider)
                    .with("decision", decision)
                    .with("detail", detail)
                    .with("decide_time", at)
            }
            Error::RuleLimit { agent } => Self::new(
                Code::FailedPrecondition,
                RULE_LIMIT_REACHED,
                format!("{agent} has {MAX_RULES} approval rules that hold; revoke some before making another"),
            )
            .with("limit", MAX_RULES.to_string()),
            Error::ItemVoid(name) => Self::new(
                Code::FailedPrecondition,
                ITEM_VOID,
                format!("the run of {name} has ended; there is nothing left to decide"),
            ),
            Error::ScheduleLimit => Self::new(
                Code::FailedPrecondition,
                SCHEDULE_LIMIT,
                "the workspace has 500 schedules, and no more fit; delete one first",
            ),
            Error::ScheduleBusy(name) => Self::new(
                Code::FailedPrecondition,
                SCHEDULE_BUSY,
                format!("100 fires of {name} wait already; wait until some have started"),
            ),
            Error::Blocked { name, blockers } => told::blocked(&name, &blockers),
            Error::Cycle { tie, tasks } => told::cycle(tie, &tasks),
            Error::TooDeep(name) => Self::new(
                Code::FailedPrecondition,
                TASK_TOO_DEEP,
                format!("{name} would be, or have, a part on level {}; {MAX_LEVELS} levels are the most", MAX_LEVELS + 1),
            )
            .with("limit", MAX_LEVELS.to_string()),
            Error::TaskLimit { name, what, limit } => Self::new(
                Code::FailedPrecondition,
                TASK_LIMIT_REACHED,
                format!("{name} has {limit} {what}, and no more fit"),
            )
            .with("what", what)
            .with("limit", limit.to_string()),
            Error::CommentOfAnother(name) => Self::new(
                Code::PermissionDenied,
                COMMENT_OF_ANOTHER,
                format!("somebody else said {name}; only they can take it back"),
            ),
            Error::ChannelLimit { own, limit } => {
                let who = if own { "you have, of your own," } else { "the workspace has" };
                let message = format!("{who} {limit} channels, and no more fit; delete one first");
                Self::new(Code::FailedPrecondition, CHANNEL_LIMIT, message).with("limit", limit.to_string())
            }
            Error::MailNotConfigured => Self::new(
                Code::FailedPrecondition,
                MAIL_NOT_CONFIGURED,
                "no mail can be sent from here: the operator of this Mission Control has set no mail server (MC_SMTP_HOST)",
            ),
            Error::ChannelBusy(name) => Self::new(
                Code::FailedPrecondition,
                CHANNEL_BUSY,
                format!("10 tests of {name} wait already; look at its deliveries for what is wrong"),
            ),
            Error::CursorExpired { after_seq, oldest_seq } => Self::new(
                Code::OutOfRange,
                CURSOR_EXPIRED,
                format!(
                    "what changed after seq {after_seq} is no longer kept; read what you show again, and watch without after_seq"
                ),
            )
            .with("oldest_seq", oldest_seq.to_string()),
            Error::Idempotency(error) => error.into(),
            Error::Database(error) | Error::Journal(journal::Error::Database(error)) => db::failure(error),
            Error::Journal(journal::Error::Missing { seq, artifact }) => {
                tracing::error!(seq, %artifact, "the whole of an event is missing");
                Self::internal()
            }
            Error::Journal(journal::Error::Decode { seq, source }) => {
                tracing::error!(seq, error = &source as &dyn std::error::Error, "journal cannot be read");
                Self::new(
                    Code::FailedPrecondition,
                    NEWER_RELEASE,
                    "this release cannot read an event of the run; a newer release wrote it",
                )
            }
        }
    }
}

/// A time as RFC 3339 writes it.
fn in_words(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}
