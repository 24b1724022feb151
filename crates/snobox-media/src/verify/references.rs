//! Image references by digest in the texts of an ignition.

use std::collections::BTreeMap;

use snobox_formats::ignition::Ignition;
use snobox_formats::reference::ImageRef;

const DIGEST_MARK: &str = "@sha256:";

/// Every image that a file or unit of the ignition names by digest, once, with the first place that does.
pub fn references(ignition: &Ignition) -> BTreeMap<ImageRef, String> {
    let mut found = BTreeMap::new();
    let mut scan = |place: &str, text: &str| {
        for reference in in_text(text) {
            found.entry(reference).or_insert_with(|| place.to_owned());
        }
    };
    for path in ignition.file_paths() {
        // What cannot be decoded is not ours to judge; remote and compressed contents do not occur in what the installer writes.
        if let Ok(Some(content)) = ignition.file(path) {
            scan(path, &String::from_utf8_lossy(&content));
        }
    }
    for (unit, text) in ignition.unit_texts() {
        scan(unit, text);
    }
    found
}

fn in_text(text: &str) -> impl Iterator<Item = ImageRef> {
    text.match_indices(DIGEST_MARK).filter_map(|(at, mark)| {
        let name_char = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
        let start = text[..at].rfind(|c| !name_char(c)).map_or(0, |i| {
            i + text[i..].chars().next().map_or(1, char::len_utf8)
        });
        let end = at + mark.len() + 64;
        // A transport such as docker:// stands before some names.
        let name = text.get(start..end)?.rsplit("//").next()?;
        name.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_among_quotes_transports_and_junk() {
        let hex = "a".repeat(64);
        let text = format!(
            "é\"quay.io/a/b@sha256:{hex}\" x=docker://r.io:5000/c@sha256:{hex}; short@sha256:{hex} quay.io/d@sha256:abc\nquay.io/e@sha256:{hex}"
        );
        let names: Vec<_> = in_text(&text).map(|r| r.name()).collect();
        assert_eq!(names, ["quay.io/a/b", "r.io:5000/c", "quay.io/e"]);
    }
}
