//! `aitrace prices`: what the table knows.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Subcommand;

use crate::cost::{Found, Over, Prices, Rates, load};

#[derive(Debug, clap::Args)]
pub(super) struct PricesArgs {
    #[command(subcommand)]
    command: Command,
    /// Prices over the built-in ones: a table of the same form, or LiteLLM's JSON
    #[arg(long, value_name = "FILE", env = "AITRACE_PRICES", global = true)]
    prices: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show which row a model's name leads to, and its rates
    Check {
        /// As requests or answers name it
        model: String,
        /// Only of this provider (`gen_ai.provider.name`)
        #[arg(long)]
        provider: Option<String>,
    },
    /// List all rows
    List,
}

impl PricesArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let prices = load::prices(self.prices.as_deref())?;
        let text = match self.command {
            Command::Check { model, provider } => {
                let text = check(&prices, &model, provider.as_deref());
                anyhow::ensure!(!text.is_empty(), "no price for {model:?}: its calls have no cost");
                text
            }
            Command::List => list(&prices),
        };
        super::print(&text)
    }
}

fn list(prices: &Prices) -> String {
    let mut text = String::new();
    for (provider, name, rates) in prices.iter() {
        let _ = writeln!(text, "{provider:<16} {name:<44} {}", show(rates));
    }
    text
}

fn check(prices: &Prices, model: &str, provider: Option<&str>) -> String {
    let mut text = String::new();
    let mut say = |provider: &str, found: &Found| {
        let _ = writeln!(
            text,
            "{provider}: row {}/{}, prices as of {}\n  {}",
            found.provider,
            found.name,
            found.as_of,
            show(&found.rates)
        );
    };
    if let Some(provider) = provider {
        if let Some(found) = prices.find(provider, "", model) {
            say(provider, &found);
        }
        return text;
    }
    let mut providers: Vec<&str> = prices.iter().map(|(provider, ..)| provider).collect();
    providers.dedup();
    for provider in providers {
        if let Some(found) = prices.find(provider, "", model) {
            say(provider, &found);
        }
    }
    text
}

/// In dollars per million tokens, unless it says otherwise.
fn show(rates: &Rates) -> String {
    let mut text = format!("in ${} out ${}", rates.input, rates.output);
    let named = [
        ("cache read", rates.read),
        ("cache write", rates.write),
        ("cache write 1h", rates.write_hour),
        ("reasoning", rates.reasoning),
        ("audio in", rates.audio_in),
        ("audio out", rates.audio_out),
        ("image in", rates.image_in),
    ];
    for (name, rate) in named {
        if let Some(rate) = rate {
            let _ = write!(text, ", {name} ${rate}");
        }
    }
    for (name, dollars) in [("request", rates.request), ("web search", rates.search)] {
        if dollars > 0.0 {
            let _ = write!(text, ", ${dollars} a {name}");
        }
    }
    let tiers = [("batch", rates.batch), ("flex", rates.flex), ("priority", rates.priority)];
    for (name, factor) in tiers {
        if let Some(factor) = factor {
            let _ = write!(text, ", {name} ×{factor:.3}");
        }
    }
    if let Some(Over { tokens, input, output }) = rates.over {
        let _ = write!(text, ", over {tokens} tokens in ×{input} out ×{output}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_shows_the_row_and_an_unknown_model_nothing() {
        let prices = Prices::built_in();
        let text = check(&prices, "gpt-4o-2024-08-06", Some("azure.ai.openai"));
        assert!(text.contains("row openai/gpt-4o, prices as of 2026-11-23"), "{text}");
        assert!(text.contains("in $2.5 out $10, cache read $1.25, batch ×0.500"), "{text}");
        assert!(check(&prices, "claude-sonnet-4-5", None).lines().count() >= 6);
        assert_eq!(check(&prices, "no-such-model", None), "");
        assert_eq!(list(&prices).lines().count(), prices.len());
    }
}
