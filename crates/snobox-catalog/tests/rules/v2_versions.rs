//! The rules of `v2alpha1` for one version, for builds and for pre-releases.

use snobox_catalog::image_set::Rules;

use crate::case::Expected::{Chosen, Refused};
use crate::case::{Case, judge};
use crate::v2::CHAIN;

#[test]
fn one_version() {
    let stamped = "
package nfd default stable
stable: 4.12.0-202301042257, 4.13.0-202305262054 > 4.12.0-202301042257, 4.14.0-202311021650 > 4.13.0-202305262054
";
    let cases: &[Case] = &[
        (
            "exactly that",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, minVersion: 1.1.0, maxVersion: 1.1.0}",
            Chosen(&["foo stable*: 1.1.0"]),
        ),
        (
            "a skipped one, alone",
            "package foo default s\ns: 1.0.0, 1.1.0 - 1.0.0",
            "packages:\n- name: foo\n  channels:\n  - {name: s, minVersion: 1.0.0, maxVersion: 1.0.0}",
            Chosen(&["foo s*: 1.0.0"]),
        ),
        (
            "from a channel with several heads",
            "package foo default s\ns: 1.0.0, 2.0.0",
            "packages:\n- name: foo\n  channels:\n  - {name: s, minVersion: 1.0.0, maxVersion: 1.0.0}",
            Chosen(&["foo s*: 1.0.0"]),
        ),
        (
            "with the time of its build, as the manual procedure pins it",
            stamped,
            "packages:\n- name: nfd\n  channels:\n  - {name: stable, minVersion: 4.13.0-202305262054, maxVersion: 4.13.0-202305262054}",
            Chosen(&["nfd stable*: 4.13.0-202305262054"]),
        ),
        (
            "without the time of its build",
            stamped,
            "packages:\n- name: nfd\n  channels:\n  - {name: stable, minVersion: 4.13.0, maxVersion: 4.13.0}",
            Chosen(&["nfd stable*: 4.13.0-202305262054"]),
        ),
        (
            "that the channel does not have, but another one",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, minVersion: 2.1.0, maxVersion: 2.1.0}",
            Refused(
                "9:38: mirror.operators[0].packages[0].channels[0].minVersion: the channel \"stable\" of \"foo\" does not have version 2.1.0",
                "write name: candidate",
            ),
        ),
        (
            "that its channel does not have, beside a channel that is asked for its head",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - name: stable\n  - {name: candidate, minVersion: 1.1.0, maxVersion: 1.1.0}",
            Refused(
                "the channel \"candidate\" of \"foo\" does not have version 1.1.0",
                "write it under name: stable",
            ),
        ),
        (
            "that nothing has",
            CHAIN,
            "packages:\n- name: foo\n  channels:\n  - {name: stable, minVersion: 1.1.7, maxVersion: 1.1.7}",
            Refused(
                "its versions near that: 0.9.0, 1.0.0, 1.1.0, 1.2.0, 2.0.0",
                "write minVersion: 1.1.0 and maxVersion: 1.1.0",
            ),
        ),
        (
            "of a package: from the channels that have it",
            CHAIN,
            "packages:\n- name: foo\n  minVersion: 1.2.0\n  maxVersion: 1.2.0",
            Chosen(&["foo candidate: 1.2.0", "foo stable*: 1.2.0"]),
        ),
        (
            "told from another one by its build metadata",
            "package foo default s\ns: 0.8.0, 0.8.0+0.1634606167.p > 0.8.0",
            "packages:\n- name: foo\n  channels:\n  - {name: s, minVersion: 0.8.0+0.1634606167.p, maxVersion: 0.8.0+0.1634606167.p}",
            Chosen(&["foo s*: 0.8.0+0.1634606167.p"]),
        ),
    ];
    judge(Rules::V2, cases);
}

#[test]
fn pre_releases() {
    let stamped = "
package nfd default stable
stable: 4.12.0-202301042257, 4.13.0-202305262054 > 4.12.0-202301042257, 4.14.0-202311021650 > 4.13.0-202305262054
";
    let tested = "package foo default s\ns: 1.0.0-rc.1, 1.0.0 > 1.0.0-rc.1, 1.1.0-rc.1 > 1.0.0, 1.1.0 > 1.1.0-rc.1, 1.2.0-rc.1 > 1.1.0";
    let cases: &[Case] = &[
        (
            "builds are of their version: 4.12.0 to 4.14.0",
            stamped,
            "packages:\n- {name: nfd, minVersion: 4.12.0, maxVersion: 4.14.0}",
            Chosen(&["nfd stable*: 4.12.0-202301042257 4.13.0-202305262054 4.14.0-202311021650"]),
        ),
        (
            "builds are of their version: from 4.13.0",
            stamped,
            "packages:\n- {name: nfd, minVersion: 4.13.0}",
            Chosen(&["nfd stable*: 4.13.0-202305262054 4.14.0-202311021650"]),
        ),
        (
            "builds are of their version: up to 4.13.0",
            stamped,
            "packages:\n- {name: nfd, maxVersion: 4.13.0}",
            Chosen(&["nfd stable*: 4.12.0-202301042257 4.13.0-202305262054"]),
        ),
        (
            "builds are not of the version before",
            stamped,
            "packages:\n- {name: nfd, maxVersion: 4.12.9}",
            Chosen(&["nfd stable*: 4.12.0-202301042257"]),
        ),
        (
            "release candidates do not count where none is named, and come along between two that do",
            tested,
            "packages:\n- {name: foo, minVersion: 1.0.0, maxVersion: 1.2.0}",
            Chosen(&["foo s*: 1.0.0 1.1.0 1.1.0-rc.1"]),
        ),
        (
            "release candidates count where one is named",
            tested,
            "packages:\n- {name: foo, minVersion: 1.1.0-rc.1}",
            Chosen(&["foo s*: 1.1.0 1.1.0-rc.1 1.2.0-rc.1"]),
        ),
    ];
    judge(Rules::V2, cases);
}
