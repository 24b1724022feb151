//! Points in time as certificates write them, and as people read them. Source of truth: RFC 5280, 4.1.2.5.

use time::{Date, Duration, Month, OffsetDateTime, Time};

use crate::der::{self, Element, GENERALIZED_TIME, UTC_TIME, Why};

/// Reads `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
pub(crate) fn read(element: Element<'_>) -> Result<OffsetDateTime, Why> {
    const WHY: Why = "a time is not in the form of RFC 5280";
    let digits = element.content.strip_suffix(b"Z").ok_or(WHY)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(WHY);
    }
    let number = |part: &[u8]| {
        part.iter()
            .fold(0, |sum: i32, digit| sum * 10 + i32::from(digit - b'0'))
    };
    let (year, rest) = match (element.tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year = number(&digits[..2]);
            (if year < 50 { 2000 } else { 1900 } + year, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (number(&digits[..4]), &digits[4..]),
        _ => return Err(WHY),
    };
    let pair = |index: usize| number(&rest[index * 2..index * 2 + 2]) as u8;
    let month = Month::try_from(pair(0)).map_err(|_| WHY)?;
    let date = Date::from_calendar_date(year, month, pair(1)).map_err(|_| WHY)?;
    let time = Time::from_hms(pair(2), pair(3), pair(4)).map_err(|_| WHY)?;
    Ok(OffsetDateTime::new_utc(date, time))
}

/// Writes a point in time, to the second: `UTCTime` through the year 2049, `GeneralizedTime` from then on.
pub(crate) fn write(moment: OffsetDateTime) -> Vec<u8> {
    let moment = moment.to_offset(time::UtcOffset::UTC);
    let (year, month, day) = (moment.year(), u8::from(moment.month()), moment.day());
    let (hour, minute, second) = (moment.hour(), moment.minute(), moment.second());
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if (1950..2050).contains(&year) {
        let text = format!("{:02}{rest}", year % 100);
        der::write(UTC_TIME, &[text.as_bytes()])
    } else {
        let text = format!("{year:04}{rest}");
        der::write(GENERALIZED_TIME, &[text.as_bytes()])
    }
}

/// `2026-11-23T18:30:29Z`, to the second.
pub fn text(moment: OffsetDateTime) -> String {
    let moment = moment.to_offset(time::UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second()
    )
}

/// A length of time for people: `365 d`, `23 h`, `12 min`; with a minus before what is past.
pub fn days_text(length: Duration) -> String {
    let minutes = length.whole_minutes();
    let (sign, minutes) = (if minutes < 0 { "-" } else { "" }, minutes.unsigned_abs());
    match minutes {
        0..120 => format!("{sign}{minutes} min"),
        120..2880 => format!("{sign}{} h", minutes / 60),
        _ => format!("{sign}{} d", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tag: u8, content: &[u8]) -> Result<String, Why> {
        let whole = content;
        read(Element {
            tag,
            whole,
            content,
        })
        .map(text)
    }

    #[test]
    fn both_forms_are_read_and_written_as_rfc_5280_says() {
        assert_eq!(
            of(UTC_TIME, b"491231235959Z").unwrap(),
            "2049-12-31T23:59:59Z"
        );
        assert_eq!(
            of(UTC_TIME, b"500101000000Z").unwrap(),
            "1950-01-01T00:00:00Z"
        );
        assert_eq!(
            of(GENERALIZED_TIME, b"20500101000000Z").unwrap(),
            "2050-01-01T00:00:00Z"
        );
        let last = OffsetDateTime::from_unix_timestamp(2_524_607_999).unwrap();
        assert_eq!(write(last), b"\x17\x0d491231235959Z");
        assert_eq!(write(last + Duration::SECOND), b"\x18\x0f20500101000000Z");
    }

    #[test]
    fn other_forms_are_refused() {
        for bytes in [
            &b"4912312359Z"[..],
            b"491231235959",
            b"491231235959+0000",
            b"491331235959Z",
            b"49123123595xZ",
            b"",
        ] {
            assert!(of(UTC_TIME, bytes).is_err());
            assert!(of(GENERALIZED_TIME, bytes).is_err());
        }
    }

    #[test]
    fn lengths_are_told_in_the_largest_unit_that_still_says_something() {
        assert_eq!(days_text(Duration::days(365)), "365 d");
        assert_eq!(days_text(Duration::hours(24)), "24 h");
        assert_eq!(days_text(Duration::minutes(-61)), "-61 min");
    }
}
