//! What goes out at once: one notice, or a digest of several that had to wait.

use std::fmt::Write;

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::message::{Link, Links, Notice, mrkdwn, one_line, section};

/// Notices that a digest shows people one by one; of more it says how many.
pub const LINES: usize = 20;
/// Notices that the document of a digest holds; of more it says how many.
pub const DOCUMENTS: usize = 100;

/// A message by mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// One line.
    pub subject: String,
    /// For readers that show text.
    pub text: String,
    /// For the others; it loads nothing.
    pub html: String,
}

/// One notice, or several of one workspace, the oldest first.
#[derive(Debug, Clone, Copy)]
pub struct Parcel<'a> {
    /// The first of them, [`DOCUMENTS`] at most and one at least.
    pub notices: &'a [Notice],
    /// How many there are in all.
    pub total: usize,
}

impl<'a> Parcel<'a> {
    /// One notice.
    pub fn of_one(notice: &'a Notice) -> Self {
        Self { notices: std::slice::from_ref(notice), total: 1 }
    }

    fn headline(&self) -> String {
        match self.notices {
            [only] if self.total <= 1 => only.headline(),
            _ => format!("{} things happened in Mission Control", self.total),
        }
    }

    /// How many are not among the first so many.
    fn more(&self, shown: usize) -> Option<usize> {
        self.total.checked_sub(self.notices.len().min(shown)).filter(|more| *more > 0)
    }

    /// The document of a webhook.
    pub fn document(&self, links: &Links) -> Value {
        let (first, last) = match self.notices {
            [only] if self.total <= 1 => return only.document(links),
            [first, .., last] => (first, last),
            [only] => (only, only),
            [] => return Value::Null,
        };
        let shown = self.notices.iter().take(DOCUMENTS);
        json!({
            "type": "digest",
            "timestamp": last.at.format(&Rfc3339).unwrap_or_default(),
            "data": {
                "workspace": format!("workspaces/{}", first.workspace),
                "headline": self.headline(),
                "notifications": shown.map(|notice| notice.document(links)).collect::<Vec<_>>(),
                "more": self.more(DOCUMENTS).unwrap_or(0),
            },
        })
    }

    /// The message for Slack.
    pub fn slack(&self, links: &Links) -> Value {
        if let ([only], 0..=1) = (self.notices, self.total) {
            return only.slack(links);
        }
        let headline = self.headline();
        let mut blocks = vec![section(&format!("*{headline}*"))];
        let line = |notice: &Notice| {
            let words = one_line(&mrkdwn(&notice.headline()));
            match links.to(notice).web {
                Some(web) => section(&format!("{words} (<{web}|open>)")),
                None => section(&words),
            }
        };
        blocks.extend(self.notices.iter().take(LINES).map(line));
        blocks.extend(self.more(LINES).map(|more| section(&format!("and {more} more"))));
        json!({"text": headline, "blocks": blocks, "unfurl_links": false})
    }

    /// The message by mail.
    pub fn mail(&self, links: &Links) -> Mail {
        let mut text = String::new();
        let mut html = String::from("<!doctype html>\n<html><body>\n");
        for notice in self.notices.iter().take(LINES) {
            let headline = plain(&notice.headline());
            let Link { web, app } = links.to(notice);
            let place = web.unwrap_or(app);
            // Writing to a string cannot fail.
            let _ = write!(text, "{headline}\n{place}\n");
            let _ = write!(
                html,
                "<p><b>{}</b><br>\n<a href=\"{}\">Open in Mission Control</a></p>\n",
                escaped(&headline),
                escaped(&place),
            );
            if let Some(said) = &notice.said {
                let _ = write!(text, "\n{}\n", said.lines().map(plain).collect::<Vec<_>>().join("\n"));
                let said: Vec<_> = said.lines().map(|line| escaped(&plain(line))).collect();
                let _ = writeln!(html, "<blockquote>{}</blockquote>", said.join("<br>\n"));
            }
            text.push('\n');
        }
        if let Some(more) = self.more(LINES) {
            let _ = writeln!(text, "and {more} more");
            let _ = writeln!(html, "<p>and {more} more</p>");
        }
        html.push_str("</body></html>\n");
        Mail { subject: plain(&self.headline()), text, html }
    }
}

