//! Releases by channel. Numbers and names of the real graph: `jq`, and a search of its own in another language.

use std::collections::BTreeMap;
use std::fs;

use snobox_catalog::graph::Graph;
use snobox_catalog::image_set;
use snobox_catalog::releases::{Releases, resolve};
use snobox_plan::problem::Problem;

use crate::real::sample;

const SMALL: &str = r#"{"nodes":[
  {"version":"4.13.2","payload":"q/p@sha256:2"},{"version":"4.13.0","payload":"q/p@sha256:0"},{"version":"4.13.1","payload":"q/p@sha256:1"},
  {"version":"4.12.9","payload":"q/p@sha256:9"},{"version":"4.13.3","payload":"q/p@sha256:3"}],
 "edges":[[3,1],[1,2],[1,0],[2,4],[0,4]],
 "conditionalEdges":[{"edges":[{"from":"4.13.0","to":"4.13.3"}],"risks":[{"name":"Slow"},{"name":"Loud"}]}]}"#;

const NEXT: &str = r#"{"nodes":[
  {"version":"4.13.3","payload":"q/p@sha256:3"},{"version":"4.13.4","payload":"q/p@sha256:4"},{"version":"4.14.1","payload":"q/p@sha256:41"}],
 "edges":[[0,1],[1,2]]}"#;

fn graphs() -> BTreeMap<String, Graph> {
    let graph = |text: &str| Graph::parse(text.as_bytes()).unwrap();
    BTreeMap::from([
        ("stable-4.13".to_owned(), graph(SMALL)),
        ("stable-4.14".to_owned(), graph(NEXT)),
    ])
}

fn asked(graphs: &BTreeMap<String, Graph>, channels: &[&str]) -> Result<Releases, Vec<Problem>> {
    let mut text = "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v2alpha1\nmirror:\n  platform:\n    channels:\n".to_owned();
    for channel in channels {
        text += &format!("    - {{{channel}}}\n");
    }
    let set = image_set::read(&text).unwrap_or_else(|p| panic!("{p:#?}"));
    resolve(&set.platform.channels, graphs)
}

fn versions(releases: &Releases) -> Vec<String> {
    let all = releases.releases.iter();
    all.map(|release| release.version.to_string()).collect()
}

#[test]
fn one_channel() {
    let graphs = graphs();
    let cases: [(&str, &[&str]); 11] = [
        ("name: stable-4.13", &["4.13.3"]),
        (
            "name: stable-4.13, minVersion: 4.13.1, maxVersion: 4.13.1",
            &["4.13.1"],
        ),
        (
            "name: stable-4.13, minVersion: 4.13.0, maxVersion: 4.13.2",
            &["4.13.0", "4.13.1", "4.13.2"],
        ),
        (
            "name: stable-4.13, minVersion: 4.13.2",
            &["4.13.2", "4.13.3"],
        ),
        (
            "name: stable-4.13, maxVersion: 4.13.0",
            &["4.12.9", "4.13.0"],
        ),
        (
            "name: stable-4.13, full: true",
            &["4.12.9", "4.13.0", "4.13.1", "4.13.2", "4.13.3"],
        ),
        // By 4.13.1 or by 4.13.2: the higher one. The edge with a risk would be shorter.
        (
            "name: stable-4.13, minVersion: 4.13.0, maxVersion: 4.13.3, shortestPath: true",
            &["4.13.0", "4.13.2", "4.13.3"],
        ),
        (
            "name: stable-4.13, full: true, shortestPath: true",
            &["4.12.9", "4.13.0", "4.13.2", "4.13.3"],
        ),
        ("name: stable-4.13, shortestPath: true", &["4.13.3"]),
        (
            "name: stable-4.13, minVersion: \"\", maxVersion: 4.13.0, shortestPath: yes",
            &["4.12.9", "4.13.0"],
        ),
        (
            "name: stable-4.13, minVersion: 4.13.1, maxVersion: 4.13.1, shortestPath: true",
            &["4.13.1"],
        ),
    ];
    for (channel, expected) in cases {
        let found = asked(&graphs, &[channel]).unwrap_or_else(|p| panic!("{p:#?}"));
        assert_eq!(versions(&found), expected, "{channel}");
    }
}

