//! A run that waits for a time waits until then, is heard meanwhile, and goes on once.

use mc_tasks::domain::brief::{AgentSnapshot, RunLimits, ToolGrant, ToolPolicy};
use mc_tasks::domain::decide::{Next, claimed, next, released};
use mc_tasks::domain::event::{Event, QuotaAwaited, Record};
use mc_tasks::domain::fold::{RunFold, RunState, WaitReason};
use mc_tasks::domain::order::{CommandKind, Decision};
use time::Duration;

use crate::kit::{Run, START, Turn, agent, bold_agent, brief, calls, finishes, order, task, writes};

const HOUR: (&str, &str) = ("wait", r#"{"seconds": 3600, "reason": "The build."}"#);

fn patient() -> AgentSnapshot {
    let mut agent = bold_agent(mc_tasks::domain::brief::RequestEffect::AtMostOnce, &[]);
    agent.tools.push(ToolGrant::of("wait"));
    agent
}

fn run(script: impl IntoIterator<Item = Turn>) -> Run {
    Run::new(brief(task(), patient()), script)
}

/// Works until the run waits or ends.
fn until_it_waits(mut run: Run) -> Run {
    while !matches!(next(&run.fold, run.now), Next::Wait(_) | Next::RetryAt(_) | Next::Ended | Next::Paused) {
        assert!(run.step(), "{}", run.story());
    }
    run
}

#[test]
fn timer_is_journalled_waited_for_and_its_result_says_how_long_it_took() {
    let mut run = until_it_waits(run([calls(&[HOUR]), writes(), finishes()]));
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Timer));
    assert_eq!(run.fold.deadline(), None, "waiting is not its own time");
    let at = run.fold.wake_at().unwrap();
    assert_eq!(next(&run.fold, at - Duration::nanoseconds(1)), Next::Wait(WaitReason::Timer));
    assert!(matches!(run.journal.last().unwrap().event, Event::TimerSet(_)));
    assert_eq!(claimed(&run.fold, 9), None, "nobody had it");

    run.crash();
    assert_eq!(run.fold.wake_at(), Some(at), "the journal alone says until when");
    run.now = at;
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(run.results()[0], "Waited 1h and was woken by the timer. It is 2026-01-05T10:00:00Z now.");
    assert!(run.carried_out.iter().all(|used| used.tool.name() != "wait"), "nobody carries a wait out");
}

#[test]
fn timer_that_is_due_long_before_anybody_comes_fires_once_and_says_so() {
    let mut run = until_it_waits(run([calls(&[HOUR]), writes(), finishes()]));
    run.now += Duration::days(3);
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(
        run.results()[0],
        "Waited 3d and was woken by the timer. It is 2026-01-08T09:00:00Z now; the timer was due at \
         2026-01-05T10:00:00Z."
    );
    assert_eq!(run.story().matches("wait").count(), 2, "set once, answered once: {}", run.story());
}

