//! `snobox iso` on real live ISOs, with the real coreos-installer on the other side.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::support::{Sandbox, Tool, Tree, sample_iso, sample_isos, tool};

/// The generations without `coreos/kargs.json`, and the one that is no live ISO.
const OTHERS: [&str; 4] = ["2020-09", "2021-01", "2023-03.s390x", "synthetic"];
const CONFIG: &str = r#"{"ignition":{"version":"3.2.0"},"passwd":{"users":[{"name":"core"}]}}"#;

/// A sample, unpacked by xz as `live.iso`.
struct Case {
    sandbox: Sandbox,
    packed: PathBuf,
    sum: String,
    sha256sum: Tool,
    installer: Tool,
}

impl Case {
    fn of(packed: &Path) -> Option<Self> {
        let (xz, sha256sum) = (tool("xz")?, tool("sha256sum")?);
        let installer = tool("coreos-installer")?;
        let sandbox = Sandbox::new();
        let live = sandbox.write("live.iso", xz.run(&["-dc".as_ref(), packed.as_os_str()]));
        let sum = sha256sum.text(&[live]);
        sandbox.write("config.ign", CONFIG);
        let packed = packed.to_owned();
        Some(Self {
            sandbox,
            packed,
            sum,
            sha256sum,
            installer,
        })
    }

    fn sum(&self) -> String {
        self.sha256sum.text(&[self.sandbox.path("live.iso")])
    }

    fn ours(&self, args: &[&str]) -> Vec<u8> {
        self.sandbox.run(&[&["iso"], args].concat()).ok().stdout
    }

    fn real(&self, args: &[&str]) -> Vec<u8> {
        let iso = self.sandbox.path("live.iso").into_os_string();
        let words: Vec<OsString> = ["iso"]
            .iter()
            .chain(args)
            .map(OsString::from)
            .chain([iso])
            .collect();
        self.installer.run(&words)
    }

    fn real_kargs(&self) -> String {
        String::from_utf8(self.real(&["kargs", "show"]))
            .unwrap()
            .trim_end()
            .to_owned()
    }

    fn our_kargs(&self) -> String {
        String::from_utf8(self.ours(&["kargs", "live.iso"]))
            .unwrap()
            .trim_end()
            .to_owned()
    }
}

/// Runs a law on every sample with `coreos/kargs.json`; there are at least three.
fn on_each(law: impl Fn(&Case)) {
    let samples = sample_isos();
    let is_other = |path: &PathBuf| {
        OTHERS
            .iter()
            .any(|other| path.to_string_lossy().contains(other))
    };
    let (_, wanted): (Vec<_>, Vec<_>) = samples.into_iter().partition(is_other);
    if std::env::var_os("SNOBOX_SAMPLES").is_some() {
        assert!(wanted.len() >= 3, "{wanted:?}");
    }
    for path in wanted {
        let Some(case) = Case::of(&path) else { return };
        law(&case);
    }
}

#[test]
fn remove_undoes_embed_to_the_last_bit() {
    on_each(|case| {
        case.ours(&["embed", "live.iso", "--ignition", "config.ign"]);
        assert_ne!(case.sum(), case.sum);
        assert_eq!(case.real(&["ignition", "show"]), CONFIG.as_bytes());
        case.ours(&["embed", "live.iso", "--remove"]);
        assert_eq!(case.sum(), case.sum);
        case.sandbox
            .run(&["iso", "embed", "live.iso", "--remove"])
            .fails(15);
        case.sandbox
            .run(&["iso", "show", "--ignition", "live.iso"])
            .fails(15);
        assert_eq!(case.sum(), case.sum);
    });
}

#[test]
fn what_coreos_installer_embeds_is_read_and_removed() {
    on_each(|case| {
        let config = case.sandbox.path("config.ign");
        case.real(&["ignition", "embed", "-i", config.to_str().unwrap()]);
        assert_eq!(
            case.ours(&["show", "--ignition", "live.iso"]),
            CONFIG.as_bytes()
        );
        case.ours(&["embed", "live.iso", "--remove"]);
        assert_eq!(case.sum(), case.sum);
        case.ours(&["embed", "live.iso", "--ignition", "config.ign"]);
        case.real(&["ignition", "remove"]);
        assert_eq!(case.sum(), case.sum);
    });
}

#[test]
fn kernel_arguments_are_those_of_coreos_installer_in_both_directions() {
    on_each(|case| {
        let shipped = case.real_kargs();
        assert_eq!(case.our_kargs(), shipped);
        let first = shipped.split(' ').next().unwrap().to_owned();

        case.ours(&[
            "kargs",
            "live.iso",
            "--append",
            "console=ttyS0",
            "--append",
            "quiet",
        ]);
        let longer = format!("{shipped} console=ttyS0 quiet");
        assert_eq!(case.real_kargs(), longer);
        case.ours(&["kargs", "live.iso", "--delete", &first, "--append", "debug"]);
        let other = format!(
            "{} debug",
            longer.strip_prefix(&format!("{first} ")).unwrap()
        );
        assert_eq!(case.real_kargs(), other);
        case.ours(&["kargs", "live.iso", "--reset"]);
        assert_eq!(case.sum(), case.sum);

        case.real(&["kargs", "modify", "-a", "console=ttyS0", "-a", "quiet"]);
        assert_eq!(case.our_kargs(), longer);
        case.ours(&[
            "kargs",
            "live.iso",
            "--delete",
            "quiet",
            "--delete",
            "console=ttyS0",
        ]);
        assert_eq!(case.real_kargs(), shipped);
        case.ours(&["kargs", "live.iso", "--reset", "--append", "ro"]);
        case.real(&["kargs", "reset"]);
        assert_eq!(case.sum(), case.sum);
    });
}

