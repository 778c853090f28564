use std::io::Write as _;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value, json};

use super::*;
use crate::reader::read;
use crate::sinks::clock::format_rfc3339;
use crate::tui::state::Pane;

/// 2026-11-26T10:00:00Z
const START: u64 = 1_795_687_200;

fn at(second: u64) -> String {
    format_rfc3339((START + second) * 1_000_000_000)
}

fn event(mut own: Value, second: u64, name: &str) -> Event {
    own["timestamp"] = json!(at(second));
    own["event.name"] = json!(name);
    read(own.to_string().as_bytes()).unwrap()
}

use crate::reader::Event;

fn call(second: u64, index: u64) -> Event {
    let workload =
        ["search-api", "batch-embeddings", "agent \u{1b}[31mevil\u{202e}"][(index % 3) as usize];
    let even = (index % 2) as usize;
    let (team, provider, model) =
        (["red", "blue"][even], ["openai", "anthropic"][even], ["gpt-4o", "claude-sonnet"][even]);
    let mut own = json!({
        "host.name": "h", "process.pid": 100 + index % 3, "process.title": "python app.py",
        "aitrace.workload": workload, "aitrace.team": team,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100 + index,
        "gen_ai.response.time_to_first_chunk": 0.25,
        "aitrace.usage.complete": true, "aitrace.cost.usd": 0.01, "aitrace.duration_s": 1.5,
        "aitrace.role": "client", "aitrace.capture": "complete", "http.response.status_code": 200,
        "aitrace.key.fingerprint": "00112233aabbccdd",
        "aitrace.session.id": format!("run-{}", index % 2), "aitrace.session.turn": 1 + index / 2,
        "aitrace.tools.called": ["search_docs"],
        "aitrace.rate_limit.requests.limit": 1000, "aitrace.rate_limit.requests.remaining": 40 + index,
        "aitrace.rate_limit.tokens.limit": 90_000, "aitrace.rate_limit.tokens.remaining": 60_000,
    });
    if index.is_multiple_of(5) {
        own["error.type"] = json!("rate_limit_exceeded");
        own["aitrace.failure.class"] = json!("rate_limit");
        own["aitrace.failure.capacity"] = json!(true);
        own["aitrace.retry_after_s"] = json!(7.0);
        own["http.response.status_code"] = json!(429);
        own["gen_ai.usage.output_tokens"] = json!(0);
    }
    event(own, second, "ai.call")
}

/// A minute of calls, a GPU with two holders, a call in flight, a loss.
fn filled() -> Screen {
    let mut screen = Screen::new();
    for index in 0..60 {
        screen.update(call(index, index));
    }
    for (pid, busy, idle) in [(201, Some(9.0), Some(1.0)), (202, None, None)] {
        let mut own = json!({
            "hw.id": "GPU-aaaa", "hw.name": "NVIDIA H100", "aitrace.gpu.index": 0, "process.pid": pid,
            "aitrace.workload": "trainer", "aitrace.window_s": 10.0,
            "aitrace.gpu.memory.used_bytes": 42_u64 << 30, "aitrace.gpu.workload": "compute",
        });
        if let (Some(busy), Some(idle)) = (busy, idle) {
            own["aitrace.gpu.busy_s"] = json!(busy);
            own["aitrace.gpu.held_idle_s"] = json!(idle);
        }
        screen.update(event(own, 59, "gpu.usage"));
    }
    let open = json!({
        "aitrace.workload": "search-api", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
        "aitrace.call.id": "c1", "aitrace.call.age_s": 3.25, "aitrace.call.chunks": 42,
    });
    screen.update(event(open, 59, "call.progress"));
    let beat = json!({
        "aitrace.books.closed": true, "aitrace.uptime_s": 60.0, "aitrace.books.kernel.dropped.ring_full": 12,
    });
    screen.update(event(beat, 59, "heartbeat"));
    screen.tick(START + 59);
    screen
}

