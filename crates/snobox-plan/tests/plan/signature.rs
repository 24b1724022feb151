//! Release signatures: what holds, and what is refused. The signature and the key of the samples are real; all others are made by gpg, which is also the
//! second judge.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flate2::read::DeflateDecoder;
use proptest::prelude::*;
use snobox_formats::digest::Digest;
use snobox_plan::release::keyring::{Fingerprint, KeyError, Keyring, OFFICIAL_KEYS};
use snobox_plan::release::signature::{SignatureError, Verified, verify};

use crate::gpg::Gpg;

const SIGNED: &str = "sha256:e3f12513a4b22a2d7c0e7c9207f52128113758d9d68c7d06b11a0ac7672966f7";
const OTHER: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn digest(text: &str) -> Digest {
    text.parse().unwrap()
}

fn now() -> SystemTime {
    SystemTime::now()
}

struct Sample {
    signature: Vec<u8>,
    key: String,
}

impl Sample {
    fn read() -> Option<Self> {
        let Some(samples) = std::env::var_os("SNOBOX_SAMPLES") else {
            assert!(
                std::env::var_os("CI").is_none(),
                "SNOBOX_SAMPLES is not set"
            );
            println!("SKIPPED: SNOBOX_SAMPLES is not set");
            return None;
        };
        let folder = PathBuf::from(samples).join("signatures");
        let name = format!("{}/signature-1", SIGNED.replace(':', "="));
        Some(Self {
            signature: std::fs::read(folder.join(name)).unwrap(),
            key: std::fs::read_to_string(folder.join("redhat-release-key.txt")).unwrap(),
        })
    }

    fn keyring(&self) -> Keyring {
        Keyring::read(&self.key).unwrap()
    }

    fn verify(&self, signature: &[u8]) -> Result<Verified, SignatureError> {
        verify(signature, digest(SIGNED), &self.keyring(), now())
    }

    /// The same message without its compression: packets of one-pass signature, literal data and signature, one after the other. The sample is a
    /// compressed packet (tag 8) of indeterminate length (`a3`), with raw deflate (algorithm 1).
    fn unpacked(&self) -> Vec<u8> {
        assert_eq!(self.signature[..2], [0xa3, 1]);
        let mut packets = Vec::new();
        let mut deflated = DeflateDecoder::new(&self.signature[2..]);
        std::io::Read::read_to_end(&mut deflated, &mut packets).unwrap();
        packets
    }
}

/// A document that holds for [`SIGNED`].
fn document() -> String {
    format!(
        r#"{{"critical":{{"type":"atomic container signature","image":{{"docker-manifest-digest":"{SIGNED}"}},"identity":{{"docker-reference":"quay.io/a/b:1"}}}},"optional":{{"creator":"c","timestamp":1}}}}"#
    )
}

#[test]
fn a_real_signature_holds_with_the_key_that_is_pinned() {
    let Some(sample) = Sample::read() else { return };
    let official = sample.keyring().only(&OFFICIAL_KEYS);
    let verified = verify(&sample.signature, digest(SIGNED), &official, now()).unwrap();
    // By `gpg --verify`, and by what `gpg --decrypt` prints.
    let printed = "567E 347A D004 4ADE 55BA 8A5F 199E 2F91 FD43 1D51";
    assert_eq!(verified.signer, printed.parse::<Fingerprint>().unwrap());
    assert_eq!(verified.signer.to_string(), printed.replace(' ', ""));
    assert_eq!(verified.reference, "registry.access.redhat.com/rhel7:7.6");
    assert_eq!(verified.bytes(), sample.signature);
    assert_eq!(verified.release(), digest(SIGNED));
    assert!(sample.verify(&sample.unpacked()).is_ok());
}

#[test]
fn a_signature_for_another_image_is_refused() {
    let Some(sample) = Sample::read() else { return };
    let error = verify(&sample.signature, digest(OTHER), &sample.keyring(), now()).unwrap_err();
    assert!(
        matches!(error, SignatureError::WrongDigest { .. }),
        "{error}"
    );
    let said = error.to_string();
    assert!(said.contains(SIGNED) && said.contains(OTHER), "{said}");
}

#[test]
fn a_key_that_is_not_trusted_proves_nothing() {
    let (Some(sample), Some(gpg)) = (Sample::read(), Gpg::new()) else {
        return;
    };
    gpg.make_key("somebody", "never");
    let somebody = gpg.keyring("somebody");
    let error = verify(&sample.signature, digest(SIGNED), &somebody, now()).unwrap_err();
    assert!(error.to_string().contains("199E2F91FD431D51"), "{error}");
    let own = gpg.sign(&[], document().as_bytes());
    assert!(verify(&own, digest(SIGNED), &somebody, now()).is_ok());
    let error = sample.verify(&own).unwrap_err();
    assert!(
        matches!(error, SignatureError::ForeignKey { .. }),
        "{error}"
    );
    let nobody = somebody.only(&OFFICIAL_KEYS);
    assert!(nobody.is_empty());
    assert!(verify(&own, digest(SIGNED), &nobody, now()).is_err());
}

