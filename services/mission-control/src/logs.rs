//! `logs`: prints the logs of the processes, and goes on printing if asked.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use crate::console::{Console, Style};
use crate::data_dir::DataDir;
use crate::process;

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// One process, as `status` names it; all of them when left out.
    service: Option<String>,
    /// Goes on as the logs grow.
    #[arg(short, long)]
    follow: bool,
    /// Lines of each log to begin with.
    #[arg(short = 'n', long, default_value_t = 40)]
    lines: usize,
}

/// Prints the logs.
pub(crate) async fn run(data: &DataDir, args: Logs) -> anyhow::Result<ExitCode> {
    let console = Console::stdout();
    let logs = chosen(data, args.service.as_deref())?;
    let mut read = BTreeMap::new();
    for log in logs {
        let end = std::fs::metadata(&log).with_context(|| format!("read {}", log.display()))?.len();
        print(console, &log, &process::tail(&log, args.lines));
        read.insert(log, end);
    }
    if !args.follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        for (log, position) in &mut read {
            let text = grown(log, position)?;
            print(console, log, &text);
        }
    }
}

fn chosen(data: &DataDir, service: Option<&str>) -> anyhow::Result<Vec<PathBuf>> {
    let mut logs: Vec<PathBuf> = std::fs::read_dir(data.logs())
        .with_context(|| format!("read {}; was Mission Control ever started here?", data.logs().display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    logs.sort();
    if let Some(service) = service {
        let known: Vec<String> = logs.iter().map(|log| name(log)).collect();
        logs.retain(|log| name(log) == service);
        if logs.is_empty() {
            bail!("there is no log of `{service}`; there are: {}", known.join(", "));
        }
    }
    Ok(logs)
}

fn name(log: &Path) -> String {
    log.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// What was added since `position`, whole lines only. A log that shrank is read from its start.
fn grown(log: &Path, position: &mut u64) -> anyhow::Result<String> {
    let mut file = File::open(log).with_context(|| format!("read {}", log.display()))?;
    let length = file.metadata().context("look at the log")?.len();
    if length < *position {
        *position = 0;
    }
    file.seek(SeekFrom::Start(*position)).context("read the log")?;
    let mut bytes = Vec::new();
    file.take(1 << 20).read_to_end(&mut bytes).context("read the log")?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    *position += whole as u64;
    Ok(String::from_utf8_lossy(&bytes[..whole]).into_owned())
}

fn print(console: Console, log: &Path, text: &str) {
    for line in text.lines() {
        console
            .line(format_args!("{} {line}", console.paint(Style::Name, format_args!("{:<12}", name(log)))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn half_a_line_waits_for_its_end() {
        let mut log = tempfile::NamedTempFile::new().expect("file");
        let mut position = 0;
        write!(log, "one\ntw").expect("write");
        assert_eq!(grown(log.path(), &mut position).expect("read"), "one\n");
        writeln!(log, "o").expect("write");
        assert_eq!(grown(log.path(), &mut position).expect("read"), "two\n");
        assert_eq!(grown(log.path(), &mut position).expect("read"), "");
    }
}
