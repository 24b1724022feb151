//! `snobox-agent guard`: a stick that was left in does not install twice.
//!
//! 1. Find the installation disk as `disk` does. If there is none, or several, `disk` will say so: go on.
//! 2. Look whether its system is this image's and is finished; `snobox.reinstall` among the kernel's arguments lets it be installed again.
//! 3. If it is finished, start it and fail, so that nothing that requires the guard starts.
//!
//! `--mark-installed`, after the installer: the record says so, and the firmware starts the disk next.

pub mod boot_partition;
pub mod decision;
pub mod start;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use snobox_formats::gpt;
use snobox_host::disks::{Device, inventory};
use snobox_host::efi;
use snobox_image::pins::Pins;

use self::boot_partition::BootPartition;
use self::decision::{Decision, REINSTALL, Seen, System, asks_to_reinstall, decide};
use self::start::Starter;
use crate::disk::contents::{self, Contents, Ours};
use crate::disk::device::Block;
use crate::disk::record::State;
use crate::disk::{Machine, copy, look};
use crate::report::{Failure, Reporter};

const UNPLUG: &str = "unplug the stick and switch the machine off and on";
const ACTION_LOG: &str = "look at the journal: journalctl -u snobox-guard -u install-to-disk";

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    machine: Machine,
    /// Say on the disk that the system is installed, and start it next.
    #[arg(long)]
    mark_installed: bool,
    /// Where to tell the technician.
    #[arg(long, default_value = "/dev/console")]
    console: PathBuf,
    /// The kernel's command line.
    #[arg(long, hide = true, default_value = "/proc/cmdline")]
    command_line: PathBuf,
    /// Folder that is there where the machine was started by UEFI.
    #[arg(long, hide = true, default_value = efi::FOLDER)]
    efi_folder: PathBuf,
    /// Folder in which programs are looked for first.
    #[arg(long, hide = true)]
    tools: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, reporter: &Reporter) -> Result<(), Failure> {
    let pins = args.machine.pins(reporter)?;
    if args.mark_installed {
        return mark_installed(args, &pins, reporter);
    }
    reporter.working("looking whether this machine is installed", None);
    let stick = args.machine.stick(reporter)?;
    let (device, ours) = match look(&args.machine, &pins, &stick) {
        Ok(Some((device, _, Contents::Ours(ours)))) => (device, ours),
        Ok(_) => return install(reporter, "this machine is not installed"),
        Err(error) => {
            // `disk` meets the same and says it.
            eprintln!("snobox-agent: {error}");
            return install(
                reporter,
                "this machine is not installed, as far as can be seen",
            );
        }
    };
    let (system, boot) = boot_partition(&device, &ours);
    let command_line = fs::read_to_string(&args.command_line).unwrap_or_default();
    let seen = Seen {
        record: ours.record.as_ref().map(|record| record.state),
        system,
        reinstall: asks_to_reinstall(&command_line),
    };
    match decide(seen) {
        Decision::Install => install(reporter, "this machine is not installed"),
        Decision::Reinstall => install(
            reporter,
            format!("this machine is installed, and is installed again because of {REINSTALL}"),
        ),
        Decision::Start => Err(start(args, reporter, &device, &ours, boot.as_ref())),
    }
}

fn install(reporter: &Reporter, message: impl Into<String>) -> Result<(), Failure> {
    let message = message.into();
    eprintln!("snobox-agent: {message}");
    reporter.done(message, None);
    Ok(())
}

/// What the partition `boot` of the disk holds, and the partition itself where it can be read.
fn boot_partition(device: &Device, ours: &Ours) -> (System, Option<BootPartition>) {
    let Some(partition) = ours.system_partition("boot") else {
        return (System::Absent, None);
    };
    let disk = device.path();
    let looked = BootPartition::open(&disk, partition.offset_bytes(device.sector_bytes))
        .and_then(|boot| Ok((boot.fresh()?, boot)));
    match looked {
        Ok((fresh, boot)) => {
            let system = match fresh {
                None => System::Absent,
                Some(true) => System::Fresh,
                Some(false) => System::Started,
            };
            (system, Some(boot))
        }
        Err(error) => {
            eprintln!(
                "snobox-agent: cannot read the partition boot of {}: {error}",
                disk.display()
            );
            (System::Unreadable, None)
        }
    }
}

