//! Takes a part out of a stick on purpose. How a part is named:
//!
//! ```text
//! /PATH                  a file of the live system
//! installed:/PATH        a file of the installed system
//! installed:UNIT         a unit of the installed system, or the drop-in for it
//! save-partlabel         the option that keeps the cache's partition
//! ```

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::vm::tool;

/// What the names of parts of the installed system begin with.
pub(super) const INSTALLED_PART: &str = "installed:";
const INSTALLED: &str = "/opt/openshift/openshift/99-master-snobox-cache.yaml";
const INSTALL: &str = "/usr/local/bin/install-to-disk.sh";
const SAVE: &str = "--save-partlabel";

/// Takes `what` out of the ignition of a stick.
///
/// # Errors
/// When it is not there.
pub fn take_out(snobox: &Path, stick: &Path, what: &str) -> Result<(), String> {
    let mut show = Command::new(snobox);
    show.args(["iso", "show", "--ignition"]).arg(stick);
    let mut config: Value = serde_json::from_slice(&tool::run(show)?)
        .map_err(|error| format!("the stick's ignition: {error}"))?;
    let files = config["storage"]["files"]
        .as_array_mut()
        .ok_or("the stick's ignition has no files")?;
    if let Some(name) = what.strip_prefix(INSTALLED_PART) {
        edit(files, INSTALLED, |text| {
            let mut machine_config: Value =
                serde_json::from_str(&text).map_err(|e| format!("{INSTALLED}: {e}"))?;
            let config = &mut machine_config["spec"]["config"];
            let (list, key) = if name.starts_with('/') {
                (&mut config["storage"]["files"], "path")
            } else {
                (&mut config["systemd"]["units"], "name")
            };
            remove(list.as_array_mut().ok_or("no list")?, key, name)?;
            Ok(machine_config.to_string())
        })?;
    } else if what == "save-partlabel" {
        edit(files, INSTALL, |text| {
            let start = text.find(SAVE).ok_or("it does not keep a partition")?;
            let rest = &text[start + SAVE.len() + 1..];
            let end = rest.find(' ').ok_or("the line ends too early")?;
            // Twice: it says what it does, and does it.
            Ok(text.replace(&text[start..start + SAVE.len() + 2 + end], ""))
        })?;
    } else {
        remove(files, "path", what)?;
    }
    let changed = stick.with_extension("ign");
    fs::write(&changed, config.to_string()).map_err(|e| format!("{}: {e}", changed.display()))?;
    let mut embed = Command::new(snobox);
    embed
        .args(["iso", "embed", "--force", "--ignition"])
        .args([&changed, stick]);
    tool::run(embed).map(drop)
}

fn remove(list: &mut Vec<Value>, key: &str, name: &str) -> Result<(), String> {
    let before = list.len();
    list.retain(|item| item[key] != name);
    if list.len() == before {
        return Err(format!("there is no {name} to take out"));
    }
    Ok(())
}

fn edit(
    files: &mut [Value],
    path: &str,
    change: impl FnOnce(String) -> Result<String, String>,
) -> Result<(), String> {
    let named = files.iter_mut().find(|file| file["path"] == path);
    let source = &mut named.ok_or(format!("there is no {path}"))?["contents"]["source"];
    let encoded = source
        .as_str()
        .and_then(|url| url.split_once("base64,"))
        .ok_or(format!("{path} is not base64"))?;
    let bytes = STANDARD
        .decode(encoded.1)
        .map_err(|error| format!("{path}: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|error| format!("{path}: {error}"))?;
    let text = change(text).map_err(|error| format!("{path}: {error}"))?;
    *source = format!("data:;base64,{}", STANDARD.encode(text)).into();
    Ok(())
}
