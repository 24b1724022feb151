//! Ends and beginnings.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::agent::{Agent, PATIENCE};
use super::http::get;
use super::shared_layout::LAYOUT;

#[test]
fn a_signal_to_stop_ends_it_well_with_a_client_that_idles() {
    for signal in ["TERM", "INT"] {
        let agent = Agent::practice();
        let mut idle = TcpStream::connect(agent.address).unwrap();
        idle.set_read_timeout(Some(PATIENCE)).unwrap();
        idle.write_all(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        idle.read_exact(&mut [0; 12]).unwrap();
        assert!(agent.end(signal).success(), "{signal}");
    }
}

#[test]
fn after_a_kill_it_starts_again_and_serves() {
    let digest = &LAYOUT.practice.release_digest;
    let path = format!("/v2/quay.io/openshift-release-dev/ocp-release/manifests/{digest}");
    for _ in 0..2 {
        let agent = Agent::practice();
        let reply = get(agent.address, &path);
        assert_eq!(
            (reply.status, reply.header("docker-content-digest")),
            (200, digest.as_str())
        );
        assert!(!agent.end("KILL").success());
    }
}
