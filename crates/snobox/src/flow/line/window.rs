//! The time of the day in which a mirror may use the line.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;
use jiff::civil::Time;
use snobox_registry::pull::Gate;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Longest sleep: the clock may be set, and a laptop may have slept itself.
const LOOK_AGAIN: Duration = Duration::from_secs(20);

/// From one minute of the day to another; over midnight if the second is the earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    from: Time,
    to: Time,
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let number = |text: &str| {
                let two = text.len() == 2 && text.bytes().all(|c| c.is_ascii_digit());
                two.then(|| text.parse().ok())?
            };
            Time::new(number(hour)?, number(minute)?, 0, 0).ok()
        };
        let ends = text.split_once('-');
        match ends.and_then(|(from, to)| Some((time(from)?, time(to)?))) {
            Some((from, to)) if from == to => {
                Err("a window has a beginning and another end".to_owned())
            }
            Some((from, to)) => Ok(Self { from, to }),
            None => Err("expected two times of the day, such as 22:00-07:00".to_owned()),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}-{}",
            self.from.strftime("%H:%M"),
            self.to.strftime("%H:%M")
        )
    }
}

impl Window {
    fn is_open_at(&self, time: Time) -> bool {
        if self.from < self.to {
            self.from <= time && time < self.to
        } else {
            self.from <= time || time < self.to
        }
    }

    /// When it next opens or closes after `now`; a time that the clocks skip that day is taken an hour later.
    fn next_change(&self, now: &Zoned) -> Result<Zoned, jiff::Error> {
        let edge = if self.is_open_at(now.time()) {
            self.to
        } else {
            self.from
        };
        let on = |day: jiff::civil::Date| day.to_datetime(edge).to_zoned(now.time_zone().clone());
        let today = on(now.date())?;
        if today > *now {
            return Ok(today);
        }
        on(now.date().tomorrow()?)
    }

    /// When it opens, for people; `None` if it is open.
    pub fn opens(&self) -> Option<String> {
        let closed = !self.is_open_at(Zoned::now().time());
        closed.then(|| self.from.strftime("%H:%M").to_string())
    }
}

/// Opens and closes a gate as the clock says, until it is dropped.
pub struct Watchman {
    gate: Gate,
    task: JoinHandle<()>,
}

impl Watchman {
    /// Looks at the clock from now on; `changed` is told whether the window is open whenever that changes.
    pub fn start(window: Window, changed: Arc<dyn Fn(bool) + Send + Sync>) -> Self {
        let is_open = move || window.is_open_at(Zoned::now().time());
        let (sender, receiver) = watch::channel(is_open());
        let task = tokio::spawn(async move {
            loop {
                let now = Zoned::now();
                let until = window.next_change(&now).ok();
                let left = until.and_then(|at| Duration::try_from(now.duration_until(&at)).ok());
                tokio::time::sleep(left.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN)).await;
                let open = is_open();
                if sender.send_if_modified(|value| std::mem::replace(value, open) != open) {
                    changed(open);
                }
            }
        });
        Self {
            gate: Gate::new(receiver),
            task,
        }
    }

    /// The gate.
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }
}

impl Drop for Watchman {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(text: &str) -> Window {
        text.parse().unwrap()
    }

    fn time(hour: i8, minute: i8) -> Time {
        Time::constant(hour, minute, 0, 0)
    }

    #[test]
    fn a_window_is_two_times_of_the_day() {
        assert_eq!(window("22:00-07:00").to_string(), "22:00-07:00");
        for wrong in [
            "",
            "22-7",
            "22:00",
            "22:00-22:00",
            "24:00-07:00",
            "22:60-07:00",
            "2:00-7:00",
            "22:00-07:00-08:00",
            "+2:00-07:00",
        ] {
            assert!(wrong.parse::<Window>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn it_is_open_from_its_first_minute_to_before_its_last() {
        let night = window("22:00-07:00");
        let open = [time(22, 0), time(23, 59), time(0, 0), time(6, 59)];
        assert!(open.iter().all(|t| night.is_open_at(*t)));
        let closed = [time(7, 0), time(12, 0), time(21, 59)];
        assert!(!closed.iter().any(|t| night.is_open_at(*t)));
        let noon = window("12:00-13:00");
        assert!(noon.is_open_at(time(12, 30)) && !noon.is_open_at(time(13, 0)));
        assert!(!noon.is_open_at(time(0, 0)));
    }

    #[test]
    fn the_next_change_is_its_end_when_open_and_its_beginning_when_not() {
        // Central Europe's rules, written as POSIX does.
        let zone = jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let next = |text: &str, now: &str| {
            let now: jiff::civil::DateTime = now.parse().unwrap();
            let now = now.to_zoned(zone.clone()).unwrap();
            window(text)
                .next_change(&now)
                .unwrap()
                .timestamp()
                .to_string()
        };
        let cases = [
            ("22:00-07:00", "2024-06-01T23:00", "2024-06-02T05:00:00Z"),
            ("22:00-07:00", "2024-06-01T06:59", "2024-06-01T05:00:00Z"),
            ("22:00-07:00", "2024-06-01T07:00", "2024-06-01T20:00:00Z"),
            ("01:00-05:00", "2024-06-01T05:00", "2024-06-01T23:00:00Z"),
            // The night in which 02:30 does not exist.
            ("02:30-05:00", "2024-03-31T01:00", "2024-03-31T01:30:00Z"),
        ];
        for (text, now, expected) in cases {
            assert_eq!(next(text, now), expected, "{text} {now}");
        }
    }
}
