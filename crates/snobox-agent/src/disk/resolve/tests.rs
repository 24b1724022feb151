//! Which disk is taken, and what a refusal says.

use super::*;

fn disk(name: &str, serial: &str) -> Device {
    Device {
        kernel_name: name.to_owned(),
        kind: "disk".to_owned(),
        size_bytes: 100 << 30,
        serial: Some(serial.to_owned()),
        sector_bytes: 512,
        ..Device::default()
    }
}

fn hints() -> DiskHints {
    DiskHints {
        min_size_bytes: Some(1),
        ..DiskHints::default()
    }
}

fn taken(devices: &[Device], hints: &DiskHints) -> Result<String, ResolveError> {
    let rules = Rules {
        hints,
        hinted_node: hints.path.as_deref().map(Path::new),
        stick: Path::new("/dev/sdz"),
        allow_loop: false,
    };
    resolve(devices, &rules).map(|device| device.kernel_name.clone())
}

#[test]
fn one_disk_is_taken_and_never_the_stick() {
    let devices = [disk("sda", "A"), disk("sdz", "Z")];
    assert_eq!(taken(&devices, &hints()).unwrap(), "sda");
    let error = taken(&devices[1..], &hints()).unwrap_err().to_string();
    assert!(
        error.contains("/dev/sdz") && error.contains("it is the stick"),
        "{error}"
    );
}

#[test]
fn every_hint_must_hold() {
    let mut second = disk("nvme0n1", "B");
    second.wwn = Some("0x5002538D40A3C1F1".to_owned());
    second.model = Some("Samsung SSD".to_owned());
    let devices = [disk("sda", "A"), second];
    let good = [
        DiskHints {
            serial: Some(" B ".into()),
            ..hints()
        },
        DiskHints {
            wwn: Some("0x5002538d40a3c1f1".into()),
            ..hints()
        },
        DiskHints {
            model: Some("Samsung SSD".into()),
            ..hints()
        },
        DiskHints {
            path: Some("/dev/nvme0n1".into()),
            ..hints()
        },
    ];
    for hints in &good {
        assert_eq!(taken(&devices, hints).unwrap(), "nvme0n1", "{hints:?}");
    }
    let bad = [
        (
            DiskHints {
                serial: Some("b".into()),
                ..hints()
            },
            "its serial is B, expected b",
        ),
        (
            DiskHints {
                wwn: Some("0x5".into()),
                ..hints()
            },
            "its wwn is none, expected 0x5",
        ),
        (
            DiskHints {
                model: Some("samsung ssd".into()),
                ..hints()
            },
            "its model is Samsung SSD, expected samsung ssd",
        ),
        (
            DiskHints {
                path: Some("/dev/sdb".into()),
                ..hints()
            },
            "node.installationDisk.path /dev/sdb is /dev/sdb",
        ),
        (
            DiskHints {
                min_size_bytes: Some(1 << 40),
                ..hints()
            },
            "it has 107374182400 bytes, expected at least 1099511627776",
        ),
        (
            DiskHints {
                serial: Some("A".into()),
                path: Some("/dev/nvme0n1".into()),
                ..hints()
            },
            "its serial is B, expected A",
        ),
    ];
    for (hints, reason) in &bad {
        let error = taken(&devices, hints).unwrap_err();
        assert!(
            matches!(&error, ResolveError::None { listing } if listing.contains(reason)),
            "{error}"
        );
    }
}

#[test]
fn several_are_refused_with_all_of_them_and_the_hints_that_would_do() {
    let mut third = disk("vda", "");
    third.serial = None;
    let devices = [disk("sda", "A"), disk("sdb", "B"), third];
    let error = taken(&devices, &hints()).unwrap_err();
    let ResolveError::Several {
        count,
        listing,
        hints,
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((*count, listing.matches("fits").count()), (3, 3));
    assert_eq!(hints, "  serial: \"A\"\n  serial: \"B\"\n  path: /dev/vda");
    assert!(error.action().contains("node.installationDisk"));
}

#[test]
fn what_is_no_free_whole_disk_is_not_taken() {
    let mut read_only = disk("sdb", "B");
    read_only.read_only = true;
    let mut mounted = disk("sdc", "C");
    mounted.children = vec![Device {
        kernel_name: "sdc1".into(),
        kind: "part".into(),
        mount_point: Some("/var".into()),
        ..Device::default()
    }];
    let mut held = disk("sdd", "D");
    held.holders = vec!["md0".into()];
    let mut medium = disk("sde", "E");
    medium.file_system = Some("iso9660".into());
    for (device, reason) in [
        (read_only, "it is read-only"),
        (mounted, "/dev/sdc1 is mounted on /var"),
        (held, "/dev/sdd is part of /dev/md0"),
        (medium, "installation media"),
    ] {
        let error = taken(&[device], &hints()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    for (name, kind) in [
        ("sr0", "rom"),
        ("loop0", "loop"),
        ("zram0", "disk"),
        ("dm-0", "lvm"),
    ] {
        let mut device = disk(name, "X");
        device.kind = kind.to_owned();
        let error = taken(&[device], &hints()).unwrap_err().to_string();
        assert!(error.contains("no disk at all"), "{error}");
    }
}
