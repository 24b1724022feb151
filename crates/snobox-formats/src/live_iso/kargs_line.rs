//! Adding to and deleting from a line of kernel arguments.
//!
//! Not for: what the arguments mean, or their order. Source of truth for where one argument ends: `next_arg` in the
//! kernel's `lib/cmdline.c`: at white space outside of double quotes.

use super::EmbedError;

/// The line with `argument` (one, or several separated by spaces) at its end.
///
/// # Errors
/// [`EmbedError::EmptyKarg`].
pub fn append_karg(kargs: &str, argument: &str) -> Result<String, EmbedError> {
    match (kargs.trim(), argument.trim()) {
        (_, "") => Err(EmbedError::EmptyKarg),
        ("", argument) => Ok(argument.to_owned()),
        (kargs, argument) => Ok(format!("{kargs} {argument}")),
    }
}

/// The line without `argument`, wherever it occurs; only a whole argument matches, with its value.
///
/// Several arguments separated by spaces match where they follow each other. Those that stay are separated by one
/// space.
///
/// # Errors
/// [`EmbedError::KargNotFound`] or [`EmbedError::EmptyKarg`].
pub fn delete_karg(kargs: &str, argument: &str) -> Result<String, EmbedError> {
    let wanted = arguments(argument);
    if wanted.is_empty() {
        return Err(EmbedError::EmptyKarg);
    }
    let mut rest = &arguments(kargs)[..];
    let mut kept = Vec::new();
    let mut found = false;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(&wanted[..]) {
            found = true;
            rest = after;
        } else {
            kept.push(*first);
            rest = after;
        }
    }
    match found {
        true => Ok(kept.join(" ")),
        false => Err(EmbedError::KargNotFound {
            argument: argument.trim().to_owned(),
            kargs: kargs.to_owned(),
        }),
    }
}

/// The arguments of a line, quotes included.
fn arguments(line: &str) -> Vec<&str> {
    let mut quoted = false;
    line.split(|c: char| {
        quoted ^= c == '"';
        c.is_ascii_whitespace() && !quoted
    })
    .filter(|argument| !argument.is_empty())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn append_adds_one_space() {
        assert_eq!(append_karg("a b ", " c=1 ").unwrap(), "a b c=1");
        assert_eq!(append_karg("", "c").unwrap(), "c");
        assert!(matches!(append_karg("a", " "), Err(EmbedError::EmptyKarg)));
    }

    #[test]
    fn delete_matches_whole_arguments_only() {
        let line = "foo=val bar foobar bar foo";
        assert_eq!(delete_karg(line, "bar").unwrap(), "foo=val foobar foo");
        assert_eq!(
            delete_karg(line, " foo ").unwrap(),
            "foo=val bar foobar bar"
        );
        assert_eq!(delete_karg(line, "bar foobar").unwrap(), "foo=val bar foo");
        assert_eq!(delete_karg("a a a", "a").unwrap(), "");
        for absent in ["oo", "foo=", "val", "foo=va", "foobar foo"] {
            let error = delete_karg(line, absent).unwrap_err();
            assert!(
                matches!(&error, EmbedError::KargNotFound { argument, .. } if argument == absent),
                "{error}"
            );
        }
        assert!(matches!(delete_karg(line, ""), Err(EmbedError::EmptyKarg)));
    }

    #[test]
    fn quoted_arguments_are_one() {
        let line = r#"a dyndbg="file x +p" b"#;
        assert_eq!(delete_karg(line, r#"dyndbg="file x +p""#).unwrap(), "a b");
        assert!(delete_karg(line, "x").is_err());
    }
}