/// Text of others within HTML, in an element or an attribute.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            other => shown.push(other),
        }
    }
    shown
}

/// One line without control characters and without marks that turn the direction of text: a subject must not end its header,
/// and what people read is what is there.
fn plain(text: &str) -> String {
    let turns = |character| matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain: String = text.chars().map(|it| if it.is_control() || turns(it) { ' ' } else { it }).collect();
    one_line(&plain)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;
    use crate::domain::notice::NoticeKind;
    use crate::domain::notice::message::RunNamed;

    fn notice(number: u128, title: &str) -> Notice {
        Notice {
            kind: NoticeKind::Question,
            at: datetime!(2026-11-23 8:00 UTC),
            workspace: Uuid::from_u128(1),
            run: Some(RunNamed {
                run: Uuid::from_u128(number),
                task: Uuid::from_u128(3).to_string(),
                title: title.into(),
                agent: Uuid::from_u128(4),
                agent_name: "Writer".into(),
            }),
            item: Some(Uuid::from_u128(number)),
            said: Some("Which <one>?\nA / B".into()),
        }
    }

    fn links() -> Links {
        Links { public: Some("https://mc.example.com".parse().expect("a url")) }
    }

    #[test]
    fn one_notice_is_itself_and_several_are_a_digest() {
        let [first, second] = [notice(5, "First"), notice(6, "Second")];
        let alone = Parcel::of_one(&first);
        assert_eq!(alone.document(&links()), first.document(&links()));
        assert_eq!(alone.slack(&links()), first.slack(&links()));
        let both = [first.clone(), second.clone()];
        let digest = Parcel { notices: &both, total: 2 }.document(&links());
        let data = &digest["data"];
        assert_eq!(
            (&digest["type"], &data["notifications"][1]),
            (&json!("digest"), &second.document(&links()))
        );
        assert_eq!(
            (&data["headline"], &data["more"]),
            (&json!("2 things happened in Mission Control"), &json!(0))
        );
    }

    #[test]
    fn digest_shows_twenty_and_says_how_many_more_there_are() {
        let many: Vec<_> = (0..100).map(|number| notice(number, "Report")).collect();
        let shown = |count: usize| {
            let parcel = Parcel { notices: &many[..count], total: count };
            let blocks = parcel.slack(&links())["blocks"].as_array().map(Vec::len).expect("blocks");
            (blocks, parcel.mail(&links()).text.contains("more"))
        };
        assert_eq!((shown(20), shown(21), shown(100)), ((21, false), (22, true), (22, true)));
        let most = Parcel { notices: &many[..57], total: 57 };
        assert!(most.mail(&links()).text.ends_with("and 37 more\n"));
        let beyond = Parcel { notices: &many, total: 5_000 };
        assert!(beyond.mail(&links()).html.contains("<p>and 4980 more</p>"));
        let data = &beyond.document(&links())["data"];
        assert_eq!(
            (data["notifications"].as_array().map(Vec::len), &data["more"]),
            (Some(100), &json!(4_900))
        );
        assert!(beyond.slack(&links()).to_string().contains("and 4980 more"));
    }

    #[test]
    fn mail_keeps_words_of_others_out_of_its_headers_and_its_markup() {
        let mut evil = notice(5, "Hi\r\nBcc: all@example.com <b>\"&'\u{202e}\u{0}");
        let mail = Parcel::of_one(&evil).mail(&links());
        assert_eq!(mail.subject, "Writer has a question: Hi Bcc: all@example.com <b>\"&'");
        assert!(mail.html.contains("Hi Bcc: all@example.com &lt;b&gt;&quot;&amp;&#39;</b>"), "{}", mail.html);
        assert!(
            mail.html.contains("<blockquote>Which &lt;one&gt;?<br>\nA / B</blockquote>"),
            "{}",
            mail.html
        );
        assert!(!mail.html.contains("src=") && !mail.html.contains("<b>\""), "it loads nothing");
        assert!(
            mail.text.contains("https://mc.example.com/inbox?item=")
                && mail.text.contains("Which <one>?\nA / B\n")
        );
        evil.said = None;
        let silent = Parcel::of_one(&evil).mail(&Links::default());
        assert!(silent.text.contains("missioncontrol://inbox?item=") && !silent.html.contains("blockquote"));
    }
}
