//! What a person sees: lines on the terminal, in colour where it is one and NO_COLOR is not set.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Writes to standard output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    colour: bool,
}

/// How a piece of text is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As it is.
    Plain,
    /// Of less weight.
    Dim,
    /// Of more weight.
    Bold,
    /// As it should be.
    Good,
    /// Look at this.
    Warn,
    /// Wrong.
    Bad,
    /// A name.
    Name,
}

impl Console {
    /// The process's terminal.
    pub(crate) fn stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { colour: wanted && std::io::stdout().is_terminal() }
    }

    /// Text in a style.
    pub(crate) fn paint(self, style: Style, text: impl Display) -> String {
        let code = match style {
            Style::Plain => return text.to_string(),
            Style::Dim => "2",
            Style::Bold => "1",
            Style::Good => "32",
            Style::Warn => "33",
            Style::Bad => "31",
            Style::Name => "36",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }

    /// A line.
    pub(crate) fn line(self, text: impl Display) {
        self.write(format_args!("{text}\n"));
    }

    /// Text without an end of line, shown at once.
    #[expect(clippy::unused_self, reason = "whoever may write holds a console")]
    pub(crate) fn write(self, text: impl Display) {
        let mut out = std::io::stdout().lock();
        // A reader that went away (`| head`) is no reason to stop what runs.
        let _ = write!(out, "{text}").and_then(|()| out.flush());
    }

    /// Something is done, and how long it took.
    pub(crate) fn done(self, what: impl Display, took: Duration) {
        let took = format!("{:.1} s", took.as_secs_f64());
        self.line(format_args!(
            "  {} {:<60} {}",
            self.paint(Style::Good, "✓"),
            what,
            self.paint(Style::Dim, took)
        ));
    }

    /// Something that a person should know.
    pub(crate) fn warn(self, what: impl Display) {
        self.line(format_args!("  {} {what}", self.paint(Style::Warn, "!")));
    }

    /// Something that went wrong.
    pub(crate) fn bad(self, what: impl Display) {
        self.line(format_args!("  {} {what}", self.paint(Style::Bad, "✗")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_coloured_on_a_terminal_alone() {
        assert_eq!(Console { colour: true }.paint(Style::Bad, "no"), "\x1b[31mno\x1b[0m");
        assert_eq!(Console { colour: false }.paint(Style::Bad, "no"), "no");
    }
}
