//! Developer tasks: `cargo xtask test`, `cargo xtask vm`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "developer tasks talk to developers"
)]

mod bench;
mod packages;
mod test;
mod tools;
mod vm;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask test
       cargo xtask bench serve | catalog | mirror [--full] [--line | --tenfold]
       cargo xtask vm [media | uefi | bios | damage | wrong-clock | machine | sabotage | all]… [--timeout SECONDS] [--karg ARGUMENT]… [--without PART]…

  test    format, lints, documentation and all tests; installs what is missing where it can (root on Debian or Fedora),
          names it where it cannot. With CI set, nothing may be skipped, and the virtual machines run, too.
  vm      a virtual factory machine without a network card, in pure emulation: builds its media where they are not cached and plays
          the scenarios: all but machine and sabotage where none is named. machine proves the virtual machine itself, sabotage
          the lab: it takes each part out of a stick, alone, and sees that it is missed (an hour and more). --without takes out what you
          name (vm/sabotage/take_out.rs) in the other scenarios. By root on Debian 12.
  bench   serve: the agent beside docker-registry: speed, processor time and memory while serving.
          catalog: reading and planning on a generated catalog of 250 MB; build with --release.
          mirror: snobox mirror beside skopeo and the floor: time, processor time, memory, bytes on the wire.";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test"] => test::run(),
        ["bench", "serve"] => bench::serve(),
        ["bench", "catalog"] => bench::catalog::run(),
        ["bench", "mirror", ref words @ ..] => bench::mirror::mirror(words),
        ["vm", ref words @ ..] => vm::run(words),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
