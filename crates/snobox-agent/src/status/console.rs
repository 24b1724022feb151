//! The text above the prompt of the console: plain ASCII, at most twelve lines of eighty columns.
//!
//! agetty reads `/etc/issue.d/*.issue` and replaces escapes that begin with a backslash: agetty(8), "ISSUE FILES".

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::overview::{Overview, Phase};
use crate::report::{Report, State};

/// Lines about components, or about the failure.
const BODY_LINES: usize = 4;
/// Lines about what to do.
const ACTION_LINES: usize = 3;
const WIDTH: usize = 76;
/// Small changes are shown at most this often: each one draws the prompt anew.
const PAUSE: Duration = Duration::from_secs(10);

/// Whether the console has to be written now. `before` is what it shows, and for how long it has.
pub(super) fn is_due(before: Option<(&Overview, Duration)>, now: &Overview) -> bool {
    let Some((then, since)) = before else {
        return true;
    };
    let urgent = then.phase != now.phase || then.action != now.action;
    urgent || (then != now && since >= PAUSE)
}

/// The text.
pub(super) fn text(overview: &Overview, port: u16) -> String {
    let mut lines = vec![String::new()];
    let percent = overview.percent.map(|percent| format!(" ({percent} %)"));
    lines.push(overview.title.clone() + &percent.unwrap_or_default());
    lines.push(String::new());
    let failed = overview
        .components
        .iter()
        .find(|report| report.state == State::Failed);
    match failed.filter(|_| overview.phase == Phase::Stopped) {
        Some(failed) => lines.extend(wrap(
            &format!("{}: {}", label(failed), failed.message),
            BODY_LINES,
        )),
        None => {
            let shown = overview.components.iter().take(BODY_LINES);
            lines.extend(shown.flat_map(|report| wrap(&line(report), 1)));
        }
    }
    lines.extend(wrap(
        &format!("What to do now: {}", overview.action),
        ACTION_LINES,
    ));
    let mut text: String = lines
        .iter()
        .map(|line| {
            format!("  {}", line.replace('\\', "\\\\"))
                .trim_end()
                .to_owned()
                + "\n"
        })
        .collect();
    // agetty puts the machine's address here.
    text += &format!("  More: http://\\4:{port}/\n\n");
    text
}

/// A component in one line.
fn line(report: &Report) -> String {
    let state = match report.state {
        State::Working => "at work",
        State::Done => "ready",
        State::Failed => "FAILED",
    };
    format!("{:<10}{state:<9}{}", label(report), report.message)
}

/// What a technician calls a component.
pub(super) fn label(report: &Report) -> &str {
    match report.component.as_str() {
        "cache" => "Stick",
        "guard" => "Check",
        "registry" => "Software",
        "certs" => "Keys",
        "disk" => "Disk",
        other => other,
    }
}

/// Breaks text at spaces into lines of [`WIDTH`]; what does not fit into `most` lines is left out.
fn wrap(text: &str, most: usize) -> Vec<String> {
    let plain: String = text
        .chars()
        .map(|c| match c {
            c if c.is_ascii_graphic() => c,
            c if c.is_whitespace() || c.is_control() => ' ',
            _ => '?',
        })
        .collect();
    let mut lines = Vec::new();
    let mut rest = plain.trim_end();
    while !rest.is_empty() {
        if lines.len() == most {
            if let Some(last) = lines.last_mut() {
                let last: &mut String = last;
                last.truncate(WIDTH - 4);
                last.push_str(" ...");
            }
            break;
        }
        let end = if rest.len() <= WIDTH {
            rest.len()
        } else {
            rest[..=WIDTH]
                .rfind(' ')
                .filter(|end| *end > 0)
                .unwrap_or(WIDTH)
        };
        lines.push(rest[..end].trim_end().to_owned());
        rest = rest[end..].trim_start();
    }
    lines
}

/// Replaces the file whole.
///
/// # Errors
/// What the system says.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // agetty reads names that end in `.issue` alone.
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::overview::tests::{overview, report};

    #[test]
    fn progress_is_told_in_plain_words() {
        let mut disk = report("disk", State::Working, Some(45));
        disk.message = "copying the software to /dev/sda, 88 MiB/s".to_owned();
        let mut registry = report("registry", State::Done, None);
        registry.message = "serving 30 images on 127.0.0.1:22626".to_owned();
        let expected = r"
  Step 1 of 3: making the stick and the disk ready (45 %)

  Software  ready    serving 30 images on 127.0.0.1:22626
  Disk      at work  copying the software to /dev/sda, 88 MiB/s
  What to do now: nothing: wait
  More: http://\4:22627/

";
        assert_eq!(text(&overview(vec![disk, registry]), 22627), expected);
    }

    #[test]
    fn the_longest_text_has_twelve_lines_of_eighty_ascii_columns() {
        let mut failed = report("disk", State::Failed, None);
        failed.message = "a disk\nwith \\4 and ü and words ".repeat(40);
        failed.action = Some("do this and that ".repeat(40));
        let text = text(&overview(vec![failed]), 22627);
        assert_eq!(text.lines().count(), 12, "{text}");
        assert!(text.is_ascii());
        // A doubled backslash is one column.
        assert!(
            text.lines()
                .all(|line| line.replace("\\\\", "\\").len() <= 80),
            "{text}"
        );
        // agetty must not take anything of a message for an escape.
        assert!(text.contains("with \\\\4 and ? and"), "{text}");
        assert_eq!(text.matches(" ...\n").count(), 2, "{text}");
    }

    #[test]
    fn a_word_without_end_is_cut() {
        let digest = "0".repeat(200);
        let lines = wrap(&digest, 9);
        assert_eq!(
            lines.iter().map(String::len).collect::<Vec<_>>(),
            [76, 76, 48]
        );
    }

    #[test]
    fn percent_is_shown_at_most_every_ten_seconds_and_a_new_phase_at_once() {
        let copying = |percent| overview(vec![report("disk", State::Working, Some(percent))]);
        let failed = overview(vec![report("disk", State::Failed, None)]);
        let seconds = Duration::from_secs;
        assert!(is_due(None, &copying(1)));
        assert!(!is_due(Some((&copying(1), seconds(9))), &copying(2)));
        assert!(is_due(Some((&copying(1), seconds(10))), &copying(2)));
        assert!(!is_due(Some((&copying(1), seconds(100))), &copying(1)));
        assert!(is_due(Some((&copying(1), seconds(0))), &failed));
    }
}
