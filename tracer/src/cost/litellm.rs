//! LiteLLM's `model_prices_and_context_window.json`, as it is.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::rates::{Over, Rates};
use super::sections::from_litellm;
use super::table::{Parsed, PriceError};

/// Context lengths that its keys name, as `..._above_200k_tokens`.
const LENGTHS: &[u64] = &[128, 200, 256, 272];

pub(super) fn rows(text: &str, date: &str) -> Result<Vec<Parsed>, PriceError> {
    let models: Map<String, Value> = serde_json::from_str(text).map_err(|_| PriceError::Json)?;
    let as_of: Arc<str> = date.into();
    let mut models: Vec<(String, Value)> = models.into_iter().collect();
    // A model of one region or size stands under a longer path: the plain name has the last word.
    models.sort_by_key(|(name, _)| std::cmp::Reverse(name.matches('/').count()));
    let rows = models.into_iter().filter_map(|(name, entry)| {
        let entry = entry.as_object()?;
        let provider = from_litellm(entry.get("litellm_provider")?.as_str()?).to_owned();
        let rates = rates(entry)?;
        // `provider/model`; sizes and regions in front are not a model's name.
        let model = name.rsplit('/').next().unwrap_or_default();
        let model = match model.starts_with("ft:") {
            true => model,
            false => model.split([':', '@']).next().unwrap_or_default(),
        };
        Some((provider, model.to_owned(), rates, Arc::clone(&as_of)))
    });
    Ok(rows.collect())
}

fn rates(entry: &Map<String, Value>) -> Option<Rates> {
    let dollars = |key: &str| entry.get(key).and_then(Value::as_f64).filter(|rate| *rate >= 0.0);
    let rate = |key: &str| dollars(key).map(|rate| rate * 1e6);
    let request = dollars("input_cost_per_query").unwrap_or(0.0);
    let input = rate("input_cost_per_token");
    if input.is_none() && request <= 0.0 {
        return None;
    }
    let input = input.unwrap_or(0.0);
    let factor = |tier: &str| {
        let tiered = rate(&format!("input_cost_per_token_{tier}"))?;
        (input > 0.0).then(|| tiered / input)
    };
    let pictures = || rate("output_cost_per_image_token");
    let output = rate("output_cost_per_token").or_else(pictures).unwrap_or(0.0);
    let over = LENGTHS.iter().find_map(|length| {
        let long = rate(&format!("input_cost_per_token_above_{length}k_tokens"))?;
        let long_out = rate(&format!("output_cost_per_token_above_{length}k_tokens"));
        let ratio = |long: f64, short: f64| if short > 0.0 { long / short } else { 1.0 };
        Some(Over {
            tokens: length * 1000,
            input: ratio(long, input),
            output: long_out.map_or(1.0, |long| ratio(long, output)),
        })
    });
    Some(Rates {
        input,
        output,
        read: rate("cache_read_input_token_cost"),
        write: rate("cache_creation_input_token_cost"),
        write_hour: rate("cache_creation_input_token_cost_above_1hr"),
        reasoning: rate("output_cost_per_reasoning_token"),
        audio_in: rate("input_cost_per_audio_token"),
        audio_out: rate("output_cost_per_audio_token"),
        image_in: rate("input_cost_per_image_token"),
        request,
        search: 0.0,
        batch: factor("batches"),
        flex: factor("flex"),
        priority: factor("priority"),
        over,
    })
}
