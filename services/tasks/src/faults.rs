//! Named points of a worker at which a test has its process killed or stopped. They are compiled in by the feature `faults`
//! alone, which no release build may have: without it, to pass a point is nothing at all.

/// A point in what a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// It is about to claim runs.
    BeforeClaim,
    /// It has claimed at least one, and begun none.
    AfterClaim,
    /// The intent of a model call or of tool calls is about to be committed.
    BeforeIntent,
    /// It is committed, and nothing has been done.
    AfterIntent,
    /// A model is about to be called.
    BeforeModelCall,
    /// The model has answered, and the journal does not know.
    AfterModelCall,
    /// Tools are about to be used.
    BeforeTool,
    /// A tool has answered, and the journal does not know.
    AfterTool,
    /// Any append is about to be sent.
    BeforeCommit,
    /// Any append is committed, and nothing has followed from it.
    AfterCommit,
    /// A run that waits is about to be given back.
    BeforeRest,
    /// It is given back.
    AfterRest,
    /// A run is about to be handed back, as in a drain.
    BeforeRelease,
    /// It is handed back.
    AfterRelease,
}

impl Point {
    /// Every point, in the order of a run.
    pub const ALL: [Self; 14] = [
        Self::BeforeClaim,
        Self::AfterClaim,
        Self::BeforeIntent,
        Self::AfterIntent,
        Self::BeforeModelCall,
        Self::AfterModelCall,
        Self::BeforeTool,
        Self::AfterTool,
        Self::BeforeCommit,
        Self::AfterCommit,
        Self::BeforeRest,
        Self::AfterRest,
        Self::BeforeRelease,
        Self::AfterRelease,
    ];

    /// Its name, as `MC_FAULT` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeClaim => "before_claim",
            Self::AfterClaim => "after_claim",
            Self::BeforeIntent => "before_intent",
            Self::AfterIntent => "after_intent",
            Self::BeforeModelCall => "before_model_call",
            Self::AfterModelCall => "after_model_call",
            Self::BeforeTool => "before_tool",
            Self::AfterTool => "after_tool",
            Self::BeforeCommit => "before_commit",
            Self::AfterCommit => "after_commit",
            Self::BeforeRest => "before_rest",
            Self::AfterRest => "after_rest",
            Self::BeforeRelease => "before_release",
            Self::AfterRelease => "after_release",
        }
    }
}

/// The environment variable that says where the process ends: `after_claim:3` kills it at the third passage of that point,
/// `after_claim:3:stop` stops it there as SIGSTOP does, to go on with SIGCONT.
pub const VARIABLE: &str = "MC_FAULT";

/// Passes a point.
#[cfg(not(feature = "faults"))]
#[inline]
pub(crate) fn pass(_: Point) {}

#[cfg(feature = "faults")]
pub(crate) use armed::pass;

#[cfg(feature = "faults")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    use super::{Point, VARIABLE};

    #[cfg(not(debug_assertions))]
    compile_error!(
        "the feature `faults` lets the environment kill a worker: it must not be in a release build"
    );

    struct Fault {
        point: &'static str,
        passages: AtomicU32,
        signal: Signal,
    }

    static FAULT: OnceLock<Option<Fault>> = OnceLock::new();

    /// Passes a point, perhaps for the last time.
    pub(crate) fn pass(point: Point) {
        let fault = FAULT.get_or_init(|| std::env::var(VARIABLE).ok().map(|text| parse(&text)));
        let Some(fault) = fault.as_ref().filter(|fault| fault.point == point.name()) else { return };
        // It counts down past zero once in four billion passages.
        if fault.passages.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Of our own process there is nothing that could go wrong.
            let _ = kill_process(getpid(), fault.signal);
        }
    }

    /// A fault that is misspelt would make a test prove nothing.
    fn parse(text: &str) -> Fault {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let point = Point::ALL.into_iter().map(Point::name).find(|point| *point == name);
        let passages = parts.next().and_then(|count| count.parse().ok()).filter(|count| *count > 0);
        let signal = match parts.next() {
            None => Some(Signal::KILL),
            Some("stop") => Some(Signal::STOP),
            Some(_) => None,
        };
        match (point, passages, signal) {
            (Some(point), Some(passages), Some(signal)) => {
                Fault { point, passages: AtomicU32::new(passages), signal }
            }
            _ => panic!("{VARIABLE} is `{text}`, not a point, a count from 1, and `stop` or nothing"),
        }
    }
}