#[test]
fn updates_with_risks_are_told() {
    let found = asked(&graphs(), &["name: stable-4.13, minVersion: 4.13.0"]).unwrap();
    let [conditional] = &found.conditional[..] else {
        panic!("{:?}", found.conditional)
    };
    assert_eq!(conditional.risks, ["Loud", "Slow"]);
    assert_eq!(conditional.to.to_string(), "4.13.3");
    let found = asked(&graphs(), &["name: stable-4.13, minVersion: 4.13.1"]).unwrap();
    assert_eq!(found.conditional, []);
}

#[test]
fn an_update_that_is_listed_with_and_without_risks_is_taken_and_its_risks_are_told() {
    // 4.13.3 by 4.13.1 or 4.13.2; the latter step also has a risk.
    let edges = r#""conditionalEdges":[{"edges":[{"from":"4.13.2","to":"4.13.3"},{"from":"4.13.0","to":"4.13.3"}],"risks":[{"name":"Loud","url":"u","message":"m"}]}]"#;
    let (text, _) = SMALL.split_once("\"conditionalEdges\"").unwrap();
    let graph = Graph::parse(format!("{text}{edges}}}").as_bytes()).unwrap();
    let version = |text: &str| text.parse().unwrap();
    let way = graph.shortest_path(&version("4.13.0"), &version("4.13.3"));
    let way: Vec<_> = way.unwrap().iter().map(|n| n.version.to_string()).collect();
    assert_eq!(way, ["4.13.0", "4.13.2", "4.13.3"]);
    let updates = |from: &str| -> Vec<String> {
        let from = version(from);
        let updates = graph.updates(&from).into_iter();
        let told = updates.map(|u| format!("{} {}", u.to.version, u.risks.join(" ")));
        told.collect()
    };
    assert_eq!(updates("4.13.0"), ["4.13.1 ", "4.13.2 ", "4.13.3 Loud"]);
    assert_eq!(updates("4.13.2"), ["4.13.3 Loud"]);
    assert_eq!(updates("4.14.0"), [""; 0]);
    let risk = graph.risk("Loud").unwrap();
    assert_eq!((risk.url.as_str(), risk.message.as_str()), ("u", "m"));
}

#[test]
fn a_channel_of_a_graph_has_its_releases_and_what_leads_between_them() {
    let node = |version: &str, channels: &str| {
        format!(
            r#"{{"version":"{version}","payload":"p","metadata":{{"io.openshift.upgrades.graph.release.channels":"{channels}"}}}}"#
        )
    };
    let text = format!(
        r#"{{"nodes":[{},{},{},{{"version":"4.13.9","payload":"p"}}],"edges":[[0,1],[1,2],[0,2],[2,3]]}}"#,
        node("4.13.0", "a,b"),
        node("4.13.1", "b"),
        node("4.13.2", "a, b")
    );
    let graph = Graph::parse(text.as_bytes()).unwrap();
    assert_eq!(graph.channels().into_iter().collect::<Vec<_>>(), ["a", "b"]);
    let a = graph.channel("a");
    let versions: Vec<_> = a.nodes().iter().map(|n| n.version.to_string()).collect();
    // The last one names no channels.
    assert_eq!(versions, ["4.13.0", "4.13.2", "4.13.9"]);
    let way = a.shortest_path(&"4.13.0".parse().unwrap(), &"4.13.9".parse().unwrap());
    assert_eq!(way.unwrap().len(), 3);
    assert_eq!(graph.channel("c").nodes().len(), 1);
}

