//! Starts the programs that the lab's media are made with; an error quotes what the program said.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::packages;

/// Every file that a build makes carries this time, where its program knows the convention
/// (<https://reproducible-builds.org/specs/source-date-epoch/>).
pub const EPOCH: &str = "1700000000";

/// A program by its name, found also in the administrator's folders; runs in `folder` with a fixed time and language.
pub fn tool(name: &str, folder: &Path) -> Result<Command, String> {
    let path = packages::find(name).ok_or_else(|| format!("{name} is not installed"))?;
    let mut command = Command::new(path);
    command
        .current_dir(folder)
        .env("SOURCE_DATE_EPOCH", EPOCH)
        .env("E2FSPROGS_FAKE_TIME", EPOCH)
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    Ok(command)
}

/// Runs a program to a good end and returns what it printed.
pub fn run(mut command: Command) -> Result<Vec<u8>, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("cannot start {name}: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let args: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    Err(format!(
        "{name} {} failed ({}):\n{}",
        args.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim_end()
    ))
}

/// [`tool`] with arguments, and [`run`].
pub fn call<I, A>(folder: &Path, name: &str, args: I) -> Result<Vec<u8>, String>
where
    I: IntoIterator<Item = A>,
    A: AsRef<OsStr>,
{
    let mut command = tool(name, folder)?;
    command.args(args);
    run(command)
}
