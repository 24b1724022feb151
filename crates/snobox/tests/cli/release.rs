//! `snobox release list` and `select`: the real graph, a graph that shows every word, an update service on loopback, and none at all. Numbers of the real
//! graph: `jq`, and a search of its own in another language.

use std::fs;

use serde_json::{Value, json};
use snobox_testkit::fault_registry::{Answer, FaultRegistry};

use crate::support::{Said, Sandbox, sample_graph, tool};

/// Releases of two channels; 4.13.2 can be had from 4.13.0 with and without a risk.
const GRAPH: &str = r#"{"nodes":[
  {"version":"4.13.0","payload":"quay.io/p/r@sha256:0","metadata":{"io.openshift.upgrades.graph.release.channels":"fast-4.13,stable-4.13"}},
  {"version":"4.13.1","payload":"quay.io/p/r@sha256:1","metadata":{"io.openshift.upgrades.graph.release.channels":"fast-4.13,stable-4.13"}},
  {"version":"4.13.2","payload":"quay.io/p/r@sha256:2","metadata":{"io.openshift.upgrades.graph.release.channels":"fast-4.13, stable-4.13"}},
  {"version":"4.13.3","payload":"quay.io/p/r@sha256:3","metadata":{"io.openshift.upgrades.graph.release.channels":"fast-4.13"}}],
 "edges":[[0,1],[0,2],[1,2],[2,3]],
 "conditionalEdges":[{"edges":[{"from":"4.13.0","to":"4.13.2"}],"risks":[{"name":"Slow","url":"https://example.com/slow","message":"It is\nslow."}]}]}"#;

fn image_set(channels: &[&str]) -> String {
    let mut text = "kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v2alpha1\nmirror:\n  platform:\n    channels:\n".to_owned();
    for channel in channels {
        text += &format!("    - {{{channel}}}\n");
    }
    text
}

fn select(sandbox: &Sandbox, channels: &[&str], more: &[&str]) -> Said {
    sandbox.write("imageset.yaml", image_set(channels));
    let args = ["release", "select", "--image-set", "imageset.yaml"];
    sandbox.run(&[&args, more].concat())
}

