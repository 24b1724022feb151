//! No ignition, however broken, makes the tools fail otherwise than by saying so.

use proptest::collection::vec;
use proptest::prelude::*;
use snobox_formats::ignition::Ignition;
use snobox_media::difference::difference;
use snobox_media::installer::{Layout, bootstrap_images};
use snobox_media::inventory::inventory;
use snobox_media::lint::lint;

use crate::samples::{PRACTICE, parse};

/// A small ignition with a bit of everything; percent-encoded, so that edits of its bytes reach the texts.
const SMALL: &str = r#"{"ignition":{"version":"3.2.0"},"storage":{"files":[
{"path":"/usr/local/bin/release-image.sh","mode":755,"contents":{"source":"data:,%23!/bin/sh%0AX=$(podman%20inspect%20quay.io/a/b:c)%0Aimage_for()%20{%0A}%0Aimage_for%20\"${x:-y}\"%20||%20true%0A"}},
{"path":"/usr/local/bin/install-to-disk.sh","mode":493,"contents":{"source":"data:,coreos-installer%20install%20-n%20-i%20/opt/openshift/master.ign%20--save-partlabel%20'x*'%20/dev/sda"}},
{"path":"/opt/openshift/manifests/image-digest-mirror-set.yaml","contents":{"source":"data:,spec:%0A%20%20imageDigestMirrors:%0A%20%20-%20source:%20a%0A%20%20%20%20mirrors:%20[b]%0A"}},
{"path":"/opt/openshift/bootstrap-in-place/master-update.fcc","contents":{"source":"data:,storage:%0A%20%20files:%0A%20%20%20%20-%20path:%20/x%0A%20%20%20%20%20%20mode:%20755%0Asystemd:%0A%20%20units:%0A%20%20%20%20-%20name:%20a.service%0A%20%20%20%20%20%20contents:%20|%0A%20%20%20%20%20%20%20%20[Unit]%0A%20%20%20%20%20%20%20%20After==b%0A"}}]},
"systemd":{"units":[{"name":"a.service","enabled":true,"contents":"[Unit]\nBefore=network-pre.target\\\n x\n[Service]\nExecStart=-/bin/sh -c 'podman pull quay.io/a/b'\n","dropins":[{"name":"d.conf","contents":"[Unit]\nRequires=release-image.service"}]}]}}"#;

fn look(ignition: &Ignition) {
    lint(ignition);
    inventory(ignition);
    difference(ignition, &Ignition::parse(SMALL.as_bytes()).unwrap(), true);
    let layout = Layout::detect(&parse(&PRACTICE)).unwrap();
    bootstrap_images(ignition, &layout);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn edited_bytes_are_read_or_refused(edits in vec((0..SMALL.len(), any::<u8>()), 1..6)) {
        let mut bytes = SMALL.as_bytes().to_vec();
        for (at, byte) in edits {
            bytes[at] = byte;
        }
        if let Ok(ignition) = Ignition::parse(&bytes) {
            look(&ignition);
        }
    }

    #[test]
    fn pieces_taken_out_or_doubled_are_read_or_refused(at in 0..SMALL.len(), length in 0_usize..80, twice: bool) {
        let end = (at + length).min(SMALL.len());
        let Some(piece) = SMALL.get(at..end) else { return Ok(()) };
        let rest = if twice { [&SMALL[..end], piece, &SMALL[end..]].concat() } else { [&SMALL[..at], &SMALL[end..]].concat() };
        if let Ok(ignition) = Ignition::parse(rest.as_bytes()) {
            look(&ignition);
        }
    }
}

#[test]
fn the_small_one_itself_is_read() {
    let ignition = Ignition::parse(SMALL.as_bytes()).unwrap();
    let ids: Vec<_> = lint(&ignition).iter().map(|finding| finding.id).collect();
    for id in [
        "decimal-mode",
        "doubled-equals",
        "order-wrong-target",
        "unit-missing",
        "layout",
    ] {
        assert!(ids.contains(&id), "{id}: {ids:?}");
    }
    look(&ignition);
}
