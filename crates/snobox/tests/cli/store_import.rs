//! `snobox store import` and `export`: folders and archives that skopeo and tar made, and what they make of ours.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use snobox_testkit::practice::ADDITIONAL_REFERENCE;

use crate::support::{Running, Said, Sandbox, Tool, demo, tool};

/// A registry with whole lists, and the programs that fetch from it.
struct Works {
    sandbox: Sandbox,
    serving: Running,
    address: String,
    skopeo: Tool,
    tar: Tool,
}

impl Works {
    fn start() -> Option<Self> {
        let (skopeo, tar) = (tool("skopeo")?, tool("tar")?);
        let sandbox = Sandbox::new();
        // Its folder of images would look like something left behind.
        let mut command = sandbox.command(&["serve", "--practice", "--listen", "127.0.0.1:0"]);
        command.env("TMPDIR", sandbox.work());
        let mut serving = Running::start(command);
        serving.until("the address", |r| r.stderr().contains("Ctrl-C stops"));
        let talk = serving.stderr();
        let (_, rest) = talk.split_once("http://").unwrap();
        let address = rest.split(',').next().unwrap().to_owned();
        Some(Self {
            sandbox,
            serving,
            address,
            skopeo,
            tar,
        })
    }

    /// `skopeo copy` of an image, with all its platforms.
    fn copy(&self, reference: &str, target: &str) {
        let source = format!("docker://{}/{reference}", self.address);
        let args = [
            "--insecure-policy",
            "copy",
            "-q",
            "--all",
            "--src-tls-verify=false",
        ];
        self.skopeo.run(&[&args[..], &[&source, target]].concat());
    }

    /// A tgz as factory-precaching makes it: of a folder with the artifact's name.
    fn archive(&self, reference: &str, folder: &Path) -> PathBuf {
        let artifact = reference.rsplit('/').next().unwrap().replacen(':', "_", 1);
        let image = self.sandbox.path(&artifact);
        self.copy(reference, &format!("dir:{}", image.display()));
        let path = folder.join(format!("{artifact}.tgz"));
        self.pack(&path, &artifact);
        fs::remove_dir_all(image).unwrap();
        path
    }

    fn pack(&self, path: &Path, folder: &str) {
        let (path, work) = (path.to_str().unwrap(), self.sandbox.work());
        self.tar
            .run(&["czf", path, "-C", work.to_str().unwrap(), folder]);
    }

    fn end(self) {
        self.serving.signal("TERM");
    }
}

/// (reference, digest) of the demo's images: the release, a list, and the additional one.
fn some() -> Vec<(String, String)> {
    let images = crate::serve::some_images();
    images.into_iter().take(3).collect()
}

fn pinned(reference: &str, digest: &str) -> String {
    let name = reference.split('@').next().unwrap();
    let slash = name.rfind('/').unwrap();
    let end = name[slash..]
        .find(':')
        .map_or(name.len(), |colon| slash + colon);
    format!("{}@{digest}", &name[..end])
}

fn result(said: &Said) -> Value {
    let mut documents = serde_json::Deserializer::from_slice(&said.stdout).into_iter();
    documents.next().unwrap().unwrap()
}

