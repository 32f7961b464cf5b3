//! What is said and asked of a provider's limit, of both.

use std::time::Duration;

use mc_tasks::domain::id::RunId;
use mc_tasks::store::park::{self, Line};
use proptest::prelude::*;

use super::op::{Op, any_op};
use super::ops::both;
use super::{Both, NOW};
use crate::exec::SECOND;
use crate::tables::parks::Entry;

/// What is said or asked of a provider's limit.
#[derive(Debug, Clone, Copy)]
pub(super) enum About {
    Enter,
    Close,
    Renew,
    Open,
    PassOn,
}

/// Any statement, and mostly those about providers' limits.
pub(super) fn any_op_at_a_limit() -> impl Strategy<Value = Op> {
    let about = prop::sample::select(vec![
        About::Enter,
        About::Enter,
        About::Enter,
        About::Enter,
        About::Close,
        About::Close,
        About::Renew,
        About::Open,
        About::PassOn,
    ]);
    prop_oneof![
        5 => any_op(),
        8 => (0..8_usize, about).prop_map(|(run, what)| Op::Park { run, what }),
        2 => Just(Op::EndParks),
        2 => Just(Op::Tend),
    ]
}

impl Both {
    pub(super) async fn park(&mut self, run: RunId, what: About) -> (String, String) {
        let line = Line { workspace: self.model.runs[&run].workspace, provider: "simulator" };
        let (engine, asked) = (&self.engine, 60 * SECOND);
        match what {
            About::Enter => {
                let sql = match park::enter(engine, line, run).await.expect("enter") {
                    park::Entry::Open => "open",
                    park::Entry::First => "first",
                    park::Entry::Parked(_) => "parked",
                };
                let model = match self.model.enter(run) {
                    Entry::Open => "open",
                    Entry::First => "first",
                    Entry::Parked(_) => "parked",
                };
                both(model, sql)
            }
            About::Close => {
                let wait = Duration::from_micros(asked);
                park::close(engine, line, run, wait, "Slow down.").await.expect("close");
                self.model.close_park(run, asked);
                (String::new(), String::new())
            }
            About::Renew => both(self.model.renew(run), park::renew(engine, line, run).await.expect("renew")),
            About::Open => {
                both(self.model.open_park(run), park::open(engine, line, run).await.expect("open"))
            }
            About::PassOn => {
                let wait = Duration::from_micros(asked);
                let sql = park::pass_on(engine, line, run, wait).await.expect("pass on");
                both(self.model.pass_on(run, asked), sql)
            }
        }
    }

    pub(super) async fn end_parks(&mut self) {
        sqlx::query(
            "UPDATE tasks.park SET until = now() - interval '1 second',
                 probe_until = CASE WHEN probe_run IS NOT NULL THEN now() - interval '1 second' END",
        )
        .execute(&self.kit.admin())
        .await
        .expect("end parks");
        for park in self.model.parks.values_mut() {
            park.until = NOW - SECOND;
            park.probe = park.probe.map(|(run, _)| (run, NOW - SECOND));
        }
    }
}
