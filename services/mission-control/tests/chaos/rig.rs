//! The whole setting: servers of our own, a system of real processes on them, the outside world, and the play itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mc_chassis::Lifecycle;
use mc_tasks::domain::history;
use sqlx::PgPool;
use tokio::time::Instant;
use url::Url;
use uuid::Uuid;

use crate::deck::{self, Deck};
use crate::letterbox::Letterbox;
use crate::people::environment;
use crate::proxy::Proxy;
use crate::read;
use crate::score::{Score, seconds};
use crate::servers::{Postgres, Server, redis};
use crate::system::{Shape, System};
use crate::weather;

/// A worker that has not beaten for this long is taken for dead: the default.
pub(crate) const TTL: Duration = Duration::from_secs(6);
/// How long what is under way in the end may take to end.
const END_WITHIN: Duration = Duration::from_mins(3);
/// Workers that are killed side by side.
const WORKERS: usize = 4;

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Workers that are killed, at least.
    pub(crate) kills: usize,
    pub(crate) seed: u64,
    /// When it is over whether or not all were.
    pub(crate) time: Duration,
    /// Runs that are kept going.
    pub(crate) live_runs: usize,
    /// Whether a recovery may be too slow: not beside other tests, which take the processor away.
    pub(crate) timed: bool,
}

/// Everything.
pub(crate) struct Rig {
    pub(crate) plan: Plan,
    pub(crate) deck: Deck,
    pub(crate) score: Score,
    pub(crate) system: System,
    pub(crate) admin: PgPool,
    pub(crate) proxy: Proxy,
    pub(crate) letterbox: Letterbox,
    pub(crate) agents: Vec<String>,
    pub(crate) acknowledged: Mutex<BTreeMap<Uuid, BTreeSet<Uuid>>>,
    /// What workers are told.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) kills: AtomicUsize,
    /// One worker is started at a time, so that it is known which one it is.
    pub(crate) starting: tokio::sync::Mutex<()>,
    pub(crate) redis: tokio::sync::Mutex<Server>,
    pub(crate) redis_url: String,
    pub(crate) problems: Mutex<Vec<String>>,
    over: AtomicBool,
    begun: Instant,
    lifecycle: Lifecycle,
    // Last, so that it outlives those who use it.
    _postgres: Postgres,
}

impl Rig {
    pub(crate) async fn start(plan: Plan) -> Self {
        let begun = Instant::now();
        eprintln!("seed {}, {} kills in at most {:?}", plan.seed, plan.kills, plan.time);
        let lifecycle = Lifecycle::new();
        let postgres = Postgres::start().await;
        let (mut redis, redis_url) = redis();
        redis.start().await;
        let letterbox = Letterbox::open(&lifecycle).await;
        let system = System::start_as(Shape::Single, &postgres.url, &redis_url, |up| {
            up.args(["--workers", "1", "--allow-host", "127.0.0.1"]).env("MC_LLM_SIMULATOR_PACE", "25");
        })
        .await;
        let url = Url::parse(&postgres.url).expect("a URL");
        let proxy = Proxy::open(url.port().expect("a port"), &lifecycle).await;
        let mut environment = environment(system.processes()["worker-1"]);
        for (name, value) in &mut environment {
            if name == "MC_DATABASE_URL" {
                let mut url = Url::parse(value).expect("a URL");
                url.set_port(Some(proxy.port)).expect("a port");
                *value = url.into();
            }
        }
        let mut agents = Vec::new();
        for (effect, policy) in [
            ("REQUEST_EFFECT_AT_MOST_ONCE", "TOOL_POLICY_ALLOW"),
            ("REQUEST_EFFECT_IDEMPOTENT", "TOOL_POLICY_ALLOW"),
            ("REQUEST_EFFECT_QUERYABLE", "TOOL_POLICY_ALLOW"),
            ("REQUEST_EFFECT_AT_MOST_ONCE", "TOOL_POLICY_ASK"),
        ] {
            agents.push(Self::agent(&system, &letterbox.url, effect, policy).await);
        }
        Self {
            plan,
            deck: Deck::new(plan.seed),
            score: Score::default(),
            system,
            admin: PgPool::connect(&postgres.url).await.expect("connect"),
            proxy,
            letterbox,
            agents,
            acknowledged: Mutex::default(),
            environment,
            kills: AtomicUsize::new(0),
            starting: tokio::sync::Mutex::default(),
            redis: tokio::sync::Mutex::new(redis),
            redis_url,
            problems: Mutex::default(),
            over: AtomicBool::new(false),
            begun,
            lifecycle,
            _postgres: postgres,
        }
    }

