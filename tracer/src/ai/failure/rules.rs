//! The failure rules, in order: the first that fits wins.
//!
//! First what single providers mean by their words, then what everybody means. Numbers leave room
//! for insertions. To change one, add a vector that fails without the change.

use std::sync::LazyLock;

use regex::Regex;

use self::{Field::*, Retry::*, Test::*};
use super::Facts;
use crate::ai::call::FailureClass::{self, *};

/// Whether sending the same request again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    Yes,
    No,
    Maybe,
    /// Not before the quota's window ends: hours or days.
    AfterReset,
}

/// Where the words must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Code,
    Kind,
    Message,
    /// Code, kind, message and details.
    Any,
}

/// What must stand there; texts are lower case.
#[derive(Clone, Copy, Debug)]
enum Test {
    Always,
    /// The whole field is one of these.
    Is(&'static [&'static str]),
    /// It holds one of these.
    Has(&'static [&'static str]),
    Matches(&'static str),
}

/// Which answers the rule is for.
#[derive(Clone, Copy, Debug)]
struct Answer {
    /// Empty: not by status.
    codes: &'static [u16],
    stream: bool,
    whatever: bool,
}

const fn codes(codes: &'static [u16]) -> Answer {
    Answer { codes, stream: false, whatever: false }
}
const fn codes_or_stream(codes: &'static [u16]) -> Answer {
    Answer { codes, stream: true, whatever: false }
}
/// An error inside a 2xx answer.
const STREAM: Answer = Answer { codes: &[], stream: true, whatever: false };
const WHATEVER: Answer = Answer { codes: &[], stream: false, whatever: true };
const ALL: &[&str] = &[];

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) number: u16,
    /// Provider ids; empty: all.
    providers: &'static [&'static str],
    answer: Answer,
    field: Field,
    test: Test,
    pub(super) class: FailureClass,
    pub(super) retry: Retry,
}

const fn rule(
    number: u16,
    providers: &'static [&'static str],
    answer: Answer,
    field: Field,
    test: Test,
    class: FailureClass,
    retry: Retry,
) -> Rule {
    Rule { number, providers, answer, field, test, class, retry }
}

/// Each rule's expression, compiled once; in the order of [`RULES`].
static EXPRESSIONS: LazyLock<Vec<(u16, Regex)>> = LazyLock::new(|| {
    RULES
        .iter()
        .filter_map(|rule| match rule.test {
            Matches(pattern) => Some((rule.number, Regex::new(pattern).ok()?)),
            _ => None,
        })
        .collect()
});

impl Rule {
    pub(super) fn claims(&self, provider: &str, facts: &Facts) -> bool {
        if !(self.providers.is_empty() || self.providers.contains(&provider)) {
            return false;
        }
        let answered = self.answer.whatever
            || (self.answer.stream && facts.in_stream)
            || facts.status.is_some_and(|status| self.answer.codes.contains(&status));
        answered && self.says(facts)
    }

    fn says(&self, facts: &Facts) -> bool {
        let text = match self.field {
            Code => &facts.code,
            Kind => &facts.kind,
            Message => &facts.message,
            Any => &facts.any,
        };
        match self.test {
            Always => true,
            Is(words) => words.contains(&text.as_str()),
            Has(words) => words.iter().any(|word| text.contains(word)),
            Matches(_) => EXPRESSIONS
                .binary_search_by_key(&self.number, |(number, _)| *number)
                .ok()
                .and_then(|at| EXPRESSIONS.get(at))
                .is_some_and(|(_, expression)| expression.is_match(text)),
        }
    }
}

