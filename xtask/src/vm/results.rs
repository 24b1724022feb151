//! What the guest says on its second serial port: lines `SNOBOX <seconds since its boot> <key> <value…>`.
//!
//! ```text
//! SNOBOX 3.14 phase registry-answers        a phase is reached
//! SNOBOX 9.99 check no-network ok           a check held, or: FAILED <detail>
//! SNOBOX 9.99 checks 12                     how many checks there were: the host insists on that number
//! SNOBOX 10.2 <key> <value…>                anything else that a scenario asks for
//! ```

use std::fmt::Write as _;
use std::time::Duration;

/// One line of the guest's.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultLine {
    /// When the host saw it, from power-on; it goes on over the guest's reboots.
    pub at: Duration,
    /// The guest's own clock, in seconds since its boot.
    pub uptime: f64,
    /// What is reported.
    pub key: String,
    /// The rest of the line.
    pub value: String,
}

impl ResultLine {
    /// Reads a line; `None` for anything that is not one, as boot loaders print where they like.
    pub fn parse(line: &str, at: Duration) -> Option<Self> {
        let start = line.find("SNOBOX ")?;
        let mut words = line[start..].trim_end().splitn(4, ' ').skip(1);
        let uptime = words.next()?.parse().ok()?;
        let key = words.next().filter(|key| !key.is_empty())?.to_owned();
        let value = words.next().unwrap_or_default().to_owned();
        Some(Self {
            at,
            uptime,
            key,
            value,
        })
    }

    /// Whether this line says that a check failed.
    fn is_failed_check(&self) -> bool {
        self.key == "check" && self.value.split(' ').nth(1) != Some("ok")
    }
}

/// All lines of one run, in order.
#[derive(Clone, Debug, Default)]
pub struct Results(pub Vec<ResultLine>);

impl Results {
    /// Values of a key, in order.
    pub fn values<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |line| line.key == key)
            .map(|line| line.value.as_str())
    }

    /// Whether a line with this key and exactly this value is there.
    pub fn has(&self, key: &str, value: &str) -> bool {
        self.values(key).any(|found| found == value)
    }

    /// Every named check was reported as held, none as failed, and the guest reported no fewer than it announced.
    ///
    /// # Errors
    /// All checks that are missing or failed.
    pub fn insist(&self, checks: &[&str]) -> Result<(), String> {
        let mut problems: Vec<String> = self
            .0
            .iter()
            .filter(|line| line.is_failed_check())
            .map(|line| format!("check {}", line.value))
            .collect();
        for name in checks {
            let held = self.values("check").any(|value| {
                let mut words = value.split(' ');
                words.next() == Some(name) && words.next() == Some("ok")
            });
            if !held {
                problems.push(format!("check {name}: not reported as held"));
            }
        }
        let announced: usize = self
            .values("checks")
            .filter_map(|value| value.parse::<usize>().ok())
            .sum();
        let reported = self.values("check").count();
        if announced > reported {
            problems.push(format!("{announced} checks announced, {reported} reported"));
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems.join("\n"))
        }
    }

    /// A table of the phases: when each was reached, what it took, and its share of the whole.
    pub fn timeline(&self, end: Duration) -> String {
        let mut text = String::from("   at s  took s  share  boot s  phase\n");
        let mut before = Duration::ZERO;
        let whole = end.as_secs_f64().max(f64::MIN_POSITIVE);
        let mut row = |at: Duration, uptime: Option<f64>, name: &str| {
            let took = at.saturating_sub(before).as_secs_f64();
            before = at;
            let uptime = uptime.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}"));
            let _ = writeln!(
                text,
                "{:7.1} {took:7.1} {:5.1}% {uptime:>7}  {name}",
                at.as_secs_f64(),
                100.0 * took / whole
            );
        };
        for line in self.0.iter().filter(|line| line.key == "phase") {
            row(line.at, Some(line.uptime), &line.value);
        }
        row(end, None, "(end)");
        if let Some(line) = self
            .0
            .iter()
            .find(|line| line.key == "phase" && line.value == "registry-answers")
        {
            let _ = writeln!(
                text,
                "power-on to registry-answers: {:.1} s",
                line.at.as_secs_f64()
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn results(lines: &[&str]) -> Results {
        Results(
            lines
                .iter()
                .zip(1..)
                .filter_map(|(line, at)| ResultLine::parse(line, Duration::from_secs(at)))
                .collect(),
        )
    }

    #[test]
    fn a_line_is_found_behind_noise_and_keeps_its_words() {
        let line = ResultLine::parse(
            "\u{1b}[2JSNOBOX 3.25 check disk FAILED no such  disk\r",
            Duration::ZERO,
        )
        .unwrap();
        assert_eq!(
            (line.uptime, line.key.as_str(), line.value.as_str()),
            (3.25, "check", "disk FAILED no such  disk")
        );
        for noise in [
            "",
            "SNOBOX",
            "SNOBOX x phase kernel",
            "SNOBOX 1.0",
            "SNOBOX 1.0 ",
            "BdsDxe: starting",
        ] {
            assert_eq!(ResultLine::parse(noise, Duration::ZERO), None, "{noise}");
        }
    }

    #[test]
    fn checks_that_fail_or_are_absent_or_too_few_are_all_named() {
        let good = results(&[
            "SNOBOX 1 check a ok",
            "SNOBOX 2 check b ok fine",
            "SNOBOX 3 checks 2",
        ]);
        assert_eq!(good.insist(&["a", "b"]), Ok(()));
        let bad = results(&[
            "SNOBOX 1 check a ok",
            "SNOBOX 2 check b FAILED why",
            "SNOBOX 2 check ab",
            "SNOBOX 3 checks 4",
        ]);
        let problems = bad.insist(&["a", "c"]).unwrap_err();
        let expected = "check b FAILED why\ncheck ab\ncheck c: not reported as held\n4 checks announced, 3 reported";
        assert_eq!(problems, expected);
    }

    #[test]
    fn a_timeline_gives_each_phase_its_time_and_share() {
        let results = results(&[
            "SNOBOX 1.5 phase kernel",
            "SNOBOX 2 note x",
            "SNOBOX 2 phase registry-answers",
        ]);
        let expected = "   at s  took s  share  boot s  phase\n    1.0     1.0  25.0%     1.5  kernel\n    \
            3.0     2.0  50.0%     2.0  registry-answers\n    4.0     1.0  25.0%       -  (end)\n\
            power-on to registry-answers: 3.0 s\n";
        assert_eq!(results.timeline(Duration::from_secs(4)), expected);
    }
}
