//! Ignitions of real installers, of the practice installer, and of a hand that edited one: what they are, what they ask for, what is wrong.
//!
//! Real ones come from the folder that `SNOBOX_SAMPLES` names. Expected names were read off their scripts with grep.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod difference;
mod edit;
mod images;
mod layout;
mod lint;
mod mutation;
mod samples;
