//! Packings that fixtures and tests write by hand: WebSocket messages, AWS events.

use std::io::Write as _;

use flate2::{Compression, Crc};

/// A frame of RFC 6455, section 5.2: one text message.
pub fn websocket(text: &str, masked: bool, deflated: bool) -> Vec<u8> {
    let mut payload = text.as_bytes().to_vec();
    if deflated {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
        // Writing to a vector cannot fail.
        let _ = encoder.write_all(&payload).and_then(|()| encoder.flush());
        payload = encoder.get_ref().clone();
        // RFC 7692, section 7.2.1: the empty block at the end is left out.
        payload.truncate(payload.len() - 4);
    }
    let mut wire = vec![0x81 | u8::from(deflated) << 6];
    let mask = u8::from(masked) << 7;
    if payload.len() < 126 {
        wire.push(mask | payload.len() as u8);
    } else {
        wire.push(mask | 126);
        wire.extend((payload.len() as u16).to_be_bytes());
    }
    if masked {
        let key = [1, 2, 3, 4];
        wire.extend(key);
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    }
    wire.extend(payload);
    wire
}

/// A message of an AWS event stream: an event, or an exception, with both checksums.
pub fn event_stream(name: &str, exception: bool, payload: &str) -> Vec<u8> {
    let (key, kind) =
        if exception { (":exception-type", "exception") } else { (":event-type", "event") };
    let mut headers = Vec::new();
    let texts = [(key, name), (":content-type", "application/json"), (":message-type", kind)];
    for (name, value) in texts {
        headers.push(name.len() as u8);
        headers.extend(name.as_bytes());
        headers.push(7);
        headers.extend((value.len() as u16).to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let total = 12 + headers.len() + payload.len() + 4;
    let mut wire = (total as u32).to_be_bytes().to_vec();
    wire.extend((headers.len() as u32).to_be_bytes());
    wire.extend(checksum(&wire).to_be_bytes());
    wire.extend(headers);
    wire.extend(payload.as_bytes());
    wire.extend(checksum(&wire).to_be_bytes());
    wire
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The body under a content coding that fixtures use.
pub fn encode(body: &[u8], coding: &str) -> Option<Vec<u8>> {
    match coding {
        "" => Some(body.to_vec()),
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).ok()?;
            encoder.finish().ok()
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).ok()?;
            encoder.finish().ok()
        }
        _ => None,
    }
}
