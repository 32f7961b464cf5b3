//! What is followed and how far it has come, so that a new connection goes on exactly where the last one broke. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

/// Topics at a time: the gateway's own limit per connection.
pub const MAX_TOPICS: usize = 100;

/// Why a topic cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdded {
    /// It is followed already.
    Twice,
    /// [`MAX_TOPICS`] are followed.
    TooMany,
}

/// The topics of one connection.
#[derive(Debug, Default)]
pub struct Topics {
    topics: BTreeMap<String, Place>,
    /// Of the last request.
    id: u64,
}

#[derive(Debug)]
struct Place {
    /// Number of the watch, as the window counts.
    watch: u32,
    /// Of the last event or `caughtUp` that was passed on; none before the first.
    cursor: Option<String>,
    /// Id of the `subscribe` that stands for it on this connection.
    request: String,
    /// True once the gateway said that `request` is what it answers now: until then frames belong to one before.
    acknowledged: bool,
    /// True when the gateway could not carry the `subscribe` out just now.
    failed: bool,
}

/// What to do with a frame of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Pass it on, to the watch of this number.
    Pass(u32),
    /// Pass it on; its topic is over, and no longer followed.
    PassLast(u32),
    /// It says nothing to anybody.
    Drop,
}

/// The part of a frame that matters here.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    topic: Option<Cow<'a, str>>,
    #[serde(borrow)]
    cursor: Option<Cow<'a, str>>,
    #[serde(default)]
    ended: bool,
    problem: Option<HeadOfProblem>,
}

#[derive(Deserialize)]
struct HeadOfProblem {
    status: u16,
}

impl Topics {
    /// Follows a topic from after `cursor`, as the watch of that number; returns the frame to send.
    pub fn add(&mut self, topic: &str, cursor: Option<String>, watch: u32) -> Result<String, NotAdded> {
        if self.topics.contains_key(topic) {
            return Err(NotAdded::Twice);
        }
        if self.topics.len() >= MAX_TOPICS {
            return Err(NotAdded::TooMany);
        }
        let request = self.next_id();
        let frame = subscribe(&request, topic, cursor.as_deref());
        self.topics
            .insert(topic.to_owned(), Place { watch, cursor, request, acknowledged: false, failed: false });
        Ok(frame)
    }

    /// Follows a topic no longer; returns the frame to send, if it was followed.
    pub fn remove(&mut self, topic: &str) -> Option<String> {
        self.topics.remove(topic)?;
        Some(json!({ "type": "unsubscribe", "id": self.next_id(), "topic": topic }).to_string())
    }

    /// True when nothing is followed.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// The frames that take everything up again on a new connection, each from where it was.
    pub fn all_again(&mut self) -> Vec<String> {
        self.again(|_| true)
    }

    /// The frames that ask again for what the gateway could not offer for a moment.
    pub fn failed_again(&mut self) -> Vec<String> {
        self.again(|place| place.failed)
    }

    fn again(&mut self, which: impl Fn(&Place) -> bool) -> Vec<String> {
        let mut frames = Vec::new();
        let mut id = self.id;
        for (topic, place) in self.topics.iter_mut().filter(|(_, place)| which(place)) {
            id += 1;
            place.request = id.to_string();
            place.acknowledged = false;
            place.failed = false;
            frames.push(subscribe(&place.request, topic, place.cursor.as_deref()));
        }
        self.id = id;
        frames
    }

