//! The call that an exchange was, from all that was learned of it.

use super::{Ended, Exchange};
use crate::ai::call::{Call, Capture, RateLimits};
use crate::ai::endpoint::Family;
use crate::ai::history::Prompt;
use crate::ai::providers::{self, OPENAI_COMPATIBLE, Provider};
use crate::ai::{credential, rate_limit, sdk};
use crate::http::Outcome;
use crate::http::headers::Headers;

impl Exchange {
    pub(super) fn call(&self, end: &Ended) -> Call {
        let provider = self.provider();
        let nothing = Headers::default();
        let headers = self.response.as_ref().map_or(&nothing, |head| &head.headers);
        let (mut rate_limits, retry_after_s) = rate_limit::parse(Some(provider), headers);
        if self.learned.limits != RateLimits::default() {
            rate_limits = self.learned.limits;
        }
        let outcome = self.outcome(end);
        let failure = self.failure(outcome, provider, headers, retry_after_s);
        let whole = outcome == Outcome::Complete && !self.answer_gap && !self.truncated;
        let request = &self.head.headers;
        let from_either = |names: &[&str]| {
            names.iter().find_map(|name| headers.first(name).or(request.first(name)))
        };
        let owned = |text: &str| text.to_owned();
        let by_header = request.first("x-dashscope-sse").map(|value| value == "enable");
        let stream = self.asked.stream.or(self.endpoint.stream).or(by_header).unwrap_or(
            self.endpoint.family == Family::OllamaChat
                && self.response.is_some()
                && self.asked.has_prompt,
        );
        let time_to_first_chunk = self
            .first_content
            .filter(|_| self.streamed)
            .map(|at| at.seconds_since(self.request_ended));
        Call {
            flow: end.flow,
            cgroup_id: end.cgroup_id,
            started: self.started,
            ended: end.at,
            outcome,
            operation: self.operation(),
            provider: provider.otel,
            request_model: self.request_model(),
            response_model: self.learned.model.clone(),
            stream,
            max_tokens: self.asked.max_tokens,
            temperature: self.asked.temperature,
            top_p: self.asked.top_p,
            response_id: self.learned.id.clone().filter(|_| self.status().is_none_or(|s| s < 400)),
            finish_reasons: self.learned.finish_reasons(),
            tools_called: self.learned.tools.clone(),
            tools_offered: self.asked.tools,
            time_to_first_chunk,
            usage: self.learned.usage(),
            service_tier: self.learned.tier.clone().or_else(|| self.asked.service_tier.clone()),
            reported_cost: self.learned.reported_cost.or_else(|| {
                headers.first("x-litellm-response-cost").and_then(|text| text.parse().ok())
            }),
            usage_complete: whole,
            method: self.head.method.clone(),
            path: self.head.path().to_owned(),
            status: self.status(),
            host: self.head.host().to_owned(),
            port: self.head.port(),
            version: self.head.version.as_str(),
            request_size: end.request_size,
            response_size: end.response_size,
            sdk: sdk::name(request),
            provider_request_id: provider.request_id(headers).map(owned),
            organization: from_either(provider.organization_headers).map(owned),
            project: from_either(provider.project_headers).map(owned),
            credential: credential::of(request.credential(), self.head.query()),
            prompt: self.prompt(),
            failure,
            rate_limits,
            capture: self.capture(end),
        }
    }

    /// By address, else the server that headers or body betray.
    fn provider(&self) -> &'static Provider {
        let betrayed = || self.learned.server.and_then(providers::by_id);
        match self.provider {
            Some(row) if *row != OPENAI_COMPATIBLE => row,
            known => betrayed().or(known).unwrap_or_else(|| unnamed(self.endpoint.family)),
        }
    }

    /// A path that serves every kind of model: the body's shape tells more than the model's name.
    const fn operation(&self) -> &'static str {
        match (self.endpoint.family, self.endpoint.operation.as_bytes()) {
            (Family::BedrockInvoke, b"chat") if self.asked.prompt_text && !self.asked.messages => {
                "text_completion"
            }
            (Family::BedrockInvoke, b"text_completion") if self.asked.messages => "chat",
            _ => self.endpoint.operation,
        }
    }

    fn request_model(&self) -> Option<String> {
        let version =
            || self.asked.version.clone().filter(|_| self.endpoint.family == Family::Replicate);
        self.asked.model.clone().or_else(|| self.endpoint.model.clone()).or_else(version)
    }

    /// What was asked, as digests; `None` when part of it was not seen, or nothing was read.
    fn prompt(&self) -> Option<Box<Prompt>> {
        if self.request_gap {
            return None;
        }
        let address = [self.head.method.as_str(), self.head.host(), self.head.path()];
        self.asked.history.prompt(&address).map(Box::new)
    }

    const fn capture(&self, end: &Ended) -> Capture {
        if end.late {
            Capture::LateAttach
        } else if end.gap
            || self.answer_gap
            || self.request_gap
            || matches!(end.outcome, Outcome::Lost)
        {
            Capture::Gap
        } else if self.truncated {
            Capture::Truncated
        } else {
            Capture::Complete
        }
    }
}

/// Who answers at an address that no table knows: some formats are one server's own.
fn unnamed(family: Family) -> &'static Provider {
    let id = match family {
        Family::OllamaChat | Family::OllamaEmbed => "ollama",
        _ => OPENAI_COMPATIBLE.id,
    };
    providers::by_id(id).unwrap_or(&OPENAI_COMPATIBLE)
}
