//! Which protocol a flow speaks, and who of the two ends asks.
//!
//! In: what is held of a flow. Out: its reader, a no, or not yet.

use super::reassembly::Piece;
use crate::event::{BootTime, Direction};
use crate::http::sniff::{self, Sniffed};
use crate::http::{Protocol, h1, h2};

/// A connection's reader from a point on; the server name is for requests that name no host.
fn http1(late: bool, server_name: &str) -> Box<dyn Protocol> {
    let mut conn = if late { h1::Conn::late() } else { h1::Conn::new() };
    conn.set_server_name(server_name);
    Box::new(conn)
}

fn http2(late: bool, server_name: &str) -> Box<dyn Protocol> {
    let mut conn = if late { h2::Conn::late() } else { h2::Conn::new() };
    conn.set_server_name(server_name);
    Box::new(conn)
}

pub(super) enum Found {
    Protocol { protocol: Box<dyn Protocol>, is_server: bool },
    NotHttp,
    Unsure,
}

type Held = [(Direction, BootTime, Piece)];

/// By the first bytes of whoever speaks first.
pub(super) fn fresh(held: &Held, name: &str) -> Found {
    let mut first: [Vec<u8>; 2] = Default::default();
    for (direction, _, piece) in held {
        if let Piece::Data(data) = piece {
            let start = &mut first[direction.index()];
            let room = 64usize.saturating_sub(start.len());
            start.extend_from_slice(data.get(..data.len().min(room)).unwrap_or_default());
        }
    }
    let [outbound, inbound] = first;
    let speaks = |bytes: &[u8]| if bytes.is_empty() { None } else { Some(sniff::client(bytes)) };
    match (speaks(&outbound), speaks(&inbound)) {
        (Some(Sniffed::Http1), _) => protocol(http1(false, name), false),
        (Some(Sniffed::Http2), _) => protocol(http2(false, name), false),
        (_, Some(Sniffed::Http1)) => protocol(http1(false, name), true),
        (_, Some(Sniffed::Http2)) => protocol(http2(false, name), true),
        // A server of HTTP/2 may send its settings first; an HTTP/1 answer to a request unseen.
        (Some(Sniffed::NotHttp), _) if sniff::is_http2_frame(&outbound) && inbound.is_empty() => {
            Found::Unsure
        }
        (None, Some(Sniffed::NotHttp)) if sniff::is_http2_frame(&inbound) => Found::Unsure,
        (None, _) if sniff::is_http1_answer(&inbound) => protocol(http1(false, name), false),
        (Some(Sniffed::NotHttp), _) | (_, Some(Sniffed::NotHttp)) => Found::NotHttp,
        _ => Found::Unsure,
    }
}

/// By the beginning of the last chunk of a flow met in its middle.
pub(super) fn late(held: &Held, name: &str) -> Found {
    let Some((direction, _, Piece::Data(data))) = held.last() else { return Found::Unsure };
    let outbound = *direction == Direction::Outbound;
    match sniff::client(data) {
        Sniffed::Http1 => return protocol(http1(true, name), !outbound),
        Sniffed::Http2 => return protocol(http2(false, name), !outbound),
        Sniffed::NotHttp | Sniffed::Unsure => {}
    }
    if sniff::is_http1_answer(data) {
        protocol(http1(true, name), outbound)
    } else if sniff::is_http2_frame(data) {
        // Which end this is shows only in the frames; clients are what we are here for.
        protocol(http2(true, name), false)
    } else {
        Found::Unsure
    }
}

fn protocol(protocol: Box<dyn Protocol>, is_server: bool) -> Found {
    Found::Protocol { protocol, is_server }
}
