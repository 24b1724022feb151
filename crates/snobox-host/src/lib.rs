//! The only place that starts a program: the machine's disks, its boot entries, its power.
//!
//! Programs run with a clean environment, a closed standard input and `LC_ALL=C`; the end of what they say on standard error goes into the error.

pub mod disks;
pub mod efi;
pub mod power;
pub mod program;
