//! Real outputs of `lsblk`, of both kinds of versions, shortened to a few devices.

use super::*;

/// util-linux 2.38.1.
const NEW: &str = r#"{"blockdevices": [
  {"name":"loop1", "kname":"loop1", "type":"loop", "size":67108864, "ro":true, "rm":false, "tran":null, "serial":null, "wwn":null, "model":null, "fstype":null, "label":null, "partlabel":null, "partuuid":null, "mountpoint":"/mnt", "pkname":null},
  {"name":"sda", "kname":"sda", "type":"disk", "size":500107862016, "ro":false, "rm":false, "tran":"sata", "serial":"S21NNXAG", "wwn":"0x5002538d40a3c1f1", "model":"Samsung SSD 850 EVO 500GB ", "fstype":null, "label":null, "partlabel":null, "partuuid":null, "mountpoint":null, "pkname":null,
   "children": [
     {"name":"sda1", "kname":"sda1", "type":"part", "size":1073741824, "ro":false, "rm":false, "tran":null, "serial":null, "wwn":"0x5002538d40a3c1f1", "model":null, "fstype":"LVM2_member", "label":null, "partlabel":"boot", "partuuid":"01234567-89ab-cdef-0123-456789abcdef", "mountpoint":null, "pkname":"sda",
      "children": [{"name":"vg-root", "kname":"dm-0", "type":"lvm", "size":1073741824, "ro":false, "rm":false, "tran":null, "serial":null, "wwn":null, "model":null, "fstype":"xfs", "label":null, "partlabel":null, "partuuid":null, "mountpoint":null, "pkname":"sda1"}]}
   ]}
]}"#;

/// util-linux 2.32: everything is a string.
const OLD: &str = r#"{"blockdevices": [
  {"name": "sr0", "kname": "sr0", "type": "rom", "size": "1073741312", "ro": "0", "rm": "1", "tran": "ata", "serial": "QM00003", "wwn": null, "model": "QEMU DVD-ROM    ", "fstype": null, "label": null, "partlabel": null, "partuuid": null, "mountpoint": null, "pkname": null},
  {"name": "vda", "kname": "vda", "type": "disk", "size": "128849018880", "ro": "0", "rm": "0", "tran": "virtio", "serial": "SNOBOXDISK1", "wwn": null, "model": null, "fstype": null, "label": null, "partlabel": null, "partuuid": null, "mountpoint": null, "pkname": null,
   "children": [{"name": "vda1", "kname": "vda1", "type": "part", "size": "1048576", "ro": "1", "rm": "0", "tran": null, "serial": null, "wwn": null, "model": null, "fstype": "swap", "label": "x", "partlabel": "data", "partuuid": null, "mountpoint": "[SWAP]", "pkname": "vda"}]}
]}"#;

#[test]
fn new_versions_are_read() {
    let devices = parse(NEW.as_bytes()).unwrap();
    let sda = &devices[1];
    assert_eq!(sda.path(), Path::new("/dev/sda"));
    assert_eq!(sda.size_bytes, 500_107_862_016);
    assert_eq!(sda.serial.as_deref(), Some("S21NNXAG"));
    assert_eq!(sda.wwn.as_deref(), Some("0x5002538d40a3c1f1"));
    assert_eq!(sda.model.as_deref(), Some("Samsung SSD 850 EVO 500GB"));
    assert_eq!(sda.all().len(), 3);
    assert_eq!(
        sda.in_use().as_deref(),
        Some("/dev/sda1 is part of /dev/dm-0")
    );
    assert!(devices[0].read_only && !sda.read_only);
    assert_eq!(
        devices[0].in_use().as_deref(),
        Some("/dev/loop1 is mounted on /mnt")
    );
}

#[test]
fn old_versions_are_read() {
    let devices = parse(OLD.as_bytes()).unwrap();
    assert!(devices[0].removable && !devices[0].read_only);
    assert_eq!(devices[0].kind, "rom");
    let vda = &devices[1];
    assert_eq!((vda.size_bytes, vda.removable), (128_849_018_880, false));
    assert!(vda.children[0].read_only);
    assert_eq!(vda.children[0].partition_name.as_deref(), Some("data"));
    assert_eq!(
        vda.in_use().as_deref(),
        Some("/dev/vda1 is mounted on [SWAP]")
    );
}

#[test]
fn other_json_is_refused() {
    for bad in [
        "",
        "{}",
        r#"{"blockdevices":[{"kname":"a","size":"x","ro":"0","rm":"0"}]}"#,
    ] {
        assert!(parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn this_machine_has_disks() {
    match inventory() {
        Ok(devices) => assert!(devices.iter().all(|device| device.sector_bytes >= 512)),
        Err(error) if std::env::var_os("CI").is_some() => panic!("{error:?}"),
        Err(error) => println!("SKIPPED: {error:?}"),
    }
}