/// Starts the installed system, one way or another; what it returns ends the unit.
fn start(
    args: &Args,
    reporter: &Reporter,
    device: &Device,
    ours: &Ours,
    boot: Option<&BootPartition>,
) -> Failure {
    let node = device.path();
    let starter = Starter {
        tools: args.tools.as_deref(),
        disk: &node,
    };
    let say = "this machine is installed; starting it from its disk";
    let attempt = if args.efi_folder.exists() {
        starter.firmware_starts_disk_next(ours).and_then(|()| {
            announce(args, reporter, say);
            starter.reboot()
        })
    } else {
        // Said before: a kernel that starts another one says nothing afterwards.
        let by_hand = format!("this machine is installed; {UNPLUG}");
        console(args, &by_hand);
        let boot = boot.ok_or_else(|| "its partition boot cannot be read".to_owned());
        boot.and_then(|boot| {
            let result = starter.kexec(boot);
            if result.is_ok() {
                announce(args, reporter, say);
            }
            result
        })
    };
    match attempt {
        Ok(()) => Failure {
            message: say.to_owned(),
            action: "unplug the stick".to_owned(),
        },
        Err(error) => {
            eprintln!("snobox-agent: the installed system cannot be started from here: {error}");
            console(args, &format!("this machine is installed; {UNPLUG}"));
            reporter.failed(
                "this machine is installed already, and was started from the stick",
                UNPLUG,
            )
        }
    }
}

fn announce(args: &Args, reporter: &Reporter, message: &str) {
    console(args, message);
    reporter.working(message, None);
}

/// Tells the technician; a machine without a console still installs.
fn console(args: &Args, message: &str) {
    let written = fs::OpenOptions::new()
        .append(true)
        .open(&args.console)
        .and_then(|mut console| write!(console, "\r\nsnobox: {message}\r\n"));
    if let Err(error) = written {
        eprintln!(
            "snobox-agent: cannot write to {}: {error}",
            args.console.display()
        );
    }
}

fn mark_installed(args: &Args, pins: &Pins, reporter: &Reporter) -> Result<(), Failure> {
    let failed = |message: String| reporter.failed(message, ACTION_LOG);
    let devices = inventory().map_err(|error| failed(error.to_string()))?;
    let mut found = Vec::new();
    for device in &devices {
        let kind = device.kind == "disk" || (args.machine.allow_loop && device.kind == "loop");
        if kind && let Some(ours) = ours(device, pins) {
            found.push((device, ours));
        }
    }
    let [(device, ours)] = &found[..] else {
        let guid = &pins.installation.partition.uuid;
        let count = found.len();
        return Err(failed(format!(
            "{count} disks have the cache's partition {guid} of this image, expected one"
        )));
    };
    let node = device.path();
    let Some(record) = &ours.record else {
        let message = format!(
            "the cache on {} has no record: it was not copied to its end",
            node.display()
        );
        return Err(failed(message));
    };
    // Whoever calls this is believed only as far as the disk agrees: an installation that is given up half-way must not count.
    if matches!(boot_partition(device, ours), (System::Absent, _)) {
        let message = format!("there is no whole system on {} yet", node.display());
        return Err(failed(message));
    }
    let mut record = record.clone();
    record.state = State::Installed;
    let partition = &ours.partition;
    let written = Block::share(&node).and_then(|disk| {
        let offset = partition.offset_bytes(device.sector_bytes);
        let window = disk.window(offset, partition.size_bytes(device.sector_bytes));
        window.map_or(Ok(()), |window| copy::write_record(&window, &record))
    });
    written.map_err(|error| failed(error.to_string()))?;
    if args.efi_folder.exists() {
        let starter = Starter {
            tools: args.tools.as_deref(),
            disk: &node,
        };
        if let Err(error) = starter.firmware_starts_disk_next(ours) {
            // The guard does it once more if the machine comes up from the stick.
            eprintln!("snobox-agent: the firmware was not told to start the disk: {error}");
        }
    }
    reporter.done(
        format!("the system is on {}", node.display()),
        Some("unplug the stick".to_owned()),
    );
    Ok(())
}

/// The cache's partition on a disk, whatever else the machine has.
fn ours(device: &Device, pins: &Pins) -> Option<Ours> {
    let mut disk = Block::look_at(&device.path()).ok()?;
    let size_bytes = disk.size_bytes();
    let found = gpt::read(&mut disk, size_bytes, device.sector_bytes).ok()?;
    let gpt::Contents::Gpt { table, .. } = &found else {
        return None;
    };
    contents::pinned(table, device.sector_bytes, pins)?;
    match contents::examine(&mut disk, device, pins).ok()? {
        Contents::Ours(ours) => Some(ours),
        _ => None,
    }
}