#[test]
fn several_channels_bring_what_leads_from_one_to_the_next() {
    let found = asked(&graphs(), &["name: stable-4.13", "name: stable-4.14"]).unwrap();
    assert_eq!(versions(&found), ["4.13.3", "4.13.4", "4.14.1"]);
    let channels: Vec<_> = found
        .releases
        .iter()
        .map(|r| r.channels.join(" "))
        .collect();
    assert_eq!(
        channels,
        ["stable-4.13 stable-4.14", "stable-4.14", "stable-4.14"]
    );
    assert_eq!(found.notes, [""; 0]);
    let found = asked(
        &graphs(),
        &[
            "name: stable-4.13, minVersion: 4.13.1, maxVersion: 4.13.1",
            "name: stable-4.14",
        ],
    )
    .unwrap();
    assert_eq!(versions(&found), ["4.13.1", "4.14.1"]);
    assert_eq!(
        found.notes,
        [
            "there is no update from 4.13.1 (stable-4.13) to 4.14.1 (stable-4.14) in the graph of stable-4.14"
        ]
    );
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let problem = |channel: &str| {
        let problems = asked(&graphs(), &[channel]).unwrap_err();
        let hint = problems[0].hint.clone().unwrap_or_default();
        format!("{} ({hint})", problems[0])
    };
    assert_eq!(
        problem("name: stable-4.13, minVersion: 4.13.7, maxVersion: 4.13.9"),
        "6:39: mirror.platform.channels[0].minVersion: no release images found: stable-4.13 has none of versions 4.13.7 to 4.13.9; \
         allowed: its versions near that: 4.13.1, 4.13.2, 4.13.3 (write 4.13.3, or another channel)"
    );
    assert_eq!(
        problem("name: stable-4.31"),
        "6:7: mirror.platform.channels[0]: there is no update graph of the channel \"stable-4.31\"; allowed: channels with a graph: \
         stable-4.13, stable-4.14 (write name: stable-4.13)"
    );
    assert_eq!(
        problem("name: stable-4.13, minVersion: 4.13.0, maxVersion: 4.13.7, shortestPath: true"),
        "6:59: mirror.platform.channels[0].maxVersion: no release images found: stable-4.13 does not have 4.13.7; \
         allowed: its versions near that: 4.13.1, 4.13.2, 4.13.3 (write maxVersion: 4.13.3, or another channel)"
    );
    let none =
        problem("name: stable-4.13, minVersion: 4.13.1, maxVersion: 4.13.2, shortestPath: true");
    assert!(
        none.contains("no way from 4.13.1 to 4.13.2 without risks"),
        "{none}"
    );
}

#[test]
fn empty_lists_may_be_null() {
    let text = r#"{"nodes":[{"version":"4.13.0","payload":"x","metadata":null}],"edges":null,"conditionalEdges":null}"#;
    assert_eq!(Graph::parse(text.as_bytes()).unwrap().nodes().len(), 1);
}

#[test]
fn what_is_no_graph_is_refused() {
    for (text, why) in [
        ("[]", "not an update graph"),
        (r#"{"nodes":null}"#, "not an update graph"),
        (
            r#"{"nodes":[{"version":"4.13","payload":"x"}]}"#,
            "the version \"4.13\", which is not one",
        ),
        (r#"{"nodes":[],"edges":[[0,1]]}"#, "names release 0 of 0"),
    ] {
        let error = Graph::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn the_real_graph() {
    let Some(path) = sample("graph/amd64-stable-4.13.json") else {
        return;
    };
    let graph = Graph::parse(&fs::read(path).unwrap()).unwrap();
    let graphs = BTreeMap::from([("stable-4.13".to_owned(), graph)]);
    let found = |ask: &str| asked(&graphs, &[&format!("name: stable-4.13, {ask}")]);
    // The manual procedure: exactly one payload.
    let one = found("minVersion: 4.13.1, maxVersion: 4.13.1").unwrap();
    let [release] = &one.releases[..] else {
        panic!("{one:#?}")
    };
    assert_eq!(
        release.payload,
        "quay.io/openshift-release-dev/ocp-release@sha256:9c92b5ec203ee7f81626cc4e9f02086484056a76548961e5895916f136302b1f"
    );
    assert_eq!(versions(&found("full: true").unwrap()).len(), 98);
    assert_eq!(versions(&found("full: false").unwrap()), ["4.13.43"]);
    assert_eq!(versions(&found("minVersion: 4.13.0").unwrap()).len(), 41);
    let five = found("minVersion: 4.13.1, maxVersion: 4.13.5").unwrap();
    assert_eq!(
        versions(&five),
        ["4.13.1", "4.13.2", "4.13.3", "4.13.4", "4.13.5"]
    );
    let risks: Vec<_> = five
        .conditional
        .iter()
        .filter(|c| c.from.to_string() == "4.13.1")
        .map(|c| format!("{} {}", c.to, c.risks.join(" ")))
        .collect();
    assert_eq!(
        risks,
        [
            "4.13.2 MultiNetworkAttachmentsWhereaboutsVersion",
            "4.13.3 MultiNetworkAttachmentsWhereaboutsVersion",
            "4.13.4 MultiNetworkAttachmentsWhereaboutsVersion"
        ]
    );
    let short = found("minVersion: 4.12.20, maxVersion: 4.13.43, shortestPath: true").unwrap();
    assert_eq!(versions(&short), ["4.12.20", "4.13.43"]);
    assert!(found("minVersion: 4.12.20, maxVersion: 4.13.36, shortestPath: true").is_err());
}
