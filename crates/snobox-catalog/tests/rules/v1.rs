//! The rules of `v1alpha2`, case by case, where they are not those of `v2alpha1`.

use snobox_catalog::image_set::Rules;

use crate::case::Expected::{Chosen, Refused};
use crate::case::{Case, choose, documents, judge};

const CHAIN: &str = "
package foo default stable
stable: 0.9.0, 1.0.0 > 0.9.0, 1.1.0 > 1.0.0, 1.2.0 > 1.1.0, 2.0.0 > 1.2.0
candidate: 1.2.0, 2.0.0 > 1.2.0, 2.1.0 > 2.0.0
";

#[test]
fn heads_and_full() {
    let cases: &[Case] = &[
        (
            "nothing named: heads",
            CHAIN,
            "full: false",
            Chosen(&["foo candidate: 2.1.0", "foo stable*: 2.0.0"]),
        ),
        (
            "full",
            CHAIN,
            "full: true",
            Chosen(&[
                "foo candidate: 1.2.0 2.0.0 2.1.0",
                "foo stable*: 0.9.0 1.0.0 1.1.0 1.2.0 2.0.0",
            ]),
        ),
        (
            "full, of one channel and a piece of another",
            CHAIN,
            "full: true\npackages:\n- name: foo\n  channels:\n  - {name: stable, minVersion: 1.2.0}\n  - name: candidate",
            Chosen(&[
                "foo candidate: 1.2.0 2.0.0 2.1.0",
                "foo stable*: 1.2.0 2.0.0",
            ]),
        ),
        (
            "an unknown channel",
            CHAIN,
            "packages:\n- name: foo\n  channels: [{name: beta}]",
            Refused("has no channel \"beta\"", "write name: stable"),
        ),
    ];
    judge(Rules::V1, cases);
}

#[test]
fn a_minimum_alone_is_a_version_that_must_be_there() {
    let cases: &[Case] = &[
        (
            "from it to the head",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, minVersion: 1.1.0}",
            Chosen(&["foo stable*: 1.1.0 1.2.0 2.0.0"]),
        ),
        (
            "that is not there",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, minVersion: 1.1.5}",
            Refused(
                "does not have version 1.1.5, which minVersion begins with",
                "write minVersion: 1.1.0",
            ),
        ),
        (
            "of a package: in the channels that have it",
            CHAIN,
            "packages:\n- name: foo\n  minVersion: 1.1.0",
            Chosen(&["foo stable*: 1.1.0 1.2.0 2.0.0"]),
        ),
        (
            "of a package: nowhere",
            CHAIN,
            "packages:\n- name: foo\n  minVersion: 1.1.5",
            Refused(
                "no channel of \"foo\" (candidate, stable) has version 1.1.5, which minVersion begins with",
                "write minVersion: 1.1.0",
            ),
        ),
        (
            "with -0, which names no version",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, minVersion: 1.2.0-0}",
            Chosen(&["foo stable*: 1.2.0 2.0.0"]),
        ),
        (
            "a build by the version that it is of",
            "package foo default s\ns: 4.12.0-2, 4.13.0-1 > 4.12.0-2, 4.13.0-2 > 4.13.0-1",
            "packages:\n- name: foo\n  channels:\n  - {name: s, minVersion: 4.13.0}",
            Chosen(&["foo s*: 4.13.0-1 4.13.0-2"]),
        ),
        (
            "a skipped one: by the way from what it replaces",
            "package foo default s\ns: 1.0.0, 1.1.0 > 1.0.0, 1.2.0 > 1.0.0 - 1.1.0, 1.3.0 > 1.2.0",
            "packages:\n- name: foo\n  channels:\n  - {name: s, minVersion: 1.1.0}",
            Chosen(&["foo s*: 1.1.0 1.2.0 1.3.0"]),
        ),
        (
            "a skipped one further up: without what is below it",
            "package foo default s\ns: 1.0.0, 1.1.0 > 1.0.0, 1.2.0 > 1.1.0, 2.0.0 > 1.0.0, 3.0.0 > 2.0.0 - 1.1.0 1.2.0",
            "packages:\n- name: foo\n  channels:\n  - {name: s, minVersion: 1.2.0}",
            Chosen(&["foo s*: 1.2.0 2.0.0 3.0.0"]),
        ),
        (
            "a skipped one without a way: alone",
            "package foo default s\ns: 1.0.0, 1.1.0 - 1.0.0",
            "packages:\n- name: foo\n  channels:\n  - {name: s, minVersion: 1.0.0}",
            Chosen(&["foo s*: 1.0.0"]),
        ),
        (
            "a bundle by its name",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, minBundle: foo.v1.2.0}",
            Chosen(&["foo stable*: 1.2.0 2.0.0"]),
        ),
        (
            "a bundle that is not there",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, minBundle: foo.v1.2.5}",
            Refused(
                "does not have bundle \"foo.v1.2.5\"; allowed: its bundles: foo.v0.9.0",
                "",
            ),
        ),
    ];
    judge(Rules::V1, cases);
}