    /// Looks at a frame of the gateway and notes how far its topic has come.
    pub fn take(&mut self, text: &str) -> Taken {
        let Ok(head) = serde_json::from_str::<Head>(text) else {
            tracing::warn!(bytes = text.len(), "the gateway sent a frame that cannot be read");
            return Taken::Drop;
        };
        let name = match (&head.topic, &head.id) {
            (Some(topic), _) => topic.to_string(),
            // An answer to `subscribe` may say only which request it was.
            (None, Some(id)) => match self.topics.iter().find(|(_, place)| place.request == **id) {
                Some((topic, _)) => topic.clone(),
                None => return Taken::Drop,
            },
            (None, None) => return Taken::Drop,
        };
        let Some(place) = self.topics.get_mut(&name) else { return Taken::Drop };
        match &*head.kind {
            "ack" => {
                place.acknowledged |= head.id.as_deref() == Some(place.request.as_str());
                Taken::Drop
            }
            "event" | "partial" | "delta" | "reset" | "caughtUp" | "end" if !place.acknowledged => {
                Taken::Drop
            }
            // A workspace is followed from now on: where that is, its first `caughtUp` says.
            "event" | "caughtUp" => {
                if let Some(cursor) = head.cursor.filter(|cursor| !cursor.is_empty()) {
                    place.cursor = Some(cursor.into_owned());
                }
                Taken::Pass(place.watch)
            }
            "partial" | "delta" | "reset" => Taken::Pass(place.watch),
            "end" => self.forget(&name),
            "error" => {
                let refused = head.id.as_deref() == Some(place.request.as_str());
                if head.id.is_some() && !refused {
                    return Taken::Drop;
                }
                let for_a_moment =
                    head.problem.is_some_and(|it| it.status >= 500 && it.status != 501 || it.status == 429);
                if head.ended || (refused && !for_a_moment) {
                    return self.forget(&name);
                }
                place.failed = refused;
                Taken::Pass(place.watch)
            }
            _ => Taken::Drop,
        }
    }

    fn forget(&mut self, topic: &str) -> Taken {
        self.topics.remove(topic).map_or(Taken::Drop, |place| Taken::PassLast(place.watch))
    }

    fn next_id(&mut self) -> String {
        self.id += 1;
        self.id.to_string()
    }
}

