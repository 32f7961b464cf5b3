//! A world of random models and people in which workers die between any two things they do.

use std::collections::BTreeMap;

use mc_tasks::domain::brief::{RunLimits, ToolGrant};
use mc_tasks::domain::decide::{Ask, Next, ToolUse, claimed, next};
use mc_tasks::domain::event::{Doubt, DoubtCause, EffectClass, Event, Failed, RunError};
use mc_tasks::domain::fold::{RunFold, RunState, WaitReason};
use mc_tasks::domain::id::InboxItemId;
use mc_tasks::domain::mail;
use mc_tasks::domain::order::{CommandKind, Decision, Letter, LetterContent};
use mc_tasks::domain::prompt::ModelRequest;
use mc_tasks::domain::retry::{self, AfterFailure};
use time::Duration;
use uuid::Uuid;

use crate::kit::{
    PERSON, Run, START, Turn, agent, answered, at_once, brief, interrupted, order, speaks, task,
};
use crate::properties::check_request;
use crate::rules::any_call_goes;
use crate::scenario::Scenario;

/// A world in which workers die: what is in `run.journal`, in the mailbox and in `effects` outlives them.
pub(crate) struct World {
    pub(crate) run: Run,
    deaths: std::vec::IntoIter<bool>,
    turns: std::iter::Cycle<std::vec::IntoIter<Turn>>,
    orders: std::vec::IntoIter<Option<(CommandKind, bool)>>,
    decisions: std::iter::Cycle<std::vec::IntoIter<u8>>,
    given_up: std::vec::IntoIter<bool>,
    retries: u32,
    epoch: i64,
    /// All letters that ever came, and how many of them the journal takes note of.
    mailbox: Vec<Letter>,
    read: usize,
    items: u128,
    /// Effects by key: what was done and how often.
    pub(crate) effects: BTreeMap<String, (ToolUse, u32)>,
    /// Requests by key.
    pub(crate) requests: BTreeMap<String, ModelRequest>,
    /// Answers that the llm service has stored by key: asking again is attaching.
    generations: BTreeMap<String, Turn>,
    /// The fold after each record, as the worker that wrote it had it.
    pub(crate) folds: Vec<RunFold>,
}

/// The worker died.
pub(crate) struct Died;