#[rustfmt::skip] // One rule, one line.
pub(super) static RULES: &[Rule] = &[
    rule(10, &["gemini", "vertex"], codes_or_stream(&[429]), Any, Has(&["no capacity available", "model is overloaded", "temporarily out of capacity", "high demand"]), Overloaded, Yes),
    rule(20, &["gemini", "vertex"], codes_or_stream(&[429]), Any, Matches(r"limit: 0\b|spending cap|prepayment credits|billing account"), QuotaExhausted, No),
    rule(30, &["gemini", "vertex"], codes_or_stream(&[429]), Any, Matches(r"per ?_?minute|perminute"), RateLimit, Yes),
    rule(40, &["gemini", "vertex"], codes_or_stream(&[429]), Any, Matches(r"per ?_?day|perday|daily"), QuotaExhausted, AfterReset),
    rule(50, &["gemini", "vertex"], codes_or_stream(&[429]), Any, Has(&["resource exhausted. please try again later"]), RateLimit, Yes),
    rule(60, &["gemini", "vertex"], codes_or_stream(&[429]), Any, Always, RateLimit, Yes),
    rule(70, &["gemini", "vertex"], codes_or_stream(&[503]), Any, Has(&["overloaded", "unavailable", "high demand", "at capacity"]), Overloaded, Yes),
    rule(80, &["gemini", "vertex"], codes(&[400]), Any, Has(&["api_key_invalid", "api key not valid", "api key expired"]), Auth, No),
    rule(90, &["gemini", "vertex"], codes(&[403]), Any, Has(&["unregistered callers", "api_key_service_blocked", "service_disabled", "reported as leaked"]), PermissionDenied, No),
    rule(100, &["gemini", "vertex"], codes(&[400]), Any, Matches(r"user location is not supported|failed_precondition.*billing"), PermissionDenied, No),
    rule(110, &["gemini", "vertex"], codes(&[400]), Message, Matches(r"exceeds the maximum number of tokens|token count .*exceeds"), ContextLength, No),
    rule(120, &["gemini", "vertex"], codes(&[499]), Any, Always, ClientCancelled, No),
    rule(130, &["azure_ai", "azure_openai"], codes(&[429]), Any, Matches(r"high demand|no ?capacity|peak load"), Overloaded, Yes),
    rule(140, &["azure_ai", "azure_openai"], codes(&[429]), Any, Has(&["insufficient_quota"]), QuotaExhausted, No),
    rule(150, &["azure_ai", "azure_openai"], codes(&[429]), Any, Always, RateLimit, Yes),
    rule(160, &["azure_ai", "azure_openai"], codes_or_stream(&[400]), Any, Has(&["content_filter", "responsibleaipolicyviolation", "content management policy"]), ContentFilter, No),
    rule(170, &["azure_ai", "azure_openai"], codes(&[404]), Any, Has(&["deploymentnotfound"]), ModelNotFound, No),
    rule(180, &["bedrock"], WHATEVER, Any, Has(&["too many tokens per day"]), QuotaExhausted, AfterReset),
    rule(190, &["bedrock"], codes_or_stream(&[429]), Any, Has(&["modelnotreadyexception"]), Overloaded, Yes),
    rule(200, &["bedrock"], WHATEVER, Any, Has(&["too many connections"]), ConcurrencyLimit, Yes),
    rule(210, &["bedrock"], codes_or_stream(&[429]), Any, Matches(r".{0,}throttling|too many (tokens|requests)"), RateLimit, Yes),
    rule(220, &["bedrock"], codes(&[400, 429]), Any, Has(&["servicequotaexceeded"]), QuotaExhausted, No),
    rule(230, &["bedrock"], codes_or_stream(&[408]), Any, Has(&["modeltimeout", "timeout"]), Timeout, Yes),
    rule(240, &["bedrock"], codes_or_stream(&[424]), Any, Has(&["modelerror", "modelstreamerror"]), ServerError, Maybe),
    rule(250, &["bedrock"], codes_or_stream(&[503]), Any, Has(&["serviceunavailable", "unable to process"]), Overloaded, Yes),
    rule(260, &["bedrock"], codes(&[403]), Any, Has(&["security token", "signature", "unrecognizedclient", "expiredtoken", "invalidsignature", "missingauthentication", "incompletesignature", "bearer"]), Auth, No),
    rule(270, &["bedrock"], codes(&[403]), Any, Has(&["access to the model", "accessdenied", "not authorized"]), PermissionDenied, No),
    rule(280, &["bedrock"], codes(&[400]), Any, Has(&["model identifier is invalid", "invalid model"]), ModelNotFound, No),
    rule(290, &["bedrock"], codes(&[404]), Any, Always, ModelNotFound, No),
    rule(300, &["bedrock"], codes(&[400]), Message, Has(&["input is too long", "prompt is too long", "too many input tokens", "number of input tokens exceeds", "input tokens exceeded", "maximum context", "expected maxlength"]), ContextLength, No),
    rule(310, &["anthropic"], codes(&[429]), Any, Has(&["concurrent connections"]), ConcurrencyLimit, Yes),
    rule(320, &["anthropic"], codes(&[529]), Any, Always, Overloaded, Yes),
    rule(330, &["anthropic"], codes_or_stream(&[500]), Any, Has(&["overloaded"]), Overloaded, Yes),
    rule(340, &["anthropic"], codes(&[400, 402, 403]), Any, Has(&["credit balance is too low", "specified api usage limits", "billing_error", "credit_balance_too_low"]), QuotaExhausted, No),
    rule(350, &["anthropic"], codes(&[400]), Message, Matches(r"prompt is too long|exceed context limit|input length and .max_tokens. exceed"), ContextLength, No),
    rule(360, &["anthropic"], codes_or_stream(&[400]), Message, Has(&["output blocked by content filtering policy", "content filtering"]), ContentFilter, No),
    rule(370, &["anthropic"], codes(&[413]), Any, Always, RequestTooLarge, No),
    rule(380, &["openrouter"], WHATEVER, Any, Has(&["free-models-per-day"]), QuotaExhausted, AfterReset),
    rule(390, &["openrouter"], codes(&[402]), Any, Always, QuotaExhausted, No),
    rule(400, &["openrouter"], codes_or_stream(&[429]), Any, Matches(r"insufficient_quota|insufficient_credits|key.*budget|limit exceeded \(total limit\)"), QuotaExhausted, No),
    rule(410, &["openrouter"], codes(&[403]), Any, Has(&["moderation"]), ContentFilter, No),
    rule(420, &["openrouter"], codes(&[404, 503]), Any, Has(&["no endpoints found"]), ModelNotFound, No),
    rule(430, &["openrouter"], codes_or_stream(&[502]), Any, Always, ServerError, Yes),
    rule(440, &["groq"], codes(&[413]), Any, Has(&["rate_limit_exceeded"]), RateLimit, No),
    rule(450, &["groq"], codes(&[498]), Any, Always, Overloaded, Yes),
    rule(460, &["groq"], codes(&[429]), Message, Matches(r"per day \((tpd|rpd|asd)\)"), RateLimit, AfterReset),
    rule(470, &["groq"], codes_or_stream(&[400]), Code, Is(&["tool_use_failed"]), InvalidRequest, Maybe),
    rule(480, &["mistral"], codes(&[429]), Any, Matches(r"tier capacity exceeded|\b3505\b"), Overloaded, Yes),
    rule(490, &["mistral"], codes(&[400]), Any, Matches(r"\b1500\b|invalid_model"), ModelNotFound, No),
    rule(500, &["mistral"], codes(&[400]), Any, Matches(r"\b3051\b.*token|too large for model|prompt contains \d+ tokens"), ContextLength, No),
    rule(510, &["xai"], codes(&[403, 429]), Any, Matches(r"used all available credits|run out of credits|spending.limit|credits or licenses|have any credits"), QuotaExhausted, No),
    rule(520, &["xai"], codes(&[400]), Any, Has(&["incorrect api key"]), Auth, No),
    rule(530, &["xai"], codes(&[400, 404]), Any, Matches(r"model not found|the model .* does not exist"), ModelNotFound, No),
    rule(540, &["deepseek"], codes(&[402]), Any, Always, QuotaExhausted, No),
    rule(550, &["deepseek"], codes(&[400]), Any, Has(&["supported api model names"]), ModelNotFound, No),
    rule(560, &["deepseek"], codes(&[503]), Any, Always, Overloaded, Yes),
    rule(570, &["moonshot"], codes(&[429]), Any, Has(&["max organization concurrency"]), ConcurrencyLimit, Yes),
    rule(580, &["moonshot"], codes(&[429]), Any, Has(&["engine_overloaded"]), Overloaded, Yes),
    rule(590, &["moonshot"], codes(&[429, 403]), Any, Has(&["exceeded_current_quota", "insufficient balance", "suspended"]), QuotaExhausted, No),
    rule(600, &["zhipu"], WHATEVER, Code, Is(&["1113", "1308", "1309", "1310", "1316", "1317"]), QuotaExhausted, AfterReset),
    rule(610, &["zhipu"], WHATEVER, Message, Has(&["余额不足", "resource package"]), QuotaExhausted, No),
    rule(620, &["zhipu"], codes(&[429]), Any, Has(&["concurren", "并发"]), ConcurrencyLimit, Yes),
    rule(630, &["zhipu"], codes(&[429]), Code, Is(&["1302", "1303", "1304"]), RateLimit, Yes),
    rule(640, &["zhipu"], codes_or_stream(&[429]), Code, Is(&["1305", "1312"]), Overloaded, Yes),
    rule(650, &["zhipu"], codes(&[400]), Code, Is(&["1301"]), ContentFilter, No),
    rule(660, &["zhipu"], codes(&[400]), Code, Is(&["1211"]), ModelNotFound, No),
    rule(670, &["zhipu"], codes(&[400]), Code, Is(&["1261"]), ContextLength, No),
    rule(680, &["dashscope"], WHATEVER, Any, Matches(r"arrearage|allocationquota\.freetieronly|free tier.*exhausted|postpaidbilloverdue|prepaidbilloverdue"), QuotaExhausted, No),
    rule(690, &["dashscope"], codes(&[429]), Any, Always, RateLimit, Yes),
    rule(700, &["dashscope"], codes_or_stream(&[400]), Any, Has(&["datainspectionfailed", "data_inspection_failed", "inappropriate content"]), ContentFilter, No),
    rule(710, &["dashscope"], codes(&[400]), Any, Has(&["range of input length"]), ContextLength, No),
    rule(720, &["minimax"], WHATEVER, Any, Matches(r"\(1008\)|insufficient.balance"), QuotaExhausted, No),
    rule(730, &["minimax"], WHATEVER, Code, Is(&["1002", "1039", "1041", "2045"]), RateLimit, Yes),
    rule(740, &["minimax"], WHATEVER, Code, Is(&["2056"]), QuotaExhausted, AfterReset),
    rule(750, &["minimax"], WHATEVER, Code, Is(&["1001", "1021"]), Timeout, Yes),
    rule(760, &["minimax"], WHATEVER, Code, Is(&["1004", "2049"]), Auth, No),
    rule(770, &["minimax"], WHATEVER, Code, Is(&["1026", "1027"]), ContentFilter, No),
    rule(780, &["minimax"], WHATEVER, Code, Is(&["1000", "1013", "1024", "1033"]), ServerError, Yes),
    rule(790, &["minimax"], WHATEVER, Code, Is(&["2013", "20132", "1042"]), InvalidRequest, No),
    rule(800, &["cerebras"], codes(&[429]), Any, Has(&["queue_exceeded", "high traffic"]), Overloaded, Yes),
    rule(810, &["cerebras"], codes(&[429]), Any, Always, RateLimit, Yes),
    rule(820, &["cerebras"], codes(&[400]), Any, Matches(r"current length is \d+ while limit is"), ContextLength, No),
    rule(830, &["fireworks"], codes(&[429]), Any, Has(&["didn't generate first token"]), Overloaded, Yes),
    rule(840, &["fireworks"], codes(&[412]), Any, Always, QuotaExhausted, No),
    rule(850, &["together"], codes(&[422]), Any, Matches(r"tokens.*max_new_tokens|must be <="), ContextLength, No),
    rule(860, &["together"], codes(&[429]), Any, Always, RateLimit, Yes),
    rule(870, &["huggingface", "tgi"], codes(&[402]), Any, Always, QuotaExhausted, No),
    rule(880, &["huggingface", "tgi"], codes(&[503]), Any, Has(&["currently loading"]), Overloaded, Yes),
    rule(890, &["huggingface", "tgi"], codes_or_stream(&[429, 503]), Any, Matches(r"model is overloaded|error_type.*overloaded|model too busy"), Overloaded, Yes),
    rule(900, &["huggingface", "tgi"], codes(&[422]), Any, Matches(r"inputs. (tokens|must have)|must be <="), ContextLength, No),
    rule(910, &["huggingface", "tgi"], codes_or_stream(&[424]), Any, Always, ServerError, Yes),
    rule(920, &["perplexity"], codes(&[400]), Any, Has(&["too_many_prompt_tokens"]), ContextLength, No),
    rule(930, &["perplexity"], codes(&[401]), Any, Has(&["quota", "insufficient"]), QuotaExhausted, No),
    rule(940, &["cohere"], codes(&[429]), Any, Has(&["api calls / month"]), QuotaExhausted, AfterReset),
    rule(950, &["cohere"], codes(&[498]), Any, Always, ContentFilter, No),
    rule(960, &["cohere"], codes(&[499]), Any, Always, ClientCancelled, No),
    rule(970, &["cohere"], codes(&[400]), Any, Has(&["too many tokens", "too_many_tokens"]), ContextLength, No),
    rule(980, &["ollama"], codes(&[503]), Any, Has(&["server busy", "maximum pending requests", "overloaded"]), Overloaded, Yes),
    rule(990, &["ollama"], codes_or_stream(&[500]), Any, Has(&["requires more system memory", "out of memory"]), ServerError, No),
    rule(1000, &["ollama"], codes(&[404]), Any, Has(&["not found"]), ModelNotFound, No),
    rule(1010, &["ollama"], codes(&[400]), Any, Has(&["prompt too long", "exceeded max context"]), ContextLength, No),
    rule(1020, &["llamacpp"], codes(&[503]), Any, Has(&["loading model", "no slot", "unavailable"]), Overloaded, Yes),
    rule(1030, &["llamacpp"], codes(&[400]), Any, Has(&["exceed_context_size"]), ContextLength, No),
    rule(1040, &["llamacpp"], codes(&[500]), Any, Matches(r"context (size|shift)|too large to process"), ContextLength, No),
    rule(1050, &["nvidia", "openai_compatible", "sglang", "vllm"], codes(&[400]), Message, Has(&["maximum context length", "longer than the model's context", "max_model_len"]), ContextLength, No),
    rule(1060, &["nvidia", "openai_compatible", "sglang", "vllm"], codes(&[503]), Any, Always, Overloaded, Yes),
    rule(1070, &["litellm"], codes(&[400, 429]), Any, Matches(r"budget.?(has been )?exceeded"), QuotaExhausted, No),
    rule(1080, &["litellm"], codes(&[429]), Any, Has(&["max parallel request"]), ConcurrencyLimit, Yes),
    rule(1090, &["litellm"], codes(&[429]), Any, Has(&["no deployments available"]), Overloaded, Yes),
    rule(1100, &["cloudflare", "cloudflare_gateway"], codes(&[429]), Any, Matches(r"\b(3040|7505)\b|no more data centers|out of capacity|capacity temporarily"), Overloaded, Yes),
    rule(1110, &["cloudflare", "cloudflare_gateway"], codes(&[429]), Any, Matches(r"\b(3036|4006)\b|daily free allocation|neurons"), QuotaExhausted, AfterReset),
    rule(1120, &["replicate"], codes(&[402]), Any, Always, QuotaExhausted, No),
    rule(1130, &["github_copilot", "github_models"], codes(&[429]), Any, Has(&["quota"]), QuotaExhausted, AfterReset),
    rule(1140, &["openai"], codes(&[429]), Any, Has(&["usage_limit_reached", "usage_not_included"]), QuotaExhausted, AfterReset),
    rule(1150, ALL, WHATEVER, Any, Matches(r"insufficient_?quota|insufficientquota|exceeded your current quota|credit balance is too low|insufficient[ _]balance|insufficient[ _]credits|billing_hard_limit|billing_not_active|billing_error|used all available credits|run out of credits|out of credits|credits or licenses|requires more credits|payment required|accountoverdue|arrearage|monthly included credits|monthly spending limit|spending-limit|specified api usage limits|usage_limit_reached|exceeded_current_quota|budget_exceeded|budget has been exceeded"), QuotaExhausted, No),
    rule(1160, ALL, codes(&[402]), Any, Always, QuotaExhausted, No),
    rule(1170, ALL, codes(&[429]), Any, Has(&["concurren", "too many connections", "simultaneous", "parallel request"]), ConcurrencyLimit, Yes),
    rule(1180, ALL, codes(&[429]), Any, Matches(r"limit_rpm|limit_rpd|rate limit (reached|exceeded)|tokens per (min|day)|requests per (min|day)|request too large"), RateLimit, Yes),
    rule(1190, ALL, codes(&[429]), Any, Has(&["overloaded", "queue_exceeded", "high demand", "high traffic", "capacity exceeded", "no capacity", "too busy", "at capacity", "slow down"]), Overloaded, Yes),
    rule(1200, ALL, codes(&[429]), Any, Always, RateLimit, Yes),
    rule(1210, ALL, WHATEVER, Kind, Is(&["rate_limit_error", "rate_limit_exceeded", "too_many_requests", "requests", "tokens"]), RateLimit, Yes),
    rule(1220, ALL, WHATEVER, Code, Is(&["rate_limit_exceeded", "ratelimitreached", "throttlingexception"]), RateLimit, Yes),
    rule(1230, ALL, codes_or_stream(&[500, 503]), Message, Has(&["rate limit"]), RateLimit, Yes),
    rule(1240, ALL, codes(&[529]), Any, Always, Overloaded, Yes),
    rule(1250, ALL, codes_or_stream(&[500, 502, 503, 529]), Any, Matches(r"overloaded|slow_down|modelnotready|loading model|currently loading|no healthy upstream|service.?unavailable|high demand|over capacity|server busy|too busy|no capacity|currently unavailable"), Overloaded, Yes),
    rule(1260, ALL, codes_or_stream(&[400, 403, 422, 451]), Any, Has(&["content_filter", "content_policy_violation", "responsibleaipolicyviolation", "safety system", "content management policy", "usage policy", "moderation_blocked", "content filtering policy", "data_inspection_failed"]), ContentFilter, No),
    rule(1270, ALL, codes(&[408, 504, 524, 522]), Any, Always, Timeout, Yes),
    rule(1280, ALL, WHATEVER, Any, Matches(r"deadline_exceeded|modeltimeout|request timed out|timeout_error|gateway time-?out"), Timeout, Yes),
    rule(1290, ALL, codes_or_stream(&[400, 413, 422, 500]), Any, Matches(r"context_length_exceeded|maximum context length|context window|context length|prompt is too long|input is too long|exceeds the maximum number of tokens|exceeds the available context|exceed_context_size|too_many_prompt_tokens|too many (input )?tokens|exceed context limit|reduce the length of|maximum input length|max_prompt_tokens_exceeded|input tokens exceed|number of input tokens exceeds|token limit reached|prompt too long"), ContextLength, No),
    rule(1300, ALL, codes(&[413]), Any, Always, RequestTooLarge, No),
    rule(1310, ALL, codes(&[401]), Any, Always, Auth, No),
    rule(1320, ALL, codes_or_stream(&[400, 403]), Any, Has(&["authentication_error", "invalid_api_key", "api key not valid", "api_key_invalid", "incorrect api key", "invalid api key", "invalid x-api-key", "unauthenticated", "unauthorized"]), Auth, No),
    rule(1330, ALL, WHATEVER, Code, Is(&["model_not_found"]), ModelNotFound, No),
    rule(1340, ALL, codes(&[400, 404, 422]), Message, Matches(r"model not found|model: |the model .* (does not exist|doesn't exist)|the given model doesn't exist|is not a valid model id|invalid model|unknown model|model .{1,80} not found|model .{1,80} does not exist|publisher model|deployment.*(not exist|not found)|^model \S+ is not supported|models/\S+ is not found|was removed on|specified model|the requested model|has been deprecated|this is (not )?a chat model"), ModelNotFound, No),
    rule(1350, ALL, codes(&[403]), Any, Always, PermissionDenied, No),
    rule(1360, ALL, STREAM, Any, Has(&["permission_denied", "permission_error", "accessdenied"]), PermissionDenied, No),
    rule(1370, ALL, codes(&[404]), Any, Always, NotFound, No),
    rule(1380, ALL, codes(&[409]), Any, Always, Conflict, Maybe),
    rule(1390, ALL, codes(&[499]), Any, Always, ClientCancelled, No),
    rule(1400, ALL, codes(&[400, 405, 406, 415, 422]), Any, Always, InvalidRequest, No),
    rule(1410, ALL, STREAM, Kind, Is(&["invalid_request_error", "invalid_argument"]), InvalidRequest, No),
    rule(1420, ALL, codes(&[503]), Any, Always, Overloaded, Yes),
    rule(1430, ALL, codes(&[500, 501, 502, 505, 507, 520, 521, 523, 525, 526, 527, 530]), Any, Always, ServerError, Yes),
    rule(1440, ALL, STREAM, Any, Always, ServerError, Yes),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ai::providers::by_id;

    #[test]
    fn rules_are_sorted_and_their_providers_exist() {
        assert!(RULES.windows(2).all(|pair| pair[0].number < pair[1].number));
        for rule in RULES {
            for id in rule.providers {
                assert!(by_id(id).is_some(), "{id}");
            }
            assert!(rule.providers.is_sorted(), "{}", rule.number);
        }
    }

    #[test]
    fn expressions_compile_and_look_for_lower_case() {
        let wanted = RULES.iter().filter(|rule| matches!(rule.test, Matches(_))).count();
        assert_eq!(EXPRESSIONS.len(), wanted);
        for rule in RULES {
            let (Is(words) | Has(words)) = rule.test else { continue };
            for word in words {
                assert_eq!(**word, word.to_lowercase(), "{}", rule.number);
            }
        }
    }

    #[test]
    fn no_rule_is_out_of_reach() {
        // A rule for everybody and everything it could name hides the same rule further down.
        for (at, rule) in RULES.iter().enumerate() {
            let hidden = RULES.iter().take(at).any(|earlier| {
                matches!(earlier.test, Always)
                    && (earlier.providers.is_empty() || earlier.providers == rule.providers)
                    && !rule.answer.whatever
                    && (!rule.answer.stream || earlier.answer.stream)
                    && rule.answer.codes.iter().all(|code| earlier.answer.codes.contains(code))
            });
            assert!(!hidden, "{}", rule.number);
        }
    }
}
