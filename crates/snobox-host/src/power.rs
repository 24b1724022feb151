//! Starting the machine anew: through its firmware, or straight into a kernel.

use std::path::Path;

use crate::program::{Program, ProgramError};

const MAX_BYTES: u64 = 1 << 20;

/// A kernel to start without the firmware.
#[derive(Clone, Copy, Debug)]
pub struct Kernel<'a> {
    /// The kernel's file.
    pub kernel: &'a Path,
    /// The initial RAM disk's file.
    pub initrd: &'a Path,
    /// The command line.
    pub options: &'a str,
}

/// Asks systemd for a reboot.
///
/// # Errors
/// [`ProgramError`].
pub fn reboot(tools: Option<&Path>) -> Result<(), ProgramError> {
    Program::found_in(tools, "systemctl")?
        .args(["reboot"])
        .output(MAX_BYTES)
        .map(drop)
}

/// Loads a kernel and asks systemd to start it.
///
/// # Errors
/// [`ProgramError`].
pub fn kexec(tools: Option<&Path>, kernel: &Kernel<'_>) -> Result<(), ProgramError> {
    let systemctl = Program::found_in(tools, "systemctl")?;
    let initrd = format!("--initrd={}", kernel.initrd.display());
    let options = format!("--command-line={}", kernel.options);
    let path = kernel.kernel.to_string_lossy();
    Program::found_in(tools, "kexec")?
        .args(["--load", &path, &initrd, &options])
        .output(MAX_BYTES)?;
    systemctl.args(["kexec"]).output(MAX_BYTES).map(drop)
}
