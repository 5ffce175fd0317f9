//! The texts of `/proc`.

use super::Machine;
use super::memory::kib;
use super::processes::{Process, run_time, with_children};

#[test]
fn the_machine_is_busy_with_all_but_idling_and_waiting() {
    let text = "cpu  1 2 4 8 16 32 64 128 256 512\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
    let machine = Machine::parse(text).unwrap();
    assert_eq!(machine, Machine { busy: (1 + 2 + 4 + 32 + 64) * 10_000_000, steal: 1_280_000_000 });
    assert!(Machine::parse("cpu  1 2 4 8\n").is_err());
    assert!(Machine::parse("cpu0 1 2 3 4 5 6 7 8\n").is_err());
}

#[test]
fn a_name_may_hold_anything() {
    assert_eq!(Process::parse("7 (a) S (b)) S 3 7 7 0"), Some(Process { id: 7, parent: 3 }));
    assert_eq!(Process::parse("7 (a"), None);
}

#[test]
fn children_of_children_belong_to_it() {
    let processes = [(1, 0), (2, 0), (5, 4), (3, 1), (4, 3), (6, 2)].map(|(id, parent)| Process { id, parent });
    let ids = |roots: &[u32]| with_children(&processes, roots).iter().map(|process| process.id).collect::<Vec<_>>();
    assert_eq!(ids(&[1]), [1, 3, 4, 5]);
    assert_eq!(ids(&[3, 6]), [3, 6, 4, 5]);
    assert!(ids(&[9]).is_empty());
    assert!(Process { id: 8, parent: 2 }.is_kernel() && !Process { id: 8, parent: 1 }.is_kernel());
}

#[test]
fn figures_are_the_first_number_behind_their_name() {
    assert_eq!(kib("VmPeak:\t 9 kB\nVmHWM:\t  123 kB\n", "VmHWM:"), Some(123));
    assert_eq!(kib("Rss: 7 kB\n", "Pss:"), None);
    assert_eq!(run_time("123456 789 10\n"), Some(123_456));
}
