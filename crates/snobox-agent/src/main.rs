//! The node's side of snobox. Every command is one systemd unit of the overlay (`snobox-media/src/overlay`), which also gives all paths.
#![allow(
    clippy::print_stderr,
    reason = "a program: its standard error is the journal"
)]

mod certs;
mod disk;
mod guard;
mod report;
mod serve;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The node's side of snobox: started by the units of an image, not by people.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Folder in which commands say how far they are.
    #[arg(long, global = true, default_value = "/run/snobox/status")]
    status: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the cache as a read-only registry on loopback.
    Serve(serve::Args),
    /// Renew the certificates of the installation, just before it begins.
    Certs(certs::Args),
    /// Find the installation disk, make the cache partition on it and copy the cache.
    Disk(disk::Args),
    /// Keep a stick that was left in from installing twice.
    Guard(guard::Args),
    /// Show how far things are, on the console and on the node's address.
    Status(status::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Serve(args) => serve::run(&args, &report::Reporter::new(&cli.status, "registry")),
        Command::Certs(args) => certs::run(&args, &report::Reporter::new(&cli.status, "certs")),
        Command::Disk(args) => disk::run(&args, &report::Reporter::new(&cli.status, "disk")),
        Command::Guard(args) => guard::run(&args, &report::Reporter::new(&cli.status, "guard")),
        Command::Status(args) => status::run(&args, &cli.status),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("snobox-agent: {failure}");
            ExitCode::FAILURE
        }
    }
}
