//! The rates of one model, and what a usage comes to by them.

use crate::ai::call::Usage;

/// Above so many input tokens the whole request costs more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Over {
    pub tokens: u64,
    /// Factors on input and cache, and on output.
    pub input: f64,
    pub output: f64,
}

/// US dollars per million tokens; `None`: as `input` (or `output`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rates {
    pub input: f64,
    pub output: f64,
    pub read: Option<f64>,
    pub write: Option<f64>,
    /// Written to be kept for an hour.
    pub write_hour: Option<f64>,
    pub reasoning: Option<f64>,
    pub audio_in: Option<f64>,
    pub audio_out: Option<f64>,
    pub image_in: Option<f64>,
    /// Dollars a request, and a web search.
    pub request: f64,
    pub search: f64,
    /// Factors of service tiers; `None`: the tier is not offered, or costs the same.
    pub batch: Option<f64>,
    pub flex: Option<f64>,
    pub priority: Option<f64>,
    pub over: Option<Over>,
}

/// How the call was served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    #[default]
    Standard,
    Batch,
    Flex,
    Priority,
}

impl Tier {
    /// By the providers' words: `service_tier`, Vertex's `trafficType`.
    pub fn parse(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "batch" => Self::Batch,
            "flex" | "on_demand_flex" => Self::Flex,
            "priority" | "fast" | "on_demand_priority" => Self::Priority,
            _ => Self::Standard,
        }
    }
}

impl Rates {
    /// Dollars of a call that was answered. `None`: nothing says what it used.
    pub fn cost(&self, usage: &Usage, tier: Tier) -> Option<f64> {
        if usage.input.is_none() && usage.output.is_none() && self.request <= 0.0 {
            return None;
        }
        let n = |count: Option<u64>| count.unwrap_or(0);
        let input = n(usage.input);
        let read = n(usage.cache_read).min(input);
        let write = n(usage.cache_write).min(input - read);
        let write_hour = n(usage.cache_write_hour).min(write);
        let mut plain = input - read - write;
        let mut input_part = |count: Option<u64>, rate: Option<f64>| match rate {
            // Parts of what is left, where they have a rate of their own.
            Some(rate) => {
                let part = n(count).min(plain);
                plain -= part;
                part as f64 * rate
            }
            None => 0.0,
        };
        let mut input_sum = input_part(usage.audio_input, self.audio_in)
            + input_part(usage.image_input, self.image_in);
        let write_rate = self.write.unwrap_or(self.input);
        input_sum += plain as f64 * self.input
            + read as f64 * self.read.unwrap_or(self.input)
            + (write - write_hour) as f64 * write_rate
            + write_hour as f64 * self.write_hour.unwrap_or(write_rate);

        let output = n(usage.output);
        let audio = n(usage.audio_output).min(output);
        let reasoning = n(usage.reasoning).min(output - audio);
        let output_sum = audio as f64 * self.audio_out.unwrap_or(self.output)
            + reasoning as f64 * self.reasoning.unwrap_or(self.output)
            + (output - audio - reasoning) as f64 * self.output;

        let (long_in, long_out) = match self.over {
            Some(over) if input > over.tokens => (over.input, over.output),
            _ => (1.0, 1.0),
        };
        let factor = match tier {
            Tier::Standard => None,
            Tier::Batch => self.batch,
            Tier::Flex => self.flex,
            Tier::Priority => self.priority,
        };
        let tokens = (input_sum * long_in + output_sum * long_out) * factor.unwrap_or(1.0) / 1e6;
        Some(tokens + self.request + n(usage.searches) as f64 * self.search)
    }
}
