//! Killed at random moments, and run again to a good end.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::machine::{Machine, program};

#[test]
fn killed_at_any_moment_it_ends_well_the_next_time() {
    let Some(machine) = Machine::possible() else {
        return;
    };
    let started = std::time::Instant::now();
    machine.disk_ends_well();
    let mut whole = started.elapsed();
    let seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_nanos() as u64
        | 1;
    println!("seed {seed}, a whole run takes {whole:?}");
    let mut state = seed;
    let mut cut = 0;
    for round in 0..100 {
        if cut == 12 {
            return;
        }
        // Every other time on a blank disk, else on what the last cut left.
        if round % 2 == 0 {
            machine.disk.write(0, &vec![0; 96 << 20]);
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let moment = Duration::from_micros(state % whole.as_micros() as u64);
        let mut child = machine.start_disk();
        std::thread::sleep(moment);
        child.kill().unwrap();
        cut += usize::from(!child.wait().unwrap().success());
        if round % 2 == 1 {
            let started = std::time::Instant::now();
            machine.disk_ends_well();
            whole = whole.min(started.elapsed());
            assert!(program("sgdisk", &["-v", machine.disk.name()]).contains("No problems found"));
            let offset = machine.partition_offset(512);
            machine.assert_copied(offset);
            assert!(machine.record(offset).starts_with(b"SNBXINST"));
        }
    }
    panic!("only {cut} runs were cut");
}
