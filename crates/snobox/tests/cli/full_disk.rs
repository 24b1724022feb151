//! `snobox mirror` on a disk that others fill while it runs: a real small file system, mounted as root.

use std::fs;
use std::path::{Path, PathBuf};

use snobox_testkit::fault_registry::Sent;

use crate::mirror_killed::losses;
use crate::practice_registry::Practice;
use crate::progress::as_documented;
use crate::support::{Running, Sandbox, Tool, may_mount, tool};

const DISK_BYTES: usize = 96 << 20;
const ARGS: [&str; 4] = ["--json", "mirror", "--store", "disk/store"];
const STREAMS: u64 = 6;
/// What a stream may lose: the MiB that it gives back, so that the index can be written, and what was on the way.
const LOSS_BYTES: u64 = (1 << 20) + (256 << 10);

/// `disk` in a sandbox; it is gone with its value.
struct SmallDisk {
    point: PathBuf,
    umount: Tool,
}

impl SmallDisk {
    fn mount(sandbox: &Sandbox) -> Option<Self> {
        if !may_mount("a disk that is small") {
            return None;
        }
        let (mount, umount) = (tool("mount")?, tool("umount")?);
        let point = sandbox.path("disk");
        fs::create_dir(&point).unwrap();
        let place = point.to_str().unwrap();
        let size = format!("size={DISK_BYTES}");
        mount.run(&["-t", "tmpfs", "-o", &size, "tmpfs", place]);
        Some(Self { point, umount })
    }

    /// Others take all but so many bytes.
    fn fill(&self, leave_bytes: usize) {
        let free = tool("df").unwrap().text(&[
            "--output=avail".as_ref(),
            "-B1".as_ref(),
            self.point.as_os_str(),
        ]);
        let free: usize = free.lines().nth(1).unwrap().trim().parse().unwrap();
        // Where nothing is left, more than that: what comes meanwhile may be faster. That fails, as it should.
        let extra = if leave_bytes == 0 { 1 << 20 } else { 0 };
        let filler = vec![1; free - leave_bytes + extra];
        let filled = fs::write(self.point.join("of-others"), filler);
        assert_eq!(filled.is_err(), leave_bytes == 0);
    }

    fn make_room(&self) {
        // Emptied first: a program that is just being started elsewhere may hold the file open for a moment.
        fs::write(self.point.join("of-others"), "").unwrap();
        fs::remove_file(self.point.join("of-others")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let point = self.point.as_os_str();
        self.umount.try_run(&["-l".as_ref(), point]);
    }
}

fn until_bytes_come(running: &mut Running, disk: &Path) {
    running.until("bytes", |_| {
        let partial = fs::read_dir(disk.join("store/.snobox/partial"));
        partial
            .into_iter()
            .flatten()
            .flatten()
            .any(|file| file.metadata().is_ok_and(|m| m.len() > 100_000))
    });
}

#[test]
fn a_disk_that_others_fill_ends_it_cleanly_and_it_goes_on_with_room() {
    let practice = Practice::start(|answer| answer.paced(4 << 20));
    let sandbox = practice.sandbox();
    let Some(disk) = SmallDisk::mount(&sandbox) else {
        return;
    };
    let mut running = sandbox.start(&ARGS);
    until_bytes_come(&mut running, &disk.point);
    disk.fill(0);
    let said = sandbox.end(running).fails(30).says("No space left");
    as_documented(&said);
    let said = said.says("are still to come").says(" free ");
    assert!(
        said.stderr.contains(" more, or name another disk"),
        "{said}"
    );
    assert!(said.stderr.contains(r#""event":"summary""#), "{said}");
    let index = fs::metadata(disk.point.join("store/index.json")).unwrap();
    assert!(index.len() > 0);
    disk.make_room();
    let said = sandbox.run(&ARGS).ok();
    assert!(said.json()["resumedBytes"].as_u64().unwrap() > 0, "{said}");
    sandbox.run(&["verify", "disk/store"]).ok();
    // By the registry's own account: nothing twice but what the open streams gave back.
    let sent = practice.registry.sent();
    let of_blobs: Vec<&Sent> = sent.iter().filter(|s| s.path.contains("/blobs/")).collect();
    let losses = losses(&of_blobs);
    let (twice, most) = (losses.iter().sum::<u64>(), losses.iter().max().unwrap());
    println!("{twice} bytes were sent twice, at most {most} in one request");
    assert!(*most <= LOSS_BYTES, "{most}");
    assert!(twice <= STREAMS * LOSS_BYTES, "{twice}");
}

#[test]
fn a_disk_that_becomes_too_small_is_told_before_it_is_full_and_room_saves_the_run() {
    let practice = Practice::start(|answer| answer.paced(192 << 10));
    let sandbox = practice.sandbox();
    let Some(disk) = SmallDisk::mount(&sandbox) else {
        return;
    };
    let mut running = sandbox.start(&ARGS);
    until_bytes_come(&mut running, &disk.point);
    disk.fill(6 << 20);
    let told = |text: &'static str| {
        move |running: &Running| {
            let talk = running.stderr();
            let mut rooms = talk
                .lines()
                .filter(|line| line.contains(r#""event":"room""#));
            rooms.any(|line| line.contains(text))
        }
    };
    running.until("the want of room", told(r#""isShort":true"#));
    disk.make_room();
    running.until("the room", told(r#""isShort":false"#));
    running.signal("INT");
    as_documented(&sandbox.end(running).fails(130));
}
