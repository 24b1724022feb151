//! A text, the PEM blocks in it, and the texts that are encoded within it: base64 in kubeconfigs and Secrets, data URLs in user data, one in the other.
//!
//! No parser of YAML or JSON: a run of base64 counts when it decodes to something with a PEM block in it. So every other byte stays as it is by
//! construction, and nothing depends on how a document is written. Base64 that is wrapped over several lines outside of a PEM block is not looked into.
//!
//! Source of truth: RFC 4648, 4; RFC 2397 (data URLs); RFC 3986, 2.1 (percent).

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use zeroize::Zeroizing;

use crate::pem::{self, Block};

/// Encodings within each other; deeper ones are not looked into.
const MAX_DEPTH: usize = 5;
/// Shorter runs of base64 cannot hold a block.
const MIN_RUN_BYTES: usize = 40;
/// Longest media type of a data URL.
const MAX_MEDIA_TYPE_BYTES: usize = 100;

/// How a text is written within another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Encoding {
    /// Base64, with padding if there is something to pad.
    Base64,
    /// Base64 without padding.
    Base64Unpadded,
    /// Percent-encoded, in a data URL.
    Percent,
}

/// A text with what was found in it.
pub(crate) struct Layer {
    bytes: Zeroizing<Vec<u8>>,
    parts: Vec<Part>,
}

enum Part {
    Block(Block),
    Nested {
        range: Range<usize>,
        encoding: Encoding,
        layer: Layer,
    },
}

/// The new bytes of a block, given what it holds; `None` for one that stays.
type Replacement<'a> = dyn Fn(&Block, &[u8]) -> Option<Vec<u8>> + 'a;

struct Edit {
    range: Range<usize>,
    bytes: Zeroizing<Vec<u8>>,
}

impl Part {
    fn range(&self) -> &Range<usize> {
        match self {
            Self::Block(block) => &block.range,
            Self::Nested { range, .. } => range,
        }
    }
}

impl Layer {
    /// Looks through a text.
    pub(crate) fn scan(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self::at_depth(bytes, 0)
    }

    fn at_depth(bytes: Zeroizing<Vec<u8>>, depth: usize) -> Self {
        let mut parts: Vec<Part> = pem::blocks(&bytes).into_iter().map(Part::Block).collect();
        if depth < MAX_DEPTH {
            let mut gaps = Vec::with_capacity(parts.len() + 1);
            let mut at = 0;
            for part in &parts {
                gaps.push(at..part.range().start);
                at = part.range().end;
            }
            gaps.push(at..bytes.len());
            for gap in gaps {
                percent_parts(&bytes, gap.clone(), depth, &mut parts);
                base64_parts(&bytes, gap, depth, &mut parts);
            }
            parts.sort_by_key(|part| part.range().start);
        }
        Self { bytes, parts }
    }

    /// The text itself.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.bytes.clone()
    }

    /// Calls `visit` for every block, in order, with the encodings that lead to it.
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(&[Encoding], &Block)) {
        self.walk(&mut Vec::new(), visit);
    }

    fn walk(&self, trail: &mut Vec<Encoding>, visit: &mut dyn FnMut(&[Encoding], &Block)) {
        for part in &self.parts {
            match part {
                Part::Block(block) => visit(trail, block),
                Part::Nested {
                    encoding, layer, ..
                } => {
                    trail.push(*encoding);
                    layer.walk(trail, visit);
                    trail.pop();
                }
            }
        }
    }

    /// The text with other bytes in some of its blocks; `None` when `replace` wants none changed.
    pub(crate) fn replace(&self, replace: &Replacement<'_>) -> Option<Zeroizing<Vec<u8>>> {
        let edits = self.edits(replace);
        (!edits.is_empty()).then(|| splice(&self.bytes, &edits))
    }

    fn edits(&self, replace: &Replacement<'_>) -> Vec<Edit> {
        let edit = |part: &Part| match part {
            Part::Block(block) => {
                let content = block.content.as_ref().ok()?;
                let new = replace(block, &content.der)?;
                Some(Edit {
                    range: block.range.clone(),
                    bytes: content.with(&new),
                })
            }
            Part::Nested {
                range,
                encoding,
                layer,
            } => {
                let edits = layer.edits(replace);
                if edits.is_empty() {
                    return None;
                }
                let bytes = match encoding {
                    Encoding::Base64 => encode(&splice(&layer.bytes, &edits), true),
                    Encoding::Base64Unpadded => encode(&splice(&layer.bytes, &edits), false),
                    Encoding::Percent => percent_splice(&self.bytes[range.clone()], &edits),
                };
                Some(Edit {
                    range: range.clone(),
                    bytes,
                })
            }
        };
        self.parts.iter().filter_map(edit).collect()
    }
}

