//! The `Range` header. Source of truth: RFC 9110, section 14.

/// What a client wants of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Requested {
    /// All of it.
    Whole,
    /// First and last byte.
    Part(u64, u64),
    /// Nothing that is there.
    Beyond,
}

/// A `Range` header for a body of `size` bytes. Several ranges and other units are answered with the whole, as RFC 9110 14.2 allows.
pub(super) fn parse_range(header: &str, size: u64) -> Requested {
    let Some((first, last)) = header
        .strip_prefix("bytes=")
        .and_then(|spec| spec.split_once('-'))
    else {
        return Requested::Whole;
    };
    match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), _) if first >= size => Requested::Beyond,
        (Ok(first), Ok(last)) if last >= first => Requested::Part(first, last.min(size - 1)),
        (Ok(first), Err(_)) if last.trim().is_empty() => Requested::Part(first, size - 1),
        (Err(_), Ok(0)) if first.trim().is_empty() => Requested::Beyond,
        (Err(_), Ok(suffix)) if first.trim().is_empty() && size > 0 => {
            Requested::Part(size - suffix.min(size), size - 1)
        }
        _ => Requested::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_rfc_9110() {
        use Requested::{Beyond, Part, Whole};
        for (text, expected) in [
            ("bytes=0-0", Part(0, 0)),
            ("bytes=5-", Part(5, 9)),
            ("bytes=5-100", Part(5, 9)),
            ("bytes=-3", Part(7, 9)),
            ("bytes=-30", Part(0, 9)),
            ("bytes=10-", Beyond),
            ("bytes=-0", Beyond),
            ("bytes=5-4", Whole),
            ("bytes=0-1,3-4", Whole),
            ("lines=0-1", Whole),
        ] {
            assert_eq!(parse_range(text, 10), expected, "{text}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Beyond);
        assert_eq!(parse_range("bytes=-1", 0), Whole);
    }
}
