//! The table of attempts and answers, as people read it: `gateway/BAD_INPUT.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::attempts::Attempt;
use crate::request::Answer;

/// Where the table stands.
pub(crate) const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../gateway/BAD_INPUT.md");

/// RPCs that are listed by name where fewer than this share an answer.
const FEW: usize = 6;

const HEAD: &str = "# Bad input at every public RPC\n
What the edge answers to attempts that are wrong, as the real services behind it answered them. Written by
`services/mission-control/tests/bad_input`, which makes every attempt again, and fails when an answer differs, when this
file is stale, or when a public RPC or a field of one is not in the table. To write it anew:

```sh
MC_BLESS=1 cargo nextest run -p mission-control --test bad_input
```

Every refusal is `application/problem+json` with the reason and the request's id, names the field by its path in the request,
has at most 16 KiB and tells nothing of the inside. `*` is the field that the attempt is made at.
";

/// One attempt with its answer.
pub(crate) struct Line {
    pub(crate) rpc: String,
    pub(crate) attempt: Attempt,
    pub(crate) answer: Answer,
}

/// The table as Markdown.
pub(crate) fn render(lines: &[Line]) -> String {
    let rpcs: BTreeSet<&str> = lines.iter().map(|line| line.rpc.as_str()).collect();
    let mut text = HEAD.to_owned();
    let _ = writeln!(text, "\n{} attempts at {} RPCs.\n", lines.len(), rpcs.len());
    everywhere(lines, &mut text);
    by_rpc(lines, &rpcs, &mut text);
    text
}

/// What is tried wherever it makes sense: one line for each answer that it got, and where it got it.
fn everywhere(lines: &[Line], text: &mut String) {
    text.push_str("## Everywhere\n\n| attempt | status | reason | field | at |\n|---|---|---|---|---|\n");
    let mut order: Vec<&str> = Vec::new();
    // By attempt and answer: the RPCs that gave it, and how often.
    let mut answers = BTreeMap::<_, (BTreeSet<&str>, usize)>::new();
    for line in lines.iter().filter(|line| !line.attempt.of_this_rpc) {
        let name = line.attempt.name.as_str();
        if !order.contains(&name) {
            order.push(name);
        }
        let answer = (line.answer.status, line.answer.reason.as_str(), field(line));
        let entry = answers.entry((name, answer)).or_default();
        entry.0.insert(&line.rpc);
        entry.1 += 1;
    }
    for name in order {
        let mut found: Vec<_> = answers.iter().filter(|((known, _), _)| *known == name).collect();
        found.sort_by_key(|(_, (rpcs, _))| std::cmp::Reverse(rpcs.len()));
        for ((_, (status, reason, field)), (rpcs, times)) in found {
            let fields = if times > &rpcs.len() { format!(", {times} fields") } else { String::new() };
            let place = if rpcs.len() < FEW {
                rpcs.iter().map(|rpc| method(rpc)).collect::<Vec<_>>().join(", ")
            } else {
                format!("{} RPCs", rpcs.len())
            };
            let _ = writeln!(
                text,
                "| {name} | {status} | {} | {} | {place}{fields} |",
                code(reason),
                code(field)
            );
        }
    }
}

/// What people have written down for one RPC.
fn by_rpc(lines: &[Line], rpcs: &BTreeSet<&str>, text: &mut String) {
    text.push_str("\n## By RPC\n\n| RPC | attempt | status | reason | field |\n|---|---|---|---|---|\n");
    for rpc in rpcs {
        let mut shown = method(rpc);
        for line in lines.iter().filter(|line| line.rpc == *rpc && line.attempt.of_this_rpc) {
            let (answer, field) = (&line.answer, line.answer.fields.join(", "));
            let name = &line.attempt.name;
            let _ = writeln!(
                text,
                "| {shown} | {name} | {} | {} | {} |",
                answer.status,
                code(&answer.reason),
                code(&field)
            );
            shown = "";
        }
    }
}

/// The field of an answer; `*` where it is the one that the attempt is made at.
fn field(line: &Line) -> String {
    let fields = &line.answer.fields;
    let is_tried = |field: &String| {
        let at = line.attempt.at.as_deref();
        at.is_some_and(|at| field == at || field.strip_prefix(at) == Some("[0]"))
    };
    match fields.first() {
        None => String::new(),
        Some(_) if fields.iter().any(is_tried) => "*".to_owned(),
        Some(first) if fields.len() > 1 => format!("{} and {} more", generic(first), fields.len() - 1),
        Some(first) => generic(first).to_owned(),
    }
}

/// Fields that have another name at each RPC, by what they are.
fn generic(field: &str) -> &str {
    match field.rsplit('.').next().unwrap_or(field) {
        "name" | "parent" => "the name",
        "noSuchField" => "the field",
        _ => field,
    }
}

fn method(rpc: &str) -> &str {
    rpc.rsplit('/').next().unwrap_or(rpc)
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}
