//! `snobox iso`: the ISO step alone.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::json;
use snobox_formats::ignition::Ignition;
use snobox_formats::live_iso::{EmbedError, LiveIso, Patch, append_karg, delete_karg};

use crate::cli::IsoCommand;
use crate::error::{Error, Exit, Result};
use crate::flow::iso_file;
use crate::flow::output::{Output, Readers};
use crate::input;
use crate::ui::{Ui, bytes};

/// Looks at or changes an ISO.
pub fn run(command: &IsoCommand, ui: &Ui) -> Result<()> {
    match command {
        IsoCommand::Show {
            iso,
            ignition: true,
        } => {
            let live = read(iso)?;
            let config = live.ignition().ok_or_else(|| no_ignition(iso))?;
            ui.data(config)
        }
        IsoCommand::Show {
            iso,
            ignition: false,
        } => show(iso, ui),
        IsoCommand::Embed {
            iso,
            ignition,
            remove: _,
            force,
            output,
        } => embed(iso, ignition.as_deref(), *force, output.as_deref(), ui),
        IsoCommand::Kargs {
            iso,
            append,
            delete,
            reset,
            output,
        } => {
            if append.is_empty() && delete.is_empty() && !reset {
                let live = read(iso)?;
                let areas = live.kargs().ok_or_else(|| Error::from(no_kargs(&live)))?;
                return ui.result(
                    areas.current(),
                    &json!({"kargs": areas.current(), "default": areas.default_kargs()}),
                );
            }
            kargs(iso, append, delete, *reset, output.as_deref(), ui)
        }
    }
}

pub(super) fn no_ignition(iso: &Path) -> Error {
    Error::new(
        Exit::Ignition,
        format!("{} has no embedded Ignition config", iso.display()),
    )
    .hint("`snobox iso embed` puts one in")
}

/// What `set_kargs` would say about an ISO without areas.
fn no_kargs(live: &LiveIso) -> EmbedError {
    EmbedError::NoKargsAreas {
        legacy_header: live.has_legacy_kargs_header(),
    }
}

/// Reads an ISO, plain or xz, without changing it.
pub(super) fn read(iso: &Path) -> Result<LiveIso> {
    let mut file = File::open(iso).map_err(|e| Error::file("open", iso, &e))?;
    if iso_file::is_xz(&mut file).map_err(|e| Error::file("read", iso, &e))? {
        let mut plain = tempfile::tempfile().map_err(|e| Error::temporary(&e))?;
        io::copy(&mut iso_file::open(iso)?, &mut plain)
            .map_err(|e| Error::file("unpack", iso, &e))?;
        return LiveIso::read(&mut plain).map_err(|e| Error::from(e).about(iso));
    }
    LiveIso::read(&mut file).map_err(|e| Error::from(e).about(iso))
}

fn show(iso: &Path, ui: &Ui) -> Result<()> {
    let live = read(iso)?;
    let area = live.ignition_area();
    let kargs = live.kargs();
    let config = live.ignition();
    let mut text = format!("{}: CoreOS live ISO\n", iso.display());
    text += &format!(
        "  volume        {}, {}\n",
        live.volume_id(),
        bytes(live.volume_size_bytes())
    );
    text += &format!("  generation    {}\n", live.generation());
    let area_text = format!(
        "{} bytes at {} in {}",
        area.length_bytes(),
        area.offset_bytes(),
        area.path()
    );
    text += &match config {
        Some(config) => format!(
            "  ignition      {} bytes embedded; area of {area_text}\n",
            config.len()
        ),
        None => format!("  ignition      none; area of {area_text}\n"),
    };
    text += &match kargs {
        Some(kargs) => format!(
            "  kernel args   {}\n  shipped with  {}\n  kargs areas   {} of {} bytes",
            kargs.current(),
            kargs.default_kargs(),
            kargs.areas().len(),
            kargs.size_bytes()
        ),
        None => "  kernel args   no areas: they cannot be changed".to_owned(),
    };
    let value = json!({
        "volumeId": live.volume_id(),
        "volumeSizeBytes": live.volume_size_bytes(),
        "generation": live.generation().to_string(),
        "ignition": {
            "path": area.path(),
            "offsetBytes": area.offset_bytes(),
            "areaBytes": area.length_bytes(),
            "configBytes": config.map(<[u8]>::len),
        },
        "kargs": kargs.map(|k| json!({
            "current": k.current(),
            "default": k.default_kargs(),
            "areaBytes": k.size_bytes(),
            "areas": k.areas().iter().map(|a| json!({"path": a.path, "offsetBytes": a.offset_bytes})).collect::<Vec<_>>(),
        })),
        "features": live.features(),
    });
    ui.result(text, &value)
}

