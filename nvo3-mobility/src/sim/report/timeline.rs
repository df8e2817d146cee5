//! The timeline of a run, as text: the messages between nodes, and the changes at nodes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use nvo3_nva_proto::Instant;

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The time.
    pub at: Instant,
    /// The content.
    pub what: What,
}

/// The content of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A message was sent.
    Said {
        /// The sender.
        from: &'static str,
        /// The receiver.
        to: &'static str,
        /// The message.
        message: String,
        /// The number of copies that arrive; 0 if the link lost it.
        copies: usize,
    },
    /// Something happened at a node.
    Did {
        /// The node.
        node: &'static str,
        /// The change.
        what: String,
    },
}

/// The recorded lines of a run.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    on: bool,
    lines: Vec<Line>,
    /// The last refused input. A repetition that is refused again makes no line.
    refused: String,
}

impl Timeline {
    /// Makes an empty timeline. It records nothing unless `on`.
    pub(crate) const fn new(on: bool) -> Self {
        Self { on, lines: Vec::new(), refused: String::new() }
    }

    /// Every line, in order of time.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// True if lines are recorded.
    pub(crate) const fn is_on(&self) -> bool {
        self.on
    }

    /// Something happened at a node.
    pub(crate) fn did(&mut self, at: Instant, node: &'static str, what: impl FnOnce() -> String) {
        if self.on {
            self.lines.push(Line { at, what: What::Did { node, what: what() } });
        }
    }

    /// Notes an input of a hypervisor to an edge, and the edge's answer.
    pub(crate) fn told<E: fmt::Display>(
        &mut self,
        at: Instant,
        node: &'static str,
        words: &str,
        answer: &Result<(), E>,
    ) {
        if !self.on {
            return;
        }
        let line = match answer {
            Ok(()) => format!("is told: {words}"),
            Err(error) => format!("is told: {words}; refuses: {error}"),
        };
        if answer.is_ok() || self.refused != line {
            self.did(at, node, || line.clone());
        }
        if answer.is_err() {
            self.refused = line;
        }
    }

    /// Notes a message, with the number of copies that arrive.
    pub(crate) fn message(
        &mut self,
        at: Instant,
        (from, to): (&'static str, &'static str),
        copies: usize,
        message: impl FnOnce() -> String,
    ) {
        if self.on {
            self.lines.push(Line { at, what: What::Said { from, to, message: message(), copies } });
        }
    }

    /// The last lines before now, as the trace of a violation.
    pub(crate) fn tail(&self) -> Vec<Line> {
        self.lines.iter().skip(self.lines.len().saturating_sub(40)).cloned().collect()
    }

    /// The lines from `begin` on, as a Mermaid sequence diagram.
    pub fn mermaid(&self, begin: Instant) -> String {
        use core::fmt::Write;
        let mut out = String::from("sequenceDiagram\n");
        for line in self.lines.iter().filter(|line| line.at >= begin) {
            // Writing to a string cannot fail.
            let _ = match &line.what {
                What::Said { from, to, message, copies: 0 } => writeln!(out, "    {from}-x{to}: {}", plain(message)),
                What::Said { from, to, message, .. } => writeln!(out, "    {from}->>{to}: {}", plain(message)),
                What::Did { node, what } => writeln!(out, "    Note over {node}: {}", plain(what)),
            };
        }
        out
    }
}

/// The text without characters that Mermaid reads as the end of a statement.
fn plain(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ';' | '#' | ':') { ' ' } else { c }).collect()
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Said { from, to, message, copies } => {
                let fate = match copies {
                    0 => "  (lost)",
                    1 => "",
                    _ => "  (twice)",
                };
                write!(f, "{}  {from:>7} -> {to:<7} {message}{fate}", self.at)
            }
            What::Did { node, what } => write!(f, "{}  {node:>7}            {what}", self.at),
        }
    }
}
