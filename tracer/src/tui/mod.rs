//! `aitrace top`: the live view [edge: the terminal].
//!
//! In: events of a [`feed`]. `state` keeps what they add up to, `keys` changes what is looked at,
//! `view` draws it. The terminal is restored whatever ends the view: a key, a signal, a panic.

mod command;
mod dimension;
mod feed;
mod keys;
mod screen;
mod state;
mod sums;
mod view;
mod window;

pub use self::command::Args;
pub use self::feed::SOCKET_VERSION;

use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{self, Event as Input};

use self::feed::Feed;
use self::keys::Next;
use self::screen::Screen;
use self::view::{Palette, Surroundings};

/// Frames a second at most: the eye needs no more, and the view is to cost little.
const FRAME: Duration = Duration::from_millis(250);
/// After a signal the view has so long to end by itself.
const GRACE: Duration = Duration::from_secs(1);
/// Events taken between two looks at the keyboard.
const BATCH: usize = 20_000;

/// Where time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    /// The host's.
    Wall,
    /// The newest event's: a file is played.
    Events,
}

fn second() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Takes what has come. False at the feed's end.
fn take(feed: &Feed, screen: &mut Screen) -> bool {
    let mut open = true;
    for _ in 0..BATCH {
        match feed.events.try_recv() {
            Ok(event) => screen.update(event),
            Err(TryRecvError::Empty) => break,
            Err(TryRecvError::Disconnected) => {
                open = false;
                break;
            }
        }
    }
    let loss = &mut screen.live().loss;
    loss.missed = feed.counts.missed.load(Ordering::Relaxed);
    loss.unreadable = feed.counts.unreadable.load(Ordering::Relaxed);
    open
}

/// The view, until a key or a signal ends it.
fn run(
    feed: &Feed,
    clock: Clock,
    palette: Palette,
    failure: Option<&Receiver<anyhow::Error>>,
) -> anyhow::Result<()> {
    let ended = signals()?;
    // Restores the terminal on a panic, too.
    let mut terminal = ratatui::try_init()?;
    let result = watch(&mut terminal, feed, clock, palette, failure, &ended);
    ratatui::try_restore()?;
    result
}

fn watch(
    terminal: &mut ratatui::DefaultTerminal,
    feed: &Feed,
    clock: Clock,
    palette: Palette,
    failure: Option<&Receiver<anyhow::Error>>,
    ended: &std::sync::atomic::AtomicBool,
) -> anyhow::Result<()> {
    let mut screen = Screen::new();
    let mut next = Instant::now();
    while !ended.load(Ordering::Acquire) {
        let open = take(feed, &mut screen);
        if let Some(failure) = failure
            && let Ok(error) = failure.try_recv()
        {
            return Err(error);
        }
        if clock == Clock::Wall {
            screen.tick(second());
        }
        if Instant::now() >= next {
            next = Instant::now() + FRAME;
            let name = if open { feed.name.clone() } else { format!("{} (ended)", feed.name) };
            let around = Surroundings { source: &name, paused: screen.paused(), palette };
            terminal.draw(|frame| view::draw(frame, screen.shown(), &around))?;
        }
        if event::poll(next.saturating_duration_since(Instant::now()))? {
            match event::read()? {
                Input::Key(key) => {
                    if keys::press(&mut screen, key) == Next::Leave {
                        return Ok(());
                    }
                    next = Instant::now();
                }
                Input::Resize(..) => next = Instant::now(),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Set once SIGTERM, SIGINT or SIGHUP has come.
fn signals() -> anyhow::Result<std::sync::Arc<std::sync::atomic::AtomicBool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let set = std::sync::Arc::clone(&ended);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let guard = runtime.enter();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    drop(guard);
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        set.store(true, Ordering::Release);
        // A terminal that hung up keeps the reader of its keys busy for good: end without it.
        std::thread::sleep(GRACE);
        ratatui::restore();
        std::process::exit(0);
    })?;
    Ok(ended)
}

/// One frame as text, after `wait` of a live feed or the end of a file.
fn once(feed: &Feed, clock: Clock, wait: Duration, size: (u16, u16)) -> anyhow::Result<()> {
    let mut screen = Screen::new();
    let deadline = Instant::now() + wait;
    loop {
        let open = take(feed, &mut screen);
        if !open || clock == Clock::Wall && Instant::now() >= deadline {
            break;
        }
        match feed.events.recv_timeout(Duration::from_millis(50)) {
            Ok(event) => screen.update(event),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if clock == Clock::Wall {
        screen.tick(second());
    }
    let palette = Palette { colour: false };
    let around = Surroundings { source: &feed.name, paused: None, palette };
    let text = frame(&mut screen, &around, size)?;
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// A frame drawn into memory, a line a row, without trailing blanks.
fn frame(
    screen: &mut Screen,
    around: &Surroundings<'_>,
    (width, height): (u16, u16),
) -> anyhow::Result<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height))?;
    // Nothing selected: a pipe has no cursor.
    terminal.draw(|frame| view::draw(frame, screen.shown(), around))?;
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for y in 0..height {
        let line: String = (0..width)
            .filter_map(|x| buffer.cell((x, y)))
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
