use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;

use super::*;

/// Builds one frame.
fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut wire = vec![first];
    let bit = if mask.is_some() { 0x80 } else { 0 };
    match payload.len() {
        len @ 0..=125 => wire.push(bit | len as u8),
        len @ 126..=0xffff => {
            wire.push(bit | 126);
            wire.extend((len as u16).to_be_bytes());
        }
        len => {
            wire.push(bit | 127);
            wire.extend((len as u64).to_be_bytes());
        }
    }
    wire.extend(mask.unwrap_or_default().iter().take(if mask.is_some() { 4 } else { 0 }));
    let mask = mask.unwrap_or_default();
    wire.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]));
    wire
}

/// One message's compressed payload, its tail cut off.
fn deflate(compress: &mut Compress, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 1024);
    compress.compress_vec(text, &mut out, FlushCompress::Sync).unwrap();
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
    out.truncate(out.len() - 4);
    out
}

/// Messages as they end, and the number of gaps.
fn messages(decoder: &mut Decoder, parts: &[&[u8]]) -> (Vec<String>, usize) {
    let (mut ended, mut current, mut gaps) = (Vec::new(), Vec::new(), 0);
    for part in parts {
        decoder.push(Bytes::copy_from_slice(part));
        while let Some(piece) = decoder.poll() {
            match piece {
                Piece::Message { data, last } => {
                    assert!(data.len() <= 64 * 1024);
                    current.extend_from_slice(&data);
                    if last {
                        let text = std::mem::take(&mut current);
                        ended.push(String::from_utf8_lossy(&text).into_owned());
                    }
                }
                Piece::Gap { .. } => gaps += 1,
            }
        }
    }
    (ended, gaps)
}

const MASK: Option<[u8; 4]> = Some([0x37, 0xfa, 0x21, 0x3d]);

