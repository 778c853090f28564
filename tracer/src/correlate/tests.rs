use super::*;
use crate::ai::asked::Asked;
use crate::ai::call::{Call, Failure, FailureClass};
use crate::ai::json::Scanner;
use crate::ai::providers;
use crate::event::{BootTime, FlowKey, Origin};
use crate::event_id::Ids;
use crate::http::headers::Secret;

const SECOND: u64 = 1_000_000_000;

/// A host with a correlator: processes make calls, one after the other.
struct Host {
    correlator: Correlator,
    ids: Ids,
    now: u64,
}

impl Host {
    fn new() -> Self {
        let correlator = Correlator::new(Fingerprints::new(&[7; 32]));
        Self { correlator, ids: Ids::new(), now: SECOND }
    }

    /// A call of process `pid`, a second long; `failure`: with the wait it asks for.
    fn call(&mut self, pid: u32, body: &str, failure: Option<Option<f64>>) -> Derived {
        self.titled(pid, "python agent.py", body, failure)
    }

    fn titled(
        &mut self,
        pid: u32,
        user: &str,
        body: &str,
        failure: Option<Option<f64>>,
    ) -> Derived {
        let mut asked = Asked::default();
        Scanner::single().push(body.as_bytes(), &mut asked);
        let process = ProcessKey { tgid: pid, start: BootTime(1) };
        let flow = FlowKey { process, ..FlowKey::default() };
        let provider = providers::by_id("openai").expect("a known provider");
        let mut call = Call::unanswered(flow, Origin::default(), provider);
        call.operation = "chat";
        call.started = BootTime(self.now);
        self.now += SECOND;
        call.ended = BootTime(self.now);
        call.credential = Some(Secret::new(b"sk-1"));
        call.prompt = asked.history.prompt(&["POST", "h", "/"]).map(Box::new);
        call.failure = failure.map(|retry_after_s| Failure {
            class: FailureClass::RateLimit,
            error_type: "rate_limit_exceeded".into(),
            retryable: true,
            retry_after_s,
        });
        let mut attributed = AttributedCall {
            call,
            owner: std::sync::Arc::new(crate::attribution::owner::Owner {
                key: process,
                user: Some(user.into()),
                ..Default::default()
            }),
            peer: None,
            derived: Derived::default(),
        };
        let id = self.ids.next(self.now);
        self.correlator.push(&mut attributed, id);
        attributed.derived
    }

    fn wait(&mut self, seconds: u64) {
        self.now += seconds * SECOND;
    }
}

fn chat(messages: &[String]) -> String {
    let roles = ["user", "assistant"];
    let list: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(at, text)| serde_json::json!({ "role": roles[at % 2], "content": text }))
        .collect();
    serde_json::json!({ "model": "m", "messages": list }).to_string()
}

