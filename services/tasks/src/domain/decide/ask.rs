//! What a run asks of people, before it has an inbox item.

use crate::domain::event::{
    ApprovalRequested, ApprovedByRule, Doubt, EffectClass, Event, OutcomeUnknown, QuestionAsked,
};
use crate::domain::id::InboxItemId;
use crate::domain::rule::Rule;

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Step whose answer led to it.
    pub step: u32,
    /// Id of the call that it is about.
    pub call_id: String,
    /// What is asked.
    pub kind: AskKind,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskKind {
    /// May the call be carried out?
    Approval {
        /// The tool.
        tool: String,
        /// Arguments as the model wrote them.
        arguments_json: String,
        /// What may be done if the outcome gets lost.
        effect_class: EffectClass,
    },
    /// The agent's own question.
    Question {
        /// The question.
        question: String,
        /// Answers to choose from; free text when empty.
        choices: Vec<String>,
    },
    /// What became of the call?
    Outcome {
        /// The tool.
        tool: String,
        /// Arguments that it was carried out with.
        arguments_json: String,
        /// What may be done about it.
        effect_class: EffectClass,
        /// Attempt whose outcome is unknown.
        attempt: u32,
        /// What went wrong.
        doubt: Doubt,
    },
}

impl Ask {
    /// The record that it was asked by this inbox item.
    pub fn event(&self, item: InboxItemId) -> Event {
        let (step, call_id) = (self.step, self.call_id.clone());
        match self.kind.clone() {
            AskKind::Approval { tool, arguments_json, .. } => {
                Event::ApprovalRequested(ApprovalRequested { item, step, call_id, tool, arguments_json })
            }
            AskKind::Question { question, choices } => {
                Event::QuestionAsked(QuestionAsked { item, step, call_id, question, choices })
            }
            AskKind::Outcome { tool, arguments_json, attempt, doubt, .. } => {
                let doubt = Some(doubt);
                Event::OutcomeUnknown(OutcomeUnknown {
                    item,
                    step,
                    call_id,
                    tool,
                    arguments_json,
                    attempt,
                    doubt,
                })
            }
        }
    }

    /// The record that one of these rules allows the call, if it does: only an approval can be given by a rule.
    pub fn allowed_by(&self, rules: &[Rule]) -> Option<ApprovedByRule> {
        let AskKind::Approval { tool, arguments_json, .. } = &self.kind else { return None };
        let rule = rules.iter().find(|rule| rule.tool == *tool && rule.pattern.fits(arguments_json))?;
        Some(ApprovedByRule {
            step: self.step,
            call_id: self.call_id.clone(),
            tool: tool.clone(),
            arguments_json: arguments_json.clone(),
            rule: rule.rule,
            creator: rule.creator,
        })
    }
}