fn drawn(screen: &mut Screen, size: (u16, u16)) -> String {
    let palette = Palette { colour: false };
    let paused = screen.paused();
    frame(screen, &Surroundings { source: "test", paused, palette }, size).unwrap()
}

fn press(screen: &mut Screen, keys: &str) -> Next {
    let mut next = Next::Stay;
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            '\u{1b}' => KeyCode::Esc,
            '\u{8}' => KeyCode::Backspace,
            'J' => KeyCode::PageDown,
            'G' => KeyCode::End,
            key => KeyCode::Char(key),
        };
        next = keys::press(screen, KeyEvent::new(code, KeyModifiers::NONE));
    }
    next
}

#[test]
fn each_pane_at_80x24() {
    let mut screen = filled();
    for (key, name) in [
        ("1", "owners"),
        ("2", "models"),
        ("3", "providers"),
        ("4", "failures"),
        ("5", "headroom"),
        ("6", "gpus"),
        ("7", "runs"),
        ("8", "in_flight"),
        ("9", "calls"),
    ] {
        press(&mut screen, key);
        insta::assert_snapshot!(format!("80x24_{name}"), drawn(&mut screen, (80, 24)));
    }
}

#[test]
fn wide_with_failures_beside_and_help() {
    let mut screen = filled();
    insta::assert_snapshot!("200x30_owners", drawn(&mut screen, (200, 30)));
    press(&mut screen, "?");
    insta::assert_snapshot!("80x24_help", drawn(&mut screen, (80, 24)));
}

#[test]
fn every_size_draws_and_no_terminal_is_told_what_to_do() {
    let mut screen = filled();
    for width in [1, 2, 39, 80, 110, 160, 300] {
        for height in [1, 5, 9, 24] {
            for key in "123456789".chars() {
                press(&mut screen, &key.to_string());
                let text = drawn(&mut screen, (width, height));
                assert!(!text.contains(['\u{1b}', '\u{202e}']), "{width}x{height} {key}");
            }
        }
    }
}

