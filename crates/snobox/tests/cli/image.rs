//! What other programs find in the demo's image.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::again::practice_ignition;
use crate::serve::skopeo_is_answered;
use crate::support::{Sandbox, Serving, Tool, demo, may_mount, tool};

/// What the practice ISO is shipped with, and the site's static address in the words of dracut.cmdline(7).
const KARGS: &str = "coreos.liveiso=rhcos-499.99.0-practice ignition.firstboot ignition.platform.id=metal \
    rd.neednet=1 ip=192.168.86.45::192.168.86.1:255.255.255.0:practice:enp0s25:none:192.168.86.27";

fn image() -> OsString {
    demo().path("practice.img").into_os_string()
}

fn words(args: &[&str]) -> Vec<OsString> {
    let words = args.iter().map(OsString::from);
    words.chain([image()]).collect()
}

#[test]
fn coreos_installer_reads_ignition_and_kargs_as_we_do() {
    let Some(installer) = tool("coreos-installer") else {
        return;
    };
    let sandbox = Sandbox::new();
    let image = image();
    let image = image.to_str().unwrap();
    let ours = sandbox.run(&["iso", "show", "--ignition", image]).ok();
    assert!(ours.stdout.len() > 100_000);
    let real = installer.run(&words(&["iso", "ignition", "show"]));
    assert!(
        ours.stdout == real,
        "not the config that coreos-installer shows"
    );
    let real = installer.text(&words(&["iso", "kargs", "show"]));
    assert_eq!(real.trim_end(), KARGS);
    let ours = sandbox.run(&["iso", "kargs", image]).ok();
    assert_eq!(ours.text().trim_end(), KARGS);
}

#[test]
fn without_an_address_the_kernel_arguments_stay_as_shipped() {
    let Some(installer) = tool("coreos-installer") else {
        return;
    };
    let sandbox = Sandbox::with_site();
    let site = String::from_utf8(sandbox.read("site.yaml")).unwrap();
    let of_network = ["interface:", "address:", "gateway:", "dns:"];
    let kept = |line: &&str| !of_network.iter().any(|key| line.trim().starts_with(key));
    let lines: Vec<_> = site.lines().filter(kept).collect();
    sandbox.write("site.yaml", lines.join("\n"));
    let ignition = practice_ignition(&sandbox);
    let args = ["build", "--installer-ignition", ignition.to_str().unwrap()];
    sandbox.run(&args).ok();
    let image = sandbox.path("practice.img").into_os_string();
    let show = ["iso", "kargs", "show"].map(OsString::from);
    let kargs = installer.text(&[&show[..], &[image]].concat());
    let shipped = KARGS.split(" rd.neednet").next().unwrap();
    assert_eq!(kargs.trim_end(), shipped);
    sandbox.run(&["verify", "practice.img"]).ok();
}

#[test]
fn ignition_validate_accepts_the_embedded_config() {
    let Some(validate) = tool("ignition-validate") else {
        return;
    };
    let sandbox = Sandbox::new();
    let config = sandbox.run(&["iso", "show", "--ignition", image().to_str().unwrap()]);
    let path = sandbox.write("config.ign", config.ok().stdout);
    let said = validate.text(&[path]);
    assert!(
        !said.contains("error") && !said.contains("warning"),
        "{said}"
    );
}

