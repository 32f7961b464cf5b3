//! The live connection against a gateway on loopback: resumption, renewal, patience and back pressure.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Session;
use super::resume::NotAdded;
use super::session::{Credentials, Standing};
use super::testing::{Gateway, tokens};
use super::ws::{Cause, Connection, Live, Order, Output, Patience};
use crate::secret::Secret;

const RUN: &str = "workspaces/w/runs/r";

struct Window {
    orders: mpsc::Sender<Order>,
    out: mpsc::Receiver<Output>,
    task: JoinHandle<()>,
    _stop: DropGuard,
}

/// Does not wait after a break, and never suspects silence.
fn prompt() -> Patience {
    Patience {
        ping_every: Duration::from_hours(1),
        silence: Duration::from_hours(1),
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(1),
        ..Patience::default()
    }
}

impl Window {
    #[expect(clippy::disallowed_methods, reason = "the test holds the task")]
    async fn open(session: &Session, patience: Patience, room: usize) -> Self {
        // As attaching does: the keychain is read before the connection is made.
        let _ = session.bearer().await;
        let (orders, orders_out) = mpsc::channel(8);
        let (out, out_out) = mpsc::channel(room);
        let stop = CancellationToken::new();
        let live = Live {
            session: session.clone(),
            orders: orders_out,
            out,
            stop: stop.clone(),
            patience,
            random: || 0.0,
        };
        Self { orders, out: out_out, task: tokio::spawn(live.run()), _stop: stop.drop_guard() }
    }

    async fn watch(&self, cursor: Option<&str>) -> Result<(), NotAdded> {
        let (done, answer) = oneshot::channel();
        let order = Order::Watch { topic: RUN.into(), cursor: cursor.map(str::to_owned), watch: 7, done };
        self.orders.send(order).await.expect("alive");
        answer.await.expect("answered")
    }

    /// The next frame; how the connection stands is passed over.
    async fn frame(&mut self) -> Value {
        loop {
            match self.out.recv().await.expect("alive") {
                Output::Frame(7, text) | Output::LastFrame(7, text) => {
                    return serde_json::from_str(&text).expect("json");
                }
                Output::Connection(_) => {}
                other => panic!("frame of another watch: {other:?}"),
            }
        }
    }

    /// Until the connection stands as wanted.
    async fn until(&mut self, wanted: impl Fn(&Connection) -> bool) -> Connection {
        loop {
            match self.out.recv().await.expect("alive") {
                Output::Connection(connection) if wanted(&connection) => return connection,
                _ => {}
            }
        }
    }
}

fn event(seq: u32) -> Value {
    json!({ "type": "event", "topic": RUN, "cursor": seq.to_string(), "event": { "seq": seq.to_string() } })
}

#[tokio::test]
async fn broken_connection_goes_on_after_the_last_event() {
    let mut gateway = Gateway::start().await;
    let (session, _) = gateway.session(Some(&tokens(1)));
    let mut window = Window::open(&session, prompt(), 64).await;
    window.watch(None).await.expect("followed");
    let mut peer = gateway.accept().await;
    assert_eq!(peer.read().await, json!({ "type": "subscribe", "id": "1", "topic": RUN }));
    peer.send(event(1)).await;
    peer.send(event(2)).await;
    assert_eq!(window.frame().await["cursor"], "1");
    assert_eq!(window.frame().await["cursor"], "2");
    // Without a close frame, as when a cable is pulled.
    drop(peer);

    let mut peer = gateway.accept().await;
    assert_eq!(peer.read().await["cursor"], "2");
    peer.send(event(3)).await;
    assert_eq!(window.frame().await, event(3));
    peer.send(json!({ "type": "end", "topic": RUN, "cursor": "3" })).await;
    assert_eq!(window.frame().await["type"], "end");
    peer.close(1012).await;

    let connection = window.until(|connection| matches!(connection, Connection::Waiting { .. })).await;
    assert_eq!(connection, Connection::Waiting { cause: Cause::Restarting, attempt: 0, retry_in_ms: 0 });
    gateway.accept().await;
    window.watch(None).await.expect("what has ended can be followed anew");
}

#[tokio::test]
async fn stale_bearer_is_renewed_before_and_during_a_connection() {
    let mut gateway = Gateway::start().await;
    let (session, _) = gateway.session(Some(&tokens(1)));
    gateway.expire();
    let mut window = Window::open(&session, prompt(), 64).await;
    window.watch(Some("5")).await.expect("followed");
    let mut peer = gateway.accept().await;
    assert_eq!(peer.read().await["cursor"], "5");
    assert_eq!(*gateway.inside.renewals.borrow(), 1);

    gateway.expire();
    peer.close(4401).await;
    let mut peer = gateway.accept().await;
    assert_eq!(peer.read().await["cursor"], "5");
    assert_eq!(*gateway.inside.renewals.borrow(), 2);
    peer.send(event(6)).await;
    assert_eq!(window.frame().await, event(6));
}

