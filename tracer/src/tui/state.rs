//! What the live view knows [pure]: events in, tables out; it draws nothing.

use std::collections::{HashMap, VecDeque};

use super::dimension::{By, Dimensions, Filter};
use super::sums::Sums;
use super::window::Window;
use crate::reader::{CallEvent, Event, GpuUsageEvent, ProgressEvent, parse_rfc3339};
use crate::terminal::safe;

/// Single calls kept for the eye.
const RECENT: usize = 1000;
/// Rows of the tables that are not windows.
const MAX_ROWS: usize = 5000;
/// A call in flight is told every second; without news for so long it is gone.
const IN_FLIGHT_S: u64 = 5;
const NS: u64 = 1_000_000_000;

/// Seconds; the view cycles through them.
pub(super) const WINDOWS: [u64; 5] = [10, 60, 300, 900, 3600];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pane {
    Owners,
    Models,
    Providers,
    Failures,
    Headroom,
    Gpus,
    Runs,
    InFlight,
    Calls,
}

impl Pane {
    pub(super) const ALL: [Self; 9] = [
        Self::Owners,
        Self::Models,
        Self::Providers,
        Self::Failures,
        Self::Headroom,
        Self::Gpus,
        Self::Runs,
        Self::InFlight,
        Self::Calls,
    ];

    pub(super) fn step(self, by: isize) -> Self {
        let count = Self::ALL.len() as isize;
        let at = (self as isize + by).rem_euclid(count);
        Self::ALL[usize::try_from(at).unwrap_or(0)]
    }
}

/// What the tables of groups are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Cost,
    Tokens,
    Calls,
    Failures,
    Duration,
    Name,
}

impl Sort {
    const ALL: [Self; 6] =
        [Self::Cost, Self::Tokens, Self::Calls, Self::Failures, Self::Duration, Self::Name];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Cost => "cost",
            Self::Tokens => "tokens",
            Self::Calls => "calls",
            Self::Failures => "failures",
            Self::Duration => "duration",
            Self::Name => "name",
        }
    }

    fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()]
    }
}

/// A single call, as a line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub second: u64,
    pub dimensions: Dimensions,
    pub sums: Sums,
    pub error_type: Option<String>,
    pub retry_after_s: Option<f64>,
    pub status: Option<u16>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Headroom {
    pub second: u64,
    pub requests: Option<(u64, u64)>,
    pub tokens: Option<(u64, u64)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    pub second: u64,
    pub workload: String,
    pub turns: u64,
    pub sums: Sums,
    pub tools: u64,
    pub last_tool: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Gpu {
    pub second: u64,
    pub usage: GpuUsageEvent,
}

#[derive(Clone, Debug)]
pub(super) struct InFlight {
    pub second: u64,
    pub call: ProgressEvent,
}

/// What was lost, as the last heartbeat has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Loss {
    pub dropped: Vec<(String, u64)>,
    pub books_open: bool,
    /// Events that this view itself could not take.
    pub missed: u64,
    pub unreadable: u64,
}

impl Loss {
    pub(super) fn is_none(&self) -> bool {
        self.dropped.is_empty() && !self.books_open && self.missed + self.unreadable == 0
    }
}

