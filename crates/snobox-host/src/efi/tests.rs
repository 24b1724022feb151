//! Outputs of `efibootmgr -v` as users of several versions posted them (rhboot/efibootmgr issues 43 and 168, fwupd issues 5947 and 8357, rhboot/shim
//! issue 52), shortened.

use super::*;

/// Version 12 to 16.
const V16: &str = "BootNext: 0050
BootCurrent: 000A
Timeout: 0 seconds
BootOrder: 004B,000A,0009,0006
Boot0000  Setup\tFvFile(721c8b66-426c-4e86-8e99-3457c46ab0b9)
Boot0005* Hard Drive\tBBS(HD,,0x0)P0: ST9640320AS               .
Boot0048  Fedora\tHD(1,GPT,18add345-44b0-44dd-9aa9-feae671b7d2e,0x800,0x64000)/File(\\EFI\\fedora\\shim.efi)
Boot004B* Fedora\tHD(1,GPT,18add345-44b0-44dd-9aa9-feae671b7d2e,0x800,0x64000)/File(\\EFI\\fedora\\shim.efi)
Boot0050* setup\tHD(1,GPT,18add345-44b0-44dd-9aa9-feae671b7d2e,0x800,0x64000)/File(\\EFI\\BOOT\\BOOTX64.EFI)
MirroredPercentageAbove4G: 0.00
MirrorMemoryBelow4GB: false
";

/// Version 17: `-v` adds the bytes.
const V17: &str = "BootCurrent: 0000
Timeout: 0 seconds
BootOrder: 0000,001C,001D
Boot0000* GRUB\tHD(1,GPT,64612352-e631-c849-bdd1-8c2e984c56ad,0x800,0x96000)/File(\\EFI\\GRUB\\grubx64.efi)
      dp: 04 01 2a 00 01 00 00 00 00 08 00 00 00 00 00 00 00 60 09 00 00 00 00 00 52 23 61 64 31 e6 49 c8 bd d1 8c 2e 98 4c 56 ad 02 02 / 7f ff 04 00
Boot0001* Windows Boot Manager\tHD(1,GPT,835fc15b-49c4-49ad-bb4d-090a95c86bf3,0x800,0x82000)/File(\\EFI\\Microsoft\\Boot\\bootmgfw.efi)57494e444f5753000100000088000000
      dp: 04 01 2a 00 01 00 00 00 00 08 00 00 00 00 00 00 00 20 08 00 00 00 00 00 5b c1 5f 83 c4 49 ad 49 bb 4d 09 0a 95 c8 6b f3 02 02 / 7f ff 04 00
    data: 57 49 4e 44 4f 57 53 00 01 00 00 00
";

/// Version 18: paths without `File(…)`.
const V18: &str = "BootCurrent: 0000
Timeout: 0 seconds
BootOrder: 0000,0019,001A
Boot0000* Linux Boot Manager\tHD(1,GPT,6534f0da-783b-4a1c-b51e-b6713239b054,0x800,0x82000)/\\EFI\\systemd\\systemd-bootx64.efi
      dp: 04 01 2a 00 01 00 00 00 00 08 00 00 00 00 00 00 00 20 08 00 00 00 00 00 da f0 34 65 3b 78 1c 4a b5 1e b6 71 32 39 b0 54 02 02 / 7f ff 04 00
Boot0010  Setup\tFvFile(721c8b66-426c-4e86-8e99-3457c46ab0b9)
      dp: 04 06 14 00 66 8b 1c 72 6c 42 86 4e 8e 99 34 57 c4 6a b0 b9 / 7f ff 04 00
";

fn number_of(output: &str, guid: &str) -> Option<String> {
    entry_of(&parse(output), guid).map(|number| number.as_str().to_owned())
}

#[test]
fn the_entry_of_a_partition_is_found_in_every_version() {
    for (output, guid, number) in [
        (V16, "18ADD345-44B0-44DD-9AA9-FEAE671B7D2E", Some("004B")),
        (V17, "835fc15b-49c4-49ad-bb4d-090a95c86bf3", Some("0001")),
        (V18, "6534f0da-783b-4a1c-b51e-b6713239b054", Some("0000")),
        (V18, "721c8b66-426c-4e86-8e99-3457c46ab0b9", None),
        (V18, "00000000-0000-0000-0000-000000000000", None),
    ] {
        assert_eq!(number_of(output, guid).as_deref(), number, "{guid}");
    }
}

#[test]
fn only_entries_are_entries() {
    let numbers = |output| -> Vec<_> {
        parse(output)
            .into_iter()
            .map(|entry| (entry.number.0, entry.active))
            .collect()
    };
    let expected = [
        ("0000", false),
        ("0005", true),
        ("0048", false),
        ("004B", true),
        ("0050", true),
    ];
    assert_eq!(numbers(V16), expected.map(|(n, a)| (n.to_owned(), a)));
    assert_eq!(numbers(V17).len(), 2);
    assert_eq!(numbers("BootÄ\nBoot\nBoot12\nBoot00é1* x"), []);
}
