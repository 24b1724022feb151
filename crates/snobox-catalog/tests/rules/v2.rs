//! The rules of `v2alpha1`, case by case.

use snobox_catalog::image_set::Rules;

use crate::case::Expected::{Chosen, Refused};
use crate::case::{Case, choose, documents, judge};

/// A chain with a middle, a head, and a channel beside it.
pub(crate) const CHAIN: &str = "
package foo default stable
stable: 0.9.0, 1.0.0 > 0.9.0, 1.1.0 > 1.0.0, 1.2.0 > 1.1.0, 2.0.0 > 1.2.0
candidate: 1.2.0, 2.0.0 > 1.2.0, 2.1.0 > 2.0.0
";

const STABLE: &str =
    "packages:\n- name: foo\n  defaultChannel: stable\n  channels:\n  - name: stable\n";

#[test]
fn heads() {
    let cases: &[Case] = &[
        (
            "nothing named: the head of every channel of every package",
            "package a default x\nx: 1.0.0, 1.1.0 > 1.0.0\npackage b default y\ny: 3.0.0\nz: 2.0.0",
            "full: false",
            Chosen(&["a x*: 1.1.0", "b y*: 3.0.0", "b z: 2.0.0"]),
        ),
        (
            "a package: the head of each of its channels",
            CHAIN,
            "packages:\n- name: foo",
            Chosen(&["foo candidate: 2.1.0", "foo stable*: 2.0.0"]),
        ),
        (
            "a channel: its head",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - name: stable",
            Chosen(&["foo stable*: 2.0.0"]),
        ),
        (
            "the head is not the highest version, but what nothing replaces",
            "package foo default s\ns: 2.0.0, 1.0.0 > 2.0.0",
            "packages:\n- name: foo",
            Chosen(&["foo s*: 1.0.0"]),
        ),
        (
            "what is skipped is no head",
            "package foo default s\ns: 1.0.0, 1.1.0 - 1.0.0, 1.2.0 > 1.0.0 - 1.1.0",
            "packages:\n- name: foo",
            Chosen(&["foo s*: 1.2.0"]),
        ),
        (
            "replacing what the channel does not have leaves one head",
            "package foo default s\ns: 1.1.0 > 1.0.0",
            "packages:\n- name: foo",
            Chosen(&["foo s*: 1.1.0"]),
        ),
        (
            "several heads are named",
            "package foo default s\ns: 1.0.0, 1.1.0 > 1.0.0, 1.2.0 > 1.0.0",
            "packages:\n- name: foo",
            Refused(
                "multiple channel heads found: [foo.v1.1.0 foo.v1.2.0]",
                "ask for another channel",
            ),
        ),
        (
            "no head: two replace each other",
            "package foo default s\ns: 1.0.0 > 1.1.0, 1.1.0 > 1.0.0",
            "packages:\n- name: foo",
            Refused("no channel heads found", ""),
        ),
        (
            "a circle below the head",
            "package foo default s\ns: 1.0.0 > 1.2.0, 1.1.0 > 1.0.0, 1.2.0 > 1.1.0, 1.3.0 > 1.2.0",
            "packages:\n- name: foo",
            Refused("detected a cycle", ""),
        ),
        (
            "a circle of skips beside the head",
            "package foo default s\ns: 1.0.0 - 1.1.0, 1.1.0 - 1.0.0, 2.0.0",
            "packages:\n- name: foo",
            Refused("detected a cycle", ""),
        ),
        (
            "a channel without entries",
            "package foo default s\ns:",
            "packages:\n- name: foo",
            Refused("channel has no entries", ""),
        ),
        (
            "an entry given twice",
            "package foo default s\ns: 1.0.0, 1.1.0 > 1.0.0, 1.0.0",
            "packages:\n- name: foo",
            Refused("duplicate channel entry \"foo.v1.0.0\"", ""),
        ),
        (
            "a broken channel that is not asked for harms nobody",
            "package foo default s\ns: 1.0.0\nt: 1.0.0, 2.0.0",
            "packages:\n- name: foo\n  channels:\n  - name: s",
            Chosen(&["foo s*: 1.0.0"]),
        ),
        (
            "a head that has no bundle",
            "package foo default s\ns: 1.0.0, 1.1.0! > 1.0.0",
            "packages:\n- name: foo",
            Refused("has no bundle of that name", ""),
        ),
    ];
    judge(Rules::V2, cases);
}