fn splice(bytes: &[u8], edits: &[Edit]) -> Zeroizing<Vec<u8>> {
    let added: usize = edits.iter().map(|edit| edit.bytes.len()).sum();
    let mut new = Zeroizing::new(Vec::with_capacity(bytes.len() + added));
    let mut at = 0;
    for edit in edits {
        new.extend_from_slice(&bytes[at..edit.range.start]);
        new.extend_from_slice(&edit.bytes);
        at = edit.range.end;
    }
    new.extend_from_slice(&bytes[at..]);
    new
}

fn encode(bytes: &[u8], padded: bool) -> Zeroizing<Vec<u8>> {
    let text = if padded {
        STANDARD.encode(bytes)
    } else {
        STANDARD_NO_PAD.encode(bytes)
    };
    Zeroizing::new(text.into_bytes())
}

/// A decoded text, if there is anything in it.
fn nested(bytes: Zeroizing<Vec<u8>>, depth: usize) -> Option<Layer> {
    // Base64 of base64 of a block is text, too; this spares looking through random bytes.
    std::str::from_utf8(&bytes).ok()?;
    let layer = Layer::at_depth(bytes, depth + 1);
    (!layer.parts.is_empty()).then_some(layer)
}

fn base64_parts(text: &[u8], gap: Range<usize>, depth: usize, parts: &mut Vec<Part>) {
    let mut at = gap.start;
    while at < gap.end {
        let run = text[at..gap.end]
            .iter()
            .take_while(|byte| pem::is_base64(**byte))
            .count();
        if run < MIN_RUN_BYTES {
            at += run.max(1);
            continue;
        }
        let padding = text[at + run..gap.end]
            .iter()
            .take(2)
            .take_while(|byte| **byte == b'=')
            .count();
        let range = at..at + run + padding;
        at = range.end;
        let taken = |part: &Part| part.range().start < range.end && range.start < part.range().end;
        if parts.iter().any(taken) {
            continue;
        }
        let unpadded = run % 4 != 0 && padding == 0;
        let bytes = if unpadded {
            decode_unpadded(&text[range.clone()])
        } else {
            pem::decode(&text[range.clone()])
        };
        if let Some(layer) = bytes.and_then(|bytes| nested(bytes, depth)) {
            let encoding = if unpadded {
                Encoding::Base64Unpadded
            } else {
                Encoding::Base64
            };
            parts.push(Part::Nested {
                range,
                encoding,
                layer,
            });
        }
    }
}

fn decode_unpadded(base64: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; base64.len() / 4 * 3 + 3]);
    let length = STANDARD_NO_PAD.decode_slice(base64, &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

fn percent_parts(text: &[u8], gap: Range<usize>, depth: usize, parts: &mut Vec<Part>) {
    let mut at = gap.start;
    while let Some(start) = pem::find(&text[..gap.end], b"data:", at) {
        at = start + 5;
        let header = text[at..gap.end]
            .iter()
            .take(MAX_MEDIA_TYPE_BYTES)
            .take_while(|byte| byte.is_ascii_graphic() && !b",\"'\\".contains(byte))
            .count();
        let is_base64 = text[at..at + header].ends_with(b";base64");
        if is_base64 || text.get(at + header) != Some(&b',') || at + header >= gap.end {
            continue;
        }
        let begin = at + header + 1;
        let length = text[begin..gap.end]
            .iter()
            .take_while(|byte| byte.is_ascii_graphic() && !b"\"'\\<>".contains(byte))
            .count();
        let range = begin..begin + length;
        at = range.end;
        let bytes = percent_decode(&text[range.clone()]).map(|(bytes, _)| bytes);
        if let Some(layer) = bytes.and_then(|bytes| nested(bytes, depth)) {
            parts.push(Part::Nested {
                range,
                encoding: Encoding::Percent,
                layer,
            });
        }
    }
}

/// The decoded bytes, and where each begins in the encoded text, with the end of the text as the last.
fn percent_decode(text: &[u8]) -> Option<(Zeroizing<Vec<u8>>, Vec<usize>)> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut starts = Vec::with_capacity(text.len() + 1);
    let mut at = 0;
    while at < text.len() {
        starts.push(at);
        if text[at] != b'%' {
            bytes.push(text[at]);
            at += 1;
            continue;
        }
        let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
        let byte = digit(at + 1)? * 16 + digit(at + 2)?;
        bytes.push(u8::try_from(byte).ok()?);
        at += 3;
    }
    starts.push(at);
    Some((bytes, starts))
}

