//! Answers that no provider gives: what a tracer must survive.
//!
//! Sizes come from the script, so that a test bounds its own time.

use std::io;

use super::script::{Hostile, Script};
use super::wire::{Tls, send};

/// Plays one. True: the connection still makes sense to the client.
pub(super) fn play(tls: &mut Tls, kind: Hostile, script: &Script, good: &[u8]) -> io::Result<bool> {
    match kind {
        Hostile::Garbage => garbage(tls, script.bytes)?,
        Hostile::HugeHeader => {
            send(tls, b"HTTP/1.1 200 OK\r\nx-pad: ", None)?;
            fill(tls, script.bytes)?;
            send(tls, b"\r\ncontent-length: 2\r\n\r\n{}", None)?;
        }
        Hostile::EndlessLine => {
            send(tls, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: ", None)?;
            fill(tls, script.bytes)?;
        }
        Hostile::BadChunk => send(
            tls,
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n\
              ffffffffffffffffff\r\n{}\r\n-1\r\n\r\n",
            None,
        )?,
        Hostile::LongBody => {
            send(tls, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", None)?;
            send(tls, good, None)?;
        }
        Hostile::ShortBody => {
            let length = good.len() + 1000;
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            );
            send(tls, head.as_bytes(), None)?;
            send(tls, good, None)?;
        }
        Hostile::Unasked => {
            let answer = [
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                    good.len()
                )
                .as_bytes(),
                good,
            ]
            .concat();
            send(tls, &answer, None)?;
            send(tls, &answer, None)?;
            return Ok(true);
        }
    }
    Ok(false)
}

fn fill(tls: &mut Tls, bytes: usize) -> io::Result<()> {
    let block = [b'a'; 16 << 10];
    let mut left = bytes;
    while left > 0 {
        let part = left.min(block.len());
        send(tls, &block[..part], None)?;
        left -= part;
    }
    Ok(())
}

/// Bytes without a pattern that a parser could love; the same in each run.
fn garbage(tls: &mut Tls, bytes: usize) -> io::Result<()> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let noise: Vec<u8> = (0..bytes.min(1 << 20))
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect();
    send(tls, &noise, None)
}