#[test]
fn full() {
    let cases: &[Case] = &[
        (
            "everything",
            CHAIN,
            "full: true",
            Chosen(&[
                "foo candidate: 1.2.0 2.0.0 2.1.0",
                "foo stable*: 0.9.0 1.0.0 1.1.0 1.2.0 2.0.0",
            ]),
        ),
        (
            "everything of a channel",
            CHAIN,
            "full: true\npackages:\n- name: foo\n  defaultChannel: candidate\n  channels:\n  - name: candidate",
            Chosen(&["foo candidate*: 1.2.0 2.0.0 2.1.0"]),
        ),
        (
            "also of a channel that cannot be followed",
            "package foo default s\ns: 1.0.0, 2.0.0",
            "full: true",
            Chosen(&["foo s*: 1.0.0 2.0.0"]),
        ),
    ];
    judge(Rules::V2, cases);
}

#[test]
fn ranges() {
    let cases: &[Case] = &[
        (
            "in the middle of the chain",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, minVersion: 1.0.0, maxVersion: 1.2.0}",
            Chosen(&["foo stable*: 1.0.0 1.1.0 1.2.0"]),
        ),
        (
            "from a minimum to the head",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, minVersion: 1.1.0}",
            Chosen(&["foo stable*: 1.1.0 1.2.0 2.0.0"]),
        ),
        (
            "a minimum that is no version of the channel",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, minVersion: 1.1.5}",
            Chosen(&["foo stable*: 1.2.0 2.0.0"]),
        ),
        (
            "up to a maximum",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, maxVersion: 1.0.0}",
            Chosen(&["foo stable*: 0.9.0 1.0.0"]),
        ),
        (
            "of a package: in every channel",
            CHAIN,
            "packages:\n- name: foo\n  minVersion: 1.2.0\n  maxVersion: 2.0.0",
            Chosen(&["foo candidate: 1.2.0 2.0.0", "foo stable*: 1.2.0 2.0.0"]),
        ),
        (
            "of a package: in the channels that are named",
            CHAIN,
            "packages:\n- name: foo\n  minVersion: 1.2.0\n  maxVersion: 2.0.0\n  channels: [{name: stable}]",
            Chosen(&["foo stable*: 1.2.0 2.0.0"]),
        ),
        (
            "of a package: a channel without any is left out",
            CHAIN,
            "packages:\n- name: foo\n  maxVersion: 1.0.0",
            Chosen(&["foo stable*: 0.9.0 1.0.0"]),
        ),
        (
            "of one channel, and the head of another",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, maxVersion: 1.0.0}\n  - name: candidate",
            Chosen(&["foo candidate: 2.1.0", "foo stable*: 0.9.0 1.0.0"]),
        ),
        (
            "nothing in the default channel",
            CHAIN,
            "packages:\n- name: foo\n  minVersion: 2.1.0",
            Refused(
                "the default channel \"stable\" of \"foo\" has none of versions from 2.1.0, which leaves it empty",
                "add defaultChannel: candidate",
            ),
        ),
        (
            "nothing anywhere",
            CHAIN,
            "packages:\n- name: foo\n  minVersion: 3.0.0\n  maxVersion: 4.0.0",
            Refused(
                "no channel of \"foo\" (candidate, stable) has versions 3.0.0 to 4.0.0; allowed: its versions near that: 0.9.0, 1.0.0, 1.1.0, 1.2.0, 2.0.0, 2.1.0",
                "write minVersion: 2.1.0",
            ),
        ),
        (
            "a skipped version in the range comes with what skips it",
            "package foo default s\ns: 1.0.0, 2.0.0 - 1.0.0",
            "packages:\n- name: foo\n  minVersion: 1.0.0\n  maxVersion: 1.9.0",
            Chosen(&["foo s*: 1.0.0 2.0.0"]),
        ),
        (
            "a skipped version outside of the range stays away",
            "package foo default s\ns: 0.1.0, 1.0.0, 1.1.0 > 1.0.0 - 0.1.0",
            "packages:\n- name: foo\n  minVersion: 1.0.0\n  maxVersion: 1.9.0",
            Chosen(&["foo s*: 1.0.0 1.1.0"]),
        ),
        (
            "a head outside of the range that skips one inside",
            "package foo default s\ns: 1.1.0, 1.1.1, 2.0.0 > 1.1.1 - 1.1.0",
            "packages:\n- name: foo\n  minVersion: 1.0.0\n  maxVersion: 1.9.0",
            Chosen(&["foo s*: 1.1.0 1.1.1 2.0.0"]),
        ),
        (
            "what several skip is counted once: the lowest is enough",
            "package foo default s\ns: 1.1.0, 1.1.1 - 1.1.0, 1.1.2 > 1.1.1 - 1.1.0, 1.1.3 > 1.1.2 - 1.1.0",
            "packages:\n- name: foo\n  minVersion: 1.1.0\n  maxVersion: 1.1.1",
            Chosen(&["foo s*: 1.1.0 1.1.1"]),
        ),
        (
            "something outside of the range between two inside",
            "package foo default s\ns: 0.1.0, 1.0.0 > 0.1.0, 2.0.0 > 1.0.0, 1.1.0 > 2.0.0",
            "packages:\n- name: foo\n  minVersion: 1.0.0\n  maxVersion: 1.9.0",
            Chosen(&["foo s*: 1.0.0 1.1.0 2.0.0"]),
        ),
        (
            "something without a version between two inside",
            "package foo default s\ns: 0.1.0, 1.0.0 > 0.1.0, 1.0.5? > 1.0.0, 1.1.0 > 1.0.5",
            "packages:\n- name: foo\n  minVersion: 1.0.0\n  maxVersion: 1.9.0",
            Chosen(&["foo s*: 1.0.0 1.0.5 1.1.0"]),
        ),
        (
            "a head without a version that skips one inside",
            "package foo default s\ns: 1.1.0, 1.1.1, 2.0.0? > 1.1.1 - 1.1.0",
            "packages:\n- name: foo\n  minVersion: 1.0.0\n  maxVersion: 1.9.0",
            Chosen(&["foo s*: 1.1.0 1.1.1 2.0.0"]),
        ),
        (
            "a head without a version above the range stays away",
            "package foo default s\ns: 1.0.0, 1.1.0 > 1.0.0, 2.0.0? > 1.1.0",
            "packages:\n- name: foo\n  minVersion: 1.0.0\n  maxVersion: 1.9.0",
            Chosen(&["foo s*: 1.0.0 1.1.0"]),
        ),
        (
            "what only another channel of the package has stays there",
            "package foo default t\ns: 1.0.0\nt: 1.1.0 > 1.0.0",
            "packages:\n- name: foo\n  channels:\n  - {name: t, minVersion: 1.0.0, maxVersion: 1.9.0}",
            Chosen(&["foo t*: 1.1.0"]),
        ),
        (
            "several heads",
            "package foo default s\ns: 1.0.0, 1.1.0 > 1.0.0, 1.2.0 > 1.0.0",
            "packages:\n- name: foo\n  minVersion: 1.0.0\n  maxVersion: 1.2.0",
            Refused("multiple channel heads found: [foo.v1.1.0 foo.v1.2.0]", ""),
        ),
    ];
    judge(Rules::V2, cases);
}

