//! Rows to a report [pure but for its source].

use std::collections::{BTreeMap, HashMap, HashSet};

use super::findings::{Context, Examination};
use super::protect::{Stake, protect};
use super::rows::{GpuFailureRow, GpuRow, Hours, Owner, Owners, Single, Source};
use super::sums::Sums;
use super::{By, FailureClass, Failures, Gpu, Group, Moment, Report, Runs, SCHEMA};
use crate::sinks::clock::format_rfc3339;

const HOUR_NS: u64 = 3_600_000_000_000;
/// Beyond so many hours the timeline goes by days.
const HOURLY: u64 = 72;
/// Runs told apart.
const MAX_RUNS: usize = 200_000;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    pub hours: Hours,
    pub by: By,
    /// Percent of the capacity that is cut.
    pub protect: Option<f64>,
}

/// Answers.
///
/// # Errors
/// What the source says.
pub fn make(
    source: &mut dyn Source,
    question: &Question,
    weight: &dyn Fn(&Owner) -> f64,
) -> anyhow::Result<Report> {
    let owners = source.owners()?;
    let mut tables = Tables::new(question.hours);
    source.calls(question.hours, &mut |row| tables.add(question.by, &row, &owners))?;
    let (gpu_rows, gpu_failures) = source.gpus(question.hours)?;

    let period_s = (question.hours.to - question.hours.from) as f64 * 3600.0;
    let context = Context { owners: &owners, period_s };
    let mut examination = Examination::new();
    let mut runs = RunTable::default();
    source.singles(question.hours, &mut |call| {
        examination.see(&call, &context);
        runs.see(&call);
    })?;
    let (findings, not_examined) = examination.finish(&context, &gpu_rows, &gpu_failures);

    let protect = question.protect.map(|percent| protect(tables.stakes(&owners, weight), percent));
    let total_cost = tables.totals.cost_usd;
    Ok(Report {
        schema: SCHEMA,
        from: format_rfc3339(question.hours.from * HOUR_NS),
        to: format_rfc3339(question.hours.to * HOUR_NS),
        hosts: tables.hosts.len() as u64,
        totals: tables.totals.figures(),
        by: question.by.as_str(),
        groups: groups(tables.groups, total_cost),
        models: groups(tables.models, total_cost),
        providers: groups(tables.providers, total_cost),
        failures: tables.failures,
        timeline: tables.timeline.into_values().collect(),
        gpus: gpus(&gpu_rows, &gpu_failures, &owners),
        runs: runs.sums(),
        findings,
        not_examined,
        protect,
    })
}

struct Tables {
    hours: Hours,
    totals: Sums,
    groups: HashMap<String, Sums>,
    models: HashMap<String, Sums>,
    providers: HashMap<String, Sums>,
    workloads: HashMap<i64, Sums>,
    failures: Failures,
    timeline: BTreeMap<u64, Moment>,
    hosts: HashSet<String>,
}

impl Tables {
    fn new(hours: Hours) -> Self {
        Self {
            hours,
            totals: Sums::default(),
            groups: HashMap::new(),
            models: HashMap::new(),
            providers: HashMap::new(),
            workloads: HashMap::new(),
            failures: Failures::default(),
            timeline: BTreeMap::new(),
            hosts: HashSet::new(),
        }
    }

    fn add(&mut self, by: By, row: &super::rows::CallRow, owners: &Owners) {
        let unknown = Owner::default();
        let owner = owners.0.get(&row.who).unwrap_or(&unknown);
        let sums = &row.sums;
        self.totals.add(sums);
        add_to(&mut self.groups, by.group(row, owner), sums);
        add_to(&mut self.models, By::Model.group(row, owner), sums);
        add_to(&mut self.providers, By::Provider.group(row, owner), sums);
        self.workloads.entry(row.who).or_default().add(sums);
        if let Some(host) = &owner.host
            && !self.hosts.contains(host)
        {
            self.hosts.insert(host.clone());
        }
        if !row.class.is_empty() {
            self.failures.capacity += sums.capacity;
            self.failures.other += sums.calls.saturating_sub(sums.capacity);
            let classes = &mut self.failures.by_class;
            match classes.iter_mut().find(|class| class.class == row.class) {
                Some(class) => class.calls += sums.calls,
                None => classes.push(FailureClass {
                    class: row.class.clone(),
                    calls: sums.calls,
                    capacity: sums.capacity > 0,
                }),
            }
            classes.sort_by(|a, b| b.calls.cmp(&a.calls).then(a.class.cmp(&b.class)));
        }
        let step = if self.hours.to - self.hours.from > HOURLY { 24 } else { 1 };
        let at = row.hour / step * step;
        let moment = self.timeline.entry(at).or_insert_with(|| Moment {
            at: format_rfc3339(at * HOUR_NS),
            calls: 0,
            failed: 0,
            tokens: 0,
            cost_usd: 0.0,
        });
        moment.calls += sums.calls;
        moment.failed += sums.failed;
        moment.tokens += sums.input + sums.output;
        moment.cost_usd += sums.cost_usd;
    }

