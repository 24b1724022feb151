//! Documents: bounds, and that no text can make the parser panic.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use snobox_plan::yaml::{MAX_BYTES, Node, Position, Value, parse};

use crate::texts::FULL;

fn depth(node: &Node) -> usize {
    let deepest =
        |children: &mut dyn Iterator<Item = &Node>| children.map(depth).max().unwrap_or(0);
    match &node.value {
        Value::Scalar { .. } => 0,
        Value::Sequence(items) => 1 + deepest(&mut items.iter()),
        Value::Mapping(entries) => 1 + deepest(&mut entries.iter().map(|e| &e.node)),
    }
}

#[test]
fn the_largest_document_is_read_and_one_byte_more_is_refused() {
    let largest = format!("a: {}", "x".repeat(MAX_BYTES - 3));
    assert_eq!(
        parse(&largest)
            .unwrap()
            .get("a")
            .unwrap()
            .text()
            .unwrap()
            .len(),
        MAX_BYTES - 3
    );
    let refused = parse(&format!("{largest}x")).unwrap_err();
    assert_eq!(refused.at, Position { line: 1, column: 1 });
    assert_eq!(
        refused.to_string(),
        "the document is larger than 1048576 bytes"
    );
}

#[test]
fn thirty_two_levels_are_read_and_one_more_is_refused() {
    let flow = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(depth(&parse(&flow(32)).unwrap()), 32);
    assert_eq!(
        parse(&flow(33)).unwrap_err().to_string(),
        "nested deeper than 32 levels"
    );
    let block = |levels: usize| {
        (0..levels)
            .map(|i| format!("{}a:\n", " ".repeat(i)))
            .collect::<String>()
    };
    assert_eq!(depth(&parse(&block(32)).unwrap()), 32);
    assert_eq!(
        parse(&block(33)).unwrap_err().at,
        Position {
            line: 33,
            column: 33
        }
    );
}

/// Looking for a key among all keys before it took forty seconds.
#[test]
fn many_keys_take_no_longer_than_as_many_items() {
    let text: String = (0..90_000).map(|i| format!("k{i}: 1\n")).collect();
    let started = Instant::now();
    assert!(
        matches!(parse(&text).unwrap().value, Value::Mapping(entries) if entries.len() == 90_000)
    );
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn columns_count_characters() {
    let root = parse("é: ü\nlist: [é, x]\n").unwrap();
    let Value::Sequence(items) = &root.get("list").unwrap().value else {
        panic!()
    };
    assert_eq!(
        items[1].at,
        Position {
            line: 2,
            column: 11
        }
    );
}

#[test]
fn only_plain_nulls_are_nothing() {
    let root = parse("a: ~\nb: null\nc:\nd: 'null'\ne: \"\"\nf: NULL\ng: nothing\n").unwrap();
    let nulls: Vec<_> = ["a", "b", "c", "d", "e", "f", "g"]
        .map(|key| root.get(key).unwrap().is_null())
        .into();
    assert_eq!(nulls, [true, true, true, false, false, true, false]);
    assert_eq!(root.get("d").unwrap().text(), Some("null"));
    assert_eq!(root.get("a").unwrap().text(), None);
}

#[test]
fn an_error_shows_no_text_of_the_document_but_a_key() {
    let canary = "hunter2-canary";
    for text in [
        format!("a: '{canary}"),
        format!("a: {canary}: {canary}"),
        format!("a: [{canary}\nb: {canary}"),
        format!("a: &{canary} [*{canary}]"),
        format!("a: *{canary}"),
        format!("a: !{canary} 1"),
        format!("a: {canary}\n {canary}: 1\n- b"),
        format!("a: \"\\q{canary}\""),
        format!("{canary}: 1\n{canary}: 2"),
        format!("a: |{canary}"),
        format!("%{canary}\na: 1"),
        format!("@{canary}"),
    ] {
        let error = parse(&text).unwrap_err();
        assert!(!error.message.contains(canary), "{text:?}: {error}");
    }
}

/// Texts that look like YAML more often than random ones.
fn yamlish() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a",
        "b: ",
        "- ",
        "? ",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        " ",
        "\t",
        "[",
        "]",
        "{",
        "}",
        ",",
        "'",
        "\"",
        "|",
        ">",
        "|2-",
        "#",
        "&x ",
        "*x",
        "!!str ",
        "!<",
        "%YAML 1.2",
        "---",
        "...",
        "\r",
        "\\",
        "\\u",
        "\u{feff}",
        "é",
        "\0",
        "\u{2028}",
        "~",
        "<<: ",
        "@",
        "`",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_parser_panic(text in prop_oneof!["(?s).{0,60}", yamlish()]) {
        match parse(&text) {
            Ok(root) => prop_assert!(depth(&root) <= 32),
            Err(error) => prop_assert!(error.at.line >= 1 && error.at.column >= 1 && !error.message.is_empty()),
        }
    }

    #[test]
    fn no_change_of_a_good_document_makes_the_parser_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..30_usize, yamlish()), 1..4),
    ) {
        let mut text: Vec<char> = FULL.chars().collect();
        for (at, removed, new) in changes {
            let start = at.index(text.len() + 1);
            let end = (start + removed).min(text.len());
            text.splice(start..end, new.chars());
        }
        let _ = parse(&text.into_iter().collect::<String>());
    }
}
