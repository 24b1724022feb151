//! Documents of catalogs: JSON and YAML say the same, places are right, and no bytes make the reader panic or grow.

use std::io::{self, Read};

use proptest::prelude::*;
use snobox_catalog::catalog::{Builder, Catalog, Constraint, Requirement};
use snobox_catalog::fbc::{self, Blob};
use snobox_catalog::image_set::Rules;

use crate::case::{catalog, choose, documents, lines};

const JSON: &str = r#"{"schema":"olm.package","name":"foo","defaultChannel":"s","icon":{"base64data":"AAAA"}}
{ "name":"s", "package":"foo", "entries":[{"name":"foo.v1.0.0"},{"name":"foo.v1.1.0","replaces":"foo.v1.0.0","skips":["foo.v1.0.1"],"skipRange":"<1.1.0"}],
  "properties":[{"type":"olm.channel","value":{"channelName":"s","priority":3}}], "schema":"olm.channel"}

{"schema":"olm.bundle","name":"foo.v1.0.0","package":"foo","image":"r.example.com/foo:1",
 "properties":[
  {"type":"olm.bundle.object","value":{"data":"AAAA"}},
  {"value":{"packageName":"foo","version":"1.10.0"},"type":"olm.package"},
  {"type":"olm.package.required","value":{"packageName":"bar","versionRange":"<2.0.0"}},
  {"type":"olm.maxOpenShiftVersion","value":"4.10"}],
 "relatedImages":[{"name":"","image":"r.example.com/foo:1"},{"name":"x","image":"r.example.com/\u0078"}]}
{"schema":"example.other","package":"foo","name":7,"entries":{"any":"thing"}}
"#;

const YAML: &str = r#"
---
schema: olm.package
name: foo
defaultChannel: s
icon: {base64data: AAAA}
---
name: s
package: foo
schema: olm.channel
entries:
  - name: foo.v1.0.0
  - name: foo.v1.1.0
    replaces: foo.v1.0.0
    skips:
      - foo.v1.0.1
    skipRange: <1.1.0
properties:
  - type: olm.channel
    value: {channelName: s, priority: 3}
---
# a comment
image: r.example.com/foo:1
name: foo.v1.0.0
package: foo
properties:
  - type: olm.bundle.object
    value:
      data: |
        AAAA
        AAAA
  - type: olm.package
    value: {packageName: foo, version: 1.10.0}
  - type: olm.package.required
    value:
      packageName: bar
      versionRange: <2.0.0
  - type: olm.maxOpenShiftVersion
    value: 4.10
relatedImages:
  - &image {image: "r.example.com/foo:1", name: ""}
  - *image
  - image: r.example.com/x
    name: x
schema: olm.bundle
---
---
schema: example.other
package: foo
name: [7]
"#;

fn read(text: &[u8]) -> Result<Catalog, String> {
    let mut builder = Builder::default();
    let mut take = |document: fbc::Document<'_>| {
        builder.add(document);
        Ok(())
    };
    fbc::read("index", text, &mut take).map_err(|e| e.to_string())?;
    Ok(builder.finish())
}

fn places(text: &str) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    let mut take = |d: fbc::Document<'_>| {
        all.push((d.number, d.line));
        Ok(())
    };
    fbc::read("index", text.as_bytes(), &mut take).unwrap();
    all
}

#[test]
fn json_and_yaml_say_the_same() {
    let json = read(JSON.as_bytes()).unwrap();
    assert_eq!(json, read(YAML.as_bytes()).unwrap());
    let foo = &json.packages["foo"];
    assert_eq!(foo.default_channel.as_deref(), Some("s"));
    let channel = &foo.channels["s"];
    assert_eq!(channel.priority, Some(3));
    assert_eq!(channel.entries[1].replaces.as_deref(), Some("foo.v1.0.0"));
    assert_eq!(channel.entries[1].skip_range.as_deref(), Some("<1.1.0"));
    let bundle = &foo.bundles["foo.v1.0.0"];
    assert_eq!(bundle.version.as_ref().unwrap().to_string(), "1.10.0");
    assert_eq!(bundle.images, ["r.example.com/foo:1", "r.example.com/x"]);
    let bar = Requirement {
        constraint: Constraint::Package {
            name: "bar".to_owned(),
            range: "<2.0.0".to_owned(),
        },
        failure_message: String::new(),
    };
    assert_eq!(bundle.requires, [bar]);
}

