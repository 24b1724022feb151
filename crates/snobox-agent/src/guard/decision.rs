//! Whether a machine is installed already: decided from what was seen, nothing else.

use crate::disk::record::State;

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What the record on the installation disk says, if it is one of this image.
    pub record: Option<State>,
    /// The system on the installation disk.
    pub system: System,
    /// Whether the kernel's command line has [`REINSTALL`].
    pub reinstall: bool,
}

/// The system on the installation disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// There is none, or not all of it.
    Absent,
    /// Its partition is there and cannot be read.
    Unreadable,
    /// It was written, and has not started yet.
    Fresh,
    /// It has started at least once.
    Started,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go on and install.
    Install,
    /// Go on and install, although the machine is installed: somebody asked for it.
    Reinstall,
    /// Start the system that is there.
    Start,
}

/// The kernel argument with which an installed machine is installed again.
pub const REINSTALL: &str = "snobox.reinstall";

/// Decides.
pub fn decide(seen: Seen) -> Decision {
    // A record without a system is one that outlived its disk's first partitions: nothing could be started.
    let installed = match (seen.system, seen.record) {
        (System::Absent, _) => false,
        (System::Started, _) => true,
        // A machine that was installed is not erased because something on its disk is damaged: somebody has to look.
        (System::Fresh | System::Unreadable, record) => record == Some(State::Installed),
    };
    match (installed, seen.reinstall) {
        (false, _) => Decision::Install,
        (true, true) => Decision::Reinstall,
        (true, false) => Decision::Start,
    }
}

/// Whether a command line asks to install again.
pub fn asks_to_reinstall(command_line: &str) -> bool {
    command_line
        .split_ascii_whitespace()
        .any(|argument| argument == REINSTALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_system_that_was_finished_is_started() {
        let copied = Some(State::Copied);
        let installed = Some(State::Installed);
        for (record, system, reinstall, expected) in [
            (None, System::Absent, false, Decision::Install),
            (copied, System::Absent, false, Decision::Install),
            (installed, System::Absent, false, Decision::Install),
            (copied, System::Fresh, false, Decision::Install),
            (copied, System::Unreadable, false, Decision::Install),
            (None, System::Unreadable, false, Decision::Install),
            (installed, System::Unreadable, false, Decision::Start),
            (installed, System::Unreadable, true, Decision::Reinstall),
            (None, System::Fresh, false, Decision::Install),
            (installed, System::Fresh, false, Decision::Start),
            (copied, System::Started, false, Decision::Start),
            (None, System::Started, false, Decision::Start),
            (installed, System::Started, true, Decision::Reinstall),
            (copied, System::Fresh, true, Decision::Install),
        ] {
            let seen = Seen {
                record,
                system,
                reinstall,
            };
            assert_eq!(decide(seen), expected, "{seen:?}");
        }
    }

    #[test]
    fn the_kernel_argument_is_a_whole_word() {
        assert!(asks_to_reinstall("a=b snobox.reinstall quiet\n"));
        assert!(!asks_to_reinstall("snobox.reinstalled x=snobox.reinstall"));
    }
}
