//! The virtual factory machine: QEMU in pure emulation, with a stick, an installation disk, a decoy disk and no network card.
//!
//! Source of truth: QEMU's documentation of `isa-debug-exit`, `usb-storage` and `-drive throttling.*`.

mod running;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::results::Results;
use crate::packages;
use running::Running;
pub use running::{Ending, Until};

/// What the live system needs: its files in memory are three quarters of that at most.
const MEMORY_MIB: u32 = 2560;
const OVMF_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const OVMF_VARS: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// What the machine boots with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// SeaBIOS on the i440FX board.
    Bios,
    /// OVMF on the Q35 board.
    Uefi,
}

/// Which device the firmware tries first; the other one follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootOrder {
    /// As while somebody holds the boot menu's key, or leaves the stick in a machine that prefers it.
    StickFirst,
    /// As on most machines. OVMF goes on to the stick while the disk is blank; SeaBIOS does not, as it knows one hard disk at a time.
    DiskFirst,
}

/// What a run left.
#[derive(Debug)]
pub struct Run {
    /// How it ended.
    pub ending: Ending,
    /// What the guest reported.
    pub results: Results,
    /// From power-on to the end.
    pub wall: Duration,
    /// The most memory that QEMU had, in bytes.
    pub peak_bytes: u64,
    /// The guest's console.
    pub console: PathBuf,
}

/// A machine that is off. Its disks outlive each run, and so do the firmware's variables.
#[derive(Clone, Debug)]
pub struct Machine {
    folder: PathBuf,
    name: String,
    firmware: Firmware,
    order: BootOrder,
    stick: Option<PathBuf>,
    disks: Vec<(PathBuf, String)>,
    write_bytes_per_second: Option<u64>,
    clock: Option<String>,
    runs: u32,
}

