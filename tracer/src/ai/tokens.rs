//! Token counts as providers add them up, and as EVENTS wants them: totals with every part inside.

use super::call::Usage;

/// A count in a usage report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    Input,
    Output,
    CacheRead,
    CacheWrite,
    Reasoning,
    /// Everything together, as the provider adds it up.
    Total,
    /// Prompt tokens of tools' results, where they are counted apart.
    ToolUse,
    AudioInput,
    AudioOutput,
    ImageInput,
    /// Part of `CacheWrite`.
    CacheWriteHour,
    Searches,
}

/// How a family counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counting {
    /// Cached tokens come on top of `Input`.
    pub cache_apart: bool,
    /// Reasoning tokens come on top of `Output`.
    pub reasoning_apart: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    usage: Usage,
    total: Option<u64>,
    tool_use: Option<u64>,
}

impl Tokens {
    pub(super) fn place(&mut self, count: Count) -> &mut Option<u64> {
        match count {
            Count::Input => &mut self.usage.input,
            Count::Output => &mut self.usage.output,
            Count::CacheRead => &mut self.usage.cache_read,
            Count::CacheWrite => &mut self.usage.cache_write,
            Count::Reasoning => &mut self.usage.reasoning,
            Count::AudioInput => &mut self.usage.audio_input,
            Count::AudioOutput => &mut self.usage.audio_output,
            Count::ImageInput => &mut self.usage.image_input,
            Count::CacheWriteHour => &mut self.usage.cache_write_hour,
            Count::Searches => &mut self.usage.searches,
            Count::Total => &mut self.total,
            Count::ToolUse => &mut self.tool_use,
        }
    }

    /// Totals with every part in them.
    pub(super) fn normalised(self, counting: Counting) -> Usage {
        let mut usage = self.usage;
        let add = |total: &mut Option<u64>, part: Option<u64>| {
            if let Some(part) = part {
                *total = Some(total.unwrap_or(0).saturating_add(part));
            }
        };
        if counting.cache_apart {
            add(&mut usage.input, usage.cache_read);
            add(&mut usage.input, usage.cache_write);
        }
        add(&mut usage.input, self.tool_use);
        // xAI leaves reasoning out of the output without saying so: only the sum shows it.
        let sums_up = |reasoning: u64| {
            let parts = [usage.input, usage.output].map(|part| part.unwrap_or(0));
            self.total.is_some_and(|total| {
                reasoning > 0 && total == parts.iter().sum::<u64>() + reasoning
            })
        };
        if counting.reasoning_apart || usage.reasoning.is_some_and(sums_up) {
            add(&mut usage.output, usage.reasoning);
        }
        usage
    }
}