#[tokio::test]
async fn end_of_the_session_idles_and_the_next_one_goes_on() {
    let mut gateway = Gateway::start().await;
    let (session, _) = gateway.session(Some(&tokens(1)));
    let mut window = Window::open(&session, prompt(), 64).await;
    window.watch(None).await.expect("followed");
    let mut peer = gateway.accept().await;
    peer.read().await;
    peer.send(event(1)).await;
    window.frame().await;
    *gateway.inside.renewal_problem.lock().expect("lock") = Some((401, "REFRESH_TOKEN_REUSED"));
    gateway.expire();
    peer.close(4401).await;

    window.until(|connection| *connection == Connection::Idle).await;
    assert!(matches!(*session.standing().borrow(), Standing::SignedOut { .. }));
    session.sign_in(Credentials::Code { code: Secret::new("mc_otc_x") }).await.expect("sign in");
    assert_eq!(gateway.accept().await.read().await["cursor"], "1");
}

#[tokio::test]
async fn signing_out_ends_the_connection() {
    let mut gateway = Gateway::start().await;
    let (session, _) = gateway.session(Some(&tokens(1)));
    let mut window = Window::open(&session, prompt(), 64).await;
    let mut peer = gateway.accept().await;
    window.until(|connection| *connection == Connection::Open).await;
    session.sign_out().await.expect("sign out");
    window.until(|connection| *connection == Connection::Idle).await;
    // The far end hears of it.
    while let Some(Ok(_)) = peer.0.recv().await {}
}

#[tokio::test]
async fn silent_gateway_is_left() {
    let mut gateway = Gateway::start().await;
    let (session, _) = gateway.session(Some(&tokens(1)));
    let patience =
        Patience { ping_every: Duration::from_millis(10), silence: Duration::from_millis(30), ..prompt() };
    let mut window = Window::open(&session, patience, 64).await;
    // It is there, and says nothing.
    let _silent = gateway.accept().await;
    window.until(|connection| matches!(connection, Connection::Waiting { .. })).await;
    gateway.accept().await;
}

#[tokio::test]
async fn waiting_ends_at_once_when_asked() {
    let mut gateway = Gateway::start().await;
    let (session, _) = gateway.session(Some(&tokens(1)));
    let hour = Duration::from_hours(10);
    let patience = Patience { first_wait: hour, longest_wait: hour, ..prompt() };
    let mut window = Window::open(&session, patience, 64).await;
    drop(gateway.accept().await);
    let waiting = window.until(|connection| matches!(connection, Connection::Waiting { .. })).await;
    assert_eq!(
        waiting,
        Connection::Waiting { cause: Cause::Unreachable, attempt: 1, retry_in_ms: 3_600_000 }
    );
    window.watch(Some("3")).await.expect("noted while there is no connection");
    assert_eq!(window.watch(None).await, Err(NotAdded::Twice));
    window.orders.send(Order::Reconnect).await.expect("alive");
    assert_eq!(gateway.accept().await.read().await["cursor"], "3");
}

#[tokio::test]
async fn slow_window_loses_nothing() {
    const EVENTS: u32 = 2000;
    let mut gateway = Gateway::start().await;
    let (session, _) = gateway.session(Some(&tokens(1)));
    // Room for one frame: the connection is held back nearly all the time.
    let mut window = Window::open(&session, prompt(), 1).await;
    let mut peer = gateway.accept().await;
    window.until(|connection| *connection == Connection::Open).await;
    window.watch(None).await.expect("followed");
    let send = async {
        peer.read().await;
        for seq in 1..=EVENTS {
            peer.send(event(seq)).await;
        }
        peer
    };
    let receive = async {
        for seq in 1..=EVENTS {
            assert_eq!(window.frame().await["cursor"], seq.to_string());
        }
    };
    let (mut peer, ()) = tokio::join!(send, receive);
    // Orders are obeyed while frames wait for room.
    for seq in EVENTS + 1..EVENTS + 4 {
        peer.send(event(seq)).await;
    }
    window.orders.send(Order::Unwatch { topic: RUN.into() }).await.expect("alive");
    assert_eq!(peer.read().await["type"], "unsubscribe");
}

#[tokio::test]
async fn connection_ends_with_its_window() {
    let mut gateway = Gateway::start().await;
    let (session, _) = gateway.session(Some(&tokens(1)));
    let window = Window::open(&session, prompt(), 64).await;
    let _peer = gateway.accept().await;
    let Window { orders, task, .. } = window;
    drop(orders);
    task.await.expect("ends");
}