    /// True when no more faults are to come.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(crate) fn problem(&self, what: String) {
        eprintln!("VIOLATION {what}");
        self.problems.lock().expect("lock").push(what);
    }

    /// Everything that was planned has happened at least once.
    fn has_seen_all(&self) -> bool {
        self.never().is_empty()
    }

    /// What was planned and has not happened.
    fn never(&self) -> Vec<String> {
        let faults = deck::all().into_iter().map(deck::Fault::name);
        let weather = weather::ALL.map(str::to_owned);
        faults.chain(weather).filter(|what| self.score.times(what) == 0).collect()
    }

    /// Plays it to the end, prints the table, and panics if a promise was broken or something planned never happened.
    pub(crate) async fn play(self) {
        tokio::select! {
            () = self.live() => unreachable!("people live on"),
            () = self.faults() => {}
        }
        let ended = self.end().await;
        let acknowledged = self.acknowledged.lock().expect("lock").clone();
        let histories = read::histories(&self.admin, &acknowledged).await;
        let outside = read::outside(&self.admin, self.letterbox.counts()).await;
        let mut problems = self.problems.lock().expect("lock").clone();
        problems.extend(ended);
        problems.extend(history::check(&histories, &outside).iter().map(ToString::to_string));
        problems.extend(self.never().into_iter().map(|what| format!("{what} never happened")));
        problems.extend(self.too_slow());
        let events: usize = histories.iter().map(|history| history.journal.len()).sum();
        let letters: usize = histories.iter().map(|history| history.letters.len()).sum();
        let effects: u32 = outside.effects.values().sum();
        eprintln!("\n{}", self.score.table());
        eprintln!(
            "{} runs, {events} events, {letters} letters, {effects} side effects, {} generations paid, {} answers of the \
             database lost; recovery p50 {} p99 {}; {:.0} s, seed {}",
            histories.len(),
            outside.charges.len(),
            self.proxy.lost(),
            self.score.overall(50).map_or_else(String::new, seconds),
            self.score.overall(99).map_or_else(String::new, seconds),
            self.begun.elapsed().as_secs_f64(),
            self.plan.seed,
        );
        eprintln!("violations: {}", problems.len());
        self.system.stop().await;
        self.lifecycle.shutdown(Duration::from_secs(2)).await;
        assert!(problems.is_empty(), "{} violations:\n{}", problems.len(), problems.join("\n"));
    }

    /// Workers that die side by side, and what happens to all of them, until all that was planned has happened.
    async fn faults(&self) {
        let (deaths, timed) = tokio::sync::mpsc::unbounded_channel();
        let workers = (0..WORKERS).map(|_| self.keep_dying(deaths.clone())).collect::<Vec<_>>();
        drop(deaths);
        let workers = async { tokio::join!(futures::future::join_all(workers), self.time_all(timed)) };
        let over = async {
            let mut said = 0;
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                let kills = self.kills.load(Ordering::SeqCst);
                if kills >= said + 50 {
                    said = kills;
                    eprintln!("{kills} kills, {:.0} s", self.begun.elapsed().as_secs_f64());
                }
                let done = kills >= self.plan.kills && self.has_seen_all();
                if done || self.begun.elapsed() >= self.plan.time {
                    self.over.store(true, Ordering::SeqCst);
                    return;
                }
            }
        };
        tokio::select! {
            (_, ()) = async { tokio::join!(workers, over) } => {}
            () = weather::blow(self) => unreachable!("the weather ends with the rest"),
        }
    }

    /// Everything comes to its end; what does not is a violation.
    async fn end(&self) -> Option<String> {
        let deadline = Instant::now() + END_WITHIN;
        let wait = async {
            while self.live_runs().await > 0 && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            () = self.live() => {}
            () = wait => {}
        }
        let left = self.live_runs().await;
        (left > 0).then(|| format!("{left} runs did not end within {END_WITHIN:?} of the last fault"))
    }

    /// The bar for recovery after SIGKILL.
    fn too_slow(&self) -> Option<String> {
        let p99 = self.score.overall(99).filter(|_| self.plan.timed)?;
        let bar = TTL + Duration::from_secs(2);
        (p99 > bar).then(|| format!("recovery took {} at p99; {} is the most", seconds(p99), seconds(bar)))
    }
}
