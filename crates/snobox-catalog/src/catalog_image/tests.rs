//! Catalog images put together here, in the forms that builders give them.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use serde_json::json;
use snobox_formats::digest::Digest;
use snobox_formats::layer::{LayerWriter, Written};

use super::*;
use crate::catalog::Builder;
use crate::select::{Chosen, Selection};

const FOO: &str = r#"{"schema":"olm.package","name":"foo","defaultChannel":"stable","icon":{"mediatype":"x"}}
{"schema":"olm.channel","package":"foo","name":"stable","entries":[{"name":"foo.v1"},{"name":"foo.v2","replaces":"foo.v1","skipRange":"<2"}]}
{"schema":"olm.channel","package":"foo","name":"fast","entries":[{"name":"foo.v2"}]}
{"schema":"olm.bundle","package":"foo","name":"foo.v1","image":"r.io/foo:1","properties":[{"type":"olm.package","value":{"packageName":"foo","version":"1.0.0"}}]}
{"schema":"olm.bundle","package":"foo","name":"foo.v2","image":"r.io/foo:2","properties":[{"type":"olm.package","value":{"packageName":"foo","version":"2.0.0"}}]}
{"schema":"olm.deprecations","package":"foo","entries":[{"reference":{"schema":"olm.bundle","name":"foo.v1"},"message":"old"},{"reference":{"schema":"olm.channel","name":"stable"},"message":"dull"}]}
"#;

const BAR: &str = "---
schema: olm.package
name: bar
defaultChannel: a
---
schema: olm.channel
package: bar
name: a
properties:
- type: olm.channel
  value: {priority: 7}
entries:
- name: bar.v1
- {name: bar.v2, replaces: bar.v1}
---
schema: olm.bundle
package: bar
name: bar.v1
image: r.io/bar:1
---
schema: olm.bundle
package: bar
name: bar.v2
image: r.io/bar:2
";

const NONE: BTreeSet<String> = BTreeSet::new();

#[derive(Default)]
struct Memory(BTreeMap<Digest, Vec<u8>>);

impl Blobs for Memory {
    fn open(&self, digest: Digest) -> io::Result<Option<Box<dyn Read + '_>>> {
        let found = self.0.get(&digest);
        Ok(found.map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn Read>))
    }
}

fn layer(files: &[(&str, &str)]) -> Written {
    let mut layer = LayerWriter::default();
    for (path, content) in files {
        layer.file(path, content.as_bytes()).unwrap();
    }
    layer.finish().unwrap()
}

/// Layers with the instructions that made them; an instruction without a layer made none.
fn image(parts: &[(&str, Option<Written>)]) -> (CatalogImage, Memory) {
    let mut blobs = Memory::default();
    let (mut layers, mut diff_ids, mut history) = (Vec::new(), Vec::new(), Vec::new());
    for (made_by, layer) in parts {
        history.push(json!({"created_by": made_by, "empty_layer": layer.is_none()}));
        if let Some(layer) = layer {
            let digest = Digest::of(&layer.blob);
            layers.push(json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest.to_string(), "size": layer.blob.len()}));
            diff_ids.push(layer.diff_id.to_string());
            blobs.0.insert(digest, layer.blob.clone());
        }
    }
    let config = json!({
        "architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
        "config": {
            "Labels": {CONFIGS_LABEL: "/configs"},
            "Entrypoint": ["/bin/opm"], "Cmd": ["serve", "/configs", "--cache-dir=/var/cache/opm"],
        },
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": history,
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(b"").to_string(), "size": 1},
        "layers": layers,
    });
    let image = CatalogImage::new(
        manifest.to_string().as_bytes(),
        config.to_string().as_bytes(),
    );
    (image.unwrap(), blobs)
}

fn usual() -> (CatalogImage, Memory) {
    image(&[
        (
            "/bin/sh -c #(nop) ADD file:1 in /",
            Some(layer(&[("bin/opm", "opm")])),
        ),
        ("CMD [\"bash\"]", None),
        (
            "ADD configs /configs",
            Some(layer(&[
                ("configs/foo/catalog.json", FOO),
                ("configs/bar/catalog.yaml", BAR),
            ])),
        ),
        (
            "RUN opm serve /configs --cache-only",
            Some(layer(&[
                ("var/cache/opm/digest", "x"),
                ("tmp/cache/y", "y"),
            ])),
        ),
        ("LABEL x", None),
    ])
}

fn packages(image: &CatalogImage, blobs: &Memory) -> Vec<String> {
    let survey = image.survey(blobs).unwrap();
    let mut builder = Builder::default();
    image
        .read(&survey, blobs, &mut |document| {
            builder.add(document);
            Ok(())
        })
        .unwrap();
    builder.finish().packages.into_keys().collect()
}

