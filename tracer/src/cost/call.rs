//! The cost of a call.

use std::collections::HashMap;
use std::sync::Arc;

use super::rates::Tier;
use super::{Cost, Found, Prices, Source};
use crate::ai::call::Call;

/// Models whose rows are remembered.
const MAX_KNOWN: usize = 4096;

/// Prices, with the look-ups of models seen before.
#[derive(Debug)]
pub struct Pricing {
    prices: Arc<Prices>,
    known: HashMap<&'static str, HashMap<String, Option<Arc<Found>>>>,
    models: usize,
}

impl Pricing {
    pub fn new(prices: Arc<Prices>) -> Self {
        Self { prices, known: HashMap::new(), models: 0 }
    }

    /// What a call cost. `None`: unknown, or nothing.
    pub fn cost(&mut self, call: &Call) -> Option<Cost> {
        if let Some(usd) = call.reported_cost.filter(|usd| usd.is_finite() && *usd > 0.0) {
            return Some(Cost { usd, source: Source::Provider, prices_as_of: None });
        }
        if !is_charged(call.operation) || (call.failure.is_some() && call.usage.is_empty()) {
            return None;
        }
        let models = [call.response_model.as_deref(), call.request_model.as_deref()];
        let found = models.into_iter().flatten().find_map(|model| self.find(call, model))?;
        let tier = call.service_tier.as_deref().map_or(Tier::Standard, Tier::parse);
        let usd = found.rates.cost(&call.usage, tier).filter(|usd| *usd > 0.0)?;
        Some(Cost { usd, source: Source::Table, prices_as_of: Some(Arc::clone(&found.as_of)) })
    }

    fn find(&mut self, call: &Call, model: &str) -> Option<Arc<Found>> {
        if let Some(found) = self.known.get(call.provider).and_then(|models| models.get(model)) {
            return found.clone();
        }
        if self.models >= MAX_KNOWN {
            self.known.clear();
            self.models = 0;
        }
        self.models += 1;
        let found = self.prices.find(call.provider, &call.host, model).map(Arc::new);
        // One provider's name may stand for many hosts only where no price is taken from others.
        if call.provider != "openai_compatible" {
            let models = self.known.entry(call.provider).or_default();
            models.insert(model.to_owned(), found.clone());
        }
        found
    }
}

/// To count, list, moderate and look after things costs nothing.
fn is_charged(operation: &str) -> bool {
    !matches!(
        operation,
        "token_count"
            | "models"
            | "moderation"
            | "batch"
            | "files"
            | "fine_tuning"
            | "vector_stores"
    )
}
