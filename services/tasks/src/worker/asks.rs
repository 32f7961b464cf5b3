//! What a run asks of people, as inbox items: opened in the transaction of the events that ask.

use crate::domain::conversation::{Part, Role};
use crate::domain::decide::{Ask, AskKind};
use crate::domain::fold::RunFold;
use crate::domain::id::InboxItemId;
use crate::domain::tool::Tool;
use crate::store::append::Besides;
use crate::store::inbox::{self, NewItem};
use crate::worker::attempt::Stop;
use crate::worker::journal::Journal;

impl Journal {
    /// Asks people, all in one transaction.
    pub(super) async fn ask(&mut self, asks: Vec<Ask>) -> Result<(), Stop> {
        let context = said(self.fold());
        let (mut events, mut items) = (Vec::new(), Vec::new());
        for ask in asks {
            let item = InboxItemId::new(self.worker().means.ambient.ids.uuid());
            events.push(ask.event(item));
            items.push(NewItem {
                item,
                step: ask.step,
                call_id: ask.call_id,
                ask: asked(ask.kind, self.fold()),
                context: context.clone(),
            });
        }
        self.append(events, Besides { items, ..Besides::default() }).await
    }
}

fn asked(kind: AskKind, fold: &RunFold) -> inbox::Ask {
    match kind {
        AskKind::Approval { tool, arguments_json, effect_class } => inbox::Ask::Approval {
            parameters_json_schema: schema(&tool, fold),
            tool,
            arguments_json,
            effect_class,
        },
        AskKind::Question { question, choices } => inbox::Ask::Question { question, choices },
        AskKind::Outcome { tool, arguments_json, effect_class, attempt } => {
            inbox::Ask::Outcome { tool, arguments_json, effect_class, attempt }
        }
    }
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
