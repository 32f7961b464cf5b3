//! People: they start runs, order them about and decide what is asked, and send again what nobody acknowledged.

use std::rc::Rc;

use mc_tasks::domain::event::{Event, Queued};
use mc_tasks::domain::history::Promise;
use mc_tasks::domain::id::{CommandId, InboxItemId, RunId, UserId, WorkspaceId};
use mc_tasks::domain::order::{CommandKind, Decision, Details, LetterContent};
use mc_tasks::store::run::status;
use uuid::Uuid;

use crate::exec::{Process, SECOND};
use crate::script;
use crate::tables::mail::Answer;
use crate::world::Site;

const PERSON: UserId = UserId::new(Uuid::from_u128(9));

/// Starts runs, all at once.
pub(crate) fn start_runs(site: &Site, count: u64) {
    for number in 0..count {
        let run = RunId::new(Uuid::from_u128(0x0193_a5f0 << 96 | u128::from(number)));
        let workspace = WorkspaceId::new(Uuid::from_u128(u128::from(number % 2) + 1));
        let queued =
            Event::Queued(Queued { brief: script::brief(workspace, run, number).into(), start_at: None });
        let at = site.time(0);
        site.with(|world| world.tables.insert_run(run, workspace, queued, at));
    }
}

/// One person, who is there for as long as anything lives.
pub(crate) async fn live(site: Site, patience: u64, unkind: Rc<std::cell::Cell<bool>>) {
    loop {
        let wait = site.sim.below(patience);
        site.sim.sleep(wait).await;
        let runs: Vec<RunId> = site.with(|world| {
            let live = world.tables.runs.iter().filter(|(_, row)| !status::is_terminal(row.status));
            live.map(|(run, _)| *run).collect()
        });
        let Some(run) = runs.get(site.sim.below(runs.len() as u64) as usize).copied() else { return };
        let open: Vec<Uuid> = site.with(|world| {
            let items = &world.tables.runs[&run].items;
            items.iter().filter(|(_, state)| **state == 1).map(|(item, _)| *item).collect()
        });
        if unkind.get() && site.sim.happens(400_000) {
            let kind = match site.sim.below(10) {
                0..3 => CommandKind::Pause,
                3..6 => CommandKind::Resume,
                6..9 => CommandKind::Steer,
                _ => CommandKind::Cancel,
            };
            order(&site, run, kind).await;
        } else if let Some(item) = open.get(site.sim.below(open.len() as u64) as usize).copied() {
            decide(&site, run, item).await;
        } else if site.with(|world| world.tables.runs[&run].status) == status::PAUSED {
            order(&site, run, CommandKind::Resume).await;
        }
    }
}

async fn order(site: &Site, run: RunId, kind: CommandKind) {
    let command = CommandId::new(Uuid::from_u128(u128::from(site.sim.unique()) + (1 << 91)));
    let text = if kind == CommandKind::Steer { format!("Hear {command}.") } else { String::new() };
    let details = Details { text, interrupt: false };
    let letter = LetterContent::Command { command, kind, reason: String::new(), details };
    let sent = |site: Site| {
        let letter = letter.clone();
        async move {
            let at = site.time(0);
            let posted = site.ask(Process::NETWORK, move |world| {
                let row = &world.tables.runs[&run];
                // The same request again: it answers as the first one did.
                if row.letters.iter().any(|posted| posted.id() == command.uuid()) {
                    return Answer::Taken { woken: false };
                }
                world.tables.post(run, PERSON, &letter, at)
            });
            posted.await
        }
    };
    let answer = loop {
        match sent(site.clone()).await {
            Ok(answer) => break answer,
            Err(_) => site.sim.sleep(SECOND).await,
        }
    };
    acknowledged(site, run, command.uuid(), answer);
}

async fn decide(site: &Site, run: RunId, item: Uuid) {
    // What fits the question is known to the run alone; a person sees it in the item.
    let asked = site.with(|world| {
        let journal = &world.tables.runs[&run].journal;
        journal.iter().find_map(|entry| match &entry.event {
            Event::ApprovalRequested(asked) if asked.item.uuid() == item => Some(0),
            Event::QuestionAsked(asked) if asked.item.uuid() == item => Some(1),
            Event::OutcomeUnknown(asked) if asked.item.uuid() == item => Some(2),
            _ => None,
        })
    });
    let Some(asked) = asked else {
        site.with(|world| world.say(Promise::RowIsTrue, Some(run), format!("item {item} is in no journal")));
        return;
    };
    let decision = match (asked, site.sim.below(4)) {
        (0, 0) => Decision::Reject { reason: "No.".into() },
        (0, _) => Decision::Approve { arguments_json: None },
        (1, _) => Decision::Answer { text: "A".into() },
        (_, 0) => Decision::MarkDone { result: "It is there.".into() },
        (_, 1) => Decision::Fail { reason: "It is not there.".into() },
        _ => Decision::Retry,
    };
    let answer = loop {
        let (decision, at) = (decision.clone(), site.time(0));
        let decided = site.ask(Process::NETWORK, move |world| {
            let row = &world.tables.runs[&run];
            if row.letters.iter().any(|posted| posted.id() == item) {
                return Answer::Taken { woken: false };
            }
            world.tables.decide(run, PERSON, InboxItemId::new(item), &decision, at)
        });
        match decided.await {
            Ok(answer) => break answer,
            Err(_) => site.sim.sleep(SECOND).await,
        }
    };
    acknowledged(site, run, item, answer);
}

fn acknowledged(site: &Site, run: RunId, id: Uuid, answer: Answer) {
    if let Answer::Taken { .. } = answer {
        site.with(|world| {
            world.tally.letters += 1;
            world.acknowledged.entry(run).or_default().insert(id);
        });
    }
}