fn said(words: &[&str]) -> String {
    chat(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
}

#[test]
fn a_growing_history_is_one_run() {
    let mut host = Host::new();
    let mut history = vec!["hi".to_owned()];
    let first = host.call(1, &chat(&history), None);
    assert_eq!(first.turn, Some(Turn { run: first.id.unwrap(), number: 1 }));
    for number in 2..=40 {
        history.push(format!("answer {number}"));
        history.push(format!("question {number}"));
        let next = host.call(1, &chat(&history), None);
        assert_eq!(next.turn, Some(Turn { run: first.id.unwrap(), number }));
        assert_eq!((next.retry, next.duplicate_of), (None, None));
    }
}

#[test]
fn a_retry_has_its_turn_and_says_whether_it_waited() {
    let mut host = Host::new();
    let first = host.call(1, &said(&["hi"]), Some(Some(5.0)));
    host.wait(2);
    let early = host.call(1, &said(&["hi"]), Some(Some(5.0)));
    host.wait(5);
    let late = host.call(1, &said(&["hi"]), None);
    let retry = |of: &Derived, attempt, honoured| {
        Some(Retry { of: of.id.unwrap(), attempt, honoured: Some(honoured) })
    };
    assert_eq!(early.retry, retry(&first, 2, false));
    assert_eq!(late.retry, retry(&early, 3, true));
    assert_eq!([early.turn, late.turn], [first.turn; 2]);
    let next = host.call(1, &said(&["hi", "hello", "and?"]), None);
    assert_eq!(next.turn, Some(Turn { run: first.id.unwrap(), number: 2 }));
    let again = host.call(1, &said(&["hi", "hello", "and?"]), None);
    assert_eq!((again.retry, again.duplicate_of), (None, next.id));
}

#[test]
fn the_same_request_much_later_or_by_strangers_is_a_new_one() {
    let mut host = Host::new();
    let first = host.call(1, &said(&["hi"]), Some(None));
    // Another process of the same workload: a program started for each try.
    let other = host.call(2, &said(&["hi"]), None);
    assert_eq!(other.retry.map(|retry| retry.of), first.id);
    let stranger = host.titled(3, "somebody else", &said(&["hi"]), None);
    assert_eq!((stranger.retry, stranger.duplicate_of), (None, None));
    host.wait(7200);
    let late = host.titled(3, "somebody else", &said(&["hi"]), None);
    assert_eq!((late.retry, late.duplicate_of), (None, None));
    assert_ne!(late.turn.unwrap().run, stranger.turn.unwrap().run);
}

#[test]
fn runs_that_begin_alike_go_on_apart() {
    let mut host = Host::new();
    let one = host.call(1, &said(&["hi"]), None);
    let two = host.call(1, &said(&["hi"]), None);
    assert_eq!(two.duplicate_of, one.id);
    let one_next = host.call(1, &said(&["hi", "a", "b"]), None);
    let two_next = host.call(1, &said(&["hi", "x", "y"]), None);
    assert_eq!(one_next.turn, Some(Turn { run: one.id.unwrap(), number: 2 }));
    assert_eq!(two_next.turn, Some(Turn { run: two.id.unwrap(), number: 2 }));
    // A history that somebody else had is no reason.
    let stranger = host.titled(9, "somebody else", &said(&["hi", "a", "b", "c", "d"]), None);
    assert_eq!(stranger.turn.unwrap().run, stranger.id.unwrap());
}

#[test]
fn a_conversation_kept_by_the_provider_is_one_run() {
    let mut host = Host::new();
    let body = |text: &str| format!(r#"{{"input":"{text}","conversation":"conv_1"}}"#);
    let first = host.call(1, &body("a"), None);
    let second = host.call(2, &body("b"), None);
    let third = host.call(1, &body("c"), None);
    let turns = [first.turn, second.turn, third.turn].map(|turn| turn.unwrap());
    assert!(turns.iter().all(|turn| Some(turn.run) == first.id));
    assert_eq!(turns.map(|turn| turn.number), [1, 2, 3]);
}

#[test]
fn one_key_has_one_fingerprint_and_no_table_grows_without_end() {
    let mut host = Host::new();
    let prints: std::collections::HashSet<_> = (0..70_000)
        .map(|n| host.call(1, &said(&[&n.to_string()]), None).fingerprint.unwrap())
        .collect();
    assert_eq!(prints.len(), 1);
    let counts = host.correlator.counts();
    assert_eq!(counts.attempts_evicted, 70_000 - 65_536);
    assert_eq!(counts.runs_evicted, 70_000 - 65_536);
}

/// A gateway (process 9) that asks a provider on behalf of others.
mod gateway {
    use super::*;
    use crate::ai::call::{Sent, Usage};
    use crate::cost::{Cost, Source};

    fn attributed(pid: u32, body: &str, from: u64, to: u64, output: Option<u64>) -> AttributedCall {
        let mut asked = Asked::default();
        Scanner::single().push(body.as_bytes(), &mut asked);
        let process = ProcessKey { tgid: pid, start: BootTime(1) };
        let flow = FlowKey { process, handle: from, ..FlowKey::default() };
        let provider = providers::by_id("openai").expect("a known provider");
        let mut call = Call::unanswered(flow, Origin::default(), provider);
        (call.operation, call.failure) = ("chat", None);
        (call.started, call.ended) = (BootTime(from), BootTime(to));
        call.usage = Usage { output, ..Usage::default() };
        call.prompt = asked.history.prompt(&["POST", "h", "/"]).map(Box::new);
        let mut derived = Derived::default();
        if pid == 9 {
            let source = Source::Table;
            derived.cost = Some(Cost { usd: 0.5, source, prices_as_of: None });
        }
        AttributedCall {
            call,
            owner: std::sync::Arc::new(crate::attribution::owner::Owner {
                key: process,
                ..Default::default()
            }),
            peer: None,
            derived,
        }
    }

    fn sent(call: &AttributedCall) -> Sent {
        let text = call.call.prompt.as_ref().and_then(|prompt| prompt.last_text);
        Sent {
            flow: call.call.flow,
            cgroup_id: 0,
            started: call.call.started,
            at: call.call.started,
            text: text.expect("a text"),
        }
    }

    /// The same question in another provider's form.
    const ANTHROPIC: &str = r#"{"system":"s","messages":[{"role":"user","content":"why?"}]}"#;
    const OPENAI: &str = r#"{"messages":[{"role":"system","content":"s"},
        {"role":"user","content":[{"type":"text","text":"why?"}]}]}"#;

    fn party(pid: u32) -> Party {
        Party { pid, workload: Some(format!("w{pid}")) }
    }

    #[test]
    fn spend_is_the_callers_and_counted_once() {
        let mut correlator = Correlator::new(Fingerprints::new(&[7; 32]));
        let mut ids = Ids::new();
        // Two callers ask the same at once; the second one's stream tells no usage.
        let mut one = attributed(1, OPENAI, 10, 50, Some(7));
        let mut two = attributed(2, OPENAI, 11, 60, None);
        correlator.sent(&sent(&one), party(1), &[9]);
        correlator.sent(&sent(&two), party(2), &[9]);
        let mut behind =
            [attributed(9, ANTHROPIC, 20, 40, Some(7)), attributed(9, ANTHROPIC, 21, 41, Some(8))];
        for call in &mut behind {
            correlator.push(call, ids.next(0));
            assert!(!call.is_counted());
            assert_eq!((call.derived.duplicate_of, call.derived.turn), (None, None));
        }
        assert_eq!(behind[0].derived.caller, Some(Caller(party(1))));
        assert_eq!(behind[1].derived.caller, Some(Caller(party(2))));
        for (call, output) in [(&mut one, 7), (&mut two, 8)] {
            correlator.push(call, ids.next(0));
            assert!(call.is_counted());
            assert_eq!(call.call.usage.output, Some(output));
            assert_eq!(call.derived.cost.as_ref().map(|cost| cost.usd), Some(0.5));
        }
    }

    #[test]
    fn calls_that_are_nobody_elses_stay_the_gateways() {
        let mut correlator = Correlator::new(Fingerprints::new(&[7; 32]));
        let mut ids = Ids::new();
        let caller = attributed(1, OPENAI, 10, 50, Some(7));
        correlator.sent(&sent(&caller), party(1), &[9]);
        let other = r#"{"messages":[{"role":"user","content":"another question"}]}"#;
        for mut call in [
            // Another process, another text, begun before.
            attributed(8, OPENAI, 20, 40, Some(7)),
            attributed(9, other, 20, 40, Some(7)),
            attributed(9, OPENAI, 5, 40, Some(7)),
        ] {
            correlator.push(&mut call, ids.next(0));
            assert!(call.is_counted() && call.derived.caller.is_none());
        }
        // The caller's own has ended: what comes after is the gateway's.
        let mut caller = caller;
        correlator.push(&mut caller, ids.next(0));
        let mut late = attributed(9, OPENAI, 55, 58, Some(7));
        correlator.push(&mut late, ids.next(0));
        assert!(late.is_counted());
    }
}