/// `foo.v2` out of both channels, and all of `bar` if that is asked for.
fn selection(with_bar: bool) -> Selection {
    let names = |all: &[&str]| all.iter().map(|n| (*n).to_owned()).collect();
    let mut selection = Selection::default();
    let foo = Chosen {
        default_channel: Some("fast".to_owned()),
        channels: [("fast", names(&["foo.v2"])), ("stable", names(&["foo.v2"]))]
            .map(|(name, bundles)| (name.to_owned(), bundles))
            .into(),
    };
    selection.packages.insert("foo".to_owned(), foo);
    if with_bar {
        let bar = Chosen {
            default_channel: Some("a".to_owned()),
            channels: [("a".to_owned(), names(&["bar.v2"]))].into(),
        };
        selection.packages.insert("bar".to_owned(), bar);
    }
    selection
}

/// Everything that a rebuilt image shows, by path.
fn files(rebuilt: &Rebuilt, blobs: &Memory) -> BTreeMap<String, String> {
    struct All(BTreeMap<String, String>);
    impl Visitor for All {
        fn file(&mut self, path: &str, content: &mut dyn Read) -> io::Result<()> {
            let mut text = String::new();
            content.read_to_string(&mut text)?;
            self.0.insert(path.to_owned(), text);
            Ok(())
        }
    }
    let mut all = Memory(blobs.0.clone());
    all.0.extend(rebuilt.made.clone());
    let mut found = All(BTreeMap::new());
    image_tree::walk(&all, &rebuilt.blobs[1..], "", &mut found).unwrap();
    found.0
}

#[test]
fn only_layers_from_the_first_instruction_on_that_names_the_folder_are_read() {
    let a = || Some(layer(&[("a", "a")]));
    for (made_by, expected) in [
        (["base", "ADD configs /configs", "RUN x"], 1),
        (
            [
                "base",
                "RUN x",
                "COPY --from=x /configs /configs # buildkit",
            ],
            2,
        ),
        (["WORKDIR /configs", "x", "y"], 0),
        (["base", "ADD x /configs2", "ADD x /configs-x"], 0),
        (["base", "x", "y"], 0),
    ] {
        let parts: Vec<_> = made_by.iter().map(|m| (*m, a())).collect();
        let (image, _) = image(&parts);
        assert_eq!(image.lowest, expected, "{made_by:?}");
    }
    // One layer for all instructions of a build, as buildah makes it.
    let (image, _) = image(&[
        ("base", a()),
        ("ADD configs /configs", None),
        ("LABEL", a()),
    ]);
    assert_eq!(image.lowest, 1);
}

#[test]
fn a_history_that_does_not_fit_the_layers_says_nothing() {
    let (mut image, _) = usual();
    image.config["history"].as_array_mut().unwrap().remove(0);
    assert_eq!(lowest(&image.config, "configs", 3), 0);
    assert_eq!(lowest(&json!({}), "configs", 3), 0);
}

#[test]
fn documents_of_all_layers_and_forms_are_read_but_those_that_are_ignored() {
    let (image_, blobs) = usual();
    assert_eq!(image_.layers_to_read().len(), 2);
    assert_eq!(packages(&image_, &blobs), ["bar", "foo"]);
    let (image_, blobs) = image(&[(
        "x",
        Some(layer(&[
            ("configs/README.md", "no document"),
            ("configs/drafts/broken.json", "{"),
            ("configs/foo/catalog.json", FOO),
            ("configs/.indexignore", "drafts/\n"),
            ("other/x.json", "{"),
        ])),
    )]);
    assert_eq!(packages(&image_, &blobs), ["foo"]);
}

#[test]
fn a_broken_document_is_named_with_file_and_line() {
    let (image, blobs) = image(&[("x", Some(layer(&[("configs/a.json", "{\n\"schema\": 1}")])))]);
    let survey = image.survey(&blobs).unwrap();
    let error = image.read(&survey, &blobs, &mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().starts_with("/configs/a.json:"), "{error}");
}

