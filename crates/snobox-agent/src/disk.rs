//! `snobox-agent disk`: the installation disk is found, gets the cache's partition, and the cache is copied and read back.
//!
//! 1. Read the pins, the stick's node and the machine's disks; resolve the installation disk.
//! 2. Claim it, look at what is on it, check the stick's seal, make the plan.
//! 3. Write the partition table, if the plan says so.
//! 4. Copy, read back, write the record.
//! 5. Let the kernel see the partition; leave the link for the installer.
//!
//! It can be cut at any moment and run again.

pub mod blob;
pub mod contents;
pub mod copy;
pub mod device;
pub mod plan;
pub mod progress;
pub mod record;
pub mod resolve;
pub mod source;
pub mod table;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use snobox_formats::gpt::Guid;
use snobox_host::disks::{Device, inventory, reread_partitions};
use snobox_image::pins::Pins;

use self::contents::Contents;
use self::device::{Block, Window};
use self::plan::{Given, Plan, SYSTEM_MINIMUM_BYTES, TableStep, plan};
use self::progress::Meter;
use self::record::{Record, State};
use self::source::Source;
use crate::report::{Failure, Reporter};

/// Where the kernel gives a random UUID with each read.
const RANDOM_UUID: &str = "/proc/sys/kernel/random/uuid";
const ACTION_STICK: &str = "write the stick again, or use another stick";
const ACTION_DISK: &str =
    "switch the machine off and on to try again; if it happens again, replace the disk";
const ACTION_LOG: &str = "look at the journal: journalctl -u snobox-disk";

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    machine: Machine,
    /// Link to leave to the resolved disk.
    #[arg(long, default_value = "/run/snobox/installation-disk")]
    link: PathBuf,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// What the system needs beside the cache, in bytes.
    #[arg(long, hide = true, default_value_t = SYSTEM_MINIMUM_BYTES)]
    system_minimum: u64,
}

/// What tells the image and the stick; the same for `guard`.
#[derive(Debug, clap::Args)]
pub struct Machine {
    /// What the image says of itself.
    #[arg(long, default_value = snobox_image::pins::PATH)]
    image: PathBuf,
    /// File with the node of the whole stick.
    #[arg(long, default_value = "/run/snobox/cache-device")]
    cache_device_file: PathBuf,
    /// Take loop devices for disks.
    #[arg(long, hide = true)]
    pub allow_loop: bool,
}

impl Machine {
    /// Reads the pins.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn pins(&self, reporter: &Reporter) -> Result<Pins, Failure> {
        let name = self.image.display();
        let bytes = fs::read(&self.image).map_err(|error| {
            reporter.failed(format!("cannot read {name}: {error}"), ACTION_STICK)
        })?;
        Pins::parse(&bytes)
            .map_err(|error| reporter.failed(format!("{name}: {error}"), ACTION_STICK))
    }

    /// Reads the node of the whole stick.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn stick(&self, reporter: &Reporter) -> Result<PathBuf, Failure> {
        let name = self.cache_device_file.display();
        let node = fs::read_to_string(&self.cache_device_file)
            .and_then(|text| fs::canonicalize(text.trim()))
            .map_err(|error| {
                let message = format!("{name} does not lead to the stick: {error}");
                reporter.failed(
                    message,
                    "plug the stick in and switch the machine off and on",
                )
            })?;
        Ok(node)
    }

    fn resolve<'d>(
        &self,
        devices: &'d [Device],
        pins: &Pins,
        stick: &Path,
    ) -> Result<&'d Device, resolve::ResolveError> {
        let hints = &pins.installation.disk;
        let hinted_node = hints
            .path
            .as_ref()
            .and_then(|path| fs::canonicalize(path).ok());
        let rules = resolve::Rules {
            hints,
            hinted_node: hinted_node.as_deref(),
            stick,
            allow_loop: self.allow_loop,
        };
        resolve::resolve(devices, &rules)
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(args: &Args, reporter: &Reporter) -> Result<(), Failure> {
    reporter.working("looking for the installation disk", Some(0));
    unlink(&args.link).map_err(|error| at_link(reporter, &args.link, &error))?;
    let pins = args.machine.pins(reporter)?;
    let stick = args.machine.stick(reporter)?;
    let device = installation_disk(&args.machine, &pins, &stick, reporter)?;
    let node = device.path();
    let open = if args.dry_run {
        Block::look_at(&node)
    } else {
        Block::claim(&node)
    };
    let in_use = "nothing may be mounted from the installation disk, and it may not be part of LVM or RAID: detach it, or erase it on another machine";
    let mut disk = open.map_err(|error| reporter.failed(error.to_string(), in_use))?;
    let contents = contents::examine(&mut disk, &device, &pins)
        .map_err(|error| reporter.failed(error.to_string(), ACTION_DISK))?;
    let new_guid = random_guid().map_err(|error| {
        reporter.failed(format!("cannot read {RANDOM_UUID}: {error}"), ACTION_LOG)
    })?;
    let plan = plan(&Given {
        disk: &disk,
        sector_bytes: device.sector_bytes,
        contents: &contents,
        pins: &pins,
        system_bytes: args.system_minimum,
        new_guid,
    })
    .map_err(|error| reporter.failed(error.to_string(), error.action()))?;
    // Before anything is erased: a stick that is not the right one must not cost a disk.
    let source = Source::open(&stick, &pins.cache)
        .map_err(|error| reporter.failed(error.to_string(), ACTION_STICK))?;
    eprintln!("snobox-agent: {plan}");
    if args.dry_run {
        reporter.done("dry run: nothing was written", None);
        return Ok(());
    }
    execute(&disk, &plan, &source, &pins, reporter)?;
    drop(disk);
    reread_partitions(&node);
    symlink(&args.link, &node).map_err(|error| at_link(reporter, &args.link, &error))?;
    reporter.done(format!("the cache is on {}", node.display()), None);
    Ok(())
}