#[derive(Clone, Debug)]
pub(super) struct State {
    pub window: Window,
    pub pane: Pane,
    pub by: By,
    pub sort: Sort,
    pub reversed: bool,
    pub filter: Filter,
    /// The filter before a drill, to go back to.
    pub outer: Option<(Pane, Filter)>,
    /// Some while a filter is being typed.
    pub typing: Option<String>,
    pub help: bool,
    pub selected: usize,
    pub recent: VecDeque<Line>,
    pub headroom: HashMap<(String, String), Headroom>,
    pub runs: HashMap<String, Run>,
    pub gpus: HashMap<(String, u32), Gpu>,
    pub in_flight: HashMap<String, InFlight>,
    pub loss: Loss,
    pub alert: Option<String>,
    pub now: u64,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            window: Window::new(60),
            pane: Pane::Owners,
            by: By::Workload,
            sort: Sort::Cost,
            reversed: false,
            filter: Filter::default(),
            outer: None,
            typing: None,
            help: false,
            selected: 0,
            recent: VecDeque::new(),
            headroom: HashMap::new(),
            runs: HashMap::new(),
            gpus: HashMap::new(),
            in_flight: HashMap::new(),
            loss: Loss::default(),
            alert: None,
            now: 0,
        }
    }

    /// Takes an event.
    pub(super) fn update(&mut self, event: Event) {
        match event {
            Event::Call(call) => self.call(&call),
            Event::GpuUsage(usage) => self.gpu(*usage),
            Event::Progress(call) => self.progress(*call),
            Event::Heartbeat(heartbeat) => {
                self.loss.dropped = heartbeat.dropped().collect();
                self.loss.books_open = !heartbeat.closed;
            }
            Event::GpuFailure(failure) => {
                let who = failure.who.workload.or(failure.who.title).unwrap_or_default();
                self.alert = Some(safe(&format!("GPU: {} in {who}", failure.class)).into_owned());
            }
            Event::Other(_) => {}
        }
    }

    /// Time goes on.
    pub(super) fn tick(&mut self, second: u64) {
        self.now = self.now.max(second);
        self.window.advance(self.now);
        let now = self.now;
        self.in_flight.retain(|_, call| call.second + IN_FLIGHT_S >= now);
        self.gpus.retain(|_, gpu| gpu.second + 60 >= now);
    }

    fn second(&mut self, timestamp: &str) -> u64 {
        let second = parse_rfc3339(timestamp).map_or(self.now, |ns| ns / NS);
        self.now = self.now.max(second);
        second
    }

    fn call(&mut self, call: &CallEvent) {
        if !call.is_counted() {
            return;
        }
        let second = self.second(&call.timestamp);
        let dimensions = Dimensions::of(call);
        let sums = Sums::of(call);
        self.window.add(second, dimensions.clone(), &sums);
        self.limits(call, second);
        if let Some(session) = &call.session {
            self.run(session, call, second, &sums);
        }
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(Line {
            second,
            dimensions,
            sums,
            error_type: call.error_type.clone(),
            retry_after_s: call.retry_after_s,
            status: call.status,
        });
    }

    fn limits(&mut self, call: &CallEvent, second: u64) {
        let requests = call.requests_remaining.zip(call.requests_limit);
        let tokens = call.tokens_remaining.zip(call.tokens_limit);
        if requests.is_none() && tokens.is_none() {
            return;
        }
        let model = call.model().unwrap_or("?").to_owned();
        let key = (call.key.clone().unwrap_or_default(), format!("{} {model}", call.provider));
        make_room(&mut self.headroom, &key, |row| row.second);
        self.headroom.insert(key, Headroom { second, requests, tokens });
    }

    fn run(&mut self, session: &String, call: &CallEvent, second: u64, sums: &Sums) {
        make_room(&mut self.runs, session, |row| row.second);
        let run = self.runs.entry(session.clone()).or_default();
        run.second = second;
        run.workload =
            call.who.workload.clone().or_else(|| call.who.title.clone()).unwrap_or_default();
        run.turns = call.turn.unwrap_or(run.turns + 1).max(run.turns);
        run.sums.add(sums);
        run.tools += call.tools_called.len() as u64;
        run.last_tool = call.tools_called.last().cloned().or(run.last_tool.take());
    }

    fn gpu(&mut self, usage: GpuUsageEvent) {
        let second = self.second(&usage.timestamp);
        let key = (usage.gpu.clone().unwrap_or_default(), usage.who.pid.unwrap_or(0));
        make_room(&mut self.gpus, &key, |row| row.second);
        self.gpus.insert(key, Gpu { second, usage });
    }

    fn progress(&mut self, call: ProgressEvent) {
        let second = self.second(&call.timestamp);
        make_room(&mut self.in_flight, &call.id, |row| row.second);
        self.in_flight.insert(call.id.clone(), InFlight { second, call });
    }

    /// The groups of the pane, sorted as asked.
    pub(super) fn groups(&self, by: By) -> Vec<(String, Sums)> {
        let mut groups = self.window.groups(by, &self.filter);
        groups.sort_by(|(a_name, a), (b_name, b)| {
            let order = match self.sort {
                Sort::Cost => b.cost.cmp(&a.cost),
                Sort::Tokens => (b.input + b.output).cmp(&(a.input + a.output)),
                Sort::Calls => b.calls.cmp(&a.calls),
                Sort::Failures => b.failed.cmp(&a.failed),
                Sort::Duration => b.mean_s().unwrap_or(0.0).total_cmp(&a.mean_s().unwrap_or(0.0)),
                Sort::Name => std::cmp::Ordering::Equal,
            };
            let order = if self.reversed { order.reverse() } else { order };
            order.then(a_name.cmp(b_name))
        });
        groups
    }

    /// What the pane's groups are.
    pub(super) const fn pane_by(&self) -> Option<By> {
        match self.pane {
            Pane::Owners => Some(self.by),
            Pane::Models => Some(By::Model),
            Pane::Providers => Some(By::Provider),
            Pane::Failures => Some(By::Failure),
            _ => None,
        }
    }

    /// Into the selected group: its processes, then its calls.
    pub(super) fn drill(&mut self) {
        let Some(by) = self.pane_by() else { return };
        let Some((name, _)) = self.groups(by).into_iter().nth(self.selected) else { return };
        if self.outer.is_none() {
            self.outer = Some((self.pane, self.filter.clone()));
        }
        // Words are separated by spaces: the longest one of the name is enough to find it by.
        let word = name.split_whitespace().max_by_key(|word| word.len()).unwrap_or_default();
        let typed = format!("{} {}={word}", self.filter.typed, by.as_str());
        self.filter = Filter::parse(typed.trim());
        if by == By::Process || self.pane != Pane::Owners {
            self.pane = Pane::Calls;
        } else {
            self.by = By::Process;
        }
        self.selected = 0;
    }

    /// Out again.
    pub(super) fn back(&mut self) {
        if let Some((pane, filter)) = self.outer.take() {
            (self.pane, self.filter) = (pane, filter);
            self.by = By::Workload;
        } else {
            self.filter = Filter::default();
        }
        self.selected = 0;
    }

    pub(super) fn next_window(&mut self) {
        let at = WINDOWS.iter().position(|length| *length == self.window.length);
        let next = at.map_or(0, |at| (at + 1) % WINDOWS.len());
        self.window.set_length(WINDOWS[next]);
    }

    pub(super) fn next_sort(&mut self) {
        self.sort = self.sort.next();
    }
}

/// Lets the quarter of the rows go that was quiet longest: seldom, so that it costs little a row.
fn make_room<K: Clone + Eq + std::hash::Hash, V>(
    rows: &mut HashMap<K, V>,
    key: &K,
    second: impl Fn(&V) -> u64,
) {
    if rows.len() < MAX_ROWS || rows.contains_key(key) {
        return;
    }
    let mut ages: Vec<(u64, K)> =
        rows.iter().map(|(key, row)| (second(row), key.clone())).collect();
    let quarter = MAX_ROWS / 4;
    ages.select_nth_unstable_by_key(quarter, |(second, _)| *second);
    for (_, key) in ages.drain(..quarter) {
        rows.remove(&key);
    }
}