fn subscribe(id: &str, topic: &str, cursor: Option<&str>) -> String {
    let mut frame = json!({ "type": "subscribe", "id": id, "topic": topic });
    if let Some(cursor) = cursor.filter(|cursor| !cursor.is_empty()) {
        frame["cursor"] = cursor.into();
    }
    frame.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const RUN: &str = "workspaces/w/runs/r";

    fn parse(frames: &[String]) -> Vec<Value> {
        frames.iter().map(|frame| serde_json::from_str(frame).expect("json")).collect()
    }

    fn event(seq: u32) -> String {
        json!({ "type": "event", "topic": RUN, "cursor": seq.to_string(), "event": { "seq": seq.to_string() } })
            .to_string()
    }

    fn following() -> Topics {
        let mut topics = Topics::default();
        topics.add(RUN, None, 7).expect("added");
        topics.take(&ack(1));
        topics
    }

    fn ack(request: u32) -> String {
        json!({ "type": "ack", "id": request.to_string() }).to_string()
    }

    #[test]
    fn new_connection_goes_on_after_the_last_event() {
        let mut topics = following();
        assert_eq!(topics.take(&event(1)), Taken::Pass(7));
        assert_eq!(topics.take(&event(2)), Taken::Pass(7));
        assert_eq!(
            parse(&topics.all_again()),
            [json!({ "type": "subscribe", "id": "2", "topic": RUN, "cursor": "2" })]
        );
    }

    #[test]
    fn cursor_that_was_given_is_kept_until_there_is_another() {
        let mut topics = Topics::default();
        let frame = topics.add(RUN, Some("17".into()), 7).expect("added");
        assert_eq!(parse(&[frame])[0]["cursor"], "17");
        topics.take(&ack(1));
        let caught_up =
            |cursor: &str| json!({ "type": "caughtUp", "topic": RUN, "cursor": cursor }).to_string();
        assert_eq!(topics.take(&caught_up("")), Taken::Pass(7));
        assert_eq!(parse(&topics.all_again())[0]["cursor"], "17");
        // A workspace in which nothing happens yet has a place to go on from all the same.
        topics.take(&ack(2));
        assert_eq!(topics.take(&caught_up("99")), Taken::Pass(7));
        assert_eq!(parse(&topics.all_again())[0]["cursor"], "99");
    }

    #[test]
    fn topic_is_followed_once_and_no_more_than_the_gateway_allows() {
        let mut topics = following();
        assert_eq!(topics.add(RUN, None, 8), Err(NotAdded::Twice));
        for n in 1..MAX_TOPICS {
            topics.add(&format!("workspaces/w/runs/{n}"), None, 7).expect("within the limit");
        }
        assert_eq!(topics.add("workspaces/w/runs/x", None, 7), Err(NotAdded::TooMany));
        assert!(topics.remove(RUN).is_some());
        topics.add("workspaces/w/runs/x", None, 7).expect("there is room again");
    }

    #[test]
    fn frames_of_a_topic_that_was_left_are_dropped() {
        let mut topics = following();
        assert_eq!(parse(&[topics.remove(RUN).expect("followed")])[0]["type"], "unsubscribe");
        assert_eq!(topics.take(&event(1)), Taken::Drop);
        assert!(topics.remove(RUN).is_none());
        assert!(topics.is_empty());
    }

    #[test]
    fn frames_of_the_watch_before_do_not_reach_the_next_one() {
        let mut topics = following();
        topics.remove(RUN);
        topics.add(RUN, Some("4".into()), 8).expect("added");
        assert_eq!(topics.take(&event(9)), Taken::Drop, "sent before the gateway knew");
        assert_eq!(topics.take(&ack(2)), Taken::Drop);
        assert_eq!(topics.take(&event(9)), Taken::Drop, "that was the answer to unsubscribe");
        topics.take(&ack(3));
        assert_eq!(topics.take(&event(5)), Taken::Pass(8));
        assert_eq!(parse(&topics.all_again())[0]["cursor"], "5");
    }

    #[test]
    fn end_and_final_errors_end_the_topic() {
        let over = json!({ "type": "end", "topic": RUN, "cursor": "9" });
        let gone = json!({ "type": "error", "topic": RUN, "ended": true, "problem": { "status": 404 } });
        let refused = json!({ "type": "error", "id": "1", "topic": RUN, "problem": { "status": 403 } });
        let not_offered = json!({ "type": "error", "id": "1", "problem": { "status": 501 } });
        for frame in [over, gone, refused, not_offered] {
            let mut topics = following();
            assert_eq!(topics.take(&frame.to_string()), Taken::PassLast(7), "{frame}");
            assert!(topics.all_again().is_empty(), "{frame}");
        }
    }

    #[test]
    fn what_fails_for_a_moment_is_asked_for_again() {
        let mut topics = following();
        topics.take(&event(5));
        topics.all_again();
        let busy = json!({ "type": "error", "id": "2", "topic": RUN, "problem": { "status": 503 } });
        assert_eq!(topics.take(&busy.to_string()), Taken::Pass(7));
        assert_eq!(parse(&topics.failed_again())[0]["cursor"], "5");
        assert!(topics.failed_again().is_empty(), "once");
        assert_eq!(topics.take(&busy.to_string()), Taken::Drop, "an answer to a request that was replaced");
    }

    #[test]
    fn word_that_the_gateway_still_tries_is_passed_on() {
        let mut topics = following();
        let trying = json!({ "type": "error", "topic": RUN, "problem": { "status": 503 } });
        assert_eq!(topics.take(&trying.to_string()), Taken::Pass(7));
        assert!(topics.failed_again().is_empty());
    }

    #[test]
    fn answers_and_nonsense_are_dropped() {
        let mut topics = following();
        for frame in
            [r#"{"type":"ack","id":"1"}"#, r#"{"type":"pong"}"#, "{}", "", r#"{"type":"new","topic":"x"}"#]
        {
            assert_eq!(topics.take(frame), Taken::Drop, "{frame}");
        }
    }
}
