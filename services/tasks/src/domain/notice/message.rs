//! A notice in words: the document of a webhook, the message for Slack, and where both lead.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;
use uuid::Uuid;

use super::{NoticeKind, cut};

/// Characters of a title or a name that go out.
const NAME_CHARS: usize = 200;

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// When that happened.
    pub at: OffsetDateTime,
    /// The tenant.
    pub workspace: Uuid,
    /// Which run; none for a test.
    pub run: Option<RunNamed>,
    /// What is to be decided.
    pub item: Option<Uuid>,
    /// Words of people or agents, where the channel is to have them.
    pub said: Option<String>,
}

/// A run, and what people call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunNamed {
    /// The run.
    pub run: Uuid,
    /// Its task.
    pub task: String,
    /// The task's title when the run was made.
    pub title: String,
    /// Its agent.
    pub agent: Uuid,
    /// The agent's name then.
    pub agent_name: String,
}

/// Where people look at things.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// Where the web app is; none where nobody said so.
    pub public: Option<Url>,
}

/// Where to look at one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// In a browser.
    pub web: Option<String>,
    /// In the desktop app.
    pub app: String,
}

impl Links {
    /// Where the notice is seen to: the inbox item if one is to be decided, else the run.
    pub fn to(&self, notice: &Notice) -> Link {
        let path = match (notice.item, &notice.run) {
            (Some(item), _) => format!("inbox?item={item}"),
            (None, Some(run)) => format!("runs/{}", run.run),
            (None, None) => "settings".to_owned(),
        };
        Link {
            web: self.public.as_ref().map(|url| format!("{}/{path}", url.as_str().trim_end_matches('/'))),
            app: format!("missioncontrol://{path}"),
        }
    }
}

impl Notice {
    /// One line that says what happened.
    pub fn headline(&self) -> String {
        let Some(run) = &self.run else {
            return "This is a test of Mission Control's notifications".to_owned();
        };
        let (agent, title) = (cut(&run.agent_name, NAME_CHARS), cut(&run.title, NAME_CHARS));
        match self.kind {
            NoticeKind::Approval => format!("{agent} asks for your approval: {title}"),
            NoticeKind::Question => format!("{agent} has a question: {title}"),
            NoticeKind::Outcome => format!("{agent} does not know what became of a call: {title}"),
            NoticeKind::Limit => format!("{agent} was stopped by a limit: {title}"),
            NoticeKind::Failure => format!("{agent} failed: {title}"),
            NoticeKind::Success => format!("{agent} is done: {title}"),
            NoticeKind::Cancellation => format!("{agent} was cancelled: {title}"),
            NoticeKind::Overdue => format!("{agent} still waits for your approval: {title}"),
            NoticeKind::Test => format!("{agent} is tested: {title}"),
        }
    }

    /// The document of a webhook: `type`, `timestamp`, `data`.
    pub fn document(&self, links: &Links) -> Value {
        let Link { web, app } = links.to(self);
        let workspace = self.workspace;
        let mut data = json!({
            "workspace": format!("workspaces/{workspace}"),
            "headline": self.headline(),
            "url": web,
            "appUrl": app,
        });
        if let Some(run) = &self.run {
            data["run"] = json!(format!("workspaces/{workspace}/runs/{}", run.run));
            data["task"] = json!(format!("workspaces/{workspace}/tasks/{}", run.task));
            data["title"] = json!(cut(&run.title, NAME_CHARS));
            data["agent"] = json!(format!("workspaces/{workspace}/agents/{}", run.agent));
            data["agentName"] = json!(cut(&run.agent_name, NAME_CHARS));
        }
        if let Some(item) = self.item {
            data["inboxItem"] = json!(format!("workspaces/{workspace}/inbox/{item}"));
        }
        if let Some(said) = &self.said {
            data["content"] = json!(said);
        }
        json!({
            "type": self.kind.topic(),
            "timestamp": self.at.format(&Rfc3339).unwrap_or_default(),
            "data": data,
        })
    }

    /// The message for an incoming webhook of Slack: `text` for the notification, `blocks` for the channel.
    pub fn slack(&self, links: &Links) -> Value {
        let headline = mrkdwn(&self.headline());
        let Link { web, app } = links.to(self);
        let place = match web {
            // A link of ours holds nothing that Slack would read as its own: no `|`, `>` or `&`.
            Some(web) => format!("<{web}|Open in Mission Control>"),
            None => format!("Open {app} in Mission Control"),
        };
        let mut blocks = vec![section(&format!("*{}*", one_line(&headline)))];
        if let Some(said) = &self.said {
            blocks.push(
                json!({"type": "section", "text": {"type": "plain_text", "text": said, "emoji": false}}),
            );
        }
        blocks.push(section(&place));
        json!({"text": headline, "blocks": blocks, "unfurl_links": false})
    }
}

pub(super) fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
}