#[test]
fn default_channels() {
    let cases: &[Case] = &[
        (
            "the catalog's own was not asked for",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - name: candidate",
            Refused(
                "the default channel \"stable\" of \"foo\" was filtered out, a new default channel must be configured for this package",
                "add defaultChannel: candidate",
            ),
        ),
        (
            "another one instead",
            CHAIN,
            "packages:\n- name: foo\n  defaultChannel: candidate\n  channels:\n  - name: candidate",
            Chosen(&["foo candidate*: 2.1.0"]),
        ),
        (
            "another one, where the catalog's own is there as well",
            CHAIN,
            "packages:\n- name: foo\n  defaultChannel: candidate",
            Chosen(&["foo candidate*: 2.1.0", "foo stable: 2.0.0"]),
        ),
        (
            "one that was not asked for",
            CHAIN,
            "packages:\n- name: foo\n  defaultChannel: candidate\n  channels:\n  - name: stable",
            Refused(
                "8:25: mirror.operators[0].packages[0].defaultChannel: the default channel \"candidate\" of \"foo\" does not exist among what is asked for",
                "write defaultChannel: stable",
            ),
        ),
        (
            "the catalog names none",
            "package foo\ns: 1.0.0",
            "packages:\n- name: foo",
            Refused(
                "the catalog names no default channel of \"foo\"",
                "add defaultChannel: s",
            ),
        ),
        (
            "the catalog names none, the image set does",
            "package foo\ns: 1.0.0",
            "packages:\n- name: foo\n  defaultChannel: s",
            Chosen(&["foo s*: 1.0.0"]),
        ),
        (
            "the catalog names none, and is taken as it is",
            "package foo\ns: 1.0.0",
            "full: true",
            Chosen(&["foo s: 1.0.0"]),
        ),
        (
            "one that does not exist",
            "package foo default z\ns: 1.0.0",
            "packages:\n- name: foo",
            Refused(
                "the catalog calls \"z\" the default channel of \"foo\" and has no such channel",
                "add defaultChannel: s",
            ),
        ),
    ];
    judge(Rules::V2, cases);
}

