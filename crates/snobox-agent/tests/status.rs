//! `snobox-agent status` as a unit of the node starts it: the console's file, the page, agetty called when it should be.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "../../snobox-registry/tests/server/http.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod http;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use http::{get, request};
use serde_json::json;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

/// The status of a node whose files lie in a folder.
struct Status {
    folder: TempDir,
    address: SocketAddr,
    child: Child,
}

impl Status {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let inside = |name: &str| folder.path().join(name);
        fs::create_dir_all(inside("root/opt/openshift")).unwrap();
        // In the place of agetty: counts its calls.
        let agetty = inside("agetty");
        let log = inside("calls");
        let script = format!("#!/bin/sh\necho \"$@\" >> {}\n", log.display());
        fs::write(&agetty, script).unwrap();
        fs::set_permissions(&agetty, fs::Permissions::from_mode(0o755)).unwrap();
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new(env!("CARGO_BIN_EXE_snobox-agent"))
            .arg("--status")
            .arg(inside("status"))
            .args(["status", "--listen", &address.to_string(), "--issue-file"])
            .arg(inside("issue.d/60_snobox.issue"))
            .arg("--node-phase-root")
            .arg(inside("root"))
            .arg("--agetty")
            .arg(&agetty)
            .spawn()
            .unwrap();
        Self {
            folder,
            address,
            child,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn report(&self, component: &str, report: &serde_json::Value) {
        let folder = self.path().join("status");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{component}.json")), report.to_string()).unwrap();
    }

    fn trace(&self, name: &str) {
        fs::write(self.path().join("root/opt/openshift").join(name), "").unwrap();
    }

    /// Waits until the console says `words`; returns all of it.
    #[track_caller]
    fn console(&self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(self.path().join("issue.d/60_snobox.issue"));
            let text = text.unwrap_or_default();
            if text.contains(words) {
                return text;
            }
            assert!(Instant::now() < deadline, "no {words:?} in {text}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// How often agetty was told to show the text again.
    fn reloads(&self) -> usize {
        let calls = fs::read_to_string(self.path().join("calls")).unwrap_or_default();
        assert!(calls.lines().all(|line| line == "--reload"), "{calls}");
        calls.lines().count()
    }

    fn json(&self) -> serde_json::Value {
        get(self.address, "/status.json").json()
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_whole_installation_is_told_step_by_step() {
    let status = Status::start();
    status.console("Starting from the stick");
    let empty = json!({ "version": 1, "phase": "starting", "title": "Starting from the stick", "percent": null,
        "action": "nothing: wait", "components": [] });
    assert_eq!(status.json(), empty);

    let registry =
        json!({ "component": "registry", "state": "done", "message": "serving 30 images" });
    status.report("registry", &registry);
    let disk =
        json!({ "component": "disk", "state": "working", "message": "copying", "percent": 3 });
    status.report("disk", &disk);
    let text = status.console("Step 1 of 3");
    assert!(text.contains("What to do now: nothing: wait"), "{text}");
    assert_eq!(status.json()["percent"], 3);
    assert_eq!(status.json()["components"], json!([registry, disk]));

    status.report(
        "disk",
        &json!({ "component": "disk", "state": "done", "message": "ready" }),
    );
    status.console("Step 2 of 3");
    status.trace(".bootkube.done");
    status.console("Step 3 of 3");
    status.trace("coreos-installer.done");
    status.console("What to do now: unplug the stick as soon as the machine restarts");
    assert_eq!(status.json()["phase"], "restarting");
    // Once for each phase, at least; what is new in a step may come right behind it.
    assert!((5..=8).contains(&status.reloads()), "{}", status.reloads());
}

#[test]
fn percent_alone_does_not_draw_the_console_anew() {
    let status = Status::start();
    let disk = |percent: u8| {
        let report = json!({ "component": "disk", "state": "working", "message": "copying", "percent": percent });
        status.report("disk", &report);
    };
    disk(1);
    status.console("(1 %)");
    let before = status.reloads();
    disk(2);
    let deadline = Instant::now() + PATIENCE;
    while status.json()["percent"] != 2 {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(50));
    }
    // The page knows at once; the console is told later.
    status.console("(1 %)");
    assert_eq!(status.reloads(), before);
    status.console("(2 %)");
    assert_eq!(status.reloads(), before + 1);
}

#[test]
fn a_failure_is_on_the_page_as_text_and_nothing_else_is_answered() {
    let status = Status::start();
    let failed = json!({ "component": "disk", "state": "failed", "message": "two disks <sda> & <sdb>", "action": "name one" });
    status.report("disk", &failed);
    status.console("What to do now: call: name one");
    let page = get(status.address, "/");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let text = String::from_utf8(page.body).unwrap();
    assert!(
        text.contains("two disks &lt;sda&gt; &amp; &lt;sdb&gt;"),
        "{text}"
    );
    assert!(text.contains("http-equiv=\"refresh\""), "{text}");
    for path in ["/status", "/../../etc/passwd", "/index.html", "//"] {
        assert_eq!(get(status.address, path).status, 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let reply = request(status.address, method, "/", &[]);
        assert_eq!((reply.status, reply.header("allow")), (405, "GET, HEAD"));
    }
    let head = request(status.address, "HEAD", "/status.json", &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn reports_that_are_no_reports_are_left_out() {
    let status = Status::start();
    status.report("disk", &json!("half a rep"));
    status.report(
        "guard",
        &json!({ "component": "guard", "state": "done", "message": "first time" }),
    );
    status.console("first time");
    assert_eq!(status.json()["components"].as_array().unwrap().len(), 1);
}