#[test]
fn decodes_the_examples_of_the_rfcs() {
    let mut decoder = Decoder::new(Side::Request, Some(DeflateParams::default()));
    let wire = [
        // RFC 6455, section 5.7: unmasked, masked, fragmented with a ping between.
        &[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f][..],
        &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
        &[0x01, 0x03, 0x48, 0x65, 0x6c],
        &[0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f],
        &[0x80, 0x02, 0x6c, 0x6f],
        // RFC 7692, section 7.2.3: one block; fragmented; context taken over; a final block.
        &[0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        &[0x41, 0x03, 0xf2, 0x48, 0xcd],
        &[0x80, 0x04, 0xc9, 0xc9, 0x07, 0x00],
        &[0xc1, 0x08, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
    ];
    assert_eq!(messages(&mut decoder, &wire), (vec!["Hello".to_owned(); 6], 0));
    let one = Counters { messages: 6, control_frames: 1, ..Counters::default() };
    assert_eq!(*decoder.counters(), one);
}

/// Two messages by a sender with context takeover, and one uncompressed.
fn conversation() -> Vec<u8> {
    let mut compress = Compress::new(Compression::default(), false);
    let text = r#"{"type":"response.text.delta","delta":"hello"}"#;
    let mut wire = frame(0xc1, &deflate(&mut compress, text.as_bytes()), MASK);
    let again = deflate(&mut compress, text.as_bytes());
    assert!(again.len() < 12, "the second message refers to the first");
    wire.extend(frame(0x41, &again[..5], MASK));
    wire.extend(frame(0x8a, b"pong", MASK));
    wire.extend(frame(0x80, &again[5..], MASK));
    wire.extend(frame(0x82, b"plain", MASK));
    wire.extend(frame(0x81, b"", None));
    wire
}

#[test]
fn every_cut_reads_the_same() {
    let wire = conversation();
    let new = || Decoder::new(Side::Request, Some(DeflateParams::default()));
    let expected = messages(&mut new(), &[&wire]);
    assert_eq!(expected.0.len(), 4);
    assert_eq!((expected.0[0].as_str(), expected.1), (expected.0[1].as_str(), 0));
    for at in 0..wire.len() {
        assert_eq!(messages(&mut new(), &[&wire[..at], &wire[at..]]), expected, "cut at {at}");
    }
    let singles: Vec<_> = wire.chunks(1).collect();
    assert_eq!(messages(&mut new(), &singles), expected);
}

#[test]
fn a_hole_costs_a_plain_message_a_piece_and_compressed_ones_the_rest() {
    let mut decoder = Decoder::new(Side::Response, Some(DeflateParams::default()));
    let mut wire = frame(0x81, b"0123456789", MASK);
    let (before, after) = wire.split_at_mut(8);
    assert_eq!(messages(&mut decoder, &[before]).0.len(), 0);
    decoder.gap(Some(3));
    assert_eq!(messages(&mut decoder, &[&after[3..]]), (vec!["56789".into()], 1));

    let wire = conversation();
    messages(&mut decoder, &[&wire[..10]]);
    decoder.gap(Some(2));
    let expected = ["", "", "plain", ""].map(str::to_owned).to_vec();
    assert_eq!(messages(&mut decoder, &[&wire[12..]]), (expected, 2));

    decoder.gap(Some(7));
    assert_eq!(messages(&mut decoder, &[&wire]), (vec![], 1));
    assert!(decoder.memory() < 1024);
}

#[test]
fn without_context_takeover_the_next_message_is_whole_again() {
    let params = DeflateParams::parse("permessage-deflate; server_no_context_takeover");
    let mut decoder = Decoder::new(Side::Response, params);
    let mut wire = Vec::new();
    for _ in 0..2 {
        let mut compress = Compress::new(Compression::default(), false);
        wire.extend(frame(0xc1, &deflate(&mut compress, b"hello hello hello"), None));
    }
    messages(&mut decoder, &[&wire[..4]]);
    decoder.gap(Some(1));
    let (ended, gaps) = messages(&mut decoder, &[&wire[5..]]);
    assert_eq!((ended, gaps), (vec![String::new(), "hello hello hello".into()], 1));
}

#[test]
fn a_bomb_ends_in_a_gap() {
    let mut decoder = Decoder::new(Side::Response, Some(DeflateParams::default()));
    let mut compress = Compress::new(Compression::best(), false);
    let bomb = deflate(&mut compress, &vec![0; 8 << 20]);
    let mut wire = frame(0xc2, &bomb, None);
    wire.extend(frame(0x81, b"after", None));
    let (ended, gaps) = messages(&mut decoder, &[&wire]);
    assert_eq!((ended.len(), gaps, decoder.counters().uninflatable), (2, 1, 1));
    assert!(ended[0].len() <= (64 * 1024 + bomb.len() * 100 + 32 * 1024));
    assert_eq!(ended[1], "after");
}

#[test]
fn refuses_what_is_no_frame() {
    let bad: [&[u8]; 7] = [
        &[0xb1, 0x00],        // RSV bits
        &[0x80, 0x00],        // continues nothing
        &[0x09, 0x00],        // fragmented ping
        &[0x89, 126, 0, 126], // long ping
        &[0x83, 0x00],        // reserved opcode
        &[0xc1, 0x00],        // compressed without agreement
        &[0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0],
    ];
    for wire in bad {
        let mut decoder = Decoder::new(Side::Request, None);
        assert_eq!(messages(&mut decoder, &[wire, b"\x81\x01x"]), (vec![], 1), "{wire:?}");
        assert_eq!(decoder.counters().errors, 1);
    }
}

#[test]
fn reads_the_agreement() {
    assert_eq!(DeflateParams::parse("x-foo"), None);
    let parsed = DeflateParams::parse(
        "x-foo, permessage-deflate; client_max_window_bits=15; client_no_context_takeover",
    );
    let expected = DeflateParams { client_no_context_takeover: true, ..DeflateParams::default() };
    assert_eq!(parsed, Some(expected));
}

proptest! {
    #[test]
    fn never_panics(wire: Vec<u8>, cut in 0usize..64, lost in 0u64..16) {
        let mut decoder = Decoder::new(Side::Request, Some(DeflateParams::default()));
        let cut = cut.min(wire.len());
        messages(&mut decoder, &[&wire[..cut]]);
        decoder.gap(Some(lost));
        messages(&mut decoder, &[&wire[cut..]]);
    }

    #[test]
    fn cuts_do_not_matter(text in "[a-c]{0,200}", cuts in prop::collection::vec(1usize..40, 1..8)) {
        let mut wire = conversation();
        wire.extend(frame(0x81, text.as_bytes(), MASK));
        let expected = messages(&mut Decoder::new(Side::Request, Some(DeflateParams::default())), &[&wire]);
        let (mut parts, mut rest) = (Vec::new(), &wire[..]);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break }
            let (part, after) = rest.split_at((*cut).min(rest.len()));
            parts.push(part);
            rest = after;
        }
        let mut decoder = Decoder::new(Side::Request, Some(DeflateParams::default()));
        prop_assert_eq!(messages(&mut decoder, &parts), expected);
    }
}