impl World {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let mut agent = agent();
        agent.limits = RunLimits {
            max_steps: scenario.max_steps,
            max_tokens: scenario.max_tokens,
            max_cost_nano_usd: scenario.max_cost,
            ..RunLimits::default()
        };
        agent.context = scenario.context;
        let hosts = agent.tools[0].allowed_hosts.clone();
        agent.tools.push(ToolGrant {
            allowed_hosts: hosts,
            effect: scenario.effect,
            query_url: "https://example.com/orders/{key}".into(),
            ..ToolGrant::of("http_request")
        });
        agent.tools.push(ToolGrant::of("ask_human"));
        agent.tools.push(ToolGrant::of("wait"));
        for (tool, policy) in ["write_artifact", "http_fetch", "http_request"].iter().zip(scenario.policies) {
            agent
                .tools
                .iter_mut()
                .filter(|grant| grant.tool == *tool)
                .for_each(|grant| grant.policy = policy);
        }
        let start_at = scenario.start_in.map(|days| START + Duration::days(days));
        let run = Run::scheduled(brief(task(), agent), start_at, []);
        Self {
            folds: vec![run.fold.clone()],
            run,
            deaths: scenario.deaths.into_iter(),
            turns: scenario.turns.into_iter().cycle(),
            orders: scenario.orders.into_iter(),
            decisions: scenario.decisions.into_iter().cycle(),
            given_up: scenario.given_up.into_iter(),
            retries: scenario.retries,
            epoch: 0,
            mailbox: vec![],
            read: 0,
            items: 0,
            effects: BTreeMap::new(),
            requests: BTreeMap::new(),
            generations: BTreeMap::new(),
        }
    }

    fn post(&mut self, content: LetterContent) {
        let number = self.mailbox.len() as i64 + 1;
        self.mailbox.push(Letter { number, sender: PERSON, sent_at: self.run.now, content });
    }

    /// Looks for mail and journals what it comes to, in one transaction.
    fn look(&mut self, at_rest: bool) -> Result<(), Died> {
        if let Some((kind, interrupt)) = self.orders.next().flatten() {
            let number = 1_000 + self.mailbox.len() as u128;
            self.post(match (kind, interrupt) {
                (CommandKind::Steer, interrupt) => speaks(number, &format!("Word {number}."), interrupt),
                (kind, true) => at_once(number, kind),
                (kind, false) => order(number, kind),
            });
        }
        let reading = mail::read(&self.run.fold, &self.mailbox[self.read..], at_rest);
        assert!(reading.stray.is_empty(), "{reading:?}");
        self.may_die()?;
        if reading.read_up_to > 0 {
            self.read = reading.read_up_to as usize;
        }
        self.commit(reading.events);
        self.may_die()
    }

    /// People decide on everything that is open.
    fn decide_all(&mut self) {
        for open in self.run.fold.open_items() {
            let how = self.decisions.next().expect("a cycle does not end");
            let edited = r#"{"path": "edited.md", "content": ""}"#;
            let decision = match (open.reason, how % 4) {
                (WaitReason::Approval, 0) => Decision::Reject { reason: "No.".into() },
                // Of the other tools these are no arguments: what a person writes is judged too.
                (WaitReason::Approval, 1) => Decision::Approve { arguments_json: Some(edited.into()) },
                (WaitReason::Approval, 2) => Decision::Respond { text: "Take this instead.".into() },
                (WaitReason::Approval, _) => Decision::Approve { arguments_json: None },
                (WaitReason::Input, _) => Decision::Answer { text: "A".into() },
                (WaitReason::Outcome, 0) => Decision::MarkDone { result: "It is done.".into() },
                (WaitReason::Outcome, 1) => Decision::Fail { reason: "It is not.".into() },
                (WaitReason::Outcome, _) => Decision::Retry,
                (WaitReason::Timer | WaitReason::Quota | WaitReason::Child, _) => {
                    panic!("no person is asked")
                }
            };
            self.post(LetterContent::Decision { item: open.item, decision });
        }
    }

    /// Something comes: the time that it waits for, a wake-up before that, or people, late.
    fn sleep(&mut self) {
        let how = self.decisions.next().expect("a cycle does not end");
        match self.run.fold.wake_at() {
            Some(at) if how.is_multiple_of(3) && at - self.run.now > Duration::MINUTE => {
                self.run.now += (at - self.run.now) / 2;
            }
            Some(at) if how % 3 < 2 || self.run.fold.open_items().is_empty() => self.run.now = at,
            _ => {
                self.run.now += Duration::days(30);
                self.decide_all();
            }
        }
    }

    fn may_die(&mut self) -> Result<(), Died> {
        if self.deaths.next().unwrap_or(false) { Err(Died) } else { Ok(()) }
    }

    /// Commits one transaction.
    fn append(&mut self, events: Vec<Event>) -> Result<(), Died> {
        self.may_die()?;
        self.commit(events);
        self.may_die()
    }

    fn commit(&mut self, events: Vec<Event>) {
        for event in events {
            self.run.append(event);
            self.folds.push(self.run.fold.clone());
        }
    }

    fn ask(&mut self, asks: &[Ask]) -> Result<(), Died> {
        let mut events = Vec::new();
        for ask in asks {
            // Of some calls somebody said once that they need not be asked about again.
            let rules =
                if self.decisions.next().is_some_and(|how| how % 3 == 0) { any_call_goes() } else { vec![] };
            if let Some(allowed) = ask.allowed_by(&rules) {
                events.push(Event::ApprovedByRule(allowed));
                continue;
            }
            self.items += 1;
            events.push(ask.event(InboxItemId::new(Uuid::from_u128(self.items))));
        }
        self.append(events)
    }

    /// Runs to the end; the number of times a worker asked what is next.
    pub(crate) fn run_to_the_end(&mut self) -> usize {
        let mut asked = 0;
        loop {
            self.epoch += 1;
            self.run.crash();
            let died = self.work(&mut asked).is_err();
            if died && !self.run.fold.state().is_terminal() && self.given_up.next().unwrap_or(false) {
                let error = RunError::new("POISON_RUN", "It breaks whatever carries it.");
                self.commit(vec![Event::Failed(Failed { error })]);
            }
            let over = !died || self.run.fold.state().is_terminal();
            if over && !self.is_retried() {
                return asked;
            }
        }
    }

    /// People have a failed run go on, if they still want to. Its end has settled what was in the mailbox.
    fn is_retried(&mut self) -> bool {
        if self.run.fold.state() != RunState::Failed || self.retries == 0 {
            return false;
        }
        self.retries -= 1;
        self.read = self.mailbox.len();
        let number = 1_000 + self.mailbox.len() as u128;
        self.post(order(number, CommandKind::Retry));
        self.run.now += Duration::days(30);
        true
    }

    fn work(&mut self, asked: &mut usize) -> Result<(), Died> {
        if let Some(event) = claimed(&self.run.fold, self.epoch) {
            self.append(vec![event])?;
        }
        let mut asked_again = 0;
        loop {
            *asked += 1;
            assert!(*asked < 20_000, "the run does not end:\n{}", self.run.story());
            self.look(true)?;
            if let Some(event) = interrupted(&self.run.fold, self.run.now) {
                self.append(vec![event])?;
                continue;
            }
            match next(&self.run.fold, self.run.now) {
                Next::Ended => return Ok(()),
                Next::Ask(asks) => self.ask(&asks)?,
                Next::Delegate(_) | Next::CancelChildren(_) => panic!("it has no teammates"),
                Next::Wait(_) => self.sleep(),
                Next::Paused => {
                    self.run.now += Duration::days(30);
                    let number = 1_000 + self.mailbox.len() as u128;
                    self.post(order(number, CommandKind::Resume));
                }
                Next::RetryAt(at) => {
                    assert!(at > self.run.now);
                    self.run.now = at;
                }
                Next::Append(events) => self.append(events)?,
                Next::CallModel(call) => {
                    if let Some(intent) = call.intent.clone() {
                        self.append(vec![intent])?;
                    }
                    check_request(&call.request);
                    let known = self
                        .requests
                        .entry(call.idempotency_key.clone())
                        .or_insert_with(|| call.request.clone());
                    assert_eq!(known, &call.request, "one key, one request");
                    let turns = &mut self.turns;
                    let turn = self
                        .generations
                        .entry(call.idempotency_key.clone())
                        .or_insert_with(|| turns.next().expect("a cycle does not end"))
                        .clone();
                    self.look(false)?;
                    if self.run.fold.state().is_terminal() {
                        return Ok(());
                    }
                    if self.run.fold.interruption().is_some() {
                        continue;
                    }
                    match turn {
                        Turn::Answers(message, finish_reason) => {
                            self.append(vec![answered(&call, message, finish_reason)])?;
                        }
                        turn => {
                            let failure = turn.failure().expect("it is no answer");
                            match retry::after(&self.run.fold, &failure, asked_again, self.run.now).unwrap() {
                                AfterFailure::AskAgain { at } => {
                                    assert!(at > self.run.now);
                                    self.run.now = at;
                                    asked_again += 1;
                                    if failure.reason == "UNAVAILABLE" {
                                        // The outage passes, and the answer is whatever comes next.
                                        self.generations.remove(&call.idempotency_key);
                                    }
                                    continue;
                                }
                                AfterFailure::Append(event) => self.append(vec![event])?,
                            }
                        }
                    }
                    asked_again = 0;
                }
                Next::UseTools(uses) => {
                    assert!(!uses.is_empty());
                    let intents: Vec<Event> = uses.iter().filter_map(|used| used.intent.clone()).collect();
                    if !intents.is_empty() {
                        self.append(intents)?;
                    }
                    for used in uses {
                        self.look(false)?;
                        if self.run.fold.state().is_terminal() {
                            return Ok(());
                        }
                        let result = self.run.carry_out(&used);
                        if used.query_first && self.effects.contains_key(&used.idempotency_key) {
                            self.append(vec![result])?;
                            continue;
                        }
                        let entry = self
                            .effects
                            .entry(used.idempotency_key.clone())
                            .or_insert_with(|| (used.clone(), 0));
                        assert_eq!(entry.0.arguments, used.arguments, "one key, one effect");
                        entry.1 += 1;
                        self.may_die()?;
                        if used.effect_class == EffectClass::AtMostOnce && entry_is_lost(&used) {
                            // The answer is cut.
                            self.ask(&[used.in_doubt(Doubt::new(DoubtCause::AnswerLost, "cut"))])?;
                        } else {
                            self.append(vec![result])?;
                        }
                    }
                }
            }
        }
    }
}

/// Whether the answer to a call gets lost: of every other key, the first time.
fn entry_is_lost(used: &ToolUse) -> bool {
    used.attempt == 1 && used.idempotency_key.ends_with(['0', '2', '4', '6', '8', 'a', 'c', 'e'])
}
