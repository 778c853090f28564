//! What follows from a call together with others: keys of `ai.call`.

use schemars::JsonSchema;
use serde::Serialize;

use super::Cutter;
use crate::record::AttributedCall;

#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct DerivedKeys {
    #[serde(rename = "aitrace.cost.usd", skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// `provider`: as the answer says; `table`: by the price table.
    #[serde(rename = "aitrace.cost.source", skip_serializing_if = "Option::is_none")]
    pub cost_source: Option<&'static str>,
    #[serde(rename = "aitrace.cost.prices_as_of", skip_serializing_if = "Option::is_none")]
    pub prices_as_of: Option<String>,
    #[serde(rename = "aitrace.key.fingerprint", skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    #[serde(rename = "aitrace.session.id", skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    #[serde(rename = "aitrace.session.turn", skip_serializing_if = "Option::is_none")]
    pub turn: Option<u32>,
    #[serde(rename = "aitrace.retry.of", skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<String>,
    /// 2 for the first retry.
    #[serde(rename = "aitrace.retry.attempt", skip_serializing_if = "Option::is_none")]
    pub retry_attempt: Option<u32>,
    /// Whether the wait that the failed attempt's answer asked for was kept.
    #[serde(rename = "aitrace.retry.honoured", skip_serializing_if = "Option::is_none")]
    pub retry_honoured: Option<bool>,
    /// The event of an equal request that had not failed.
    #[serde(rename = "aitrace.duplicate.of", skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<String>,
    /// Keyed digest of instructions and tools: calls that share it could share a prompt cache.
    #[serde(rename = "aitrace.prompt.prefix_hash", skip_serializing_if = "Option::is_none")]
    pub prefix_hash: Option<String>,
    /// Bytes of values in that prefix.
    #[serde(rename = "aitrace.prompt.prefix_bytes", skip_serializing_if = "Option::is_none")]
    pub prefix_bytes: Option<u64>,
    /// The process at the other end of the connection, when it is on this host.
    #[serde(rename = "aitrace.peer.pid", skip_serializing_if = "Option::is_none")]
    pub peer_pid: Option<u32>,
    #[serde(rename = "aitrace.peer.workload", skip_serializing_if = "Option::is_none")]
    pub peer_workload: Option<String>,
    /// On whose behalf a gateway of this host made the call: that one's own call has the spend.
    #[serde(rename = "aitrace.caller.pid", skip_serializing_if = "Option::is_none")]
    pub caller_pid: Option<u32>,
    #[serde(rename = "aitrace.caller.workload", skip_serializing_if = "Option::is_none")]
    pub caller_workload: Option<String>,
    /// Only when false: another event has the same spend, and totals leave this one out.
    #[serde(rename = "aitrace.counted", skip_serializing_if = "Option::is_none")]
    pub counted: Option<bool>,
}

impl DerivedKeys {
    pub(super) fn new(attributed: &AttributedCall, cutter: &mut Cutter) -> Self {
        let derived = &attributed.derived;
        let cost = derived.cost.as_ref().filter(|cost| cost.usd.is_finite());
        let retry = derived.retry;
        let caller = derived.caller.as_ref().map(|caller| &caller.0);
        Self {
            cost_usd: cost.map(|cost| cost.usd),
            cost_source: cost.map(|cost| cost.source.as_str()),
            prices_as_of: cost.and_then(|cost| cost.prices_as_of.as_deref()).map(str::to_owned),
            fingerprint: derived.fingerprint.clone(),
            session: derived.turn.map(|turn| turn.run.to_string()),
            turn: derived.turn.map(|turn| turn.number),
            retry_of: retry.map(|retry| retry.of.to_string()),
            retry_attempt: retry.map(|retry| retry.attempt),
            retry_honoured: retry.and_then(|retry| retry.honoured),
            duplicate_of: derived.duplicate_of.map(|id| id.to_string()),
            prefix_hash: derived.prefix.as_ref().map(|(hash, _)| hash.clone()),
            prefix_bytes: derived.prefix.as_ref().map(|(_, bytes)| *bytes),
            peer_pid: derived.peer.as_ref().map(|peer| peer.pid),
            peer_workload: cutter.some(derived.peer.as_ref().and_then(|p| p.workload.as_deref())),
            caller_pid: caller.map(|caller| caller.pid),
            caller_workload: cutter.some(caller.and_then(|c| c.workload.as_deref())),
            counted: (!attributed.is_counted()).then_some(false),
        }
    }
}
