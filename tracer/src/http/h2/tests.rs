//! Whatever the bytes: no panic, no more than 64 KiB held, and cuts do not matter.

use bytes::Bytes;
use proptest::prelude::*;

use super::Conn;
use super::hpack::{Decoder, Limits};
use crate::event::BootTime;
use crate::http::{Close, HttpEvent, Protocol, Side};

const AT: BootTime = BootTime(0);

/// A frame that is mostly right: purely random bytes never get past the first header.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        Just(vec![0x82, 0x87, 0x84, 0x41, 1, b'a']),
        Just(vec![0x40, 1, b'k', 2, b'v', b'w', 0xbe]),
        Just(vec![0x88, 0xbe, 0xbf]),
        (1usize..7000).prop_map(|len| {
            let mut block = vec![0x40, 1, b'k', 0x7f];
            let rest = len + 200 - 127;
            block.extend([0x80 | (rest & 0x7f) as u8, (rest >> 7) as u8]);
            block.extend(vec![b'x'; len]);
            block
        }),
    ];
    (payload, 0u8..11, any::<u8>(), 0u32..8, 0usize..3).prop_map(
        |(payload, kind, flags, stream, lie)| {
            let len = payload.len() + if lie == 0 { 3 } else { 0 };
            let mut wire = (len as u32).to_be_bytes()[1..].to_vec();
            wire.extend([kind, flags & 0x2d]);
            wire.extend(stream.to_be_bytes());
            wire.extend(payload);
            wire
        },
    )
}

fn drain(conn: &mut Conn) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    while let Some(event) = conn.poll() {
        let id = event.id().0;
        seen.push(match event {
            HttpEvent::RequestBody { data, .. } => format!("{id} q {data:?}"),
            HttpEvent::ResponseBody { data, .. } => format!("{id} r {data:?}"),
            event => format!("{event:?}"),
        });
    }
    seen
}

/// Everything but bodies, which come in as many pieces as there are cuts.
fn heads(events: Vec<String>) -> Vec<String> {
    events.into_iter().filter(|e| !e.contains(" q ") && !e.contains(" r ")).collect()
}

proptest! {
    #[test]
    fn anything_goes(
        records in prop::collection::vec((any::<bool>(), frame(), 0u8..12), 0..60),
        late: bool,
    ) {
        let mut conn = if late { Conn::late() } else { Conn::new() };
        conn.push(Side::Request, AT, Bytes::from_static(super::PREFACE));
        for (request, wire, what) in records {
            let side = if request { Side::Request } else { Side::Response };
            match what {
                0 => conn.gap(side, AT, Some(wire.len() as u64)),
                1 => conn.gap(side, AT, None),
                _ => conn.push(side, AT, wire.into()),
            }
            drain(&mut conn);
            prop_assert!(conn.memory() <= 64 * 1024, "{} bytes", conn.memory());
        }
        conn.close(Side::Response, AT, Close::ByPeer);
        drain(&mut conn);
        prop_assert_eq!(conn.open_exchanges(), 0);
    }

    #[test]
    fn cuts_do_not_matter(
        records in prop::collection::vec((any::<bool>(), frame()), 0..30),
        step in 1usize..50,
    ) {
        let (mut whole, mut cut) = (Conn::new(), Conn::new());
        let (mut expected, mut got) = (Vec::new(), Vec::new());
        for conn in [&mut whole, &mut cut] {
            conn.push(Side::Request, AT, Bytes::from_static(super::PREFACE));
        }
        for (request, wire) in records {
            let side = if request { Side::Request } else { Side::Response };
            for part in wire.chunks(step) {
                cut.push(side, AT, Bytes::copy_from_slice(part));
            }
            whole.push(side, AT, wire.into());
            expected.extend(heads(drain(&mut whole)));
            got.extend(heads(drain(&mut cut)));
            // Where a place was lost it is found again by how chunks lie: up to there they agree.
            if whole.counters().places_lost > 0 {
                return Ok(());
            }
            prop_assert_eq!(&got, &expected);
        }
        prop_assert_eq!(cut.counters(), whole.counters());
    }

    #[test]
    fn header_blocks_of_any_bytes(blocks: Vec<Vec<u8>>) {
        let limits = Limits { table: 512, field: 64, list: 1024 };
        let mut whole = Decoder::observer(limits);
        let mut cut = Decoder::observer(limits);
        for block in blocks {
            let mut seen = [0, 0];
            let _ = whole.push(&block, &mut |_| seen[0] += 1);
            let first = whole.finish();
            for byte in &block {
                let _ = cut.push(&[*byte], &mut |_| seen[1] += 1);
            }
            prop_assert_eq!(cut.finish(), first);
            prop_assert_eq!(seen[0], seen[1]);
            prop_assert!(whole.memory() < 4096 && cut.memory() < 4096);
        }
    }
}