impl Machine {
    /// A machine without stick and disks; logs and variables go to `folder`, under `name`.
    pub fn new(folder: &Path, name: &str, firmware: Firmware) -> Self {
        Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            firmware,
            order: BootOrder::StickFirst,
            stick: None,
            disks: Vec::new(),
            write_bytes_per_second: None,
            clock: None,
            runs: 0,
        }
    }

    /// Puts a stick in: a removable USB disk. The guest may write to the file.
    pub fn stick(&mut self, image: &Path) -> &mut Self {
        self.stick = Some(image.to_owned());
        self
    }

    /// Pulls the stick.
    pub fn without_stick(&mut self) -> &mut Self {
        self.stick = None;
        self
    }

    /// Builds a disk in, with its serial number. The first one is the one to boot from.
    pub fn disk(&mut self, image: &Path, serial: &str) -> &mut Self {
        self.disks.push((image.to_owned(), serial.to_owned()));
        self
    }

    /// What the firmware tries first.
    pub fn order(&mut self, order: BootOrder) -> &mut Self {
        self.order = order;
        self
    }

    /// Makes the first disk as slow as this for writes, so that there is a moment to cut the power in.
    pub fn write_limit(&mut self, bytes_per_second: Option<u64>) -> &mut Self {
        self.write_bytes_per_second = bytes_per_second;
        self
    }

    /// What the machine's clock says at power-on, as QEMU's `-rtc base=` takes it (`2019-01-01T00:00:00`); `None` for the real time.
    pub fn clock(&mut self, base: Option<&str>) -> &mut Self {
        self.clock = base.map(str::to_owned);
        self
    }

    /// Switches on, and off at the latest after `limit`.
    ///
    /// # Errors
    /// QEMU cannot be started or its files cannot be written. An unwelcome [`Ending`] is not an error: see [`Run::passed`].
    pub fn run(&mut self, until: &Until, limit: Duration) -> Result<Run, String> {
        self.runs += 1;
        let log = |kind: &str| {
            self.folder
                .join(format!("{}-{}.{kind}", self.name, self.runs))
        };
        let (console, results, errors) = (log("console"), log("results"), log("qemu"));
        for path in [&console, &results] {
            File::create(path)
                .map_err(|error| format!("cannot make {}: {error}", path.display()))?;
        }
        println!(
            "{}: power on ({:?}, {:?}); console {}",
            self.name,
            self.firmware,
            self.order,
            console.display()
        );
        let mut command = self.command(&console, &results)?;
        if matches!(until, Until::Reboot) {
            command.arg("-no-reboot");
        }
        let stderr =
            File::create(&errors).map_err(|e| format!("cannot make {}: {e}", errors.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr);
        let mut running = Running::start(command, &results)?;
        let ending = running.watch(until, limit)?;
        let run = Run {
            ending,
            wall: running.elapsed(),
            results: running.results(),
            peak_bytes: running.peak_bytes(),
            console,
        };
        println!(
            "{}: {:?} after {:.1} s; QEMU's peak {} MiB",
            self.name,
            run.ending,
            run.wall.as_secs_f64(),
            run.peak_bytes >> 20
        );
        print!("{}", run.results.timeline(run.wall));
        if ending == Ending::Stopped {
            print!("{}", fs::read_to_string(&errors).unwrap_or_default());
        }
        Ok(run)
    }

    fn command(&self, console: &Path, results: &Path) -> Result<Command, String> {
        let qemu =
            packages::find("qemu-system-x86_64").ok_or("qemu-system-x86_64 is not installed")?;
        let mut command = Command::new(qemu);
        // Never KVM: where it exists without the processor's support, guests hang in it. A processor without SHA instructions, as old nodes have. One of them:
        // two in emulation get in each other's way, and two machines run at a time.
        command.args([
            "-accel",
            "tcg,thread=multi,tb-size=512",
            "-cpu",
            "Westmere",
            "-smp",
            "1",
        ]);
        command.args([
            "-m",
            &MEMORY_MIB.to_string(),
            "-nodefaults",
            "-vga",
            "std",
            "-display",
            "none",
            "-monitor",
            "none",
        ]);
        command.args(["-nic", "none", "-device", "virtio-rng-pci"]);
        command.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]);
        for port in [console, results] {
            command.arg("-serial").arg(with_path("file:", port, ""));
        }
        match self.firmware {
            Firmware::Bios => {
                command.args(["-machine", "pc"]);
            }
            Firmware::Uefi => {
                let variables = self.folder.join(format!("{}.vars", self.name));
                if !variables.is_file() {
                    fs::copy(OVMF_VARS, &variables)
                        .map_err(|e| format!("cannot copy {OVMF_VARS}: {e}"))?;
                }
                command.args(["-machine", "q35", "-drive"]);
                command.arg(format!("if=pflash,format=raw,readonly=on,file={OVMF_CODE}"));
                command
                    .arg("-drive")
                    .arg(with_path("if=pflash,format=raw,file=", &variables, ""));
            }
        }
        if let Some(clock) = &self.clock {
            command.arg("-rtc").arg(format!("base={clock}"));
        }
        let (stick_index, disk_index) = match self.order {
            BootOrder::StickFirst => (1, 2),
            BootOrder::DiskFirst => (2, 1),
        };
        if let Some(stick) = &self.stick {
            command.args(["-device", "qemu-xhci", "-drive"]);
            command.arg(with_path(
                "if=none,id=stick,format=raw,cache=unsafe,file=",
                stick,
                "",
            ));
            let device = format!(
                "usb-storage,drive=stick,removable=on,serial=STICK1,bootindex={stick_index}"
            );
            command.arg("-device").arg(device);
        }
        for (number, (image, serial)) in self.disks.iter().enumerate() {
            let limit = self.write_bytes_per_second.filter(|_| number == 0);
            let throttle = limit.map_or_else(String::new, |limit| {
                format!(",throttling.bps-write={limit}")
            });
            command.arg("-drive");
            // Discarded and zeroed blocks become holes: an image of a disk stays as small as what is on it.
            let before = format!(
                "if=none,id=disk{number},format=raw,cache=unsafe,discard=unmap,detect-zeroes=unmap{throttle},file="
            );
            command.arg(with_path(&before, image, ""));
            let boot = if number == 0 {
                format!(",bootindex={disk_index}")
            } else {
                String::new()
            };
            command.arg("-device").arg(format!(
                "virtio-blk-pci,drive=disk{number},serial={serial}{boot}"
            ));
        }
        Ok(command)
    }
}