#[test]
fn a_maximum_makes_a_plain_range() {
    let cases: &[Case] = &[
        (
            "in the middle",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, minVersion: 1.0.0, maxVersion: 1.2.0}",
            Chosen(&["foo stable*: 1.0.0 1.1.0 1.2.0"]),
        ),
        (
            "up to a maximum",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, maxVersion: 1.0.0}",
            Chosen(&["foo stable*: 0.9.0 1.0.0"]),
        ),
        (
            "exactly one",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, minVersion: 1.1.0, maxVersion: 1.1.0}",
            Chosen(&["foo stable*: 1.1.0"]),
        ),
        (
            "exactly one that is not there",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, minVersion: 1.1.1, maxVersion: 1.1.1}",
            Refused(
                "the channel \"stable\" of \"foo\" does not have version 1.1.1",
                "write minVersion: 1.1.0 and maxVersion: 1.1.0",
            ),
        ),
        (
            "a skipped version counts like any other, without what skips it",
            "package foo default s\ns: 1.0.0, 1.1.0 > 1.0.0, 2.0.0 > 1.0.0 - 1.1.0",
            "packages:\n- name: foo\n  channels:\n  - {name: s, minVersion: 1.0.0, maxVersion: 1.9.0}",
            Chosen(&["foo s*: 1.0.0 1.1.0"]),
        ),
        (
            "release candidates count by their place",
            "package foo default s\ns: 1.0.0-rc.1, 1.0.0 > 1.0.0-rc.1, 1.1.0-rc.1 > 1.0.0",
            "packages:\n- name: foo\n  channels:\n  - {name: s, minVersion: 1.0.0, maxVersion: 1.1.0}",
            Chosen(&["foo s*: 1.0.0 1.1.0-rc.1"]),
        ),
        (
            "builds are of their version",
            "package nfd default s\ns: 4.12.0-202301042257, 4.13.0-202305262054 > 4.12.0-202301042257",
            "packages:\n- name: nfd\n  channels:\n  - {name: s, minVersion: 4.12.0, maxVersion: 4.14.0}",
            Chosen(&["nfd s*: 4.12.0-202301042257 4.13.0-202305262054"]),
        ),
        (
            "a hole that would leave two heads is filled",
            "package foo default s\ns: 1.0.0, 2.0.0 > 1.0.0, 1.1.0 > 2.0.0",
            "packages:\n- name: foo\n  channels:\n  - {name: s, minVersion: 1.0.0, maxVersion: 1.9.0}",
            Chosen(&["foo s*: 1.0.0 1.1.0 2.0.0"]),
        ),
        (
            "a piece of one channel, the head of another",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, maxVersion: 1.0.0}\n  - name: candidate",
            Chosen(&["foo candidate: 2.1.0", "foo stable*: 0.9.0 1.0.0"]),
        ),
    ];
    judge(Rules::V1, cases);
}

#[test]
fn the_default_channel_is_found_again() {
    let gpu = "
package gpu-operator-certified default v24.3
v23.3: 23.3.1, 23.3.2 > 23.3.1
v24.3: 24.3.0 > 23.3.2
";
    let cases: &[Case] = &[
        (
            "the catalog's own is filtered out, and no channel has a priority",
            gpu,
            "packages:\n- name: gpu-operator-certified\n  channels:\n  - {name: v23.3, minVersion: 23.3.2, maxVersion: 23.3.2}",
            Refused(
                "the default channel \"v24.3\" of \"gpu-operator-certified\" was filtered out",
                "add defaultChannel: v23.3",
            ),
        ),
        (
            "as the hint says",
            gpu,
            "packages:\n- name: gpu-operator-certified\n  defaultChannel: v23.3\n  channels:\n  - {name: v23.3, minVersion: 23.3.2, maxVersion: 23.3.2}",
            Chosen(&["gpu-operator-certified v23.3*: 23.3.2"]),
        ),
    ];
    judge(Rules::V1, cases);
    // With priorities, the highest of those that are left.
    let mut priorities =
        documents("package foo default gone\na: 1.0.0\nb: 1.1.0\nc: 1.2.0\ngone: 2.0.0");
    for (channel, priority) in [("a", 1), ("b", 7), ("c", 3), ("gone", 9)] {
        priorities = priorities.replace(
            &format!(r#""name":"{channel}","entries""#),
            &format!(
                r#""name":"{channel}","properties":[{{"type":"olm.channel","value":{{"channelName":"{channel}","priority":{priority}}}}}],"entries""#
            ),
        );
    }
    let ask = "packages:\n- name: foo\n  channels: [{name: a}, {name: b}, {name: c}]";
    let chosen = choose(&priorities, Rules::V1, ask).unwrap();
    assert_eq!(
        crate::case::lines(&chosen),
        ["foo a: 1.0.0", "foo b*: 1.1.0", "foo c: 1.2.0"]
    );
    assert_eq!(
        chosen.notes,
        [
            "foo: the default channel \"gone\" is not asked for; \"b\" becomes the default, by its priority"
        ]
    );
}
