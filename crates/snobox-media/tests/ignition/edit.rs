//! Faults, put into an ignition on purpose.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

fn list<'a>(document: &'a mut Value, section: &str, list: &str) -> &'a mut Vec<Value> {
    document[section][list].as_array_mut().unwrap()
}

fn source(content: &str) -> Value {
    json!({"source": format!("data:;base64,{}", STANDARD.encode(content))})
}

fn file<'a>(document: &'a mut Value, path: &str) -> &'a mut Value {
    let mut files = list(document, "storage", "files").iter_mut();
    files.find(|file| file["path"] == path).expect(path)
}

/// Changes the text of a file.
pub(crate) fn edit(document: &mut Value, path: &str, change: impl FnOnce(String) -> String) {
    let entry = file(document, path);
    let url = entry["contents"]["source"].as_str().unwrap();
    let bytes = STANDARD
        .decode(url.split_once("base64,").unwrap().1)
        .unwrap();
    let before = String::from_utf8(bytes).unwrap();
    let after = change(before.clone());
    assert_ne!(before, after, "{path} was not changed");
    entry["contents"] = source(&after);
}

pub(crate) fn set_mode(document: &mut Value, path: &str, mode: u32) {
    file(document, path)["mode"] = json!(mode);
}

pub(crate) fn add_file(document: &mut Value, path: &str, mode: u32, content: &str) {
    let entry = json!({"path": path, "mode": mode, "contents": source(content)});
    list(document, "storage", "files").push(entry);
}

pub(crate) fn add_unit(document: &mut Value, name: &str, enabled: bool, contents: &str) {
    let unit = json!({"name": name, "enabled": enabled, "contents": contents});
    list(document, "systemd", "units").push(unit);
}

pub(crate) fn remove_file(document: &mut Value, path: &str) {
    file(document, path);
    list(document, "storage", "files").retain(|file| file["path"] != path);
}

pub(crate) fn remove_unit(document: &mut Value, name: &str) {
    let units = list(document, "systemd", "units");
    let before = units.len();
    units.retain(|unit| unit["name"] != name);
    assert_eq!(units.len() + 1, before, "{name}");
}