fn installation_disk(
    machine: &Machine,
    pins: &Pins,
    stick: &Path,
    reporter: &Reporter,
) -> Result<Device, Failure> {
    let devices = inventory().map_err(|error| {
        let cause = std::error::Error::source(&error);
        let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
        reporter.failed(format!("{error}{cause}"), ACTION_LOG)
    })?;
    machine
        .resolve(&devices, pins, stick)
        .cloned()
        .map_err(|error| reporter.failed(error.to_string(), error.action()))
}

fn execute(
    disk: &Block,
    plan: &Plan,
    source: &Source,
    pins: &Pins,
    reporter: &Reporter,
) -> Result<(), Failure> {
    let on_disk = |error: device::DeviceError| reporter.failed(error.to_string(), ACTION_DISK);
    let resume = match &plan.table {
        TableStep::Keep => true,
        TableStep::Repair(new) => table::repair(disk, new).map(|()| true).map_err(on_disk)?,
        TableStep::Write(new, proof) => table::write(disk, new, proof)
            .map(|()| false)
            .map_err(on_disk)?,
    };
    let partition = plan_window(disk, plan, reporter)?;
    let mut meter = Meter::new(reporter, disk.path());
    let mut progress = |progress| meter.show(progress);
    let name = disk.path().display().to_string();
    let copied = copy::copy(source, &partition, resume, &mut progress)
        .map_err(|error| copy_failed(reporter, &error))?;
    copy::read_back(source, &partition, &name, &mut progress)
        .map_err(|error| copy_failed(reporter, &error))?;
    let record = Record {
        state: State::Copied,
        image: pins.cache.uuid.clone(),
        site: pins.site.clone(),
    };
    copy::write_record(&partition, &record).map_err(on_disk)?;
    eprintln!(
        "snobox-agent: the cache is on {name}: {} pieces written, {} were there",
        copied.written, copied.kept
    );
    Ok(())
}

fn plan_window<'d>(
    disk: &'d Block,
    plan: &Plan,
    reporter: &Reporter,
) -> Result<Window<'d>, Failure> {
    let window = disk.window(plan.offset_bytes, plan.size_bytes);
    window.ok_or_else(|| {
        let message = format!(
            "the cache's partition reaches beyond {}",
            disk.path().display()
        );
        reporter.failed(message, ACTION_DISK)
    })
}

fn copy_failed(reporter: &Reporter, error: &copy::CopyError) -> Failure {
    let action = match error {
        copy::CopyError::Source(_) => ACTION_STICK,
        copy::CopyError::Disk(_) | copy::CopyError::ReadBack { .. } => ACTION_DISK,
    };
    reporter.failed(error.to_string(), action)
}

/// What is on the disk that the hints lead to, opened for reading; nothing if no disk or several fit.
pub fn look(
    machine: &Machine,
    pins: &Pins,
    stick: &Path,
) -> Result<Option<(Device, Block, Contents)>, String> {
    let devices = inventory().map_err(|error| error.to_string())?;
    let Ok(device) = machine.resolve(&devices, pins, stick) else {
        return Ok(None);
    };
    let mut disk = Block::look_at(&device.path()).map_err(|error| error.to_string())?;
    let contents = contents::examine(&mut disk, device, pins).map_err(|error| error.to_string())?;
    Ok(Some((device.clone(), disk, contents)))
}

fn random_guid() -> io::Result<Guid> {
    let text = fs::read_to_string(RANDOM_UUID)?;
    text.trim().parse().map_err(io::Error::other)
}

fn unlink(link: &Path) -> io::Result<()> {
    match fs::remove_file(link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn symlink(link: &Path, node: &Path) -> io::Result<()> {
    if let Some(folder) = link.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = link.with_extension("new");
    unlink(&new)?;
    std::os::unix::fs::symlink(node, &new)?;
    fs::rename(&new, link)
}

fn at_link(reporter: &Reporter, link: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot make the link {}: {error}", link.display());
    reporter.failed(message, ACTION_LOG)
}
