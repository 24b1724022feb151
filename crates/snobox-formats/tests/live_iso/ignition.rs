//! Embedding an Ignition config: by one program, read by the other.

use std::path::Path;

use snobox_formats::live_iso::EmbedError;

use crate::oracle::{Oracle, for_each_image, noise, text};

const CONFIG: &[u8] = br#"{"ignition":{"version":"3.2.0"},"storage":{"files":[]}}"#;
const KEYFILE: &[u8] = b"[connection]\nid=eno1\ntype=ethernet\n[ipv4]\nmethod=manual\n";

fn embed_by_tool(oracle: &Oracle, config: &[u8]) {
    let file = oracle.file("config.ign", config);
    let arguments = ["iso", "ignition", "embed", "-f", "-i"].map(Path::new);
    oracle.run(&[&arguments[..], &[&file]].concat());
}

fn show_by_tool(oracle: &Oracle) -> Vec<u8> {
    oracle.run(&["iso", "ignition", "show"])
}

#[test]
fn what_coreos_installer_embeds_is_read_and_removed_without_a_trace() {
    for_each_image(|oracle, original| {
        assert_eq!(oracle.read().ignition(), None);
        embed_by_tool(oracle, CONFIG);
        assert_eq!(oracle.read().ignition(), Some(CONFIG));
        oracle.apply(&oracle.read().remove_ignition().unwrap());
        assert!(oracle.image() == original);
    });
}

#[test]
fn what_is_embedded_coreos_installer_shows_and_removes_without_a_trace() {
    for_each_image(|oracle, _| {
        let before = oracle.sha256();
        oracle.apply(&oracle.read().embed_ignition(b"to be replaced").unwrap());
        oracle.apply(&oracle.read().embed_ignition(CONFIG).unwrap());
        assert_eq!(show_by_tool(oracle), CONFIG);
        assert_ne!(oracle.sha256(), before);
        oracle.run(&["iso", "ignition", "remove"]);
        assert_eq!(oracle.sha256(), before);
    });
}

#[test]
fn a_network_keyfile_in_the_area_survives() {
    for_each_image(|oracle, _| {
        let before = oracle.sha256();
        let keyfile = oracle.file("eno1.nmconnection", KEYFILE);
        let arguments = ["iso", "network", "embed", "--keyfile"].map(Path::new);
        let arguments = [&arguments[..], &[&keyfile]].concat();
        if oracle.read().features().is_none() {
            // Before features.json the live system knew no keyfiles, and coreos-installer refuses to embed them.
            assert!(!oracle.try_run(&arguments).status.success());
            return;
        }
        oracle.run(&arguments);
        oracle.apply(&oracle.read().embed_ignition(CONFIG).unwrap());

        assert_eq!(show_by_tool(oracle), CONFIG);
        let shown = text(&oracle.run(&["iso", "network", "extract"]));
        let keyfile = text(KEYFILE);
        assert!(
            shown.contains("eno1.nmconnection") && shown.contains(&keyfile),
            "{shown}"
        );

        oracle.apply(&oracle.read().remove_ignition().unwrap());
        assert!(
            !oracle
                .try_run(&["iso", "ignition", "show"])
                .status
                .success()
        );
        let live = oracle.read();
        let members = live.ignition_area().members();
        let path = "etc/coreos-firstboot-network/eno1.nmconnection".to_owned();
        assert_eq!(
            members.iter().collect::<Vec<_>>(),
            [(&path, &KEYFILE.to_vec())]
        );
        oracle.run(&["iso", "network", "remove"]);
        assert_eq!(oracle.sha256(), before);
    });
}

#[test]
fn the_largest_config_fits_and_one_byte_more_is_refused_with_the_number_of_bytes() {
    for_each_image(|oracle, _| {
        let live = oracle.read();
        let noise = noise(live.ignition_area().length_bytes() as usize + 1);
        let (mut fits, mut too_large) = (0, noise.len());
        while too_large - fits > 1 {
            let middle = fits.midpoint(too_large);
            match live.ignition_fit(&noise[..middle]) {
                Ok(_) => fits = middle,
                Err(EmbedError::TooLarge { .. }) => too_large = middle,
                Err(error) => panic!("{error}"),
            }
        }
        // XZ streams are multiples of four bytes, as is the area, so nothing stays free.
        assert_eq!(live.ignition_fit(&noise[..fits]).unwrap().margin_bytes(), 0);
        let error = live.embed_ignition(&noise[..too_large]).unwrap_err();
        assert!(
            error.to_string().contains("too large by 4 bytes"),
            "{error}"
        );

        oracle.apply(&live.embed_ignition(&noise[..fits]).unwrap());
        assert!(show_by_tool(oracle) == noise[..fits]);
    });
}

#[test]
fn compression_is_about_as_good_as_that_of_coreos_installer() {
    for_each_image(|oracle, _| {
        // Text with noise in it, as a config with certificates and images is.
        let mut config = String::new();
        for (index, chunk) in noise(100_000).chunks(50).enumerate() {
            config +=
                &format!("{{\"path\": \"/etc/file-{index}\", \"contents\": \"{chunk:02x?}\"}},\n");
        }
        let here = oracle.read().ignition_fit(config.as_bytes()).unwrap();
        embed_by_tool(oracle, config.as_bytes());
        let area = oracle.read();
        let start = area.ignition_area().offset_bytes() as usize;
        let image = oracle.image();
        let area = &image[start..start + here.area_bytes as usize];
        let there = area.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1;
        assert!(
            here.compressed_bytes <= there + there / 100,
            "{here:?} {there}"
        );
    });
}

#[test]
fn pristine_patches_do_what_iso_reset_does() {
    for_each_image(|oracle, original| {
        embed_by_tool(oracle, CONFIG);
        oracle.run(&["iso", "kargs", "modify", "-a", "debug"]);
        let live = oracle.read();
        let customised = oracle.image();
        oracle.run(&["iso", "reset"]);
        assert!(oracle.image() == original);
        let again = Oracle::new(oracle.program(), &customised);
        again.apply(&live.pristine_patches());
        assert!(again.image() == original);
    });
}