/// QEMU takes paths as parts of its options, where a comma is written twice.
fn with_path(before: &str, path: &Path, after: &str) -> OsString {
    format!(
        "{before}{}{after}",
        path.to_string_lossy().replace(',', ",,")
    )
    .into()
}

impl Run {
    /// Insists on the good end, and on every named check.
    ///
    /// # Errors
    /// How it ended instead and which checks failed or are missing, with the end of the console.
    pub fn passed(&self, checks: &[&str]) -> Result<(), String> {
        self.ended(Ending::Passed, checks)
    }

    /// Insists on a certain end, and on every named check.
    ///
    /// # Errors
    /// As [`Run::passed`].
    pub fn ended(&self, expected: Ending, checks: &[&str]) -> Result<(), String> {
        let insisted = self.results.insist(checks);
        if self.ending == expected && insisted.is_ok() {
            return Ok(());
        }
        let problems = insisted.err().unwrap_or_default();
        Err(format!(
            "expected {expected:?}, the guest ended as {:?}\n{problems}\n{}",
            self.ending,
            self.console_end()
        ))
    }

    fn console_end(&self) -> String {
        let bytes = fs::read(&self.console).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(30)..].join("\n");
        format!("the end of {}:\n{last}", self.console.display())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn arguments(machine: &Machine) -> Vec<String> {
        let command = machine.command(Path::new("/c"), Path::new("/r"));
        let Ok(command) = command else {
            assert!(
                std::env::var_os("CI").is_none(),
                "qemu-system-x86_64 is not installed"
            );
            println!("SKIPPED: qemu-system-x86_64 is not installed");
            return Vec::new();
        };
        command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn no_machine_has_a_network_card() {
        let mut machine = Machine::new(Path::new("/none"), "m", Firmware::Bios);
        machine
            .stick(Path::new("/stick"))
            .disk(Path::new("/disk"), "D");
        let arguments = arguments(&machine);
        if arguments.is_empty() {
            return;
        }
        assert!(
            arguments.windows(2).any(|pair| pair == ["-nic", "none"]),
            "{arguments:?}"
        );
        let words = [
            "netdev",
            "virtio-net",
            "e1000",
            "rtl8139",
            "usb-net",
            "user,",
            "tap,",
        ];
        let found: Vec<_> = arguments
            .iter()
            .filter(|arg| words.iter().any(|word| arg.contains(word)))
            .collect();
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn only_the_first_disk_is_slow_and_the_order_is_as_asked() {
        let mut machine = Machine::new(Path::new("/none"), "m", Firmware::Bios);
        machine
            .stick(Path::new("/a,b"))
            .disk(Path::new("/one"), "ONE")
            .disk(Path::new("/two"), "TWO");
        machine.write_limit(Some(1024)).order(BootOrder::DiskFirst);
        let arguments = arguments(&machine);
        if arguments.is_empty() {
            return;
        }
        let has = |words: &[&str]| {
            let fits = |arg: &&String| words.iter().all(|word| arg.contains(word));
            assert_eq!(
                arguments.iter().filter(fits).count(),
                1,
                "{words:?} in {arguments:?}"
            );
        };
        has(&["file=/a,,b"]);
        has(&["file=/one", "throttling.bps-write=1024"]);
        has(&["throttling"]);
        has(&["serial=ONE", "bootindex=1"]);
        has(&["usb-storage", "bootindex=2"]);
        has(&["bootindex=1"]);
    }
}
