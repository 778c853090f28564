//! How an exchange ended for the program: whole, cut, failed, and whether it was a call at all.

use super::{Ended, Exchange};
use crate::ai::call::{Failure, FailureClass};
use crate::ai::failure::{ErrorFacts, classify};
use crate::ai::providers::Provider;
use crate::ai::rate_limit;
use crate::http::Outcome;
use crate::http::headers::Headers;

impl Exchange {
    /// Paths that other software uses too, and exchanges without a head, need evidence.
    pub(super) fn is_call(&self, end: &Ended) -> bool {
        let learned = &self.learned;
        let answered = !learned.usage().is_empty()
            || learned.model.is_some()
            || learned.has_finish()
            || !learned.error.is_empty();
        if end.late && self.head.method.is_empty() {
            return answered || self.status().is_some_and(|status| status >= 400);
        }
        if self.endpoint.sure {
            return true;
        }
        let hinted =
            self.head.headers.first("anthropic-version").is_some() || self.provider.is_some();
        let asked = self.asked.model.is_some() && self.asked.has_prompt;
        hinted || (answered && (asked || (self.request_gap && learned.model.is_some())))
    }

    /// How it ended for the program: an answer that says it is whole is whole, whatever the
    /// connection did afterwards.
    pub(super) fn outcome(&self, end: &Ended) -> Outcome {
        match end.outcome {
            Outcome::Cut | Outcome::ClientGone | Outcome::Lost if self.says_whole() => {
                Outcome::Complete
            }
            Outcome::Complete if self.lacks_end() => Outcome::Cut,
            outcome => outcome,
        }
    }

    fn says_whole(&self) -> bool {
        self.streamed && (self.learned.terminal || self.learned.has_finish())
    }

    /// A streamed answer that ends itself did not.
    fn lacks_end(&self) -> bool {
        self.streamed
            && self.learned.answers().ends_itself
            && self.status() == Some(200)
            && self.learned.documents > 0
            && self.learned.content
            && !self.says_whole()
            && !self.answer_gap
            && self.learned.error.is_empty()
            && !self.exception
    }

    pub(super) fn failure(
        &self,
        outcome: Outcome,
        provider: &'static Provider,
        headers: &Headers,
        retry_after_s: Option<f64>,
    ) -> Option<Failure> {
        let status = self.status();
        let bad_status = status.is_some_and(|status| status >= 400);
        let strong = !self.learned.error.is_empty();
        if bad_status || strong || self.exception {
            let mut error = self.learned.error.clone();
            if error.is_empty() {
                error = self.learned.weak_error.clone();
            }
            let raw = String::from_utf8_lossy(&self.raw);
            let message = error
                .message
                .as_deref()
                .or_else(|| (error.is_empty() && bad_status).then_some(&*raw));
            let delay = error.retry_delay.as_deref().and_then(rate_limit::duration);
            return Some(classify(&ErrorFacts {
                provider: Some(provider),
                status: error.status.or(status),
                in_stream: !bad_status,
                code: error.code.as_deref(),
                kind: headers.first("x-amzn-errortype").or(error.kind.as_deref()),
                message,
                details: (!error.details.is_empty()).then_some(&*error.details),
                retry_after_s: retry_after_s.or(delay),
            }));
        }
        if let Some(reason) = &self.learned.blocked {
            return Some(Failure {
                class: FailureClass::ContentFilter,
                error_type: reason.clone(),
                retryable: false,
                retry_after_s: None,
            });
        }
        let network = |word: &str, class| {
            Some(Failure {
                class,
                error_type: word.to_owned(),
                retryable: class == FailureClass::NetworkError,
                retry_after_s: None,
            })
        };
        match outcome {
            Outcome::Complete | Outcome::Lost => None,
            Outcome::ClientGone => network("_OTHER", FailureClass::ClientCancelled),
            Outcome::Cut | Outcome::Reset(_) if status.is_some() => {
                network("stream_cut", FailureClass::NetworkError)
            }
            Outcome::Cut | Outcome::Reset(_) => {
                network("connection_reset", FailureClass::NetworkError)
            }
            Outcome::Malformed => network("_OTHER", FailureClass::NetworkError),
        }
    }
}