#[test]
fn documents_know_where_they_begin() {
    assert_eq!(places(JSON), [(1, 1), (2, 2), (3, 5), (4, 12)]);
    assert_eq!(places(&format!("\n\n{JSON}"))[..2], [(1, 3), (2, 4)]);
    assert_eq!(places(YAML), [(1, 2), (2, 7), (3, 21), (4, 47)]);
}

#[test]
fn the_bytes_of_a_document_come_with_it() {
    let mut all = Vec::new();
    let mut take = |d: fbc::Document<'_>| {
        all.extend_from_slice(d.raw);
        all.push(b'\n');
        Ok(())
    };
    fbc::read("index", JSON.as_bytes(), &mut take).unwrap();
    assert_eq!(read(&all).unwrap(), read(JSON.as_bytes()).unwrap());
    assert!(String::from_utf8(all).unwrap().contains("base64data"));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let package = r#"{"schema":"olm.package","name":"foo"}"#;
    let cases = [
        (
            "{\"schema\":\"olm.package\",\n\"name\":x}".to_owned(),
            "index:2: document 1: expected value",
        ),
        (
            format!("{package}\n\n{{\"schema\":\"olm.package\",\n"),
            "index:4: document 2: the file ends within the object",
        ),
        (
            format!("[{package}]"),
            "index:1: document 1: expected an object: a catalog is objects one behind the other",
        ),
        (
            format!("{package},{package}"),
            "index:1: document 2: expected an object",
        ),
        (
            "{\"name\":\"foo\"}".to_owned(),
            "index:1: document 1: it has no schema",
        ),
        (
            "\n{\"schema\":\"olm.channel\",\"name\":\"s\"}".to_owned(),
            "index:2: document 1: olm.channel without package",
        ),
        (
            format!("{package}\n{{\"schema\":\"olm.bundle\",\n\"name\":7}}"),
            "index:3: document 2: invalid type: integer `7`",
        ),
        (
            "just a text\n".to_owned(),
            "index:1: document 1: invalid type: string \"just a text\", expected a document of a catalog",
        ),
        (
            "schema: olm.package\nname: foo\n---\nschema: olm.package\n name: x\n".to_owned(),
            "index:5: document 2: ",
        ),
        (
            "schema: olm.package\nname: foo\n---\nschema: olm.channel\nname: x\n".to_owned(),
            "index:3: document 2: olm.channel without package",
        ),
        (
            "schema: olm.package\nname: foo\nname: bar\n".to_owned(),
            "index:3: document 1: the key \"name\" is given twice",
        ),
        ("a: *b\n".to_owned(), "index:1: document 1: "),
    ];
    for (text, expected) in cases {
        let found = read(text.as_bytes()).unwrap_err();
        assert!(
            found.starts_with(expected)
                || found.contains(expected) && !expected.starts_with("index"),
            "{text}: {found}"
        );
    }
}