#[test]
fn time_that_is_past_is_due_at_once_and_one_too_far_ahead_is_refused() {
    let past = ("wait", r#"{"until": "2026-01-05T08:00:00Z", "reason": "r"}"#);
    let far = ("wait", r#"{"until": "2028-01-05T08:00:00Z", "reason": "r"}"#);
    let run = run([calls(&[past, far]), writes(), finishes()]).played();
    assert!(run.succeeded(), "{}", run.story());
    assert!(run.now < START + Duration::minutes(1), "it did not wait");
    let refused = run.results().into_iter().find(|result| result.starts_with('!')).unwrap();
    assert_eq!(
        refused,
        "! Not carried out: until: is more than 365 days ahead; it is 2026-01-05T09:00:00Z now."
    );
}

#[test]
fn what_needs_nobody_is_done_before_it_waits_and_the_first_of_several_timers_wakes_it() {
    let day = ("wait", r#"{"until": "2026-01-06T09:00:00Z", "reason": "Tomorrow."}"#);
    let write = ("write_artifact", r#"{"path": "report.md", "content": "Draft B."}"#);
    let mut run = until_it_waits(run([calls(&[day, write, HOUR]), finishes()]));
    assert_eq!(run.carried_out.len(), 1, "the file is written meanwhile");
    let first = run.fold.wake_at().unwrap();
    assert!(first < START + Duration::hours(2), "the hour comes first: {first}");
    run.now = first;
    let mut run = until_it_waits(run);
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Timer), "the day is not over");
    run.now = run.fold.wake_at().unwrap();
    assert!(run.clone().played().succeeded(), "{}", run.story());
}

#[test]
fn person_and_timer_are_waited_for_at_once_and_come_in_any_order() {
    let ask = ("ask_human", r#"{"question": "Which one?"}"#);
    let waiting = until_it_waits(run([calls(&[HOUR, ask]), writes(), finishes()]));
    assert_eq!(waiting.fold.state(), RunState::Waiting(WaitReason::Input), "a person comes first");
    assert!(waiting.fold.wake_at().is_some(), "and it wakes for the timer all the same");

    let mut timer_first = waiting.clone();
    timer_first.now = timer_first.fold.wake_at().unwrap();
    let mut timer_first = until_it_waits(timer_first);
    assert_eq!(timer_first.fold.state(), RunState::Waiting(WaitReason::Input));
    assert_eq!(timer_first.fold.wake_at(), None);
    timer_first.decided(Decision::Answer { text: "A".into() });
    assert!(timer_first.played().succeeded());

    let mut person_first = waiting;
    person_first.decided(Decision::Answer { text: "A".into() });
    let person_first = until_it_waits(person_first);
    assert_eq!(person_first.fold.state(), RunState::Waiting(WaitReason::Timer));
    assert!(person_first.played().succeeded());
}

#[test]
fn orders_take_effect_while_it_waits_and_a_pause_outlasts_the_timer() {
    let waiting = until_it_waits(run([calls(&[HOUR]), writes(), finishes()]));
    let mut cancelled = waiting.clone();
    cancelled.reads(vec![order(1, CommandKind::Cancel)], true);
    assert_eq!(cancelled.fold.state(), RunState::Cancelled);
    assert!(cancelled.fold.survivors().is_empty());

    let mut paused = waiting;
    paused.reads(vec![order(1, CommandKind::Pause)], true);
    assert_eq!((paused.fold.state(), paused.fold.wake_at()), (RunState::Paused, None));
    paused.now += Duration::hours(2);
    assert_eq!(next(&paused.fold, paused.now), Next::Paused);
    paused.reads(vec![order(2, CommandKind::Resume)], true);
    let run = paused.played();
    assert!(run.succeeded(), "{}", run.story());
    assert!(run.results()[0].starts_with("Waited 2h"), "{:?}", run.results());
}

#[test]
fn wait_that_needs_leave_begins_with_it_and_as_the_person_says() {
    let mut agent = patient();
    agent.tools.last_mut().unwrap().policy = ToolPolicy::Ask;
    let asked = until_it_waits(Run::new(brief(task(), agent), [calls(&[HOUR]), writes(), finishes()]));
    assert_eq!((asked.fold.state(), asked.fold.wake_at()), (RunState::Waiting(WaitReason::Approval), None));

    let mut shorter = asked.clone();
    shorter.now += Duration::days(1);
    let arguments_json = Some(r#"{"seconds": 60, "reason": "A minute will do."}"#.to_owned());
    shorter.decided(Decision::Approve { arguments_json });
    let approved_at = shorter.now;
    let shorter = until_it_waits(shorter);
    let wait = shorter.fold.wake_at().unwrap() - approved_at;
    assert!(wait >= Duration::MINUTE && wait < Duration::seconds(62), "from the leave on: {wait}");
    let shorter = shorter.played();
    assert!(shorter.results()[0].starts_with("A person approved this call and changed its arguments to: "));
    assert!(shorter.results()[0].contains("Waited 1m and"), "{:?}", shorter.results());

    let mut refused = asked;
    refused.decided(Decision::Reject { reason: "No time.".into() });
    let refused = refused.played();
    assert_eq!(refused.results()[0], "! A person rejected this call: No time.");
}

#[test]
fn finish_beside_a_wait_is_judged_after_it() {
    let finish = ("finish", r#"{"summary": "Done.", "evidence": ["https://example.com/"]}"#);
    let run = until_it_waits(run([calls(&[finish, HOUR])]));
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Timer));
    let end = Event::Succeeded(mc_tasks::domain::event::Succeeded { summary: "s".into(), evidence: vec![] });
    let record = Record { seq: run.fold.head_seq() + 1, at: run.now, event: end };
    assert!(run.fold.clone().apply(&record).is_err(), "no end while it waits");
}

#[test]
fn a_timer_is_set_by_a_wait_alone_and_once() {
    let mut run = run([calls(&[HOUR, ("http_fetch", r#"{"url": "https://example.com/"}"#)])]);
    while run.fold.steps() == 0 || !run.fold.pending().is_empty() {
        assert!(run.step());
    }
    let set = |call_id: &str| {
        Event::TimerSet(mc_tasks::domain::event::TimerSet {
            step: 1,
            call_id: call_id.into(),
            wake_at: START,
            reason: String::new(),
        })
    };
    let mut taken = run.fold.clone();
    let mut apply = |event| taken.apply(&Record { seq: taken.head_seq() + 1, at: run.now, event });
    assert!(apply(set("call_b")).is_err(), "a fetch is no wait");
    assert!(apply(set("call_z")).is_err(), "no such call");
    apply(set("call_a")).unwrap();
    assert!(apply(set("call_a")).is_err(), "it is set");
}

#[test]
fn scheduled_run_starts_at_its_time_and_is_heard_before() {
    let start_at = START + Duration::days(2);
    let scheduled = || Run::scheduled(brief(task(), agent()), Some(start_at), [writes(), finishes()]);
    let run = scheduled();
    assert_eq!((run.fold.state(), run.fold.wake_at()), (RunState::Queued, Some(start_at)));
    assert_eq!(next(&run.fold, start_at - Duration::nanoseconds(1)), Next::RetryAt(start_at));
    assert_eq!(claimed(&run.fold, 1), None, "to look is not to start");
    let run = run.played();
    assert!(run.succeeded() && run.fold.started_at().unwrap() >= start_at, "{}", run.story());

    let mut called_off = scheduled();
    called_off.reads(vec![order(1, CommandKind::Cancel)], true);
    assert_eq!((called_off.fold.state(), called_off.fold.started_at()), (RunState::Cancelled, None));
    assert_eq!(called_off.story(), "1 queued\n2 ordered Cancel\n3 cancelled\n");

    let mut paused = scheduled();
    paused.reads(vec![order(1, CommandKind::Pause)], true);
    assert_eq!((paused.fold.state(), paused.fold.wake_at()), (RunState::Paused, None));
    assert_eq!(RunFold::replay(&paused.journal).unwrap(), paused.fold);
    let mut in_time = paused.clone();
    in_time.reads(vec![order(2, CommandKind::Resume)], true);
    assert_eq!((in_time.fold.state(), in_time.fold.wake_at()), (RunState::Queued, Some(start_at)));
    paused.now = start_at + Duration::days(1);
    paused.reads(vec![order(2, CommandKind::Resume)], true);
    assert!(matches!(next(&paused.fold, paused.now), Next::Append(_)), "its time has come meanwhile");
    assert!(paused.played().succeeded());
}

#[test]
fn quota_is_waited_for_as_long_as_the_provider_says_and_not_on_the_runs_own_time() {
    let mut agent = agent();
    agent.limits = RunLimits { max_duration_ms: 60_000, ..RunLimits::default() };
    let run = Run::new(brief(task(), agent), [Turn::Fails("PROVIDER_RATE_LIMITED"), writes(), finishes()]);
    let mut run = until_it_waits(run);
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Quota));
    assert_eq!(run.fold.deadline(), None);
    let at = run.fold.wake_at().unwrap();
    assert_eq!(next(&run.fold, at - Duration::nanoseconds(1)), Next::Wait(WaitReason::Quota));
    run.now = at + Duration::days(20);
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert!(run.fold.worked(run.now) < Duration::seconds(1), "{}", run.fold.worked(run.now));

    let other = until_it_waits(Run::usual([Turn::Fails("PROVIDER_OVERLOADED")]));
    assert_eq!(other.fold.state(), RunState::Running, "the run tries again, and it is its own time");
    assert!(other.fold.wake_at().is_some() && other.fold.deadline().is_some());
}

/// The event of a run that finds its provider parked.
fn awaited(run: &Run, until: time::OffsetDateTime) -> Event {
    Event::QuotaAwaited(QuotaAwaited { provider: run.fold.provider().into(), until })
}

#[test]
fn run_that_is_held_up_by_others_refusals_waits_without_an_attempt_and_off_its_own_time() {
    let mut run = Run::usual([writes(), finishes()]);
    while !matches!(next(&run.fold, run.now), Next::CallModel(_)) {
        assert!(run.step());
    }
    let at = run.now + Duration::days(3);
    run.append(awaited(&run, at));
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Quota));
    assert_eq!((run.fold.wake_at(), run.fold.deadline()), (Some(at), None));
    assert_eq!(next(&run.fold, at - Duration::nanoseconds(1)), Next::Wait(WaitReason::Quota));
    // Let go before its time: the very call that it was about to make.
    let Next::CallModel(call) = released(&run.fold, run.now) else { panic!("{}", run.story()) };
    assert_eq!((call.step, call.attempt, call.intent.is_some()), (1, 1, true));

    // Longer than it was told: the journal says so, as often as it happens.
    let later = at + Duration::DAY;
    run.append(awaited(&run, later));
    assert_eq!(run.fold.wake_at(), Some(later));
    run.crash();
    assert_eq!(run.fold.wake_at(), Some(later), "the journal alone says until when");
    run.now = later;
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert!(run.fold.worked(run.now) < Duration::seconds(1), "{}", run.fold.worked(run.now));
}

#[test]
fn run_that_waits_for_its_provider_is_paused_spoken_to_and_cancelled_as_any_other() {
    let mut run = Run::usual([writes(), finishes()]);
    while !matches!(next(&run.fold, run.now), Next::CallModel(_)) {
        assert!(run.step());
    }
    let at = run.now + Duration::HOUR;
    run.append(awaited(&run, at));
    let mut cancelled = run.clone();
    cancelled.reads(vec![order(1, CommandKind::Cancel)], true);
    assert_eq!((cancelled.fold.state(), cancelled.fold.wake_at()), (RunState::Cancelled, None));
    run.reads(vec![order(1, CommandKind::Pause)], true);
    assert_eq!((run.fold.state(), run.fold.wake_at()), (RunState::Paused, None));
    run.reads(vec![order(2, CommandKind::Resume)], true);
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Quota));
    assert_eq!(run.fold.wake_at(), Some(at));
    run.now = at;
    assert!(run.played().succeeded());
}

#[test]
fn quota_is_awaited_only_where_a_model_call_comes_next_and_only_that_of_its_provider() {
    let mut run = Run::usual([writes(), finishes()]);
    let refused = |run: &Run, provider: &str| {
        let event = Event::QuotaAwaited(QuotaAwaited { provider: provider.into(), until: run.now });
        let record = Record { seq: run.fold.head_seq() + 1, at: run.now, event };
        run.fold.clone().apply(&record).err().map(|error| error.to_string())
    };
    let provider = run.fold.provider().to_owned();
    assert!(refused(&run, &provider).unwrap().contains("has not started"));
    while !matches!(next(&run.fold, run.now), Next::CallModel(_)) {
        assert!(run.step());
    }
    assert_eq!(refused(&run, &provider), None);
    assert!(refused(&run, "another").unwrap().contains("its provider is"));
    let intent = match next(&run.fold, run.now) {
        Next::CallModel(call) => call.intent.unwrap(),
        other => panic!("{other:?}"),
    };
    run.append(intent);
    assert!(refused(&run, &provider).unwrap().contains("not what comes next"), "it is called");
}