fn names(sandbox: &Sandbox) -> Vec<String> {
    let ls = sandbox.run(&["--json", "store", "ls"]).ok().json();
    let images = ls["images"].as_array().unwrap();
    images
        .iter()
        .map(|i| i["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_folder_of_factory_precaching_becomes_a_store_and_nothing_is_taken_twice() {
    let Some(works) = Works::start() else { return };
    let sandbox = &works.sandbox;
    let folder = sandbox.path("precached");
    fs::create_dir(&folder).unwrap();
    let mut mapping = String::new();
    let mut expected = Vec::new();
    for (reference, digest) in some() {
        let reference = pinned(&reference, &digest);
        works.archive(&reference, &folder);
        mapping += &format!("{reference}=somewhere/else:tag\n");
        expected.push(reference);
    }
    expected.sort();
    // Filtered out: in the mapping, and nowhere else.
    let digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let ignored = format!("quay.io/nobody/nothing@{digest}=nobody/nothing:ba7816bf\n");
    mapping += &ignored;
    fs::write(folder.join("mapping.txt"), mapping).unwrap();
    fs::write(folder.join("ignored-images.txt"), ignored).unwrap();
    fs::write(folder.join("ocp-images.txt"), format!("{}\n", expected[0])).unwrap();
    let args = ["--json", "store", "import", "precached"];
    let said = sandbox.run(&args).ok().json();
    assert_eq!(said["imported"].as_array().unwrap().len(), 3);
    // Everything but the manifests, which are small.
    let blobs = fs::read_dir(sandbox.path("store/blobs/sha256")).unwrap();
    let total: u64 = blobs.map(|b| b.unwrap().metadata().unwrap().len()).sum();
    let copied = said["copiedBytes"].as_u64().unwrap();
    assert!(
        copied <= total && copied + 50_000 > total,
        "{copied} of {total}"
    );
    assert_eq!(names(sandbox), expected);
    let value = sandbox.run(&["--json", "store", "fsck"]).ok().json();
    assert_eq!(
        value["unneeded"].as_array().unwrap().len(),
        0,
        "other platforms stayed"
    );
    let before = fs::read_dir(sandbox.path("store/blobs/sha256"))
        .unwrap()
        .count();
    let again = sandbox.run(&args).ok().json();
    assert_eq!(
        (&again["present"], &again["copiedBytes"]),
        (&3.into(), &0.into())
    );
    // All platforms, where they are asked for.
    let all = sandbox
        .run(&["--json", "store", "import", "precached", "--all"])
        .ok()
        .json();
    assert!(
        all["copiedBytes"].as_u64() > Some(0) || all["imported"].as_array().unwrap().len() == 1
    );
    assert!(
        fs::read_dir(sandbox.path("store/blobs/sha256"))
            .unwrap()
            .count()
            > before
    );
    let ls = sandbox.run(&["--json", "store", "ls"]).ok().json();
    let sparse = |image: &Value| !image["sparse"].as_array().unwrap().is_empty();
    assert!(!ls["images"].as_array().unwrap().iter().any(sparse));
    sandbox.run(&["verify", "store"]).ok();
    works.end();
}

#[test]
fn what_cannot_be_used_is_told_with_its_reason_and_keeps_nothing_else_out() {
    let Some(works) = Works::start() else { return };
    let sandbox = &works.sandbox;
    let folder = sandbox.path("precached");
    fs::create_dir(&folder).unwrap();
    let (reference, digest) = &some()[0];
    let good = pinned(reference, digest);
    works.archive(&good, &folder);
    let images: Vec<String> = ["cut", "flipped", "other", "escape", "link", "absent"]
        .iter()
        .map(|name| format!("quay.io/bad/{name}:1"))
        .collect();
    let whole = works.archive(ADDITIONAL_REFERENCE, &sandbox.work());
    let bytes = fs::read(&whole).unwrap();
    fs::write(folder.join("cut_1.tgz"), &bytes[..bytes.len() / 2]).unwrap();
    // A layer with another byte.
    let image = sandbox.path("image");
    works.copy(ADDITIONAL_REFERENCE, &format!("dir:{}", image.display()));
    let layer = fs::read_dir(&image)
        .unwrap()
        .map(|e| e.unwrap().path())
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    let mut content = fs::read(&layer).unwrap();
    content[77] ^= 1;
    fs::write(&layer, content).unwrap();
    works.pack(&folder.join("flipped_1.tgz"), "image");
    // Another image than the list says.
    let wrong = pinned(
        "quay.io/bad/other:1",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    fs::write(
        folder.join(format!(
            "{}.tgz",
            wrong.rsplit('/').next().unwrap().replacen(':', "_", 1)
        )),
        &bytes,
    )
    .unwrap();
    // Paths and links that lead out.
    sandbox.write("evil", "evil");
    let escape = folder.join("escape_1.tgz");
    let work = sandbox.work();
    let tar = |args: &[&str]| works.tar.run(args);
    tar(&[
        "czPf",
        escape.to_str().unwrap(),
        "-C",
        work.to_str().unwrap(),
        "--transform=s,^,../../../,",
        "evil",
    ]);
    std::os::unix::fs::symlink("/etc/passwd", sandbox.path("link")).unwrap();
    works.pack(&folder.join("link_1.tgz"), "link");
    fs::write(folder.join("stale_1.tgz"), &bytes).unwrap();
    let list = format!(
        "{good}\n{}\n{wrong}\n",
        images
            .iter()
            .filter(|i| !i.contains("other"))
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    );
    fs::write(folder.join("ocp-images.txt"), list).unwrap();
    let said = sandbox
        .run(&["--json", "store", "import", "precached"])
        .fails(40);
    let value = result(&said);
    assert_eq!(value["imported"], serde_json::json!([good]), "{said}");
    let unusable = value["unusable"].as_array().unwrap();
    let told = |part: &str, reason: &str| {
        let text = |item: &Value| format!("{} {}", item["what"], item["why"]);
        assert!(
            unusable
                .iter()
                .any(|item| text(item).contains(part) && text(item).contains(reason)),
            "{part}: {said}"
        );
    };
    told("cut_1.tgz", "cannot be read");
    told("bad/flipped:1", "missing");
    told("flipped_1.tgz", "damaged");
    told("bad/other", "another image");
    told("escape_1.tgz", "leads out");
    told("link_1.tgz", "neither a file nor a folder");
    told("bad/absent:1", "there is no absent_1.tgz");
    told("stale_1.tgz", "no list names it");
    assert_eq!(names(sandbox), [good]);
    sandbox.run(&["verify", "store"]).ok();
    works.end();
}

#[test]
fn folders_and_archives_of_skopeo_are_taken_over() {
    let Some(works) = Works::start() else { return };
    let sandbox = &works.sandbox;
    let (release, digest) = &some()[0];
    // One folder, called by the user.
    works.copy(release, &format!("dir:{}", sandbox.path("one").display()));
    sandbox
        .run(&["store", "import", "one"])
        .fails(40)
        .says("--as");
    let name = "quay.io/factory/release:1";
    sandbox.run(&["store", "import", "one", "--as", name]).ok();
    // A tree, called by its paths.
    let folder = sandbox.path(&format!("tree/{ADDITIONAL_REFERENCE}"));
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    works.copy(ADDITIONAL_REFERENCE, &format!("dir:{}", folder.display()));
    sandbox.run(&["store", "import", "tree"]).ok();
    assert_eq!(names(sandbox), [name, ADDITIONAL_REFERENCE]);
    // A layout, another store, and an archive of a layout.
    works.copy(
        release,
        &format!("oci:{}:{release}", sandbox.path("layout").display()),
    );
    sandbox
        .run(&["store", "import", "layout", "--store", "second"])
        .ok();
    sandbox
        .run(&["store", "import", "store", "--store", "second"])
        .ok();
    let ls = sandbox
        .run(&["--json", "store", "ls", "second"])
        .ok()
        .json();
    assert_eq!(ls["images"].as_array().unwrap().len(), 3);
    works.copy(
        release,
        &format!("oci-archive:{}", sandbox.path("a.tar").display()),
    );
    sandbox
        .run(&["store", "import", "a.tar", "--as", name, "--store", "third"])
        .ok();
    let ls = sandbox.run(&["--json", "store", "ls", "third"]).ok().json();
    assert_eq!(
        (&ls["images"][0]["name"], &ls["images"][0]["digest"]),
        (&name.into(), &digest.as_str().into())
    );
    for store in ["store", "second", "third"] {
        let value = sandbox.run(&["--json", "store", "fsck", store]).ok().json();
        assert_eq!(value["unneeded"].as_array().unwrap().len(), 0, "{value}");
    }
    fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox
        .run(&["store", "import", "empty"])
        .fails(31)
        .says("holds no images");
    sandbox
        .run(&["store", "import", "absent"])
        .fails(31)
        .says("absent");
    works.end();
}

#[test]
fn an_export_has_the_lists_of_factory_precaching_and_archives_that_skopeo_copies() {
    let (Some(skopeo), Some(tar)) = (tool("skopeo"), tool("tar")) else {
        return;
    };
    let sandbox = Sandbox::new();
    let store = demo().path("store");
    let store = store.to_str().unwrap();
    let args = [
        "--json",
        "store",
        "export",
        "--format",
        "factory-precaching",
        "--store",
        store,
        "out",
    ];
    let said = sandbox.run(&args).ok().json();
    let lock = demo().lock();
    let images = lock["images"].as_array().unwrap();
    assert_eq!(said["written"], images.len());
    let text = |name: &str| String::from_utf8(sandbox.read(&format!("out/{name}"))).unwrap();
    let (mapping, ai, ocp) = (
        text("mapping.txt"),
        text("ai-images.txt"),
        text("ocp-images.txt"),
    );
    assert_eq!(mapping.lines().count(), images.len());
    assert_eq!(text("ignored-images.txt"), "");
    let of = |name: &str| images.iter().find(|i| i["name"] == name).unwrap();
    let reference = |image: &Value| {
        pinned(
            image["reference"].as_str().unwrap(),
            image["digest"].as_str().unwrap(),
        )
    };
    let release = reference(of("release"));
    let version = "4.99.0-practice-x86_64";
    assert!(
        mapping.contains(&format!("{release}=openshift/release-images:{version}\n")),
        "{mapping}"
    );
    let etcd = reference(of("etcd"));
    assert!(
        mapping.contains(&format!("{etcd}=openshift/release:{version}-etcd\n")),
        "{mapping}"
    );
    assert!(
        mapping.contains(&format!("{ADDITIONAL_REFERENCE}=factory/line-agent:1.0\n")),
        "{mapping}"
    );
    assert!(ai.contains(&release) && ai.contains(&etcd) && !ai.contains(ADDITIONAL_REFERENCE));
    assert!(ocp.contains(&release) && ocp.contains(&etcd) && ocp.contains(ADDITIONAL_REFERENCE));
    assert_eq!(ocp.lines().count(), images.len());
    // As extract-images.sh does it: unpack in place, copy out of the folder of that name.
    for line in ocp.lines() {
        let name = line.rsplit('/').next().unwrap().replacen(':', "_", 1);
        let archive = sandbox.path(&format!("out/{name}.tgz"));
        tar.run(&[
            "xzf",
            archive.to_str().unwrap(),
            "-C",
            sandbox.work().to_str().unwrap(),
        ]);
        let source = format!("dir:{}", sandbox.path(&name).display());
        let target = format!("oci:{}:x", sandbox.path("copied").display());
        let copy = ["--override-arch=amd64", "--insecure-policy", "copy", "-q"];
        skopeo.run(&[&copy[..], &[&source, &target]].concat());
        fs::remove_dir_all(sandbox.path(&name)).unwrap();
        fs::remove_dir_all(sandbox.path("copied")).unwrap();
    }
    let again = sandbox.run(&args).ok().json();
    assert_eq!(
        (&again["written"], &again["present"]),
        (&0.into(), &images.len().into())
    );
    // There and back again.
    let said = sandbox
        .run(&["--json", "store", "import", "out", "--store", "back"])
        .ok()
        .json();
    assert_eq!(said["imported"].as_array().unwrap().len(), images.len());
    let some = [&args[..7], &["some", ADDITIONAL_REFERENCE]].concat();
    sandbox.run(&some).ok();
    let ignored = String::from_utf8(sandbox.read("some/ignored-images.txt")).unwrap();
    assert_eq!(ignored.lines().count(), images.len() - 1);
    assert!(!ignored.contains(ADDITIONAL_REFERENCE));
}
