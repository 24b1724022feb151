//! Proxies come from the environment, but loopback is never asked through one.
//!
//! The environment of a running test cannot be changed safely, so the test runs itself again with a proxy that nobody serves.

use std::process::Command;

use snobox_testkit::fault_registry::Answer;

use super::oracle::silent_port;
use super::workbench::{Bench, OneBlob, plain_client, run};

#[test]
fn loopback_is_reached_whatever_the_proxy() {
    const INNER: &str = "SNOBOX_TEST_BEHIND_A_PROXY";
    if std::env::var_os(INNER).is_none() {
        let proxy = format!("http://{}", silent_port());
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "proxy::loopback_is_reached_whatever_the_proxy"]);
        for name in [
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "http_proxy",
            "https_proxy",
            "all_proxy",
        ] {
            again.env(name, &proxy);
        }
        again.env_remove("NO_PROXY").env_remove("no_proxy");
        let output = again.env(INNER, "1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}"
        );
        return;
    }
    let blob = OneBlob::new(1000);
    let registry = blob.served_as([Answer::bytes(blob.bytes.clone())]);
    let bench = Bench::new();
    run(bench.fetch(&plain_client(), &[blob.image(registry.address())])).unwrap();
}