/// The only bytes that nothing protects are those of which RFC 4880 says that they are not signed, and they change nothing.
#[test]
fn no_changed_byte_changes_what_is_proved() {
    let (Some(sample), Some(gpg)) = (Sample::read(), Gpg::new()) else {
        return;
    };
    gpg.run(&["--import"], sample.key.as_bytes());
    let unpacked = sample.unpacked();
    // By `gpg --list-packets`: packets start at 0, 15 and 342; before its body, the second one has a header, a name and a date. Of the first, the last byte
    // says only whether more follow; a signature of version 2 is read as one of version 3; and a number may say that it has leading zeros.
    let body = 46..342;
    let mut survived = Vec::new();
    for offset in 0..unpacked.len() {
        for mask in [0x01, 0x80] {
            let mut changed = unpacked.clone();
            changed[offset] ^= mask;
            match sample.verify(&changed) {
                Err(error) if body.contains(&offset) => {
                    assert!(matches!(error, SignatureError::Broken), "{offset}: {error}");
                }
                Err(_) => {}
                Ok(verified) => {
                    assert_eq!(verified.reference, "registry.access.redhat.com/rhel7:7.6");
                    survived.push((offset, changed));
                }
            }
        }
    }
    let offsets: Vec<usize> = survived.iter().map(|(offset, _)| *offset).collect();
    let mut unsigned = offsets.clone();
    unsigned.dedup();
    let expected: Vec<usize> = [14, 18]
        .into_iter()
        .chain(20..46)
        .chain([345, 365])
        .collect();
    assert_eq!(unsigned, expected);
    for (offset, changed) in survived.iter().step_by(8) {
        assert!(
            gpg.judge(changed).is_some(),
            "gpg refuses a change at {offset}"
        );
    }
}

#[test]
fn a_changed_byte_of_the_message_as_it_came_is_refused() {
    let Some(sample) = Sample::read() else { return };
    let mut accepted = Vec::new();
    for offset in 0..sample.signature.len() {
        for mask in [0x01, 0x80] {
            let mut changed = sample.signature.clone();
            changed[offset] ^= mask;
            if let Ok(verified) = sample.verify(&changed) {
                assert_eq!(verified.reference, "registry.access.redhat.com/rhel7:7.6");
                accepted.push(offset);
            }
        }
    }
    // Of the packed bytes, these unpack to another name or date, and the last one says nothing more.
    let unsigned = |offset: &usize| (21..45).contains(offset) || *offset == 867;
    assert!(accepted.iter().all(unsigned), "{accepted:?}");
}

#[test]
fn a_message_that_is_cut_off_anywhere_is_refused() {
    let Some(sample) = Sample::read() else { return };
    for whole in [sample.signature.clone(), sample.unpacked()] {
        for length in 0..whole.len() {
            let error = sample.verify(&whole[..length]).unwrap_err();
            assert!(
                matches!(error, SignatureError::Message { .. }),
                "{length}: {error}"
            );
        }
    }
}

#[test]
fn what_follows_a_message_is_refused() {
    let Some(sample) = Sample::read() else { return };
    let unpacked = sample.unpacked();
    for more in [&unpacked[..], &[0xff], &[0], b"\n"] {
        let error = sample.verify(&[&unpacked, more].concat()).unwrap_err();
        assert!(matches!(error, SignatureError::Message { .. }), "{error}");
    }
}

