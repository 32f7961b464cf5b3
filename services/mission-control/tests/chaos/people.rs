//! People: they start runs, decide what is asked, and order runs about; what was acknowledged to them is remembered.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::rig::Rig;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(300);

impl Rig {
    /// Makes an agent that posts letters, which the letterbox promises this much about.
    pub(crate) async fn agent(
        system: &crate::system::System,
        letters: &str,
        effect: &str,
        policy: &str,
    ) -> String {
        let request = json!({
            "tool": "http_request",
            "policy": policy,
            "allowedHosts": ["127.0.0.1"],
            "effect": effect,
            "queryUrl": if effect.ends_with("QUERYABLE") { format!("{letters}/{{key}}") } else { String::new() },
        });
        let tools = json!([{"tool": "write_artifact"}, request]);
        let spec = json!({"instructions": "Work.", "model": "simulator/errand", "tools": tools});
        let agent = system.made("POST", "agents", Some(json!({"displayName": effect, "spec": spec}))).await;
        let name = agent["agent"]["name"].as_str().expect("a name").to_owned();
        let published = system.call("POST", &format!("{name}:publish"), Some(json!({}))).await;
        assert_eq!(published.status, 200, "{published:?}");
        name
    }

    /// Starts a run.
    pub(crate) async fn begin_run(&self, number: usize) {
        let agent = &self.agents[number % self.agents.len()];
        let brief = format!("Post one letter to {}.", self.letterbox.url);
        let task = json!({"title": format!("Errand {number}"), "brief": brief, "assignee": agent});
        let task = self.system.made("POST", "tasks", Some(task)).await;
        let task = task["task"]["name"].as_str().expect("a name");
        let started = self.system.call("POST", &format!("{task}:start"), Some(json!({}))).await;
        assert_eq!(started.status, 200, "{started:?}");
    }

    /// Keeps as many runs alive as are planned until it is over, decides and orders.
    pub(crate) async fn live(&self) {
        let mut begun = 0;
        loop {
            if !self.is_over() {
                for _ in self.live_runs().await..self.plan.live_runs {
                    self.begin_run(begun).await;
                    begun += 1;
                }
            }
            self.decide_all().await;
            self.order_one().await;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Runs that have not ended.
    pub(crate) async fn live_runs(&self) -> usize {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM tasks.run WHERE end_time IS NULL")
            .fetch_one(&self.admin)
            .await
            .expect("count runs");
        count as usize
    }

    async fn decide_all(&self) {
        let open: Vec<(Uuid, Uuid, i16)> =
            sqlx::query_as("SELECT item_id, run_id, kind FROM tasks.inbox_item WHERE state = 1 LIMIT 50")
                .fetch_all(&self.admin)
                .await
                .expect("read the inbox");
        for (item, run, kind) in open {
            let decision = match (kind, self.deck.below(3)) {
                (1, _) => json!({"approve": {}}),
                (2, _) => json!({"answer": {"text": "As you think best."}}),
                (_, 0) => json!({"retry": {}}),
                (_, 1) => json!({"markDone": {"result": "I looked: it is there."}}),
                _ => json!({"fail": {"reason": "I looked: it is not there."}}),
            };
            let path = format!("{}/inbox/{item}:decide", self.system.workspace);
            let answer = self.system.call("POST", &path, Some(json!({"decision": decision}))).await;
            if answer.status == 200 {
                self.acknowledge(run, item);
            }
        }
    }

    /// Pauses, resumes or, rarely, cancels a run; what is paused in the end is resumed.
    async fn order_one(&self) {
        let row: Option<(Uuid, i16)> = sqlx::query_as(
            "SELECT run_id, status FROM tasks.run WHERE end_time IS NULL AND ($1 OR status = 6)
             ORDER BY status = 6 DESC, random() LIMIT 1",
        )
        .bind(!self.is_over())
        .fetch_optional(&self.admin)
        .await
        .expect("choose a run");
        let Some((run, status)) = row else { return };
        let order = match self.deck.below(12) {
            _ if status == 6 => "resume",
            0..3 => "pause",
            3 => "cancel",
            _ => return,
        };
        let path = format!("{}/runs/{run}:{order}", self.system.workspace);
        let answer = self.system.call("POST", &path, Some(json!({}))).await;
        let name = answer.body["command"]["name"].as_str().and_then(|name| name.rsplit('/').next());
        if answer.status == 200
            && let Some(command) = name.and_then(|id| Uuid::parse_str(id).ok())
        {
            self.acknowledge(run, command);
        }
    }

    fn acknowledge(&self, run: Uuid, id: Uuid) {
        self.acknowledged.lock().expect("lock").entry(run).or_default().insert(id);
    }
}

/// What a process was told.
pub(crate) fn environment(pid: i64) -> Vec<(String, String)> {
    let bytes = std::fs::read(format!("/proc/{pid}/environ")).expect("the environment of a worker");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.split('\0')
        .filter_map(|pair| pair.split_once('='))
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect()
}