fn embed(
    iso: &Path,
    config: Option<&Path>,
    force: bool,
    output: Option<&Path>,
    ui: &Ui,
) -> Result<()> {
    let config = match config {
        None => None,
        Some(path) => {
            let bytes = input::read(path).map_err(|e| Error::file("read", path, &e))?;
            Ignition::parse(&bytes).map_err(|e| {
                Error::caused(Exit::Ignition, path.display().to_string(), &e)
                    .hint("expected an Ignition config of specification 3.x")
            })?;
            Some(bytes)
        }
    };
    edit(iso, output, false, |live| match &config {
        None if live.ignition().is_none() => Err(no_ignition(iso)),
        None => Ok(live.remove_ignition()?),
        Some(_) if live.ignition().is_some() && !force => {
            let message = format!("{} already has an embedded Ignition config", iso.display());
            Err(Error::new(Exit::Ignition, message).hint("--force replaces it"))
        }
        Some(config) => {
            let fit = live.ignition_fit(config)?;
            ui.say(format!(
                "{} of {} bytes taken, {} to spare",
                fit.compressed_bytes,
                fit.area_bytes,
                fit.margin_bytes()
            ));
            Ok(live.embed_ignition(config)?)
        }
    })?;
    let changed = output.unwrap_or(iso).display();
    let done = if config.is_some() {
        "embedded in"
    } else {
        "removed from"
    };
    ui.result(
        format!("{done} {changed}"),
        &json!({"iso": changed.to_string(), "embedded": config.is_some()}),
    )
}

fn kargs(
    iso: &Path,
    append: &[String],
    delete: &[String],
    reset: bool,
    output: Option<&Path>,
    ui: &Ui,
) -> Result<()> {
    let mut now = String::new();
    edit(iso, output, false, |live| {
        let areas = live.kargs().ok_or_else(|| Error::from(no_kargs(live)))?;
        let start = if reset {
            areas.default_kargs()
        } else {
            areas.current()
        };
        let without = delete
            .iter()
            .try_fold(start.to_owned(), |kargs, argument| {
                delete_karg(&kargs, argument)
            })?;
        now = append
            .iter()
            .try_fold(without, |kargs, argument| append_karg(&kargs, argument))?;
        Ok(if now == areas.default_kargs() {
            live.reset_kargs()?
        } else {
            live.set_kargs(&now)?
        })
    })?;
    ui.result(
        &now,
        &json!({"iso": output.unwrap_or(iso).display().to_string(), "kargs": now}),
    )
}

/// Decides on patches, then applies them: in place, or to a copy that appears whole.
pub(super) fn edit(
    iso: &Path,
    output: Option<&Path>,
    force: bool,
    decide: impl FnOnce(&LiveIso) -> Result<Vec<Patch>>,
) -> Result<()> {
    if let Some(path) = output {
        let mut copy = Output::create(path, Readers::Owner, force)?;
        copy.fill(iso_file::open(iso)?, &mut |_| Ok(()))
            .map_err(|e| Error::file("copy", iso, &e))?;
        let live = LiveIso::read(copy.file()).map_err(|e| Error::from(e).about(iso))?;
        let patches = decide(&live)?;
        apply(copy.file(), &patches).map_err(|e| Error::file("write", path, &e))?;
        return copy.persist();
    }
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(iso)
        .map_err(|e| Error::file("open", iso, &e))?;
    if iso_file::is_xz(&mut file).map_err(|e| Error::file("read", iso, &e))? {
        let message = format!(
            "{} is compressed and cannot be changed in place",
            iso.display()
        );
        return Err(Error::new(Exit::LiveIso, message).hint("--output names a new ISO"));
    }
    let live = LiveIso::read(&mut file).map_err(|e| Error::from(e).about(iso))?;
    let patches = decide(&live)?;
    apply(&mut file, &patches)
        .and_then(|()| file.sync_all())
        .map_err(|e| Error::file("write", iso, &e))
}

fn apply(file: &mut (impl Write + Seek), patches: &[Patch]) -> io::Result<()> {
    for patch in patches {
        file.seek(SeekFrom::Start(patch.offset_bytes))?;
        file.write_all(&patch.bytes)?;
    }
    file.flush()
}