/// Start and length in bytes of the Linux partition that sfdisk finds in the image.
fn partition(sfdisk: &Tool, image: &OsStr) -> (u64, u64) {
    let said = sfdisk.run(&["--json".as_ref(), image]);
    let table: Value = serde_json::from_slice(&said).unwrap();
    let table = &table["partitiontable"];
    assert_eq!(table["label"], "dos", "{table}");
    let linux: Vec<_> = table["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|partition| partition["type"] == "83")
        .collect();
    let [linux] = linux[..] else {
        panic!("{table}");
    };
    let bytes = |key: &str| linux[key].as_u64().unwrap() * 512;
    (bytes("start"), bytes("size"))
}

#[test]
fn the_partition_is_aligned_and_ends_with_the_image() {
    let Some(sfdisk) = tool("sfdisk") else { return };
    let (start, length) = partition(&sfdisk, &image());
    assert_eq!(start % (4 << 20), 0);
    assert_eq!(start + length, fs::metadata(image()).unwrap().len());
}

#[test]
fn e2fsck_finds_nothing_wrong_with_the_partition() {
    let (Some(sfdisk), Some(e2fsck)) = (tool("sfdisk"), tool("e2fsck")) else {
        return;
    };
    let (start, length) = partition(&sfdisk, &image());
    let folder = TempDir::new().unwrap();
    let cut = folder.path().join("partition");
    let mut whole = File::open(image()).unwrap();
    whole.seek(SeekFrom::Start(start)).unwrap();
    io::copy(&mut whole.take(length), &mut File::create(&cut).unwrap()).unwrap();
    let said = e2fsck.text(&["-fn".as_ref(), cut.as_os_str()]);
    assert!(said.contains("0.0% non-contiguous"), "{said}");
}

/// A mount; gone with its value.
pub(crate) struct Mounted {
    point: TempDir,
    umount: Tool,
}

impl Mounted {
    /// The demo's image; `None` after saying why.
    fn image() -> Option<Self> {
        Self::of(&image())
    }

    /// The cache of an image; `None` after saying why.
    pub(crate) fn of(image: &OsStr) -> Option<Self> {
        if !may_mount("a loop mount") {
            return None;
        }
        let (mount, umount, sfdisk) = (tool("mount")?, tool("umount")?, tool("sfdisk")?);
        let (start, length) = partition(&sfdisk, image);
        let point = TempDir::new().unwrap();
        let options = format!("loop,ro,offset={start},sizelimit={length}");
        let words = ["-t", "ext4", "-o", &options].map(OsString::from);
        let places = [image.to_owned(), point.path().into()];
        mount.run(&[&words[..], &places].concat());
        Some(Self { point, umount })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.point.path().join(name)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // A test that fails leaves a process in it for a moment at most.
        self.umount
            .try_run(&["-l".as_ref(), self.point.path().as_os_str()]);
    }
}

#[test]
fn the_kernel_mounts_the_cache_and_every_blob_hashes_to_its_name() {
    let (Some(mounted), Some(sha256sum), Some(find)) =
        (Mounted::image(), tool("sha256sum"), tool("find"))
    else {
        return;
    };
    let found = find.text(&[
        mounted.point.path().as_os_str(),
        "-type".as_ref(),
        "f".as_ref(),
    ]);
    let root = format!("{}/", mounted.point.path().display());
    let mut blobs = Vec::new();
    let mut others = Vec::new();
    for path in found.lines().map(|line| line.strip_prefix(&root).unwrap()) {
        match path.strip_prefix("store/blobs/sha256/") {
            Some(blob) => blobs.push(blob.to_owned()),
            None => others.push(path),
        }
    }
    others.sort_unstable();
    assert_eq!(
        others,
        [
            "bin/snobox-agent",
            "store/index.json",
            "store/oci-layout",
            "sums/blobs"
        ]
    );
    let folder = mounted.path("store/blobs/sha256");
    let sums = sha256sum.text(
        &blobs
            .iter()
            .map(|blob| folder.join(blob))
            .collect::<Vec<_>>(),
    );
    assert_eq!(sums.lines().count(), blobs.len());
    for line in sums.lines() {
        let (sum, path) = line.split_once("  ").unwrap();
        assert!(path.ends_with(&format!("/{sum}")), "{line}");
    }
    // Everything that the lock names is there.
    for image in demo().lock()["images"].as_array().unwrap() {
        let digest = image["digest"].as_str().unwrap();
        let digest = digest.strip_prefix("sha256:").unwrap();
        assert!(blobs.iter().any(|blob| blob == digest), "{image}");
    }
}

#[test]
fn the_sums_of_the_cache_are_those_of_xxhsum() {
    let (Some(mounted), Some(xxhsum)) = (Mounted::image(), tool("xxhsum")) else {
        return;
    };
    let sums = fs::read(mounted.path("sums/blobs")).unwrap();
    let (header, entries) = sums.split_at(24);
    assert_eq!(&header[..16], b"SNBXSUMS\x01\0\0\0\0\0\0\0");
    let hex = |bytes: &mut dyn Iterator<Item = &u8>| -> String {
        bytes.map(|byte| format!("{byte:02x}")).collect()
    };
    // Ours are numbers with the lowest byte first; people write them with the highest first.
    let mut ours: Vec<_> = entries
        .chunks(48)
        .map(|e| (hex(&mut e[..32].iter()), hex(&mut e[32..].iter().rev())))
        .collect();
    let folder = mounted.path("store/blobs/sha256");
    let paths: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let words = std::iter::once(PathBuf::from("-H128")).chain(paths.iter().cloned());
    let said = xxhsum.text(&words.collect::<Vec<_>>());
    let mut theirs: Vec<_> = said
        .lines()
        .map(|line| {
            let (sum, path) = line.split_once("  ").unwrap();
            let name = path.trim().rsplit_once('/').unwrap().1;
            (name.to_owned(), sum.trim().to_owned())
        })
        .collect();
    ours.sort();
    theirs.sort();
    assert_eq!(ours.len(), paths.len());
    assert_eq!(ours, theirs);
}

#[test]
fn the_store_in_the_mounted_image_answers_skopeo() {
    let Some(mounted) = Mounted::image() else {
        return;
    };
    let sandbox = Sandbox::new();
    let serving = Serving::start(&sandbox, &mounted.path("store"));
    skopeo_is_answered(&serving);
    let running = serving.running();
    running.signal("TERM");
    sandbox.end(running).ok();
    let store = mounted.path("store");
    sandbox.run(&["verify", store.to_str().unwrap()]).ok();
}

/// Whether an ELF file asks for a dynamic loader.
fn is_dynamic(readelf: &Tool, program: &Path) -> bool {
    let headers = readelf.text(&["-lW".as_ref(), program.as_os_str()]);
    headers.contains("INTERP")
}

#[test]
fn the_agent_on_the_cache_runs_and_needs_nothing() {
    let (Some(mounted), Some(readelf), Some(chroot)) =
        (Mounted::image(), tool("readelf"), tool("chroot"))
    else {
        return;
    };
    let agent = mounted.path("bin/snobox-agent");
    let version = Tool::at(&agent).text(&["--version"]);
    assert!(version.starts_with("snobox-agent 0."), "{version}");
    assert!(!is_dynamic(&readelf, &agent), "the agent asks for a loader");
    let empty = TempDir::new().unwrap();
    fs::copy(&agent, empty.path().join("agent")).unwrap();
    let alone = chroot.text(&[
        empty.path().as_os_str(),
        "/agent".as_ref(),
        "--version".as_ref(),
    ]);
    assert_eq!(alone, version);
}