#[test]
fn what_is_wrong_with_one_operator_is_no_fault_of_another() {
    let good = documents("package good default s\ns: 1.0.0");
    let bundle = |more: &str| {
        format!(r#"{{"schema":"olm.bundle","package":"foo","name":"foo.v1.0.0",{more}}}"#)
    };
    let version = |version: &str| {
        let property = format!(r#"{{"type":"olm.package","value":{{"version":{version}}}}}"#);
        bundle(&format!(
            r#""image":"r.example.com/foo","properties":[{property}]"#
        ))
    };
    let package = r#"{"schema":"olm.package","name":"foo","defaultChannel":"s"}"#;
    let channel =
        r#"{"schema":"olm.channel","package":"foo","name":"s","entries":[{"name":"foo.v1.0.0"}]}"#;
    let cases = [
        (
            channel.to_owned(),
            "there are 1 channels and 0 bundles of it, but no olm.package of that name",
        ),
        (
            format!("{package}\n{package}"),
            "catalog:5: it is given twice, first in catalog:4",
        ),
        (
            r#"{"schema":"olm.package","name":"foo","defaultChannel":7}"#.to_owned(),
            "catalog:4: invalid type: integer `7`",
        ),
        (
            format!("{package}{channel}{channel}"),
            "catalog:4: the channel \"s\" is given twice",
        ),
        (
            format!(
                r#"{package}{{"schema":"olm.channel","package":"foo","name":"s","entries":[{{}}]}}"#
            ),
            "catalog:4: an entry without name",
        ),
        (
            format!(
                r#"{package}{{"schema":"olm.channel","package":"foo","name":"s","entries":{{}}}}"#
            ),
            "catalog:4: invalid type: map, expected a sequence",
        ),
        (
            format!("{package}{channel}\n{}", version("\"1.0\"")),
            "catalog:5: the bundle \"foo.v1.0.0\": its version \"1.0\" is not one",
        ),
        (
            format!("{package}{channel}\n{}", bundle(r#""image":null"#)),
            "catalog:5: the bundle \"foo.v1.0.0\": it names no image",
        ),
        (
            format!(
                "{package}{channel}\n{}",
                bundle(r#""image":"x","relatedImages":[{"image":"y"},{"name":"z"}]"#)
            ),
            "relatedImages[1] names no image",
        ),
        (
            format!(
                "{package}{channel}\n{}",
                bundle(r#""image":"x","properties":[{"type":7,"value":1}]"#)
            ),
            "catalog:5: invalid type: integer `7`",
        ),
        (
            format!("{package}{channel}\n{0}\n{0}", version("\"1.0.0\"")),
            "catalog:6: the bundle \"foo.v1.0.0\" is given twice",
        ),
    ];
    for (foo, expected) in cases {
        let text = format!("{good}{foo}");
        let found = choose(&text, Rules::V2, "packages:\n- name: good").unwrap();
        assert_eq!(lines(&found), ["good s*: 1.0.0"], "{foo}");
        let refused = choose(&text, Rules::V2, "packages:\n- name: foo").unwrap_err();
        let [problem] = &refused[..] else {
            panic!("{foo}: {refused:#?}")
        };
        let given = &problem.given;
        assert!(
            given.starts_with("the catalog is at fault: ") && given.contains(expected),
            "{foo}: {given}"
        );
        assert!(
            catalog(&text).packages["foo"]
                .faults()
                .any(|fault| fault.contains(expected))
        );
    }
    // A bundle that brings its manifests itself needs no image.
    let inline = bundle(r#""properties":[{"type":"olm.bundle.object","value":{"data":""}}]"#);
    let text = format!("{package}{channel}{inline}");
    choose(&text, Rules::V2, "packages:\n- name: foo").unwrap();
}

#[test]
fn a_faulty_version_that_is_not_asked_for_is_a_note() {
    let good = documents("package foo default s\ns: 1.0.0, 2.0.0 > 1.0.0");
    let text = good.replace("\"version\":\"1.0.0\"", "\"version\":\"1.0\"");
    let found = choose(&text, Rules::V2, "packages:\n- name: foo").unwrap();
    assert_eq!(lines(&found), ["foo s*: 2.0.0"]);
    let [note] = &found.notes[..] else {
        panic!("{:?}", found.notes)
    };
    assert!(note.contains("its version \"1.0\" is not one"), "{note}");
    // What comes along, because updates go through it, must be good.
    let ask = "packages:\n- name: foo\n  minVersion: 0.5.0";
    let added = text.replace("\"entries\":[{\"name\":\"foo.v1.0.0\"}", "\"entries\":[{\"name\":\"foo.v1.0.0\",\"replaces\":\"foo.v0.9.0\"},{\"name\":\"foo.v0.9.0\"}");
    let added = added
        + r#"{"schema":"olm.bundle","package":"foo","name":"foo.v0.9.0","image":"x","properties":[{"type":"olm.package","value":{"version":"0.9.0"}}]}"#;
    assert!(choose(&added, Rules::V2, ask).is_err());
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    for text in [JSON, YAML] {
        let marked = format!("\u{feff}{text}");
        assert_eq!(
            read(marked.as_bytes()).unwrap(),
            read(text.as_bytes()).unwrap()
        );
    }
}

#[test]
fn a_file_of_another_name_is_one_of_documents_if_its_first_document_is_one() {
    for (name, text, expected) in [
        ("catalog", YAML, false),
        ("catalog.txt", JSON, false),
        ("a/catalog.json", "no document", false),
        ("empty", "", false),
        ("README.md", "# A catalog\n\nMore.\n", true),
        ("values.conf", "a: b\n", true),
        ("late", "schema: olm.package\nname: a\n---\nbroken", false),
    ] {
        assert_eq!(
            fbc::is_other(name, text.as_bytes()).is_some(),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_not_passed_over() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    assert!(fbc::is_other("README.md", Broken).is_none());
    assert!(fbc::read("README.md", Broken, &mut |_| Ok(())).is_err());
}

#[test]
fn what_another_schema_says_is_of_no_matter() {
    let mut schemas = Vec::new();
    let mut take = |d: fbc::Document<'_>| {
        if let Blob::Other { schema, package } = d.blob {
            schemas.push((schema.into_owned(), package.map(|p| p.into_owned())));
        }
        Ok(())
    };
    fbc::read("index", JSON.as_bytes(), &mut take).unwrap();
    assert_eq!(
        schemas,
        [("example.other".to_owned(), Some("foo".to_owned()))]
    );
}

/// A reader that gives few bytes at a time, and an object that is larger than any buffer in the beginning.
#[test]
fn an_object_may_be_larger_than_the_buffer_and_come_in_pieces() {
    struct Slow<'a>(&'a [u8]);
    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(buffer.len()).min(65_521);
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }
    let large = "x\\n".repeat(3 << 20);
    let text = format!(
        "{{\"schema\":\"olm.package\",\"name\":\"a\",\"description\":\"{large}\"}}\n\n{{\"schema\":\"olm.package\",\"name\":\"b\"}}"
    );
    let mut found = Vec::new();
    let mut take = |d: fbc::Document<'_>| {
        found.push((d.line, d.raw.len()));
        Ok(())
    };
    fbc::read("index", Slow(text.as_bytes()), &mut take).unwrap();
    assert_eq!(found, [(1, text.len() - 2 - 35), (3, 35)]);
}

#[test]
fn a_document_without_end_is_refused() {
    let json = io::repeat(b'x').take(1 << 30);
    let json = io::Read::chain(&b"{\"schema\":\""[..], json);
    let error = fbc::read("index", json, &mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("larger than"), "{error}");
    let yaml = io::repeat(b'x').take(1 << 30);
    let error = fbc::read("index", yaml, &mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("larger than"), "{error}");
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned()
        + &('b'..='i')
            .zip('a'..)
            .map(|(now, last)| {
                format!(
                    "{now}: &{now} [{}]\n",
                    vec![format!("*{last}"); 9].join(",")
                )
            })
            .collect::<String>();
    let error = fbc::read("index", bomb.as_bytes(), &mut |_| Ok(())).unwrap_err();
    assert!(
        error.to_string().contains("aliases repeat too much"),
        "{error}"
    );
    let deep = "[".repeat(100_000);
    let deep = format!("a: {deep}");
    assert!(read(deep.as_bytes()).is_err());
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    assert!(read(deep.as_bytes()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever happened to the bytes of a catalog: an answer, and no panic.
    #[test]
    fn damage_is_no_panic(at in 0..JSON.len(), byte: u8, cut in 0..JSON.len(), yaml: bool) {
        let mut bytes = if yaml { YAML } else { JSON }.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = read(&bytes);
        bytes.truncate(cut);
        let _ = read(&bytes);
    }
}
