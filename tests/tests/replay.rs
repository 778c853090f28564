//! Every fixture through the pure pipeline, on every wire: each key of each call, none more.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be read must fail the test")]

use bytes::Bytes;
use tests::connection::{Connection, calls};
use tests::fixture::{self, Fixture, describe, differences};
use tests::render::{Dice, Wire, frame};
use tests::wire;
use tracer::ai::call::Call;
use tracer::event::Direction;
use tracer::http::h2;

fn play(fixture: &Fixture, on: Wire, dice: &mut Dice) -> Vec<Call> {
    let exchange = &fixture.exchange;
    let mut connection = Connection::open(1, &exchange.authority);
    if on == Wire::Http2 {
        connection.data(Direction::Outbound, &Bytes::from_static(h2::PREFACE), dice);
        connection.data(Direction::Outbound, &frame(4, 0, 0, &[]), dice);
        connection.data(Direction::Inbound, &frame(4, 0, 0, &[]), dice);
        let (request, response) = exchange.http2(1, dice);
        for (direction, frames) in [(Direction::Outbound, request), (Direction::Inbound, response)]
        {
            for frame in frames {
                connection.data(direction, &frame, dice);
            }
        }
    } else if fixture.messages.is_empty() {
        let (request, response) = exchange.http1(on == Wire::Chunked, dice);
        connection.data(Direction::Outbound, &request, dice);
        connection.data(Direction::Inbound, &response, dice);
    } else {
        session(fixture, on, &mut connection, dice);
    }
    connection.close();
    calls(connection.records())
}

/// A handshake and its messages; on the second wire the server's are deflated.
fn session(fixture: &Fixture, on: Wire, connection: &mut Connection, dice: &mut Dice) {
    let exchange = &fixture.exchange;
    let deflated = on == Wire::Chunked;
    let extension = if deflated {
        "sec-websocket-extensions: permessage-deflate; server_no_context_takeover\r\n"
    } else {
        ""
    };
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: {}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n",
        exchange.target, exchange.authority
    );
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n{extension}\r\n"
    );
    connection.data(Direction::Outbound, &request.into(), dice);
    connection.data(Direction::Inbound, &response.into(), dice);
    for (is_client, text) in &fixture.messages {
        let direction = if *is_client { Direction::Outbound } else { Direction::Inbound };
        let frame = wire::websocket(text, *is_client, deflated && !is_client);
        connection.data(direction, &frame.into(), dice);
    }
}

#[test]
fn every_fixture_is_reported_as_expected_on_every_wire() {
    let fixtures = fixture::all().unwrap();
    assert!(fixtures.len() >= 200);
    let mut wrong = Vec::new();
    for fixture in &fixtures {
        for on in [Wire::Length, Wire::Chunked, Wire::Http2] {
            // A session upgrades HTTP/1.1.
            if on == Wire::Http2 && !fixture.messages.is_empty() {
                continue;
            }
            // Three seeds: three ways to cut it.
            for seed in 1..=3 {
                let found = play(fixture, on, &mut Dice::new(seed * 77));
                if found.len() != fixture.calls.len() {
                    let (name, found) = (fixture.name(), found.len());
                    wrong
                        .push(format!("{name} {on:?}: {found} calls, not {}", fixture.calls.len()));
                    continue;
                }
                for (call, wanted) in found.iter().zip(&fixture.calls) {
                    for difference in differences(&describe(call), wanted) {
                        wrong.push(format!("{} {on:?}: {difference}", fixture.name()));
                    }
                }
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