/// Text that Slack shows as it is: no mention, no link, no control sequence, and none of the marks that make it bold.
pub(super) fn mrkdwn(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            // A mark between two invisible joiners marks nothing.
            '*' | '_' | '~' | '`' => shown.extend(['\u{2060}', character, '\u{2060}']),
            other => shown.push(other),
        }
    }
    shown
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn notice(kind: NoticeKind) -> Notice {
        Notice {
            kind,
            at: datetime!(2026-11-23 8:00 UTC),
            workspace: Uuid::from_u128(1),
            run: Some(RunNamed {
                run: Uuid::from_u128(2),
                task: Uuid::from_u128(3).to_string(),
                title: "Write the report".into(),
                agent: Uuid::from_u128(4),
                agent_name: "Writer".into(),
            }),
            item: Some(Uuid::from_u128(5)),
            said: None,
        }
    }

    fn links() -> Links {
        Links { public: Some("https://mc.example.com/".parse().expect("a url")) }
    }

    #[test]
    fn document_says_what_happened_to_what_and_where_to_look() {
        let id = |number| Uuid::from_u128(number);
        let home = format!("workspaces/{}", id(1));
        let expected = json!({
            "type": "run.approval_requested",
            "timestamp": "2026-11-23T08:00:00Z",
            "data": {
                "workspace": home,
                "headline": "Writer asks for your approval: Write the report",
                "url": format!("https://mc.example.com/inbox?item={}", id(5)),
                "appUrl": format!("missioncontrol://inbox?item={}", id(5)),
                "run": format!("{home}/runs/{}", id(2)),
                "task": format!("{home}/tasks/{}", id(3)),
                "title": "Write the report",
                "agent": format!("{home}/agents/{}", id(4)),
                "agentName": "Writer",
                "inboxItem": format!("{home}/inbox/{}", id(5)),
            },
        });
        assert_eq!(notice(NoticeKind::Approval).document(&links()), expected);
    }

    #[test]
    fn what_has_ended_leads_to_the_run_and_a_test_to_the_settings() {
        let ended = Notice { item: None, ..notice(NoticeKind::Success) };
        let run = format!("runs/{}", Uuid::from_u128(2));
        let at = |link: Link| (link.web.unwrap_or_default(), link.app);
        let there = (format!("https://mc.example.com/{run}"), format!("missioncontrol://{run}"));
        assert_eq!(at(links().to(&ended)), there);
        let test = Notice { item: None, run: None, ..notice(NoticeKind::Test) };
        assert_eq!(at(Links::default().to(&test)), (String::new(), "missioncontrol://settings".into()));
        assert_eq!(test.document(&links())["data"].as_object().expect("data").len(), 4, "nothing of any run");
    }

    #[test]
    fn headlines_differ_and_are_bounded() {
        let headlines: std::collections::BTreeSet<_> =
            NoticeKind::ALL.into_iter().map(|kind| notice(kind).headline()).collect();
        assert_eq!(headlines.len(), NoticeKind::ALL.len());
        let mut long = notice(NoticeKind::Failure);
        let run = long.run.as_mut().expect("a run");
        (run.title, run.agent_name) = ("é".repeat(10_000), "é".repeat(10_000));
        assert!(long.headline().chars().count() < 2 * NAME_CHARS + 20);
        assert!(long.document(&links()).to_string().len() < 4_000);
    }

    #[test]
    fn slack_shows_words_of_others_as_they_are() {
        let mut evil = notice(NoticeKind::Question);
        evil.run.as_mut().expect("a run").title = "<!channel> *x*\n<https://evil.example|a> & _y_ `z`".into();
        evil.said = Some("<!here> *now*".into());
        let message = evil.slack(&links());
        let text = message["text"].as_str().expect("text");
        assert!(
            !text.contains('<') && text.contains("&lt;!channel&gt;") && text.contains(" &amp; "),
            "{text}"
        );
        let blocks = message["blocks"].as_array().expect("blocks");
        let headline = blocks[0]["text"]["text"].as_str().expect("text");
        assert!(
            headline.starts_with('*') && headline.ends_with('*') && !headline.contains('\n'),
            "{headline}"
        );
        assert!(
            !headline.contains("*x*") && !headline.contains("_y_"),
            "no mark of theirs is one: {headline}"
        );
        assert_eq!(
            (blocks[1]["text"]["type"].as_str(), blocks[1]["text"]["text"].as_str()),
            (Some("plain_text"), Some("<!here> *now*")),
            "plain text needs no escape"
        );
        let link =
            format!("<https://mc.example.com/inbox?item={}|Open in Mission Control>", Uuid::from_u128(5));
        assert_eq!(blocks[2]["text"]["text"], json!(link));
    }

    #[test]
    fn content_is_there_only_if_it_was_given() {
        let silent = notice(NoticeKind::Question);
        let document = silent.document(&links());
        assert!(document["data"].get("content").is_none());
        assert_eq!(silent.slack(&links())["blocks"].as_array().map(Vec::len), Some(2));
        let told = Notice { said: Some("Which one?".into()), ..silent };
        assert_eq!(told.document(&links())["data"]["content"], json!("Which one?"));
    }
}
