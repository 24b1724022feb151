//! Everything that is printed: data on standard output, talk on standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::error::{Error, Exit, Result};
use crate::progress::{Progress, Style};

/// Of the JSON lines; raised when a field goes away or changes its meaning.
const SCHEMA: u32 = 1;

/// How to talk to whoever started us.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    json: bool,
}

impl Ui {
    /// For people, or for machines.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether results are printed as JSON.
    pub fn is_for_machines(&self) -> bool {
        self.json
    }

    /// Whether a person can be asked.
    pub fn can_ask(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// A line of talk; nothing for machines.
    pub fn say(&self, text: impl AsRef<str>) {
        if !self.json {
            // Nobody listens to standard error: nothing to be done about that.
            let _ = writeln!(io::stderr(), "{}", text.as_ref());
        }
    }

    /// A question, answered by one line. Only when [`can_ask`](Self::can_ask).
    pub fn ask(&self, question: &str, default: Option<&str>) -> Result<String> {
        let failed = |e: io::Error| Error::caused(Exit::File, "cannot read the answer", &e);
        let shown = default.map(|d| format!(" [{d}]")).unwrap_or_default();
        write!(io::stderr(), "{question}{shown}: ")
            .and_then(|()| io::stderr().flush())
            .map_err(failed)?;
        let mut line = String::new();
        if io::stdin().read_line(&mut line).map_err(failed)? == 0 {
            return Err(Error::interrupted());
        }
        let answer = line.trim();
        Ok(if answer.is_empty() {
            default.unwrap_or_default().to_owned()
        } else {
            answer.to_owned()
        })
    }

    /// The result: `text` for people, `value` for machines.
    pub fn result(&self, text: impl AsRef<str>, value: &Value) -> Result<()> {
        if self.json {
            self.data(format!("{value:#}\n").as_bytes())
        } else {
            self.data(format!("{}\n", text.as_ref()).as_bytes())
        }
    }

    /// Raw bytes to standard output. A reader that went away is not our failure.
    pub fn data(&self, bytes: &[u8]) -> Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::caused(
                Exit::File,
                "cannot write to standard output",
                &error,
            )),
            _ => Ok(()),
        }
    }

    /// How progress is shown.
    pub fn style(&self) -> Style {
        if self.json {
            Style::Json
        } else if io::stderr().is_terminal() {
            Style::Bar
        } else {
            Style::Lines
        }
    }

    /// Progress of `total` bytes.
    pub fn progress(&self, stage: &'static str, total: u64) -> Progress {
        Progress::new(*self, stage, total)
    }

    /// A line for machines on standard error; nothing for people. Every field is named in `docs/progress.md`.
    pub fn event(&self, mut value: Value) {
        if self.json {
            value["schema"] = SCHEMA.into();
            // In one piece: other threads have their say, too.
            let _ = io::stderr().write_all(format!("{value}\n").as_bytes());
        }
    }

    /// Shows a failure; returns the exit status.
    pub fn fail(&self, error: &Error) -> ExitCode {
        let hint = error.hint_text();
        let text = format!("error: {}\n\nhint: {hint}\n", error.message);
        let _ = io::stderr().write_all(text.as_bytes());
        if self.json && !error.told {
            let value = json!({"error": {"exit": error.exit as u8, "message": error.message, "hint": hint}});
            let _ = self.data(format!("{value:#}\n").as_bytes());
        }
        ExitCode::from(error.exit as u8)
    }
}

/// Bytes for people.
pub fn bytes(count: u64) -> String {
    indicatif::BinaryBytes(count).to_string()
}

/// Columns as wide as their widest cell.
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
