//! Socket records to events; as [`super::decode`].

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use tracer_common::event::EventKind;
use tracer_common::socket::family;

use super::decode::{DecodeError, Fields};
use crate::event::{
    BootTime, FlowKey, FlowSocket, KernelEvent, Origin, SocketChange, SocketEvent, SocketPair,
};

/// [`tracer_common::socket::Pair`]
fn pair(fields: &mut Fields<'_>) -> Result<SocketPair, DecodeError> {
    let (remote, local): ([u8; 16], [u8; 16]) = (fields.array()?, fields.array()?);
    let (remote_port, local_port) = (fields.u16()?, fields.u16()?);
    let (kind, _reserved) = (fields.u16()?, fields.u16()?);
    Ok(match kind {
        family::INET | family::INET6 => SocketPair::Inet {
            local: address(local, local_port),
            remote: address(remote, remote_port),
        },
        family::UNIX => {
            let [a, b, c, d, e, f, g, h, ..] = remote;
            SocketPair::Unix { name: u64::from_ne_bytes([a, b, c, d, e, f, g, h]) }
        }
        _ => return Err(DecodeError::Field),
    })
}

fn address(bytes: [u8; 16], port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical(), port)
}

/// [`tracer_common::socket::SocketRecord`]
pub(super) fn socket(
    fields: &mut Fields<'_>,
    kind: u16,
    origin: Origin,
) -> Result<KernelEvent, DecodeError> {
    let (sock, opened) = (fields.u64()?, BootTime(fields.u64()?));
    let established = Some(BootTime(fields.u64()?)).filter(|at| at.0 != 0);
    let bytes = [fields.u64()?, fields.u64()?];
    let pair = pair(fields)?;
    let (class, error, by_process) = (fields.u32()?, fields.u32()?, fields.u32()? == 1);
    let change = match EventKind::parse(kind) {
        Some(EventKind::SocketConnect) => SocketChange::Connect,
        Some(EventKind::SocketEstablished) => SocketChange::Established,
        Some(EventKind::SocketClosed) => {
            let error = i32::try_from(error).ok().filter(|error| *error != 0);
            SocketChange::Closed { error, by_process, bytes }
        }
        Some(EventKind::SocketListen) => SocketChange::Listen,
        _ => return Err(DecodeError::Kind(kind)),
    };
    let event = SocketEvent { origin, change, sock, opened, established, pair, class };
    Ok(KernelEvent::Socket(Box::new(event)))
}

/// [`tracer_common::socket::FlowSocketRecord`]
pub(super) fn flow_socket(
    fields: &mut Fields<'_>,
    origin: Origin,
) -> Result<KernelEvent, DecodeError> {
    let key = fields.key()?;
    let (opened, sock) = (BootTime(fields.u64()?), fields.u64()?);
    let key = FlowKey { opened, ..key };
    Ok(KernelEvent::FlowSocket(Box::new(FlowSocket { origin, key, sock, pair: pair(fields)? })))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::kernel::decode::decode;

    fn record(kind: u16, body: &[u8]) -> Bytes {
        let mut bytes = vec![0; 64];
        bytes[..2].copy_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(body);
        bytes.into()
    }

    fn pair_bytes(family: u16) -> Vec<u8> {
        let mut bytes = vec![0; 10];
        bytes.extend([0xff, 0xff, 10, 0, 0, 7]);
        bytes.extend([0; 15]);
        bytes.push(1);
        for field in [443u16, 50_000, family, 0] {
            bytes.extend(field.to_ne_bytes());
        }
        bytes
    }

    fn closed(error: u32) -> Vec<u8> {
        let mut body = Vec::new();
        for field in [7u64, 100, 200, 11, 22] {
            body.extend(field.to_ne_bytes());
        }
        body.extend(pair_bytes(family::INET6));
        for field in [1u32, error, 1, 0] {
            body.extend(field.to_ne_bytes());
        }
        body
    }

    #[test]
    fn a_close_says_why_and_how_much() {
        let event = decode(&record(34, &closed(111))).unwrap();
        let KernelEvent::Socket(event) = event else { panic!("{event:?}") };
        let change = SocketChange::Closed { error: Some(111), by_process: true, bytes: [11, 22] };
        assert_eq!((event.change, event.sock, event.established), (change, 7, Some(BootTime(200))));
        // IPv4 in IPv6 is IPv4.
        assert_eq!(event.pair.remote(), Some("10.0.0.7:443".parse().unwrap()));
        let local = "[::1]:50000".parse().unwrap();
        assert!(matches!(event.pair, SocketPair::Inet { local: l, .. } if l == local));
    }

    #[test]
    fn short_or_unknown_is_an_error() {
        let whole = closed(0);
        // The last word is reserved.
        for cut in 0..whole.len() - 4 {
            assert_eq!(decode(&record(34, &whole[..cut])), Err(DecodeError::Short), "{cut}");
        }
        let mut foreign = closed(0);
        foreign[40 + 36] = 99;
        assert_eq!(decode(&record(34, &foreign)), Err(DecodeError::Field));
    }
}
