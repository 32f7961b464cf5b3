//! Messages of the operating system: one per notice, replaced and taken back by the notice's id.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::tasks::Tasks;

/// Shown at a time; beyond it the desktop's list would be useless anyway.
const MAX_SHOWN: usize = 50;

/// What is to be shown.
#[derive(Debug, Deserialize)]
pub struct Notice {
    /// Stable: showing it again replaces it.
    pub id: String,
    /// One line.
    pub title: String,
    /// More; plain text.
    pub body: String,
    /// Buttons, where the system has them.
    #[serde(default)]
    pub actions: Vec<Action>,
}

/// A button.
#[derive(Debug, Deserialize)]
pub struct Action {
    /// What the window is told.
    pub id: String,
    /// What is on it.
    pub label: String,
}

/// The notices that are shown.
#[derive(Debug, Clone)]
pub struct Notices {
    tasks: Tasks,
    shown: Arc<Mutex<HashMap<String, Shown>>>,
}

#[derive(Debug)]
struct Shown {
    /// Tells this showing from a later one of the same notice.
    showing: u64,
    withdraw: CancellationToken,
    /// The desktop's own id, once it gave one.
    system_id: Option<u32>,
}

impl Notices {
    /// None yet.
    pub fn new(tasks: Tasks) -> Self {
        Self { tasks, shown: Arc::default() }
    }

    /// Shows or replaces a notice. What is chosen goes to `chosen`, with `open` for the notice itself.
    pub fn show(&self, notice: Notice, chosen: impl Fn(String, String) + Send + 'static) {
        let withdraw = self.tasks.stopping().child_token();
        let (showing, replaces) = {
            let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            let before = shown.remove(&notice.id);
            if shown.len() >= MAX_SHOWN {
                tracing::warn!(limit = MAX_SHOWN, "a notice is not shown: there are too many");
                return;
            }
            let showing = before.as_ref().map_or(0, |before| before.showing + 1);
            let replaces = before.and_then(|before| before.system_id);
            let entry = Shown { showing, withdraw: withdraw.clone(), system_id: replaces };
            shown.insert(notice.id.clone(), entry);
            (showing, replaces)
        };
        let notices = self.clone();
        self.tasks.spawn(async move {
            let id = notice.id.clone();
            notices.follow(notice, showing, replaces, &withdraw, chosen).await;
            let mut shown = notices.shown.lock().unwrap_or_else(PoisonError::into_inner);
            if shown.get(&id).is_some_and(|entry| entry.showing == showing) {
                shown.remove(&id);
            }
        });
    }

    /// Takes a notice back, also when it is gone.
    pub fn withdraw(&self, id: &str) {
        if let Some(shown) = self.shown.lock().unwrap_or_else(PoisonError::into_inner).remove(id) {
            shown.withdraw.cancel();
        }
    }

    #[cfg(target_os = "linux")]
    async fn follow(
        &self,
        notice: Notice,
        showing: u64,
        replaces: Option<u32>,
        withdraw: &CancellationToken,
        chosen: impl Fn(String, String),
    ) {
        use notify_rust::{Hint, Notification, NotificationResponse, Timeout};

        let mut shown = Notification::new();
        shown
            .appname("Mission Control")
            .summary(&notice.title)
            .body(&escaped(&notice.body))
            .hint(Hint::DesktopEntry("app.missioncontrol.desktop".to_owned()))
            .timeout(Timeout::Never)
            .action("default", "Open");
        for action in &notice.actions {
            shown.action(&action.id, &action.label);
        }
        if let Some(system_id) = replaces {
            shown.id(system_id);
        }
        let handle = match shown.show_async().await {
            Ok(handle) => handle,
            Err(error) => {
                tracing::info!(%error, "this desktop shows no notifications");
                return;
            }
        };
        self.note(&notice.id, showing, handle.id());
        // Of a callback that wants no more than to be called once: the answer is handed out of it.
        let (answer, mut answered) = mpsc::channel(1);
        let closed = handle.wait_for_action_async(move |response: &NotificationResponse| {
            let action = match response {
                NotificationResponse::Default => Some("open".to_owned()),
                NotificationResponse::Action(action) => Some(action.clone()),
                NotificationResponse::Reply(_) | NotificationResponse::Closed(_) => None,
            };
            // The channel has room for the one answer.
            let _ = answer.try_send(action);
        });
        tokio::select! {
            () = closed => if let Some(Some(action)) = answered.recv().await {
                chosen(notice.id, action);
            },
            () = withdraw.cancelled() => handle.close_async().await,
        }
    }

    /// The other systems show a notice and say no more of it.
    #[cfg(not(target_os = "linux"))]
    async fn follow(
        &self,
        notice: Notice,
        _showing: u64,
        _replaces: Option<u32>,
        _withdraw: &CancellationToken,
        _chosen: impl Fn(String, String),
    ) {
        let show = move || {
            notify_rust::Notification::new().summary(&notice.title).body(&notice.body).show().map(drop)
        };
        if let Ok(Err(error)) = self.tasks.spawn_blocking(show).await {
            tracing::info!(%error, "this system shows no notifications");
        }
    }

    #[cfg(target_os = "linux")]
    fn note(&self, id: &str, showing: u64, system_id: u32) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = shown.get_mut(id).filter(|entry| entry.showing == showing) {
            entry.system_id = Some(system_id);
        }
    }
}

/// Desktops read a little HTML in the body of a notification; what agents write is text.
#[cfg(target_os = "linux")]
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