#[test]
fn the_header_says_what_the_events_add_up_to() {
    let mut screen = filled();
    let text = drawn(&mut screen, (120, 40));
    // 60 calls, 1,000 tokens in each; 12 of 60 failed, all for lack of capacity; $0.60 a minute.
    for expected in [
        "1.0 calls/s",
        "in 1000/s",
        "$36.00/h",
        "failed 20.0% (capacity 100%)",
        "LOST kernel.ring_full 12",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let own: u64 =
        screen.shown().groups(dimension::By::Workload).iter().map(|(_, sums)| sums.calls).sum();
    assert_eq!(own, 60);
}

#[test]
fn keys_do_what_the_help_says() {
    let mut screen = filled();
    press(&mut screen, "/provider=openai\n");
    let state = screen.shown();
    assert_eq!(state.window.total(&state.filter).calls, 30);
    press(&mut screen, "\u{1b}");
    assert_eq!(screen.shown().filter.typed, "");
    press(&mut screen, "/redx\u{8}\u{1b}");
    let state = screen.shown();
    assert_eq!((&*state.filter.typed, &state.typing), ("", &None));

    press(&mut screen, "g");
    assert_eq!(screen.shown().by, dimension::By::Team);
    press(&mut screen, "ggggggggggs");
    assert_eq!(screen.shown().by, dimension::By::Workload);
    assert_eq!(screen.shown().sort, state::Sort::Tokens);
    let first = screen.shown().groups(dimension::By::Workload)[0].0.clone();
    press(&mut screen, "r");
    assert_ne!(screen.shown().groups(dimension::By::Workload)[0].0, first);

    press(&mut screen, "w");
    assert_eq!(screen.shown().window.length, 300);
    press(&mut screen, "\t");
    assert_eq!(screen.shown().pane, Pane::Models);
    press(&mut screen, "G");
    drawn(&mut screen, (80, 24));
    assert_eq!(screen.shown().selected, 1, "held to the last row");
    assert_eq!(press(&mut screen, "q"), Next::Leave);
    let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(keys::press(&mut screen, interrupt), Next::Leave);
}

#[test]
fn a_drill_goes_from_a_workload_to_its_processes_to_its_calls_and_back() {
    let mut screen = filled();
    press(&mut screen, "sssss");
    let names: Vec<String> =
        screen.shown().groups(dimension::By::Workload).into_iter().map(|(name, _)| name).collect();
    let at = names.iter().position(|name| name == "search-api").unwrap();
    press(&mut screen, &"j".repeat(at));
    press(&mut screen, "\n");
    assert_eq!(screen.shown().by, dimension::By::Process);
    assert_eq!(screen.shown().groups(dimension::By::Process).len(), 1);
    press(&mut screen, "\n");
    assert_eq!(screen.shown().pane, Pane::Calls);
    let text = drawn(&mut screen, (120, 40));
    assert!(text.contains("python app.py [100]") && !text.contains("[101]"), "{text}");
    press(&mut screen, "\u{1b}");
    assert_eq!((screen.shown().pane, screen.shown().by), (Pane::Owners, dimension::By::Workload));
    assert_eq!(screen.shown().filter.typed, "");
}

#[test]
fn a_pause_holds_the_screen_and_loses_nothing() {
    let mut screen = filled();
    press(&mut screen, "p");
    let before = drawn(&mut screen, (80, 24));
    for index in 0..30 {
        screen.update(call(59, index));
    }
    screen.tick(START + 60);
    let after = drawn(&mut screen, (80, 24));
    assert!(after.contains("PAUSED, 30 calls since"), "{after}");
    assert_eq!(
        before.lines().skip(1).collect::<Vec<_>>(),
        after.lines().skip(1).collect::<Vec<_>>()
    );
    press(&mut screen, "p");
    let filter = screen.shown().filter.clone();
    assert_eq!(screen.shown().window.total(&filter).calls, 89, "one second has left the window");
}

#[test]
fn tables_are_bounded() {
    let mut screen = Screen::new();
    for index in 0..30_000_u64 {
        let own = json!({
            "aitrace.workload": format!("w{index}"), "gen_ai.provider.name": "openai",
            "aitrace.session.id": format!("s{index}"), "aitrace.role": "client",
            "gen_ai.request.model": format!("m{index}"),
            "aitrace.rate_limit.requests.limit": 10, "aitrace.rate_limit.requests.remaining": 1,
        });
        screen.update(event(own, index / 1000, "ai.call"));
    }
    let state = screen.shown();
    assert_eq!(state.recent.len(), 1000);
    assert!(state.runs.len() <= 5000 && state.headroom.len() <= 5000);
    assert!(state.runs.contains_key("s29999") && !state.runs.contains_key("s0"));
    let groups = state.groups(dimension::By::Workload);
    assert_eq!(groups.len(), 20_001);
    assert_eq!(groups.iter().map(|(_, sums)| sums.calls).sum::<u64>(), 30_000);
}

#[test]
fn a_file_is_played_and_bad_lines_are_counted() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for second in 0..10 {
        let line = json!({"timestamp": at(second), "event.name": "ai.call", "gen_ai.provider.name": "openai", "aitrace.role": "client"});
        writeln!(file, "{line}").unwrap();
    }
    writeln!(file, "not json").unwrap();
    writeln!(file, "{}", "x".repeat(40_000)).unwrap();
    file.flush().unwrap();
    let feed = Feed::file(file.path(), 0.0).unwrap();
    let mut screen = Screen::new();
    while let Ok(event) = feed.events.recv() {
        screen.update(event);
    }
    take(&feed, &mut screen);
    assert_eq!(screen.shown().recent.len(), 10);
    // A line too long is read in pieces, none of which is an event.
    assert_eq!(screen.shown().loss.unreadable, 4);
}
