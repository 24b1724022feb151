//! The only place that starts a program.
//!
//! Programs run with a clean environment, a closed standard input and `LC_ALL=C`; the end of what they say on standard error goes into the error.

pub mod program;
