//! Kernel arguments: set by one program, read by the other.

use snobox_formats::live_iso::{EmbedError, append_karg, delete_karg};

use crate::oracle::{Oracle, for_each_image};

#[test]
fn what_coreos_installer_sets_is_read_and_reset_without_a_trace() {
    for_each_image(|oracle, original| {
        let default = oracle.kargs();
        assert!(default.contains("coreos.liveiso="), "{default}");
        assert_eq!(oracle.read().kargs().unwrap().current(), default);
        assert_eq!(oracle.read().kargs().unwrap().default_kargs(), default);
        oracle.run(&[
            "iso",
            "kargs",
            "modify",
            "-a",
            "console=ttyS0,115200",
            "-a",
            "rd.neednet=1 ip=dhcp",
        ]);
        let expected = format!("{default} console=ttyS0,115200 rd.neednet=1 ip=dhcp");
        assert_eq!(oracle.read().kargs().unwrap().current(), expected);
        assert_eq!(oracle.read().kargs().unwrap().default_kargs(), default);
        oracle.apply(&oracle.read().reset_kargs().unwrap());
        assert!(oracle.image() == original);
    });
}

#[test]
fn what_is_set_coreos_installer_shows_and_resets_without_a_trace() {
    for_each_image(|oracle, _| {
        let before = oracle.sha256();
        oracle.apply(&oracle.read().set_kargs("coreos.liveiso=x quiet").unwrap());
        assert_eq!(oracle.kargs(), "coreos.liveiso=x quiet");
        assert_ne!(oracle.sha256(), before);
        oracle.run(&["iso", "kargs", "reset"]);
        assert_eq!(oracle.sha256(), before);
    });
}

#[test]
fn the_same_edit_gives_the_same_image() {
    for_each_image(|oracle, original| {
        let kargs = oracle.kargs();
        let argument = "ignition.firstboot";
        let edited = append_karg(&delete_karg(&kargs, argument).unwrap(), "debug").unwrap();
        let here = Oracle::new(oracle.program(), original);
        here.apply(&here.read().set_kargs(&edited).unwrap());
        oracle.run(&["iso", "kargs", "modify", "-d", argument, "-a", "debug"]);
        assert!(here.image() == oracle.image());
    });
}

#[test]
fn the_longest_text_fits_and_one_byte_more_is_refused_by_both() {
    for_each_image(|oracle, _| {
        let live = oracle.read();
        let limit = live.kargs().unwrap().limit_bytes();
        let longest = "x".repeat(limit);
        oracle.apply(&live.set_kargs(&longest).unwrap());
        assert_eq!(oracle.kargs(), longest);
        assert_eq!(oracle.read().kargs().unwrap().current(), longest);

        let error = live.set_kargs(&"x".repeat(limit + 1)).unwrap_err();
        assert!(matches!(error, EmbedError::KargsTooLong { .. }), "{error}");
        assert!(error.to_string().contains("too long by 1 byte:"), "{error}");
        oracle.run(&["iso", "kargs", "reset"]);
        let room = limit - oracle.kargs().len() - 1;
        let modify =
            |length| ["iso", "kargs", "modify", "-a", &"y".repeat(length)].map(str::to_owned);
        assert!(!oracle.try_run(&modify(room + 1)).status.success());
        oracle.run(&modify(room));
        assert_eq!(oracle.read().kargs().unwrap().current().len(), limit);
    });
}