    fn stakes(&self, owners: &Owners, weight: &dyn Fn(&Owner) -> f64) -> Vec<Stake> {
        let mut by_name: BTreeMap<String, Stake> = BTreeMap::new();
        for (who, sums) in &self.workloads {
            let owner = owners.get(*who);
            let stake = by_name.entry(owner.label().to_owned()).or_default();
            stake.name = owner.label().to_owned();
            stake.weight = stake.weight.max(weight(&owner));
            stake.calls += sums.calls;
            stake.failed += sums.failed;
            stake.retries += sums.retries;
            stake.tokens += sums.input + sums.output;
        }
        by_name.into_values().collect()
    }
}

fn add_to(groups: &mut HashMap<String, Sums>, name: &str, sums: &Sums) {
    match groups.get_mut(name) {
        Some(group) => group.add(sums),
        None => {
            groups.insert(name.to_owned(), sums.clone());
        }
    }
}

/// Dearest first; without prices those with most tokens, then most calls.
fn groups(sums: HashMap<String, Sums>, total_cost: f64) -> Vec<Group> {
    let mut list: Vec<(String, Sums)> = sums.into_iter().collect();
    list.sort_by(|(a_name, a), (b_name, b)| {
        b.cost_usd
            .total_cmp(&a.cost_usd)
            .then((b.input + b.output).cmp(&(a.input + a.output)))
            .then(b.calls.cmp(&a.calls))
            .then(a_name.cmp(b_name))
    });
    list.into_iter()
        .map(|(name, sums)| Group {
            share: (sums.priced > 0 && total_cost > 0.0).then(|| sums.cost_usd / total_cost),
            figures: sums.figures(),
            name,
        })
        .collect()
}

fn gpus(rows: &[GpuRow], failures: &[GpuFailureRow], owners: &Owners) -> Vec<Gpu> {
    let failed = |who: i64, gpu: &str| {
        let own = failures.iter().filter(|f| f.who == who && f.gpu == gpu);
        own.map(|f| f.failures).sum()
    };
    rows.iter()
        .map(|row| Gpu {
            gpu: row.gpu.clone(),
            name: row.name.clone(),
            holder: owners.get(row.who).label().to_owned(),
            held_s: row.window_s,
            busy_s: row.busy_s,
            held_idle_s: row.held_idle_s,
            memory_peak_bytes: row.memory_peak,
            failures: failed(row.who, &row.gpu),
        })
        .collect()
}

#[derive(Debug, Default)]
struct RunTable {
    /// Calls by run.
    turns: HashMap<String, u64>,
    sums: Runs,
}

impl RunTable {
    fn see(&mut self, call: &Single) {
        let Some(session) = &call.session else { return };
        if self.turns.len() >= MAX_RUNS && !self.turns.contains_key(session) {
            return;
        }
        let turns = self.turns.entry(session.clone()).or_default();
        *turns += 1;
        let turn = call.turn.unwrap_or(*turns);
        self.sums.longest_turns = self.sums.longest_turns.max(turn);
        self.sums.calls += 1;
        self.sums.cost_usd += call.cost_usd.unwrap_or(0.0);
        self.sums.tool_calls += call.tools.len() as u64;
        self.sums.retries += u64::from(call.retry_of.is_some());
    }

    fn sums(mut self) -> Option<Runs> {
        self.sums.runs = self.turns.len() as u64;
        (self.sums.runs > 0).then_some(self.sums)
    }
}
