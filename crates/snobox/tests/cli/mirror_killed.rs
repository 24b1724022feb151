//! `kill -9` at any moment of a mirror: the store is never wrong, and hardly a byte is fetched twice, by the registry's own account.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use snobox_testkit::fault_registry::Sent;

use crate::practice_registry::Practice;
use crate::support::{Tree, demo};

const KILLS: u32 = 50;
const STREAMS: u64 = 4;
/// What one stream may lose.
const LOSS_BYTES: u64 = 1 << 20;
/// What each loses here on the average: what was between the two programs, and the one piece that the registry sends to a client that is gone.
const AVERAGE_LOSS_BYTES: u64 = 128 << 10;

#[test]
fn killed_fifty_times_it_fetches_each_byte_about_once_and_is_never_wrong() {
    // Slow enough that fifty runs do not suffice.
    let practice = Practice::start(|answer| answer.paced(1 << 20));
    let sandbox = practice.sandbox();
    let streams = STREAMS.to_string();
    let args = ["mirror", "--jobs", &streams];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut killed = 0;
    for _ in 0..KILLS {
        let running = sandbox.start(&args);
        // xorshift64*, as in Vigna, "An experimental exploration of Marsaglia's xorshift generators": the same moments in each run of the test,
        // as far as a machine can keep them.
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        let milliseconds = 20 + random.wrapping_mul(0x2545_f491_4f6c_dd1d) % 300;
        thread::sleep(Duration::from_millis(milliseconds));
        running.signal("KILL");
        drop(running);
        killed += 1;
        blobs_are_whole(&sandbox.path("store/blobs/sha256"));
    }
    let said = sandbox.run(&["--json", "mirror"]).ok();
    let partial = said.json()["resumedBlobs"].as_u64().unwrap();
    sandbox.run(&["verify", "store"]).ok();
    let whole = Tree::of(&demo().path("store"));
    assert_eq!(Tree::of(&sandbox.path("store")), whole);

    let sent = practice.registry.sent();
    let of_blobs: Vec<_> = sent.iter().filter(|s| s.path.contains("/blobs/")).collect();
    let losses = losses(&of_blobs);
    let (twice, most): (u64, u64) = (losses.iter().sum(), losses.iter().copied().max().unwrap());
    let unique: u64 = practice.unique_blob_bytes();
    println!(
        "killed {killed} times; {unique} bytes, of which {twice} were sent twice in {} requests, at most {most} in one; the last run went on with {partial} blobs",
        of_blobs.len()
    );
    assert!(
        of_blobs.len() as u64 > u64::from(KILLS),
        "the runs were too short"
    );
    assert!(most <= LOSS_BYTES, "{most}");
    let streams = u64::from(KILLS) * STREAMS;
    assert!(twice <= streams * AVERAGE_LOSS_BYTES, "{twice}");
}

/// Every file hashes to its name.
pub(crate) fn blobs_are_whole(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let hash = Sha256::digest(fs::read(entry.path()).unwrap());
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(entry.file_name().to_str().unwrap(), hex);
    }
}

/// For each request, how many of its bytes had gone out before; a blob has the same bytes in each repository.
pub(crate) fn losses(sent: &[&Sent]) -> Vec<u64> {
    let mut covered: BTreeMap<&str, u64> = BTreeMap::new();
    let mut losses = Vec::new();
    for Sent { path, from, bytes } in sent {
        let digest = path.rsplit('/').next().unwrap();
        let covered = covered.entry(digest).or_default();
        let to = from + bytes;
        losses.push((*covered).min(to).saturating_sub(*from));
        *covered = to.max(*covered);
    }
    losses
}

impl Practice {
    fn unique_blob_bytes(&self) -> u64 {
        let mut seen = BTreeSet::new();
        let unique = self
            .blobs
            .iter()
            .filter(|(path, _)| seen.insert(path.rsplit('/').next().unwrap().to_owned()));
        unique.map(|(_, bytes)| bytes.len() as u64).sum()
    }
}
