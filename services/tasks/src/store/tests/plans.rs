//! What PostgreSQL does for a statement, as `EXPLAIN (ANALYZE, BUFFERS)` says it: the statement is carried out.

use serde_json::Value;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row};

/// A plan and what it took.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Pages that were looked at, as often as they were.
    pub(crate) pages: i64,
    /// Tables that were read whole, with the rows that were read.
    pub(crate) scans: Vec<(String, i64)>,
    /// Rows that were read by one node and thrown away by its filter, at most.
    pub(crate) discarded: i64,
    /// Whether it was compiled, which takes longer than all that these statements do.
    pub(crate) compiled: bool,
    pub(crate) text: String,
}

/// Explains a statement by carrying it out with what `bind` gives it.
pub(crate) async fn explain<'q>(
    connection: &mut PgConnection,
    statement: &str,
    bind: impl FnOnce(Query<'q, Postgres, PgArguments>) -> Query<'q, Postgres, PgArguments>,
) -> Plan {
    let statement = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}");
    let row = bind(sqlx::query(AssertSqlSafe(statement))).fetch_one(connection).await.expect("explain");
    let plan: Value = row.get(0);
    let top = &plan[0]["Plan"];
    let number = |node: &Value, name: &str| node[name].as_i64().unwrap_or_default();
    let mut found = Plan {
        pages: number(top, "Shared Hit Blocks") + number(top, "Shared Read Blocks"),
        scans: Vec::new(),
        discarded: 0,
        compiled: !plan[0]["JIT"].is_null(),
        text: format!("{plan:#}"),
    };
    let mut nodes = vec![top];
    while let Some(node) = nodes.pop() {
        nodes.extend(node["Plans"].as_array().into_iter().flatten());
        // As it says of a node that runs several times: of each time, on the average.
        let discarded = number(node, "Rows Removed by Filter") * number(node, "Actual Loops");
        if node["Relation Name"].is_string() {
            found.discarded = found.discarded.max(discarded);
        }
        if node["Node Type"] == "Seq Scan" {
            let rows = number(node, "Actual Rows") * number(node, "Actual Loops") + discarded;
            found.scans.push((node["Relation Name"].as_str().unwrap_or_default().to_owned(), rows));
        }
    }
    found
}