fn percent_splice(text: &[u8], edits: &[Edit]) -> Zeroizing<Vec<u8>> {
    // It was decoded while the text was looked through.
    let Some((_, starts)) = percent_decode(text) else {
        return Zeroizing::new(text.to_vec());
    };
    let edits: Vec<Edit> = edits
        .iter()
        .map(|edit| Edit {
            range: starts[edit.range.start]..starts[edit.range.end],
            bytes: percent_encode(&edit.bytes),
        })
        .collect();
    splice(text, &edits)
}

fn percent_encode(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len() * 3));
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            text.push(*byte);
        } else {
            text.push(b'%');
            text.push(b"0123456789ABCDEF"[usize::from(byte >> 4)]);
            text.push(b"0123456789ABCDEF"[usize::from(byte & 15)]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "-----BEGIN A-----\nAAEC\n-----END A-----\n";
    const OTHER: &str = "-----BEGIN A-----\n/+8=\n-----END A-----\n";

    fn percent(text: &str) -> String {
        text.replace(' ', "%20")
            .replace('"', "%22")
            .replace('\n', "%0A")
            .replace('/', "%2F")
            .replace('+', "%2B")
            .replace('=', "%3D")
    }

    fn base64(text: &str) -> String {
        STANDARD.encode(text)
    }

    /// Every way to write a text within another that a document of a cluster knows.
    fn written(block: &str) -> Vec<(String, Vec<Encoding>)> {
        use Encoding::{Base64, Percent};
        let url =
            |text: &str| format!("{{\"source\":\"data:text/plain;base64,{}\"}}", base64(text));
        let percent_url =
            |text: &str| format!("{{\"source\":\"data:,x%2f{}\", \"b\":1}}", percent(text));
        vec![
            (format!("# é\n{block}rest"), vec![]),
            (format!("tls.crt: {}\n", base64(block)), vec![Base64]),
            (
                format!("a: \"{}\"", base64(&url(block))),
                vec![Base64, Base64],
            ),
            (url(&url(&url(block))), vec![Base64, Base64, Base64]),
            (percent_url(block), vec![Percent]),
            (
                format!("userData: {}\n", base64(&percent_url(block))),
                vec![Base64, Percent],
            ),
            (percent_url(&url(block)), vec![Percent, Base64]),
        ]
    }

    #[test]
    fn blocks_are_found_and_replaced_in_every_encoding_and_nothing_else_changes() {
        for ((before, trail), (after, _)) in written(BLOCK).into_iter().zip(written(OTHER)) {
            let layer = Layer::scan(Zeroizing::new(before.clone().into_bytes()));
            let mut seen = Vec::new();
            layer.visit(&mut |trail, block| {
                seen.push((trail.to_vec(), block.content.as_ref().unwrap().der.to_vec()));
            });
            assert_eq!(seen, [(trail, vec![0, 1, 2])], "{before}");
            assert!(layer.replace(&|_, _| None).is_none());
            let new = layer.replace(&|_, _| Some(vec![0xff, 0xef])).unwrap();
            assert_eq!(String::from_utf8(new.to_vec()).unwrap(), after);
        }
    }

    #[test]
    fn base64_without_padding_stays_without() {
        let text = format!("{}x", BLOCK);
        let run = base64(&text).trim_end_matches('=').to_owned();
        assert_ne!(run.len() % 4, 0);
        let layer = Layer::scan(Zeroizing::new(format!("a {run} b").into_bytes()));
        let new = layer.replace(&|_, _| Some(vec![0xff, 0xef])).unwrap();
        let expected = base64(&format!("{}x", OTHER));
        let expected = format!("a {} b", expected.trim_end_matches('='));
        assert_eq!(String::from_utf8(new.to_vec()).unwrap(), expected);
    }
}