#[test]
fn documents_are_read_strictly() {
    let Some(gpg) = Gpg::new() else { return };
    gpg.make_key("signer", "never");
    let keyring = gpg.keyring("signer");
    let verdict = |body: &str| {
        verify(
            &gpg.sign(&[], body.as_bytes()),
            digest(SIGNED),
            &keyring,
            now(),
        )
    };
    let good = document();
    assert!(verdict(&good).is_ok());
    let without_optional = good.replace(r#","optional":{"creator":"c","timestamp":1}"#, "");
    assert!(verdict(&without_optional).is_ok());
    let is = |body: String, expected: fn(&SignatureError) -> bool| {
        let error = verdict(&body).unwrap_err();
        assert!(expected(&error), "{body}: {error}");
    };
    let no_document = |error: &SignatureError| matches!(error, SignatureError::Document(_));
    for (from, to) in [
        (r#""creator""#, r#""author""#),
        (r#"{"critical""#, r#"{"more":1,"critical""#),
        (r#""identity":{"#, r#""identity":{"x":1,"#),
        (r#""image":{"#, r#""image":{"x":1,"#),
        (r#""type":"#, r#""scope":"#),
        ("}}}", "}}}}"),
        ("}}}", "}}} {}"),
    ] {
        let changed = good.replacen(from, to, 1);
        let changed = if changed == good {
            good.clone() + to
        } else {
            changed
        };
        is(changed, no_document);
    }
    is("no JSON".to_owned(), no_document);
    is(
        good.replace("atomic container", "other"),
        |e| matches!(e, SignatureError::Type { found } if found == "other signature"),
    );
    is(good.replace("quay.io/a/b:1", ""), |e| {
        matches!(e, SignatureError::NoIdentity)
    });
    // The same bytes, written otherwise: digests are compared as text.
    is(good.replace("sha256:e3f1", "sha256:E3F1"), |e| {
        matches!(e, SignatureError::WrongDigest { .. })
    });
}

#[test]
fn only_messages_that_are_signed_as_documents_are_accepted() {
    let Some(gpg) = Gpg::new() else { return };
    gpg.make_key("signer", "never");
    let keyring = gpg.keyring("signer");
    let body = document();
    let body = body.as_bytes();
    let verdict = |message: &[u8]| verify(message, digest(SIGNED), &keyring, now());
    for algorithm in ["none", "zip", "zlib"] {
        let message = gpg.sign(&["--compress-algo", algorithm], body);
        verdict(&message).unwrap();
    }
    let refused = |message: &[u8], what: &str| {
        let error = verdict(message).unwrap_err();
        assert!(
            matches!(
                error,
                SignatureError::Message { .. } | SignatureError::Kind { .. }
            ),
            "{what}: {error}"
        );
    };
    refused(&gpg.run(&["--detach-sign"], body), "detached");
    refused(&gpg.run(&["--clear-sign"], body), "in clear text");
    refused(&gpg.sign(&["--armor"], body), "armored");
    refused(&gpg.run(&["--store"], body), "not signed");
    refused(body, "no message");
    refused(&gpg.sign(&["--textmode"], body), "as text");
    let weak = ["--digest-algo", "SHA1", "--allow-weak-digest-algos"];
    refused(&gpg.sign(&weak, body), "with SHA-1");
    gpg.make_key("second", "never");
    refused(&gpg.sign(&["-u", "signer", "-u", "second"], body), "by two");
    let bomb = gpg.sign(&[], &vec![b' '; 1 << 20]);
    assert!(bomb.len() < 10_000);
    assert!(matches!(verdict(&bomb), Err(SignatureError::TooLarge)));
    let large = gpg.sign(&["--compress-algo", "none"], &vec![b' '; 51 << 10]);
    assert!(matches!(verdict(&large), Err(SignatureError::TooLarge)));
}

#[test]
fn a_signature_that_has_ended_is_refused() {
    let Some(gpg) = Gpg::new() else { return };
    gpg.make_key("signer", "never");
    let message = gpg.sign(&["--default-sig-expire", "3d"], document().as_bytes());
    let keyring = gpg.keyring("signer");
    let day = Duration::from_secs(24 * 3600);
    assert!(verify(&message, digest(SIGNED), &keyring, now() + 2 * day).is_ok());
    let error = verify(&message, digest(SIGNED), &keyring, now() + 4 * day).unwrap_err();
    assert!(matches!(error, SignatureError::Ended { .. }), "{error}");
}

#[test]
fn a_key_signs_for_itself_as_long_as_it_lives_and_is_not_withdrawn() {
    let Some(gpg) = Gpg::new() else { return };
    let at = "20200101T000000";
    gpg.run(
        &[
            "--faked-system-time",
            at,
            "--quick-gen-key",
            "old",
            "ed25519",
            "sign",
            "10d",
        ],
        b"",
    );
    let body = document();
    let sign = |time: &str| {
        // gpg itself refuses to sign with a key that has ended: its clock is set back.
        gpg.sign(&["--faked-system-time", time, "-u", "old"], body.as_bytes())
    };
    let old = gpg.keyring("old");
    let early = sign("20200105T000000");
    assert!(verify(&early, digest(SIGNED), &old, now()).is_ok());
    // The key is told to live longer; with the old copy of it, a later signature does not count.
    let fingerprint = gpg.fingerprint("old");
    gpg.run(
        &[
            "--faked-system-time",
            "20200106T000000",
            "--quick-set-expire",
            &fingerprint,
            "1y",
        ],
        b"",
    );
    let late = sign("20200601T000000");
    assert!(verify(&late, digest(SIGNED), &gpg.keyring("old"), now()).is_ok());
    let error = verify(&late, digest(SIGNED), &old, now()).unwrap_err();
    assert!(matches!(error, SignatureError::Broken), "{error}");
    // Withdrawn by the certificate that gpg made along with the key, with the colon before it taken away.
    let made = gpg
        .revocation(&fingerprint)
        .replace(":-----BEGIN", "-----BEGIN");
    gpg.run(&["--import"], made.as_bytes());
    let error = verify(&early, digest(SIGNED), &gpg.keyring("old"), now()).unwrap_err();
    assert!(matches!(error, SignatureError::Broken), "{error}");
}

#[test]
fn a_subkey_signs_for_its_key_when_both_say_so() {
    let Some(gpg) = Gpg::new() else { return };
    gpg.run(&["--quick-gen-key", "two", "ed25519", "cert", "never"], b"");
    let primary = gpg.fingerprint("two");
    gpg.run(
        &["--quick-add-key", &primary, "ed25519", "sign", "never"],
        b"",
    );
    let message = gpg.sign(&[], document().as_bytes());
    let armored = gpg.armored("two");
    let keyring = Keyring::read(&armored).unwrap();
    let trusted: Fingerprint = primary.parse().unwrap();
    let verified = verify(&message, digest(SIGNED), &keyring, now()).unwrap();
    assert_eq!(verified.signer, trusted);
    // The subkey grafted onto another key is not bound to it.
    gpg.make_key("other", "never");
    let binary = |user: &str| gpg.run(&["--export", user], b"");
    let (own, other) = (binary("two"), binary("other"));
    let grafted = [&other[..], &own[subkey_at(&own)..]].concat();
    let grafted = gpg.run(&["--enarmor"], &grafted);
    let grafted = String::from_utf8(grafted)
        .unwrap()
        .replace("ARMORED FILE", "PUBLIC KEY BLOCK");
    let error = verify(
        &message,
        digest(SIGNED),
        &Keyring::read(&grafted).unwrap(),
        now(),
    )
    .unwrap_err();
    assert!(matches!(error, SignatureError::Broken), "{error}");
}

/// Where the packet of the subkey starts in a key that gpg wrote: packets of the old form, with lengths of one or two bytes (RFC 4880, 4.2.1).
fn subkey_at(key: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let (tag, kind) = (key[at] >> 2 & 0x0f, key[at] & 3);
        if tag == 14 {
            return at;
        }
        let length = match kind {
            0 => 2 + usize::from(key[at + 1]),
            1 => 3 + usize::from(u16::from_be_bytes([key[at + 1], key[at + 2]])),
            other => panic!("length of kind {other}"),
        };
        at += length;
    }
}

#[test]
fn keys_are_found_in_a_config_map_and_only_pinned_ones_count() {
    let (Some(sample), Some(gpg)) = (Sample::read(), Gpg::new()) else {
        return;
    };
    gpg.make_key("somebody", "never");
    let indented = |text: &str| -> String { text.lines().map(|l| format!("    {l}\n")).collect() };
    let map = format!(
        "apiVersion: v1\nkind: ConfigMap\ndata:\n  verifier-public-key-a: |\n{}  verifier-public-key-redhat: |\n{}metadata:\n  name: a\n",
        indented(&gpg.armored("somebody")),
        indented(&sample.key)
    );
    let all = Keyring::read(&map).unwrap();
    let prints: Vec<String> = all.fingerprints().map(|print| print.to_string()).collect();
    assert_eq!(prints[0], gpg.fingerprint("somebody"));
    assert_eq!(prints[1..], ["567E347AD0044ADE55BA8A5F199E2F91FD431D51"]);
    let official = all.only(&OFFICIAL_KEYS);
    assert_eq!(official.fingerprints().count(), 1);
    assert!(verify(&sample.signature, digest(SIGNED), &official, now()).is_ok());
    let own = gpg.sign(&[], document().as_bytes());
    assert!(verify(&own, digest(SIGNED), &official, now()).is_err());
}

#[test]
fn texts_without_a_key_are_refused() {
    assert!(matches!(Keyring::read("no key"), Err(KeyError::NoKey)));
    let torn = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQINBErgSTsBEACh2A4b\n";
    assert!(matches!(
        Keyring::read(torn),
        Err(KeyError::NoKey | KeyError::Unreadable { number: 1, .. })
    ));
    for wrong in [
        "",
        "567E",
        "567E347AD0044ADE55BA8A5F199E2F91FD431D5",
        "567E347AD0044ADE55BA8A5F199E2F91FD431D5é",
    ] {
        assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong:?}");
    }
}

proptest! {
    /// Whatever comes from a server: an answer, and no panic.
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400), tag in 0xa0_u8..0xff) {
        let bytes = [&[tag][..], &bytes].concat();
        let answer = verify(&bytes, digest(SIGNED), &Keyring::default(), UNIX_EPOCH);
        prop_assert!(answer.is_err());
    }

    #[test]
    fn any_text_is_answered_by_the_reader_of_keys(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let armored = format!("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{}\n-----END PGP PUBLIC KEY BLOCK-----\n", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes));
        prop_assert!(Keyring::read(&armored).is_err());
    }
}
