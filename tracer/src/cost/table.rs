//! The table: rows by provider and model, from text.
//!
//! Limits: [`MAX_ROWS`] rows; a line that makes no sense refuses the whole file, with its number.

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;

use super::model::{self, canonical};
use super::rates::{Over, Rates};
use super::{litellm, sections};

/// Rows of all providers together.
const MAX_ROWS: usize = 100_000;
/// Claude from 4.5 on costs a tenth more where a region is asked for.
const REGIONAL: f64 = 1.1;

#[derive(Debug, Error, PartialEq, Eq)]
pub enum PriceError {
    #[error("line {0}: {1}")]
    Line(usize, &'static str),
    #[error("no JSON object of models")]
    Json,
    #[error("more than {MAX_ROWS} rows")]
    TooMany,
}

#[derive(Clone, Debug)]
struct Row {
    rates: Rates,
    as_of: Arc<str>,
}

/// All prices known.
#[derive(Clone, Debug)]
pub struct Prices {
    /// By provider, then canonical name.
    rows: HashMap<String, HashMap<String, Row>>,
}

/// A model's price, and by which row.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub rates: Rates,
    pub provider: String,
    pub name: String,
    pub as_of: Arc<str>,
}

impl Prices {
    /// The table of this build.
    pub fn built_in() -> Self {
        let mut prices = Self { rows: HashMap::new() };
        // A test reads it too.
        let _ = prices.add(include_str!("prices.txt"), "");
        prices
    }

    /// Rows of a file over those that are there; `date`: of the file, where it has none inside.
    /// Returns how many rows it had.
    ///
    /// # Errors
    /// [`PriceError`]; nothing is taken then.
    pub fn add(&mut self, text: &str, date: &str) -> Result<usize, PriceError> {
        let rows = match text.trim_start().as_bytes().first() {
            Some(b'{') => litellm::rows(text, date)?,
            _ => rows(text, date)?,
        };
        let count = rows.len();
        if count + self.len() > MAX_ROWS {
            return Err(PriceError::TooMany);
        }
        for (provider, name, rates, as_of) in rows {
            let row = Row { rates, as_of };
            self.rows.entry(provider).or_default().insert(canonical(&name), row);
        }
        Ok(count)
    }

    pub fn len(&self) -> usize {
        self.rows.values().map(HashMap::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Provider, model and rates of all rows, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Rates)> {
        let mut list: Vec<_> = self
            .rows
            .iter()
            .flat_map(|(provider, rows)| {
                rows.iter().map(move |(name, row)| (&**provider, &**name, &row.rates))
            })
            .collect();
        list.sort_by_key(|(provider, name, _)| (*provider, *name));
        list.into_iter()
    }

    /// The price of a model of a provider (`gen_ai.provider.name`) at an address.
    pub fn find(&self, provider: &str, host: &str, model: &str) -> Option<Found> {
        let name = model::name(model);
        if name.free {
            return None;
        }
        let others = sections::others(provider, host);
        for section in std::iter::once(provider).chain(others.iter().copied()) {
            let Some(rows) = self.rows.get(section) else { continue };
            for candidate in &name.candidates {
                let Some(row) = rows.get(candidate) else { continue };
                let mut rates = row.rates.clone();
                if name.regional && section == "anthropic" && is_since_4_5(candidate) {
                    rates.scale(REGIONAL);
                }
                return Some(Found {
                    rates,
                    provider: section.to_owned(),
                    name: candidate.clone(),
                    as_of: Arc::clone(&row.as_of),
                });
            }
        }
        None
    }
}

fn is_since_4_5(claude: &str) -> bool {
    !["claude-3", "claude-2", "claude-v", "claude-instant", "claude-opus-4-1"]
        .iter()
        .any(|old| claude.starts_with(old))
        && !["claude-opus-4", "claude-sonnet-4"].contains(&claude)
}

impl Rates {
    fn scale(&mut self, factor: f64) {
        for rate in [
            Some(&mut self.input),
            Some(&mut self.output),
            self.read.as_mut(),
            self.write.as_mut(),
            self.write_hour.as_mut(),
        ]
        .into_iter()
        .flatten()
        {
            *rate *= factor;
        }
    }
}

/// Provider, model, rates, and of when they are.
pub(super) type Parsed = (String, String, Rates, Arc<str>);

/// Rows of our own form.
fn rows(text: &str, date: &str) -> Result<Vec<Parsed>, PriceError> {
    let mut out = Vec::new();
    let mut as_of: Arc<str> = date.into();
    let (mut provider, mut shared) = (None, Rates::default());
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let fail = |what| PriceError::Line(at + 1, what);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            provider = Some(name.to_owned());
            shared = Rates::default();
            continue;
        }
        if let Some(date) = line.strip_prefix("as_of ") {
            as_of = date.trim().into();
            continue;
        }
        let provider = provider.as_ref().ok_or(fail("a row before the first [provider]"))?;
        let mut words = line.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        let mut rates = shared.clone();
        rates.input = words.next().and_then(number).ok_or(fail("no input rate"))?;
        rates.output = words.next().and_then(number).ok_or(fail("no output rate"))?;
        for word in words {
            let (key, value) = word.split_once('=').ok_or(fail("not name=rate"))?;
            rates.set(key, value).ok_or(fail("no such rate, or no number"))?;
        }
        if name == "*" {
            shared = rates;
        } else {
            out.push((provider.clone(), name.to_owned(), rates, Arc::clone(&as_of)));
        }
    }
    Ok(out)
}

fn number(text: &str) -> Option<f64> {
    let value = match text.split_once('/') {
        Some((over, under)) => over.parse::<f64>().ok()? / under.parse::<f64>().ok()?,
        None => text.parse().ok()?,
    };
    (value >= 0.0 && value.is_finite()).then_some(value)
}

impl Rates {
    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        if key == "over" {
            let mut parts = value.split(':');
            let tokens = parts.next()?.strip_suffix('k')?.parse::<u64>().ok()? * 1000;
            let (input, output) = (number(parts.next()?)?, number(parts.next()?)?);
            self.over = Some(Over { tokens, input, output });
            return parts.next().is_none().then_some(());
        }
        let value = number(value)?;
        let place = match key {
            "read" => &mut self.read,
            "write" => &mut self.write,
            "write1h" => &mut self.write_hour,
            "reasoning" => &mut self.reasoning,
            "audio_in" => &mut self.audio_in,
            "audio_out" => &mut self.audio_out,
            "image_in" => &mut self.image_in,
            "batch" => &mut self.batch,
            "flex" => &mut self.flex,
            "priority" => &mut self.priority,
            "request" => {
                self.request = value;
                return Some(());
            }
            "search" => {
                self.search = value;
                return Some(());
            }
            _ => return None,
        };
        *place = Some(value);
        Some(())
    }
}
