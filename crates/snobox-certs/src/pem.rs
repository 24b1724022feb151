//! PEM blocks within a text: where they are, what they hold, and how to put other contents into the same layout.
//!
//! Laxer than RFC 7468 in what is between the lines: indented blocks of YAML, `\n` as JSON writes it, lines of any width. Whatever is around a block is not
//! looked at.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::der::Why;

const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";
const MAX_LABEL_BYTES: usize = 40;

/// A block.
pub(crate) struct Block {
    /// In the text, from the first dash to the last.
    pub(crate) range: Range<usize>,
    /// `CERTIFICATE`, `RSA PRIVATE KEY` …
    pub(crate) label: String,
    /// What it holds, or why that cannot be read.
    pub(crate) content: Result<Content, Why>,
}

/// The bytes of a block, and their layout.
pub(crate) struct Content {
    pub(crate) der: Zeroizing<Vec<u8>>,
    layout: Layout,
}

/// Everything of a block but its base64.
struct Layout {
    /// Up to the first character of base64.
    head: Vec<u8>,
    /// Between two lines.
    between: Vec<u8>,
    /// Characters of base64 in a line.
    width: usize,
    /// From the last character of base64 on.
    tail: Vec<u8>,
}

pub(crate) fn find(haystack: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let rest = haystack.get(from..)?;
    rest.windows(needle.len())
        .position(|window| window == needle)
        .map(|at| from + at)
}

/// All blocks of a text, in order.
pub(crate) fn blocks(text: &[u8]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(start) = find(text, BEGIN, at) {
        at = start + BEGIN.len();
        let Some(label) = label(&text[at..]) else {
            continue;
        };
        let body = at + label.len() + DASHES.len();
        let end_line = format!("-----END {label}-----");
        let next = find(text, BEGIN, body).unwrap_or(text.len());
        let block = match find(&text[..next], end_line.as_bytes(), body) {
            Some(end) => Block {
                range: start..end + end_line.len(),
                content: read(text, start, body..end, end + end_line.len()),
                label,
            },
            None => Block {
                range: start..body,
                content: Err("its END line is missing"),
                label,
            },
        };
        at = block.range.end;
        blocks.push(block);
    }
    blocks
}

fn label(text: &[u8]) -> Option<String> {
    let end = find(&text[..text.len().min(MAX_LABEL_BYTES)], DASHES, 0)?;
    let label = &text[..end];
    let plain = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b' ';
    (!label.is_empty() && label.iter().all(plain))
        .then(|| String::from_utf8_lossy(label).into_owned())
}

pub(crate) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

/// Length of what may stand between lines: white space, also as a string of JSON (in a string of JSON …) writes it.
fn separator(text: &[u8]) -> usize {
    let mut at = 0;
    while at < text.len() {
        let backslashes = text[at..].iter().take_while(|byte| **byte == b'\\').count();
        match (backslashes, text.get(at + backslashes)) {
            (0, Some(b' ' | b'\t' | b'\r' | b'\n')) => at += 1,
            (1.., Some(b'n' | b'r' | b't')) => at += backslashes + 1,
            _ => break,
        }
    }
    at
}

fn read(text: &[u8], start: usize, body: Range<usize>, end: usize) -> Result<Content, Why> {
    let mut base64 = Zeroizing::new(Vec::with_capacity(body.len()));
    let mut lines: Vec<Range<usize>> = Vec::new();
    let mut at = body.start;
    while at < body.end {
        at += separator(&text[at..body.end]);
        let length = text[at..body.end]
            .iter()
            .take_while(|byte| is_base64(**byte) || **byte == b'=')
            .count();
        if length == 0 {
            break;
        }
        lines.push(at..at + length);
        base64.extend_from_slice(&text[at..at + length]);
        at += length;
    }
    if at < body.end {
        return Err("there is something else than base64 in it");
    }
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
        return Err("it is empty");
    };
    let der = decode(&base64).ok_or("its base64 is damaged")?;
    let (between, width) = match lines.get(1) {
        Some(second) => (text[first.end..second.start].to_vec(), first.len()),
        None => (Vec::new(), usize::MAX),
    };
    let layout = Layout {
        head: text[start..first.start].to_vec(),
        between,
        width,
        tail: text[last.end..end].to_vec(),
    };
    Ok(Content { der, layout })
}

/// Base64 with padding.
pub(crate) fn decode(base64: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; base64.len() / 4 * 3 + 3]);
    let length = STANDARD.decode_slice(base64, &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

impl Content {
    /// The block with other bytes in the same layout.
    pub(crate) fn with(&self, der: &[u8]) -> Zeroizing<Vec<u8>> {
        let base64 = Zeroizing::new(STANDARD.encode(der).into_bytes());
        let layout = &self.layout;
        let lines = base64.len() / layout.width + 1;
        let capacity =
            layout.head.len() + base64.len() + lines * layout.between.len() + layout.tail.len();
        // Never grown, so that no copy is left behind.
        let mut block = Zeroizing::new(Vec::with_capacity(capacity));
        block.extend_from_slice(&layout.head);
        for (index, line) in base64.chunks(layout.width).enumerate() {
            if index > 0 {
                block.extend_from_slice(&layout.between);
            }
            block.extend_from_slice(line);
        }
        block.extend_from_slice(&layout.tail);
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Block {
        let mut found = blocks(text.as_bytes());
        assert_eq!(found.len(), 1, "{text}");
        found.remove(0)
    }

    #[test]
    fn the_layout_is_kept_whatever_is_between_the_lines() {
        for between in ["\n", "\r\n", "\n      ", "\\n", "\\\\n"] {
            let text = format!(
                "x-----BEGIN A B-----{between}AAEC{between}AwQF{between}Bg=={between}-----END A B-----y"
            );
            let block = of(&text);
            assert_eq!(block.label, "A B");
            assert_eq!(block.range, 1..text.len() - 1);
            let content = block.content.unwrap();
            assert_eq!(*content.der, [0, 1, 2, 3, 4, 5, 6]);
            assert_eq!(
                *content.with(&content.der),
                text.as_bytes()[1..text.len() - 1]
            );
            let longer = content.with(&[0, 1, 2, 3, 4, 5, 6, 7, 8]);
            assert_eq!(
                String::from_utf8(longer.to_vec()).unwrap(),
                text[1..text.len() - 1].replace("Bg==", "BgcI")
            );
        }
    }

    #[test]
    fn blocks_that_cannot_be_read_are_told_and_do_not_hide_the_next() {
        let good = "-----BEGIN A-----\nAAEC\n-----END A-----";
        for (bad, why) in [
            ("-----BEGIN A-----\nAAEC\n", "END line"),
            (
                "-----BEGIN A-----\nAA EC!\n-----END A-----",
                "something else",
            ),
            ("-----BEGIN A-----\nAAE\n-----END A-----", "damaged"),
            ("-----BEGIN A-----\n-----END A-----", "empty"),
            ("-----BEGIN A-----\nAAEC\n-----END B-----", "END line"),
        ] {
            let text = format!("{bad}\n{good}");
            let found = blocks(text.as_bytes());
            assert_eq!(found.len(), 2, "{bad}");
            let said = found[0].content.as_ref().err().unwrap();
            assert!(said.contains(why), "{bad}: {said}");
            assert!(found[1].content.is_ok(), "{bad}");
        }
    }

    #[test]
    fn text_about_blocks_is_no_block() {
        for text in [
            "grep -- '-----BEGIN .*-----'",
            "-----BEGIN ",
            "-----BEGIN x-----",
        ] {
            assert!(blocks(text.as_bytes()).is_empty(), "{text}");
        }
    }
}