#[test]
fn kernel_arguments_that_cannot_be_are_refused_and_nothing_is_changed() {
    on_each(|case| {
        let run = |args: &[&str]| {
            case.sandbox
                .run(&[&["iso", "kargs", "live.iso"], args].concat())
        };
        let said = run(&["--delete", "absent=1"]);
        let exit = said.code();
        assert_ne!(exit, 0);
        said.fails(exit).says("absent=1");
        run(&["--append", &"x".repeat(3000)])
            .fails(13)
            .says("bytes");
        assert_eq!(case.sum(), case.sum);
    });
}

#[test]
fn an_xz_iso_is_read_and_written_elsewhere_but_never_in_place() {
    on_each(|case| {
        let packed = case.packed.to_str().unwrap();
        let shown = String::from_utf8(case.ours(&["show", packed])).unwrap();
        assert!(shown.contains("CoreOS live ISO"), "{shown}");
        let before = Tree::of(&case.sandbox.work());
        let embed = ["iso", "embed", packed, "--ignition", "config.ign"];
        // As a user who may write to it would be told.
        let own = case
            .sandbox
            .write("own.iso.xz", std::fs::read(packed).unwrap());
        let own = own.to_str().unwrap();
        case.sandbox
            .run(&["iso", "embed", own, "--ignition", "config.ign"])
            .fails(12)
            .says("--output");
        case.sandbox
            .run(&["iso", "kargs", own, "--append", "a"])
            .fails(12)
            .says("--output");
        assert_eq!(std::fs::read(own).unwrap(), std::fs::read(packed).unwrap());
        std::fs::remove_file(own).unwrap();
        assert_eq!(Tree::of(&case.sandbox.work()), before);

        case.sandbox
            .run(&[&embed[..], &["-o", "new.iso"]].concat())
            .ok();
        let shown = case.ours(&["show", "--ignition", "new.iso"]);
        assert_eq!(shown, CONFIG.as_bytes());
        case.ours(&["embed", "live.iso", "--ignition", "config.ign"]);
        assert_eq!(case.sandbox.read("new.iso"), case.sandbox.read("live.iso"));
        case.sandbox
            .run(&[&embed[..], &["-o", "new.iso"]].concat())
            .fails(31)
            .says("new.iso");
    });
}

#[test]
fn a_second_config_needs_force() {
    on_each(|case| {
        case.ours(&["embed", "live.iso", "--ignition", "config.ign"]);
        let once = case.sum();
        let other = r#"{"ignition":{"version":"3.3.0"}}"#;
        case.sandbox.write("other.ign", other);
        let again = ["iso", "embed", "live.iso", "--ignition", "other.ign"];
        case.sandbox.run(&again).fails(15).says("--force");
        assert_eq!(case.sum(), once);
        case.sandbox.run(&[&again[..], &["--force"]].concat()).ok();
        assert_eq!(case.real(&["ignition", "show"]), other.as_bytes());
    });
}

/// A config of spec 3.2.0 that does not compress.
pub(crate) fn large_config(bytes: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let hex: String = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        format!("{state:016x}")
    })
    .take(bytes / 16)
    .collect();
    format!(
        r#"{{"ignition":{{"version":"3.2.0"}},"storage":{{"files":[{{"path":"/large","contents":{{"source":"data:,{hex}"}}}}]}}}}"#
    )
}

#[test]
fn a_config_that_does_not_fit_is_refused_with_the_bytes_and_nothing_is_changed() {
    on_each(|case| {
        case.sandbox.write("large.ign", large_config(700 << 10));
        let before = Tree::of(&case.sandbox.work());
        let args = ["iso", "embed", "live.iso", "--ignition", "large.ign"];
        let said = case.sandbox.run(&args).fails(13).says("262144");
        let numbers: Vec<u64> = said
            .stderr
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|word| word.parse().ok())
            .collect();
        // What it takes, what there is, and by how much it is too large.
        let needed = *numbers.iter().find(|number| **number > 262_144).unwrap();
        assert!(numbers.contains(&(needed - 262_144)), "{said}");
        case.sandbox
            .run(&[&args[..], &["-o", "new.iso"]].concat())
            .fails(13);
        assert_eq!(Tree::of(&case.sandbox.work()), before);
    });
}

#[test]
fn what_is_no_config_is_not_embedded() {
    on_each(|case| {
        for text in ["", "{", "[]", r#"{"ignition":{"version":"2.2.0"}}"#] {
            case.sandbox.write("bad.ign", text);
            let args = ["iso", "embed", "live.iso", "--ignition", "bad.ign"];
            case.sandbox.run(&args).fails(15).says("bad.ign");
        }
        case.sandbox
            .run(&["iso", "embed", "live.iso", "--ignition", "absent.ign"])
            .fails(31);
        assert_eq!(case.sum(), case.sum);
    });
}

#[test]
fn an_iso_of_something_else_is_refused() {
    let (Some(xz), Some(sample)) = (tool("xz"), sample_iso("synthetic.iso.xz")) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.write(
        "synthetic.iso",
        xz.run(&["-dc".as_ref(), sample.as_os_str()]),
    );
    sandbox.write("text.iso", "this is a text\n");
    sandbox.write("config.ign", CONFIG);
    let before = Tree::of(&sandbox.work());
    for iso in ["synthetic.iso", "text.iso", sample.to_str().unwrap()] {
        sandbox.run(&["iso", "show", iso]).fails(12);
        sandbox.run(&["iso", "kargs", iso]).fails(12);
        sandbox
            .run(&[
                "iso",
                "embed",
                iso,
                "--ignition",
                "config.ign",
                "-o",
                "new.iso",
            ])
            .fails(12);
        sandbox.run(&["verify", iso]).fails(12);
    }
    assert_eq!(Tree::of(&sandbox.work()), before);
}