fn versions(value: &Value) -> Vec<String> {
    let releases = value["releases"].as_array().unwrap().iter();
    releases
        .map(|r| r["version"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_file_has_the_graph_of_every_channel_that_its_releases_name() {
    let sandbox = Sandbox::new();
    sandbox.write("graph.json", GRAPH);
    let list = |more: &[&str]| {
        let args = ["release", "list", "--graph", "graph.json"];
        sandbox.run(&[&args, more].concat())
    };
    assert_eq!(
        list(&["--channel", "stable-4.13"]).ok().text(),
        "VERSION  CHANNELS     PAYLOAD\n\
         4.13.0   stable-4.13  quay.io/p/r@sha256:0\n\
         4.13.1   stable-4.13  quay.io/p/r@sha256:1\n\
         4.13.2   stable-4.13  quay.io/p/r@sha256:2\n\
         3 releases\n"
    );
    let both = list(&[
        "--channel",
        "stable-4.13",
        "--channel",
        "fast-4.13",
        "--json",
    ])
    .ok();
    let both = both.json();
    assert_eq!(versions(&both), ["4.13.0", "4.13.1", "4.13.2", "4.13.3"]);
    assert_eq!(
        both["releases"][2]["channels"],
        json!(["stable-4.13", "fast-4.13"])
    );
    assert_eq!(both["releases"][3]["channels"], json!(["fast-4.13"]));
    assert_eq!(both["risks"], json!([]));
    list(&["--channel", "stable-4.31"])
        .fails(2)
        .says("no release in graph.json is in the channel \"stable-4.31\"")
        .says("did you mean stable-4.13? it names fast-4.13, stable-4.13");
    // Nothing was fetched, so nothing is kept.
    assert!(!sandbox.path("store").exists());
}

#[test]
fn updates_from_a_release_are_recommended_or_come_with_their_risks() {
    let sandbox = Sandbox::new();
    sandbox.write("graph.json", GRAPH);
    let list = |from: &str, more: &[&str]| {
        let args = ["release", "list", "--channel", "stable-4.13"];
        let args = [&args[..], &["--graph", "graph.json", "--from", from]].concat();
        sandbox.run(&[&args, more].concat())
    };
    assert_eq!(
        list("4.13.0", &[]).ok().text(),
        "VERSION  UPDATE             CHANNELS     PAYLOAD\n\
         4.13.1   recommended        stable-4.13  quay.io/p/r@sha256:1\n\
         4.13.2   conditional: Slow  stable-4.13  quay.io/p/r@sha256:2\n\
         1 recommended updates from 4.13.0, 1 under conditions\n\
         \n\
         Slow https://example.com/slow\n  It is slow.\n"
    );
    let said = list("4.13.0", &["--json"]).ok().json();
    assert_eq!(
        said,
        json!({
            "architecture": "amd64",
            "from": "4.13.0",
            "releases": [
                {"version": "4.13.1", "payload": "quay.io/p/r@sha256:1", "channels": ["stable-4.13"], "update": "recommended", "risks": []},
                {"version": "4.13.2", "payload": "quay.io/p/r@sha256:2", "channels": ["stable-4.13"], "update": "conditional", "risks": ["Slow"]},
            ],
            "risks": [{"name": "Slow", "url": "https://example.com/slow", "message": "It is\nslow."}],
        })
    );
    // 4.13.3 is not in the channel.
    assert_eq!(versions(&list("4.13.2", &["--json"]).ok().json()), [""; 0]);
    list("4.13.3", &[])
        .fails(2)
        .says("there is no 4.13.3 in stable-4.13")
        .says("versions near that: 4.13.0, 4.13.1, 4.13.2");
    assert_eq!(list("4.13", &[]).code(), 2);
}

#[test]
fn an_image_set_chooses_releases_and_is_told_of_risks() {
    let sandbox = Sandbox::new();
    sandbox.write("graph.json", GRAPH);
    let graph = ["--graph", "graph.json"];
    let all = select(&sandbox, &["name: stable-4.13, minVersion: 4.13.0"], &graph).ok();
    assert_eq!(
        all.text(),
        "VERSION  ARCHITECTURE  CHANNELS     PAYLOAD\n\
         4.13.0   amd64         stable-4.13  quay.io/p/r@sha256:0\n\
         4.13.1   amd64         stable-4.13  quay.io/p/r@sha256:1\n\
         4.13.2   amd64         stable-4.13  quay.io/p/r@sha256:2\n\
         3 releases\n\
         \n\
         updates that are recommended only where their risks do not apply:\n\
         FROM    TO      ARCHITECTURE  RISKS\n\
         4.13.0  4.13.2  amd64         Slow\n\
         \n\
         Slow https://example.com/slow\n  It is slow.\n"
    );
    let short = "name: stable-4.13, minVersion: 4.13.0, maxVersion: 4.13.2, shortestPath: true";
    let json = [&graph[..], &["--json"]].concat();
    // The graph has that step without a risk, too.
    let said = select(&sandbox, &[short], &json).ok().json();
    assert_eq!(versions(&said), ["4.13.0", "4.13.2"]);
    let two = ["name: stable-4.13", "name: fast-4.13"];
    let said = select(&sandbox, &two, &json).ok().json();
    assert_eq!(versions(&said), ["4.13.2", "4.13.3"]);
    assert_eq!(
        said["releases"][0]["channels"],
        json!(["stable-4.13", "fast-4.13"])
    );
    select(&sandbox, &["name: stable-4.13, minVersion: 4.13.7"], &graph)
        .fails(10)
        .says("imageset.yaml:6:39: mirror.platform.channels[0].minVersion: no release images found: stable-4.13 has none of")
        .says("write 4.13.2, or another channel");
    // Each channel by a file of its own.
    sandbox.write("fast.json", GRAPH.replace("4.13.3", "4.13.4"));
    let own = [
        "--json",
        "--graph",
        "fast-4.13=fast.json",
        "--graph",
        "graph.json",
    ];
    let said = select(&sandbox, &["name: fast-4.13"], &own).ok().json();
    assert_eq!(versions(&said), ["4.13.4"]);
    let twice = ["--graph", "fast.json", "--graph", "graph.json"];
    select(&sandbox, &["name: fast-4.13"], &twice)
        .fails(2)
        .says("two sources for the same channels");
    // Files do not say of which architecture they are.
    let text = image_set(&["name: stable-4.13"]) + "    architectures: [amd64, arm64]\n";
    sandbox.write("two.yaml", text);
    let args = [
        "release",
        "select",
        "--image-set",
        "two.yaml",
        "--graph",
        "graph.json",
    ];
    sandbox.run(&args).fails(2).says("amd64, arm64");
    select(&sandbox, &["name: stable-4, type: okd"], &[])
        .fails(2)
        .says("stable-4 is a channel of OKD")
        .says("--graph stable-4=FILE");
}

#[test]
fn the_real_graph_is_read_as_jq_reads_it() {
    let (Some(path), Some(jq)) = (sample_graph(), tool("jq")) else {
        return;
    };
    let path = path.to_str().unwrap();
    let sandbox = Sandbox::new();
    let list = |more: &[&str]| {
        let args = ["--json", "release", "list", "--graph", path, "--channel"];
        sandbox.run(&[&args, more].concat()).ok().json()
    };
    let all = list(&["stable-4.13"]);
    let expected = jq.text(&["-r", ".nodes[]|\"\\(.version) \\(.payload)\"", path]);
    let mut expected: Vec<&str> = expected.lines().collect();
    expected.sort_unstable();
    let releases = all["releases"].as_array().unwrap().iter();
    let mut found: Vec<String> = releases
        .map(|r| format!("{} {}", r["version"], r["payload"]).replace('"', ""))
        .collect();
    assert_eq!(versions(&all).last().unwrap(), "4.13.43");
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(found.len(), 98);
    // Of these, 41 are in the channels of 4.14.
    assert_eq!(versions(&list(&["stable-4.14"])).len(), 41);
    // 15 edges and 28 conditional ones leave 4.13.1; four lead to the same releases.
    let updates = list(&["stable-4.13", "--from", "4.13.1"]);
    let of = |word: &str| -> Vec<String> {
        let all = updates["releases"].as_array().unwrap().iter();
        all.filter(|r| r["update"] == word)
            .map(|r| r["version"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        of("recommended"),
        [
            "4.13.5", "4.13.6", "4.13.8", "4.13.10", "4.13.11", "4.13.12", "4.13.13", "4.13.14",
            "4.13.15", "4.13.42", "4.13.43"
        ]
    );
    assert_eq!(of("conditional").len(), 28);
    let risks = updates["risks"].as_array().unwrap();
    assert_eq!(risks.len(), 7, "{risks:#?}");
    assert!(
        risks
            .iter()
            .all(|r| !r["message"].as_str().unwrap().is_empty())
    );
    // The manual procedure: exactly one payload.
    let one = ["name: stable-4.13, minVersion: 4.13.1, maxVersion: 4.13.1"];
    let said = select(&sandbox, &one, &["--json", "--graph", path])
        .ok()
        .json();
    assert_eq!(
        said["releases"],
        json!([{
            "version": "4.13.1",
            "architecture": "amd64",
            "channels": ["stable-4.13"],
            "payload": "quay.io/openshift-release-dev/ocp-release@sha256:9c92b5ec203ee7f81626cc4e9f02086484056a76548961e5895916f136302b1f",
        }])
    );
    let short = "name: stable-4.13, minVersion: 4.12.0, maxVersion: 4.13.43, shortestPath: true";
    let said = select(&sandbox, &[short], &["--json", "--graph", path])
        .ok()
        .json();
    assert_eq!(versions(&said), ["4.12.0", "4.12.58", "4.13.43"]);
}

#[test]
fn what_the_service_said_once_is_known_when_it_is_gone() {
    let sandbox = Sandbox::new();
    let service = FaultRegistry::start().unwrap();
    service.script("/graph", [Answer::bytes(GRAPH)]);
    let url = format!("http://{}/graph", service.address());
    let list = |more: &[&str]| {
        let args = ["release", "list", "--graph", &url, "--channel"];
        sandbox.run(&[&args, more].concat())
    };
    let first = list(&["stable-4.13"]).ok();
    // The service answers for the channel; nobody filters again.
    assert!(first.text().ends_with("4 releases\n"), "{first}");
    let seen = service.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].path, "/graph?channel=stable-4.13&arch=amd64");
    assert_eq!(seen[0].accept.as_deref(), Some("application/json"));
    list(&["stable-4.13", "--architecture", "arm64"]).ok();
    assert_eq!(
        service.seen()[1].path,
        "/graph?channel=stable-4.13&arch=arm64"
    );
    // It is asked again as long as it is there.
    service.script("/graph", [Answer::bytes(GRAPH.replace("4.13.3", "4.13.9"))]);
    let second = list(&["stable-4.13"]).ok().text();
    assert!(second.contains("4.13.9"), "{second}");
    drop(service);
    let gone = list(&["stable-4.13"])
        .ok()
        .says("note: 127.0.0.1 cannot be reached; the graph of stable-4.13 (amd64) is taken as it was at 20");
    assert_eq!(gone.text(), second);
    list(&["fast-4.13"])
        .fails(20)
        .says("cannot be reached")
        .says("`--graph FILE` takes a graph that was saved elsewhere");
    // Somewhere else nothing is known.
    list(&["stable-4.13", "--store", "other"]).fails(20);
    // And nothing leaves the machine here.
    sandbox
        .run(&["release", "list", "--channel", "stable-4.13"])
        .fails(20)
        .says("api.openshift.com cannot be reached");
}

#[test]
fn what_is_no_graph_is_told_by_what_came() {
    let sandbox = Sandbox::new();
    let service = FaultRegistry::start().unwrap();
    let url = format!("http://{}/graph", service.address());
    let asked = |answer: Answer| {
        service.script("/graph", [answer]);
        let args = [
            "release",
            "list",
            "--channel",
            "stable-4.13",
            "--retries",
            "0",
        ];
        sandbox.run(&[&args[..], &["--graph", &url]].concat())
    };
    asked(Answer::bytes("<html><body>Please log in</body></html>"))
        .fails(21)
        .says("/graph?channel=stable-4.13&arch=amd64: not an update graph: expected value at line 1 column 1; it begins with \"<html><body>Please log in</body></html>\"")
        .says("a proxy or a login page may have answered");
    asked(Answer::bytes(&GRAPH[..300]))
        .fails(21)
        .says("EOF while parsing");
    asked(Answer::bytes(
        r#"{"nodes":[],"edges":[],"conditionalEdges":[]}"#,
    ))
    .fails(21)
    .says("has no release: there is no channel \"stable-4.13\", or it is empty");
    asked(Answer::status(404))
        .fails(21)
        .says("there is no update service at http://127.0.0.1:")
        .says("https://api.openshift.com/api/upgrades_info/v1/graph");
    asked(Answer::status(503))
        .fails(21)
        .says("answers HTTP 503");
    asked(Answer::bytes(GRAPH).cut_at(200))
        .fails(23)
        .says("name it with --graph FILE");
    // None of that is kept.
    drop(service);
    let args = [
        "release",
        "list",
        "--channel",
        "stable-4.13",
        "--graph",
        &url,
    ];
    sandbox.run(&args).fails(20);

    sandbox.write("page.html", "<!DOCTYPE html>\n<title>Not here</title>");
    let file = |name: &str| {
        let args = [
            "release",
            "list",
            "--channel",
            "stable-4.13",
            "--graph",
            name,
        ];
        sandbox.run(&args)
    };
    file("page.html")
        .fails(31)
        .says("page.html: not an update graph: expected value at line 1 column 1; it begins with \"<!DOCTYPE html> <title>Not here</title>\"")
        .says("hint: expected the answer of an update service");
    file("absent.json")
        .fails(31)
        .says("cannot read absent.json");
    file("/dev/zero").fails(31);
    fs::create_dir(sandbox.path("folder")).unwrap();
    file("folder").fails(31);
}