#[test]
fn selected_bundles() {
    let cases: &[Case] = &[
        (
            "these and nothing else",
            CHAIN,
            "packages:\n- name: foo\n  selectedBundles: [{name: foo.v1.1.0}, {name: foo.v1.0.0}]",
            Chosen(&["foo stable*: 1.0.0 1.1.0"]),
        ),
        (
            "of several channels",
            CHAIN,
            "packages:\n- name: foo\n  selectedBundles: [{name: foo.v2.0.0}]",
            Chosen(&["foo candidate: 2.0.0", "foo stable*: 2.0.0"]),
        ),
        (
            "with a hole between them",
            CHAIN,
            "packages:\n- name: foo\n  selectedBundles: [{name: foo.v1.2.0}, {name: foo.v1.0.0}]",
            Refused(
                "multiple channel heads found: [foo.v1.0.0 foo.v1.2.0]",
                "add the bundles between them",
            ),
        ),
        (
            "one that is not there",
            CHAIN,
            "packages:\n- name: foo\n  selectedBundles: [{name: foo.v2.0.0}, {name: foo.v2.0.1}]",
            Refused("\"foo\" has no bundle \"foo.v2.0.1\"", "write name: foo.v2"),
        ),
        (
            "none in the default channel",
            CHAIN,
            "packages:\n- name: foo\n  selectedBundles: [{name: foo.v2.1.0}]",
            Refused(
                "the default channel \"stable\" of \"foo\" has none of the selected bundles",
                "add defaultChannel: candidate",
            ),
        ),
    ];
    judge(Rules::V2, cases);
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let cases: &[Case] = &[
        (
            "a package",
            CHAIN,
            "packages:\n- name: fooo",
            Refused(
                "7:9: mirror.operators[0].packages[0]: the package \"fooo\" is not in registry.example.com/redhat/index:v4.13; allowed: its one package: foo",
                "write name: foo",
            ),
        ),
        (
            "a channel",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - name: stabel",
            Refused(
                "the package \"foo\" has no channel \"stabel\"; allowed: its channels: candidate, stable",
                "write name: stable",
            ),
        ),
    ];
    judge(Rules::V2, cases);
    let problems = choose(
        &documents(CHAIN),
        Rules::V2,
        "packages:\n- name: bar\n- name: foo\n  channels: [{name: x}, {name: y}]",
    )
    .unwrap_err();
    assert_eq!(problems.len(), 3, "{problems:#?}");
}

#[test]
fn what_comes_along_is_told() {
    let catalog = "package foo default s\ns: 0.1.0, 1.0.0 > 0.1.0, 2.0.0 > 1.0.0, 1.0.5? > 2.0.0, 1.1.0 > 1.0.5";
    let ask =
        format!("{STABLE}    minVersion: 1.0.0\n    maxVersion: 1.9.0").replace("stable", "s");
    let chosen = choose(&documents(catalog), Rules::V2, &ask).unwrap();
    assert_eq!(
        chosen.notes,
        [
            "foo: channel \"s\": \"foo.v1.0.5\" has no version, and comes along: updates go through it",
            "foo: channel \"s\": \"foo.v2.0.0\" of version 2.0.0 is outside of versions 1.0.0 to 1.9.0, and comes along: updates go through it",
        ]
    );
}
