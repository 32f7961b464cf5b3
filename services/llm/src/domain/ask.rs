//! What a caller asks of a model, parsed and checked, with the hash that tells one request from another.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::conversation::{Message, Parameters, Role, Tool};
use super::model_name::ModelName;

/// A checked request of one generation.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Which model.
    pub model: ModelName,
    /// The system prompt; may be empty.
    pub system: String,
    /// The conversation so far; at least one turn.
    pub messages: Vec<Message>,
    /// Tools the model may call, in the caller's order.
    pub tools: Vec<Tool>,
    /// How answers are sampled.
    pub parameters: Parameters,
    /// Whom the usage is booked to.
    pub attribution: Attribution,
}

/// Whom usage is booked to, as resource names; every field may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attribution {
    /// `workspaces/{workspace}/runs/{run}`.
    pub run: String,
    /// `workspaces/{workspace}/tasks/{task}`.
    pub task: String,
    /// `workspaces/{workspace}/agents/{agent}/versions/{version}`.
    pub agent_version: String,
}

impl Ask {
    /// SHA-256 over everything that is asked, whom it is booked to included. Two requests with one hash are the same one.
    pub fn hash(&self) -> [u8; 32] {
        #[derive(Serialize)]
        struct Hashed<'a> {
            model: String,
            system: &'a str,
            messages: &'a [Message],
            tools: &'a [Tool],
            parameters: &'a Parameters,
            attribution: &'a Attribution,
        }
        let hashed = Hashed {
            model: self.model.to_string(),
            system: &self.system,
            messages: &self.messages,
            tools: &self.tools,
            parameters: &self.parameters,
            attribution: &self.attribution,
        };
        let mut digest = Sha256::new();
        serde_json::to_writer(Writer(&mut digest), &hashed)
            .expect("plain data is always JSON, and a digest takes every byte");
        digest.finalize().into()
    }

    /// Turns of the model so far.
    pub fn assistant_turns(&self) -> usize {
        self.messages.iter().filter(|message| message.role == Role::Assistant).count()
    }
}

struct Writer<'a>(&'a mut Sha256);

impl std::io::Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::conversation::Part;
    use super::*;

    pub(crate) fn ask(model: &str, text: &str) -> Ask {
        Ask {
            model: ModelName::parse(model).expect("a model name"),
            system: String::new(),
            messages: vec![Message { role: Role::User, parts: vec![Part::Text(text.into())] }],
            tools: Vec::new(),
            parameters: Parameters::default(),
            attribution: Attribution::default(),
        }
    }

    #[test]
    fn hash_tells_every_field_apart() {
        let base = ask("a/b", "hello");
        assert_eq!(base.hash(), ask("a/b", "hello").hash());
        let mut others = vec![ask("a/c", "hello"), ask("a/b", "hello ")];
        others.push(Ask { system: "x".into(), ..base.clone() });
        others
            .push(Ask { parameters: Parameters { seed: Some(1), ..Parameters::default() }, ..base.clone() });
        others.push(Ask {
            attribution: Attribution { run: "r".into(), ..Attribution::default() },
            ..base.clone()
        });
        let tool = Tool { name: "t".into(), description: String::new(), parameters_json_schema: "{}".into() };
        others.push(Ask { tools: vec![tool], ..base.clone() });
        for other in others {
            assert_ne!(other.hash(), base.hash(), "{other:?}");
        }
    }
}
