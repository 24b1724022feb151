//! Plain lists of images: one reference in a line.
//!
//! Blank lines and what follows a `#` at the start of a word are nothing. Only the first word of a line counts, and of it what is before a
//! `=`: so that the lists of factory-precaching (`ocp-images.txt`, `ai-images.txt`, `ignored-images.txt`) and the `mapping.txt` of
//! oc-mirror are lists, too. Source of truth for those: openshift-kni/telco-ran-tools, `cmd/download.go`.

use std::collections::BTreeSet;

use crate::reference::{ImageRef, ParseReferenceError};

/// One line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedImage {
    /// The image.
    pub reference: ImageRef,
    /// What a mapping puts behind the `=`: a path and a tag; empty in other lists.
    pub target: String,
}

/// A line that is none.
#[derive(Debug)]
pub struct LineProblem {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: ParseReferenceError,
}

/// The images of a list, each once, in the order of their first lines.
///
/// # Errors
/// Every line that is wrong.
pub fn parse(text: &str) -> Result<Vec<ListedImage>, Vec<LineProblem>> {
    let (mut images, mut problems) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in text.lines().enumerate() {
        let Some(word) = line.split_whitespace().next() else {
            continue;
        };
        if word.starts_with('#') {
            continue;
        }
        let (reference, target) = word.split_once('=').unwrap_or((word, ""));
        match reference.parse::<ImageRef>() {
            Ok(reference) => {
                if seen.insert(reference.clone()) {
                    let target = target.to_owned();
                    images.push(ListedImage { reference, target });
                }
            }
            Err(problem) => problems.push(LineProblem {
                line: number + 1,
                problem,
            }),
        }
    }
    if problems.is_empty() {
        Ok(images)
    } else {
        Err(problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_blank_lines_and_second_words_are_nothing_and_duplicates_count_once() {
        let text = "# of the factory\n\n  quay.io/a/b:1   # pinned in spring\nquay.io/a/c\r\n\
            quay.io/a/b:1\n#quay.io/a/d\nquay.io/a/e second\n";
        let images = parse(text).unwrap();
        let shown: Vec<_> = images.iter().map(|i| i.reference.to_string()).collect();
        assert_eq!(shown, ["quay.io/a/b:1", "quay.io/a/c", "quay.io/a/e"]);
        assert_eq!(parse("").unwrap(), []);
        assert_eq!(parse(&format!("\u{feff}{text}")).unwrap(), images);
    }

    #[test]
    fn lines_of_a_mapping_are_their_sources() {
        let digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let source = format!("quay.io/openshift-release-dev/ocp-v4.0-art-dev@{digest}");
        let images = parse(&format!("{source}=openshift/release:4.13.1-x86_64-etcd\n")).unwrap();
        assert_eq!(images[0].reference.to_string(), source);
        assert_eq!(images[0].target, "openshift/release:4.13.1-x86_64-etcd");
    }

    #[test]
    fn every_wrong_line_is_told_with_its_number() {
        let problems = parse("quay.io/a\nfedora\n\nquay.io/A\n").unwrap_err();
        let told: Vec<_> = problems
            .iter()
            .map(|p| (p.line, p.problem.given.as_str()))
            .collect();
        assert_eq!(told, [(2, "fedora"), (4, "quay.io/A")]);
    }
}
