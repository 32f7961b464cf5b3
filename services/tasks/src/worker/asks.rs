//! What a run asks of people, as inbox items: opened in the transaction of the events that ask. What a standing rule allows is
//! not asked: the rule is used in the same transaction, and the journal names it.

use time::OffsetDateTime;

use crate::domain::arguments::Arguments;
use crate::domain::conversation::{Part, Role};
use crate::domain::decide::{Ask, AskKind};
use crate::domain::event::Event;
use crate::domain::fold::{PendingIntent, RunFold};
use crate::domain::glance;
use crate::domain::id::InboxItemId;
use crate::domain::reach;
use crate::domain::rule::Rule;
use crate::domain::tool::Tool;
use crate::store::append::Besides;
use crate::store::inbox::{self, NewItem};
use crate::store::rule;
use crate::worker::attempt::Stop;
use crate::worker::journal::Journal;

impl Journal {
    /// Asks people what no rule allows, all in one transaction. Should a rule be revoked meanwhile, nothing is committed, and
    /// the loop comes back here.
    pub(super) async fn ask(&mut self, asks: Vec<Ask>) -> Result<(), Stop> {
        let rules = self.rules(&asks).await?;
        let context = said(self.fold());
        let turns = glance::last_turns(self.fold().messages());
        let (mut events, mut besides) = (Vec::new(), Besides::default());
        for ask in asks {
            if let Some(allowed) = ask.allowed_by(&rules) {
                besides.rules.push(allowed.rule);
                events.push(Event::ApprovedByRule(allowed));
                continue;
            }
            let item = InboxItemId::new(self.worker().means.ambient.ids.uuid());
            events.push(ask.event(item));
            let asked = asked(&ask, self.fold());
            besides.items.push(NewItem {
                item,
                step: ask.step,
                hosts: hosts(&asked),
                ask: asked,
                call_id: ask.call_id,
                context: context.clone(),
                turns: turns.clone(),
            });
        }
        self.append(events, besides).await
    }

    /// Rules that speak of what is to be approved.
    async fn rules(&self, asks: &[Ask]) -> Result<Vec<Rule>, Stop> {
        let tools: Vec<&str> = asks
            .iter()
            .filter_map(|ask| match &ask.kind {
                AskKind::Approval { tool, .. } => Some(tool.as_str()),
                AskKind::Question { .. } | AskKind::Outcome { .. } => None,
            })
            .collect();
        if tools.is_empty() {
            return Ok(Vec::new());
        }
        let (workspace, agent, now) = (self.lease().workspace, self.lease().agent, self.now());
        let tools = &tools;
        self.persist(|| async move {
            let mut tx = self.worker().means.engine.read(workspace.uuid()).await?;
            rule::in_force(&mut tx, workspace, agent, tools, now).await
        })
        .await
    }
}

fn asked(ask: &Ask, fold: &RunFold) -> inbox::Ask {
    match ask.kind.clone() {
        AskKind::Approval { tool, arguments_json, effect_class } => {
            let grant = Tool::named(&tool).and_then(|tool| fold.brief().agent.grant(tool));
            inbox::Ask::Approval {
                parameters_json_schema: schema(&tool, fold),
                expiry_s: grant.and_then(|grant| grant.approval_expiry_s),
                tool,
                arguments_json,
                effect_class,
            }
        }
        AskKind::Question { question, choices } => inbox::Ask::Question { question, choices },
        AskKind::Outcome { tool, arguments_json, effect_class, attempt, doubt } => inbox::Ask::Outcome {
            tool,
            arguments_json,
            effect_class,
            attempt,
            doubt,
            since: begun(&ask.call_id, fold),
        },
    }
}

/// When the attempt at a call was begun that is under way.
fn begun(id: &str, fold: &RunFold) -> Option<OffsetDateTime> {
    fold.pending().into_iter().find_map(|intent| match intent {
        PendingIntent::Tool { call_id, since, .. } if call_id == id => Some(since),
        _ => None,
    })
}

/// The hosts that a call reaches which people are asked about.
fn hosts(ask: &inbox::Ask) -> Vec<String> {
    let (inbox::Ask::Approval { tool, arguments_json, .. }
    | inbox::Ask::Outcome { tool, arguments_json, .. }) = ask
    else {
        return Vec::new();
    };
    let arguments = Tool::named(tool).and_then(|tool| Arguments::parse(tool, arguments_json).ok());
    arguments.map(|arguments| reach::hosts(&arguments)).unwrap_or_default()
}

/// The schema as the run's model was told of it.
fn schema(tool: &str, fold: &RunFold) -> String {
    let pinned = fold.brief().prompt.tools.iter().find(|definition| definition.name == tool);
    pinned
        .map(|definition| definition.parameters_json_schema.clone())
        .or_else(|| Tool::named(tool).map(|tool| tool.definition().parameters_json_schema))
        .unwrap_or_default()
}

/// What the agent said in its last answer.
fn said(fold: &RunFold) -> String {
    let answer = fold.messages().iter().rev().find(|message| message.role == Role::Assistant);
    let texts = answer.into_iter().flat_map(|message| &message.parts).filter_map(|part| match part {
        Part::Text { text } => Some(text.trim()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n\n").trim().to_owned()
}