#[test]
fn a_rebuilt_image_has_the_chosen_operators_and_the_program_and_nothing_else() {
    let (image, blobs) = usual();
    let survey = image.survey(&blobs).unwrap();
    let rebuilt = rebuild(&image, &survey, &blobs, &selection(true), &NONE).unwrap();
    let found = files(&rebuilt, &blobs);
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        [
            "bin/opm",
            "configs/bar/catalog.json",
            "configs/bar/catalog.yaml",
            "configs/foo/catalog.json"
        ]
    );
    let lines: Vec<_> = found["configs/foo/catalog.json"].lines().collect();
    let original: Vec<_> = FOO.lines().collect();
    assert_eq!(
        lines,
        [
            &original[0].replace("stable", "fast"),
            original[2],
            r#"{"schema":"olm.channel","package":"foo","name":"stable","entries":[{"name":"foo.v2","replaces":"foo.v1","skipRange":"<2"}]}"#,
            original[4],
            r#"{"schema":"olm.deprecations","package":"foo","entries":[{"reference":{"schema":"olm.channel","name":"stable"},"message":"dull"}]}"#,
        ]
    );
    // A number stays one.
    assert_eq!(
        found["configs/bar/catalog.json"],
        "{\"schema\":\"olm.channel\",\"package\":\"bar\",\"name\":\"a\",\"properties\":[{\"type\":\"olm.channel\",\"value\":{\"priority\":7}}],\"entries\":[{\"name\":\"bar.v2\",\"replaces\":\"bar.v1\"}]}\n"
    );
    assert_eq!(
        found["configs/bar/catalog.yaml"],
        "---\nschema: olm.package\nname: bar\ndefaultChannel: a\n---\nschema: olm.bundle\npackage: bar\nname: bar.v2\nimage: r.io/bar:2\n"
    );
    // Base and documents.
    assert_eq!(rebuilt.blobs.len(), 3);
    let config: Value = serde_json::from_slice(&rebuilt.made[&rebuilt.blobs[0].digest]).unwrap();
    assert_eq!(config["config"]["Entrypoint"], json!(["/bin/opm"]));
    assert_eq!(config["config"]["Cmd"], json!(["serve", "/configs"]));
    assert_eq!(config["config"]["Labels"][CONFIGS_LABEL], "/configs");
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
    let history = config["history"].as_array().unwrap();
    let made: Vec<_> = history
        .iter()
        .map(|h| h["created_by"].as_str().unwrap())
        .collect();
    assert_eq!(
        made,
        [
            "/bin/sh -c #(nop) ADD file:1 in /",
            "CMD [\"bash\"]",
            "LABEL x",
            "snobox: chosen operators in /configs"
        ]
    );
}

#[test]
fn equal_input_gives_equal_bytes_and_other_input_does_not() {
    let (image, blobs) = usual();
    let survey = image.survey(&blobs).unwrap();
    let make = |with_bar| rebuild(&image, &survey, &blobs, &selection(with_bar), &NONE).unwrap();
    assert_eq!(make(true), make(true));
    assert_ne!(make(true).manifest, make(false).manifest);
}

#[test]
fn what_a_layer_holds_besides_the_catalog_stays() {
    let long = format!("root/buildinfo/{}", "x".repeat(150));
    let (image, blobs) = image(&[
        ("base", Some(layer(&[("bin/opm", "opm")]))),
        (
            "ADD configs /configs",
            Some(layer(&[
                ("configs/foo/catalog.json", FOO),
                (&long, "kept"),
                ("tmp/cache/digest", "x"),
                ("tmp/other", "kept, too"),
            ])),
        ),
    ]);
    let survey = image.survey(&blobs).unwrap();
    let rebuilt = rebuild(&image, &survey, &blobs, &selection(false), &NONE).unwrap();
    let found = files(&rebuilt, &blobs);
    assert_eq!(
        found.keys().map(String::as_str).collect::<Vec<_>>(),
        ["bin/opm", "configs/foo/catalog.json", &long, "tmp/other"]
    );
    assert_eq!(found[&long], "kept");
    assert_eq!(rebuilt.blobs.len(), 4);
    // Digests of archives are those of the archives.
    let config: Value = serde_json::from_slice(&rebuilt.made[&rebuilt.blobs[0].digest]).unwrap();
    for (layer, diff_id) in rebuilt.blobs[1..]
        .iter()
        .zip(config["rootfs"]["diff_ids"].as_array().unwrap())
    {
        let blob = rebuilt
            .made
            .get(&layer.digest)
            .or(blobs.0.get(&layer.digest))
            .unwrap();
        let mut tar = Vec::new();
        flate2::read::GzDecoder::new(blob.as_slice())
            .read_to_end(&mut tar)
            .unwrap();
        assert_eq!(*diff_id, Digest::of(&tar).to_string());
    }
}

#[test]
fn what_is_no_catalog_is_refused_by_name() {
    let manifest = json!({"schemaVersion": 2, "config": {"digest": Digest::of(b"").to_string(), "size": 1}, "layers": []});
    let refused = |config: Value| {
        CatalogImage::new(
            manifest.to_string().as_bytes(),
            config.to_string().as_bytes(),
        )
        .unwrap_err()
        .to_string()
    };
    assert!(refused(json!({"config": {"Labels": null}})).contains("not an operator catalog"));
    let old = json!({"config": {"Labels": {"operators.operatorframework.io.index.database.v1": "/database/index.db"}}});
    assert!(refused(old).contains("as a database"));
}
