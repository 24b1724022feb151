//! The OpenPGP message of a signature: one-pass signature, literal data, signature; as it is, or compressed. Nothing else, and nothing after it.
//!
//! Read packet by packet: the message reader of the library does not pair a one-pass packet with a signature of version 3, and Red Hat's are of that
//! version. The one-pass packet announces what the signature says again.

use std::io::{self, Read as _};

use pgp::packet::{OnePassSignature, OpsVersionSpecific, Packet, PacketParser, Signature};

use super::{MAX_SIGNATURE_BYTES, SignatureError};

/// What is signed, and by what; neither is proved yet.
pub(super) fn read(bytes: &[u8]) -> Result<(Vec<u8>, Signature), SignatureError> {
    if bytes.len() > MAX_SIGNATURE_BYTES {
        return Err(SignatureError::TooLarge);
    }
    let packets = packets(bytes)?;
    let packets = match <[Packet; 1]>::try_from(packets) {
        Ok([Packet::CompressedData(compressed)]) => {
            let unpacked = unpack(&compressed)?;
            self::packets(&unpacked)?
        }
        Ok([_]) => return Err(damaged("it is not signed")),
        Err(packets) => packets,
    };
    match <[Packet; 3]>::try_from(packets) {
        Ok(
            [
                Packet::OnePassSignature(announced),
                Packet::LiteralData(literal),
                Packet::Signature(signature),
            ],
        ) if announces(&announced, &signature) => Ok((literal.data().to_owned(), signature)),
        Ok(_) => Err(damaged(
            "its parts are other ones, or do not belong together",
        )),
        Err(packets) => Err(damaged(&format!(
            "it has {} parts, expected 3",
            packets.len()
        ))),
    }
}

/// Whether the packet before the document says what the signature behind it says.
fn announces(announced: &OnePassSignature, signature: &Signature) -> bool {
    let Some(config) = signature.config() else {
        return false;
    };
    let issuers = signature.issuer_key_id();
    let same_issuer = match announced.version_specific() {
        OpsVersionSpecific::V3 { key_id } => issuers.is_empty() || issuers.contains(&key_id),
        _ => false,
    };
    same_issuer
        && !announced.is_nested()
        && announced.typ() == config.typ
        && announced.hash_algorithm() == config.hash_alg
        && announced.public_key_algorithm() == config.pub_alg
}

fn packets(bytes: &[u8]) -> Result<Vec<Packet>, SignatureError> {
    let mut rest = bytes;
    let mut packets = Vec::new();
    while !rest.is_empty() {
        // Half a header looks like the end to the parser.
        let packet = PacketParser::new(&mut rest)
            .next()
            .ok_or_else(|| damaged("it ends inside of a packet"))?;
        packets.push(packet.map_err(|e| damaged(&e.to_string()))?);
    }
    Ok(packets)
}

fn unpack(compressed: &pgp::packet::CompressedData) -> Result<Vec<u8>, SignatureError> {
    let mut unpacked = Vec::new();
    let opened = compressed
        .decompress()
        .map_err(|e| damaged(&e.to_string()))?;
    let limit = MAX_SIGNATURE_BYTES as u64 + 1;
    let read: io::Result<usize> = opened.take(limit).read_to_end(&mut unpacked);
    read.map_err(|e| damaged(&e.to_string()))?;
    if unpacked.len() > MAX_SIGNATURE_BYTES {
        return Err(SignatureError::TooLarge);
    }
    Ok(unpacked)
}

fn damaged(why: &str) -> SignatureError {
    SignatureError::Message {
        why: why.to_owned(),
    }
}
