use super::*;
use crate::event::{Origin, Verdict};

const WORKER: ProcessKey = ProcessKey { tgid: 7, start: BootTime(1) };

fn origin(ms: u64) -> Origin {
    Origin { at: at(ms), process: WORKER, ..Origin::default() }
}

const fn at(ms: u64) -> BootTime {
    BootTime(ms * 1_000_000)
}

fn socket(change: SocketChange, sock: u64, remote: &str, ms: u64) -> KernelEvent {
    let pair = SocketPair::Inet {
        local: format!("10.0.0.1:{}", 50_000 + sock).parse().unwrap(),
        remote: remote.parse().unwrap(),
    };
    let established = (!matches!(change, SocketChange::Connect)).then_some(at(ms));
    KernelEvent::Socket(Box::new(SocketEvent {
        origin: origin(ms),
        change,
        sock,
        opened: at(sock),
        established,
        pair,
        class: 1,
    }))
}

fn refused(sock: u64, remote: &str, ms: u64) -> KernelEvent {
    let change = SocketChange::Closed { error: Some(111), by_process: false, bytes: [0; 2] };
    let KernelEvent::Socket(mut event) = socket(change, sock, remote, ms) else { unreachable!() };
    event.established = None;
    KernelEvent::Socket(event)
}

fn connect(table: &mut SocketTable, sock: u64, remote: &str, ms: u64) {
    table.push(&socket(SocketChange::Connect, sock, remote, ms));
    table.push(&socket(SocketChange::Established, sock, remote, ms));
}

fn flow(handle: u64, ms: u64) -> (FlowKey, KernelEvent) {
    let key = FlowKey { process: WORKER, handle, library: library::OPENSSL, opened: at(ms) };
    let open = FlowOpen {
        origin: origin(ms),
        key,
        verdict: Verdict::Capture,
        server_name: None,
        from_start: true,
        fd: None,
    };
    (key, KernelEvent::FlowOpen(open))
}

fn remote(table: &SocketTable, key: &FlowKey) -> Option<String> {
    table.peer(key).and_then(|peer| peer.remote()).map(|at| at.to_string())
}

#[test]
fn one_after_the_other_each_finds_its_own() {
    let mut table = SocketTable::default();
    connect(&mut table, 1, "192.0.2.1:443", 10);
    let (a, opens) = flow(0xa, 20);
    table.push(&opens);
    connect(&mut table, 2, "192.0.2.2:443", 30);
    let (b, opens) = flow(0xb, 40);
    table.push(&opens);
    assert_eq!(remote(&table, &a).as_deref(), Some("192.0.2.1:443"));
    assert_eq!(remote(&table, &b).as_deref(), Some("192.0.2.2:443"));
    assert!(table.peer(&a).unwrap().pair().is_some());
}

#[test]
fn two_places_at_once_are_not_guessed() {
    let mut table = SocketTable::default();
    connect(&mut table, 1, "192.0.2.1:443", 10);
    connect(&mut table, 2, "192.0.2.2:443", 11);
    let (key, opens) = flow(0xa, 20);
    table.push(&opens);
    assert_eq!(table.peer(&key), None);
    // Two to one place: the place is known, the connection is not.
    let mut table = SocketTable::default();
    connect(&mut table, 1, "192.0.2.1:443", 10);
    connect(&mut table, 2, "192.0.2.1:443", 11);
    table.push(&opens);
    assert_eq!(table.peer(&key), Some(Peer::Remote("192.0.2.1:443".parse().unwrap())));
}

#[test]
fn a_connection_that_stands_later_is_no_candidate() {
    let mut table = SocketTable::default();
    connect(&mut table, 1, "192.0.2.1:443", 50);
    let (key, opens) = flow(0xa, 20);
    table.push(&opens);
    assert_eq!(table.peer(&key), None);
}

#[test]
fn a_refusal_is_told_unless_another_address_answers() {
    let mut table = SocketTable::default();
    table.push(&socket(SocketChange::Connect, 1, "[::1]:11434", 10));
    table.push(&refused(1, "[::1]:11434", 11));
    assert_eq!(table.poll(at(100)), None);
    connect(&mut table, 2, "127.0.0.1:11434", 12);
    assert_eq!(table.poll(at(5000)), None);

    table.push(&socket(SocketChange::Connect, 3, "127.0.0.1:11434", 20));
    table.push(&refused(3, "127.0.0.1:11434", 21));
    assert_eq!(table.poll(at(5000)).map(|failed| failed.word), Some("connection_refused"));
    assert_eq!(table.poll(at(5000)), None);
}

#[test]
fn bounded_in_connections_and_flows() {
    let mut table = SocketTable::default();
    for n in 0..(MAX as u64 + 10_000) {
        let KernelEvent::Socket(mut event) = socket(SocketChange::Connect, 1, "192.0.2.1:443", 1)
        else {
            unreachable!()
        };
        event.sock = n;
        event.origin.process.tgid = n as u32;
        table.push(&KernelEvent::Socket(event));
        assert!(table.len() <= MAX);
    }
    let pair = SocketPair::Unix { name: 1 };
    for n in 0..(MAX as u64 + 10) {
        let (key, _) = flow(n, 1);
        let bound = FlowSocket { origin: origin(1), key, sock: n, pair };
        table.push(&KernelEvent::FlowSocket(Box::new(bound)));
    }
    assert!(table.flows.len() <= MAX && table.flows_by_age.len() <= MAX);
}
