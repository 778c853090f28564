//! What a request's body says was said before, as keyed digests: enough to see that a call goes on
//! from an earlier one, that it is sent again, or that its beginning is the same; nothing of it can be
//! read from them.
//!
//! In: the values of a JSON body as the scanner passes them. Out: a [`Prompt`]. Each message is one
//! link of a chain. Constant memory: running hashes, and the chain's last [`MAX_ENDS`] links.

use super::json::{Key, Key::*, Path, Value};
use crate::keyed::{HashKey, Hasher};

/// Links of the chain that are kept. A turn adds a few messages: the answer, results of tools, a
/// question.
pub const MAX_ENDS: usize = 48;
/// Between values: no UTF-8 has this byte.
const END: &[u8] = &[0xff];

/// A request, as digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Everything asked, and whom.
    pub request: u128,
    /// The chain after each of the last messages, oldest first; the last one has them all.
    pub ends: Box<[u64]>,
    /// Messages in all.
    pub messages: u32,
    /// What providers may cache whoever asks: tools, instructions, and the messages that give them.
    pub prefix: Option<u128>,
    /// Bytes of values in that prefix.
    pub prefix_bytes: u64,
    /// Text of the last message that has any, whatever the format around it.
    pub last_text: Option<u128>,
    /// `previous_response_id` and its kin.
    pub previous: Option<String>,
    /// The provider's own name of the conversation.
    pub conversation: Option<String>,
}

/// The digests of a request under way.
#[derive(Clone, Debug)]
pub struct History {
    key: HashKey,
    message: Hasher,
    text: Hasher,
    instructions: Hasher,
    tools: Hasher,
    rest: Hasher,
    chain: u128,
    messages: u32,
    ends: [u64; MAX_ENDS],
    last_text: Option<u128>,
    /// Of the message under way: it gives instructions.
    instructs: bool,
    /// Only instructions have come so far.
    leading: bool,
    /// The chain, and its bytes, where the instructions among the messages end.
    lead: (u128, u64),
    previous: Option<String>,
    conversation: Option<String>,
}

/// What a value is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// A message: which value of the body it is, as many keys deep.
    Message(usize),
    Instructions,
    Tools,
    /// How to answer.
    Rest,
    /// What changes without meaning anything.
    Nothing,
}

fn part(keys: &[Key]) -> Part {
    match keys {
        [.., CacheControl] | [.., CacheControl, _] | [Metadata, ..] => Part::Nothing,
        [Messages | Contents | ChatHistory, ..] => Part::Message(2),
        [Input | Unknown, Messages | Contents, ..] => Part::Message(3),
        [Input | Prompt, Item, ..] => Part::Message(2),
        [Input | Prompt | Message | InputText] => Part::Message(1),
        [Input, Prompt] => Part::Message(2),
        [System | Instructions | SystemInstruction | SystemInstructionSnake | Preamble, ..]
        | [Unknown, SystemInstruction, ..] => Part::Instructions,
        [Tools | Functions | ToolConfig, ..] | [Unknown, Tools, ..] => Part::Tools,
        _ => Part::Rest,
    }
}

/// Text that was said, and no figure or name about it.
const fn is_said(keys: &[Key]) -> bool {
    matches!(
        keys,
        [.., Content | Text | InputText]
            | [.., Content | Parts, Item]
            | [Input | Prompt | Message]
            | [Input | Prompt, Item]
            | [Input, Prompt]
    )
}

impl Default for History {
    fn default() -> Self {
        Self::new(HashKey::default())
    }
}

impl PartialEq for History {
    fn eq(&self, other: &Self) -> bool {
        self.prompt(&[]) == other.prompt(&[])
    }
}

impl History {
    pub const fn new(key: HashKey) -> Self {
        let hasher = Hasher::new(key);
        Self {
            key,
            message: hasher,
            text: hasher,
            instructions: hasher,
            tools: hasher,
            rest: hasher,
            chain: 0,
            messages: 0,
            ends: [0; MAX_ENDS],
            last_text: None,
            instructs: false,
            leading: true,
            lead: (0, 0),
            previous: None,
            conversation: None,
        }
    }

    /// A piece of a text, unescaped.
    pub(super) fn text(&mut self, path: &Path, piece: &[u8]) {
        let keys = path.keys();
        let place = part(keys);
        // `type` says how a text is wrapped: looked at when it is whole.
        if matches!(keys, [.., Type]) {
            return;
        }
        self.push(place, piece);
        if matches!(place, Part::Message(_)) && is_said(keys) {
            self.text.push(piece);
        }
    }

    /// A value ends.
    pub(super) fn value(&mut self, path: &Path, value: Value<'_>) {
        let keys = path.keys();
        match (keys, value) {
            ([PreviousResponseId | PreviousInteractionId], Value::Text { text, .. }) => {
                self.previous = Some(text.to_owned());
            }
            (
                [Conversation | ConversationId | SessionId] | [Conversation, Id],
                Value::Text { text, .. },
            ) => {
                self.conversation = Some(text.to_owned());
            }
            _ => {}
        }
        let place = part(keys);
        match value {
            Value::Null => return,
            Value::Text { text, .. } => {
                if matches!(keys, [.., Type]) {
                    // A plain text may stand alone or wrapped.
                    if matches!(text, "text" | "input_text" | "output_text") {
                        return;
                    }
                    self.push(place, text.as_bytes());
                }
                self.instructs |= matches!(keys, [.., Role])
                    && matches!(text, "system" | "developer" | "SYSTEM" | "DEVELOPER");
            }
            Value::Number(n) => self.push(place, &n.to_bits().to_le_bytes()),
            Value::Bool(b) => self.push(place, &[u8::from(b)]),
        }
        if place == Part::Rest {
            // Parameters are told apart by their names.
            self.push(place, &[keys.last().copied().unwrap_or_default() as u8]);
        }
        self.push(place, END);
        if let Part::Message(depth) = place
            && keys.len() == depth
        {
            self.end_message();
        }
    }

    /// An object or array ends.
    pub(super) fn close(&mut self, path: &Path) {
        let keys = path.keys();
        if let Part::Message(depth) = part(keys)
            && depth > 1
            && keys.len() == depth
            && keys.last() == Some(&Item)
        {
            self.end_message();
        }
    }

    fn push(&mut self, place: Part, bytes: &[u8]) {
        match place {
            Part::Message(_) => self.message.push(bytes),
            Part::Instructions => self.instructions.push(bytes),
            Part::Tools => self.tools.push(bytes),
            Part::Rest => self.rest.push(bytes),
            Part::Nothing => {}
        }
    }

    fn end_message(&mut self) {
        let fresh = Hasher::new(self.key);
        let bytes = self.message.len();
        let mut link = fresh;
        link.push_u128(self.chain);
        link.push_u128(self.message.digest());
        self.chain = link.digest();
        let place = self.messages as usize % MAX_ENDS;
        if let Some(end) = self.ends.get_mut(place) {
            *end = self.chain as u64;
        }
        self.messages = self.messages.saturating_add(1);
        if !self.text.is_empty() {
            self.last_text = Some(self.text.digest());
        }
        self.leading &= self.instructs;
        if self.leading {
            self.lead = (self.chain, self.lead.1 + bytes);
        }
        self.instructs = false;
        self.message = fresh;
        self.text = fresh;
    }

    /// [`Prompt::last_text`] so far.
    pub const fn last_text(&self) -> Option<u128> {
        self.last_text
    }

    /// What has been read; `address` is who was asked. `None`: no body that could be read.
    pub fn prompt(&self, address: &[&str]) -> Option<Prompt> {
        let parts = [self.instructions, self.tools, self.rest];
        if self.messages == 0 && parts.iter().all(Hasher::is_empty) {
            return None;
        }
        let mut prefix = Hasher::new(self.key);
        prefix.push_u128(self.tools.digest());
        prefix.push_u128(self.instructions.digest());
        prefix.push_u128(self.lead.0);
        let prefix_bytes = self.tools.len() + self.instructions.len() + self.lead.1;
        let mut request = Hasher::new(self.key);
        for part in parts {
            request.push_u128(part.digest());
        }
        request.push_u128(self.chain);
        for part in address {
            request.push(part.as_bytes());
            request.push(END);
        }
        for id in [&self.previous, &self.conversation] {
            request.push(id.as_deref().unwrap_or_default().as_bytes());
            request.push(END);
        }
        let kept = (self.messages as usize).min(MAX_ENDS);
        let first = self.messages as usize - kept;
        let ends = (first..first + kept).filter_map(|at| self.ends.get(at % MAX_ENDS).copied());
        Some(Prompt {
            request: request.digest(),
            ends: ends.collect(),
            messages: self.messages,
            prefix: (prefix_bytes > 0).then(|| prefix.digest()),
            prefix_bytes,
            last_text: self.last_text,
            previous: self.previous.clone(),
            conversation: self.conversation.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ai::asked::Asked;
    use crate::ai::json::Scanner;

    fn read_in(parts: &[&[u8]]) -> Prompt {
        let mut asked = Asked::default();
        let mut scanner = Scanner::single();
        for part in parts {
            scanner.push(part, &mut asked);
        }
        asked.history.prompt(&["POST", "/v1"]).expect("a body")
    }

    fn read(body: &str) -> Prompt {
        read_in(&[body.as_bytes()])
    }

    fn chat(messages: &[(&str, &str)]) -> String {
        let messages: Vec<_> = messages
            .iter()
            .map(|(role, content)| serde_json::json!({ "role": role, "content": content }))
            .collect();
        serde_json::json!({ "model": "m", "messages": messages }).to_string()
    }

    #[test]
    fn a_longer_history_passes_through_the_shorter_ones_end() {
        let first = read(&chat(&[("system", "be brief"), ("user", "hi")]));
        let next = read(&chat(&[
            ("system", "be brief"),
            ("user", "hi"),
            ("assistant", "hello"),
            ("user", "and?"),
        ]));
        assert_eq!((first.messages, next.messages), (2, 4));
        assert_eq!(first.ends.last(), next.ends.get(1));
        assert_eq!(first.prefix, next.prefix);
        assert_ne!(first.request, next.request);
        assert_ne!(first.last_text, next.last_text);
    }

    #[test]
    fn what_means_nothing_changes_nothing() {
        let bare = read(r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#);
        for same in [
            "{ \"model\": \"m\",\n\"messages\": [{\"role\": \"user\", \"content\": \"h\\u0069\"}]}",
            r#"{"model":"m","messages":[{"role":"user","content":"hi","name":null}]}"#,
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hi",
                "cache_control":{"type":"ephemeral","ttl":"1h"}}]}]}"#,
            r#"{"model":"m","metadata":{"run":7},"messages":[{"role":"user","content":"hi"}]}"#,
        ] {
            assert_eq!(read(same), bare, "{same}");
        }
        for other in [
            r#"{"model":"n","messages":[{"role":"user","content":"hi"}]}"#,
            r#"{"model":"m","temperature":1,"messages":[{"role":"user","content":"hi"}]}"#,
            r#"{"model":"m","messages":[{"role":"user","content":"ho"}]}"#,
            r#"{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"user","content":""}]}"#,
        ] {
            assert_ne!(read(other).request, bare.request, "{other}");
        }
        let tools = read(
            r#"{"model":"m","tools":[{"name":"t"}],"messages":[{"role":"user","content":"hi"}]}"#,
        );
        assert_eq!(tools.ends, bare.ends);
        assert_eq!((bare.prefix, tools.prefix_bytes), (None, 2));
    }

    #[test]
    fn every_family_has_messages() {
        for (body, messages) in [
            (
                r#"{"contents":[{"role":"user","parts":[{"text":"a"}]},{"parts":[{"text":"b"}]}]}"#,
                2,
            ),
            (r#"{"input":"a"}"#, 1),
            (r#"{"input":[{"role":"user","content":"a"},{"type":"function_call","name":"f"}]}"#, 2),
            (r#"{"prompt":"a"}"#, 1),
            (r#"{"input":["a","b","c"]}"#, 3),
            (r#"{"chat_history":[{"role":"USER","message":"a"}],"message":"b"}"#, 2),
            (r#"{"input":{"messages":[{"role":"user","content":"a"}]}}"#, 1),
            (r#"{"input":{"prompt":"a","max_tokens":3}}"#, 1),
        ] {
            let prompt = read(body);
            assert_eq!(prompt.messages, messages, "{body}");
            assert_eq!(prompt.ends.len(), messages as usize, "{body}");
        }
        let previous = read(r#"{"input":"a","previous_response_id":"resp_1"}"#);
        assert_eq!(previous.previous.as_deref(), Some("resp_1"));
        let conversation = read(r#"{"input":"a","conversation":{"id":"conv_1"}}"#);
        assert_eq!(conversation.conversation.as_deref(), Some("conv_1"));
    }

    #[test]
    fn the_same_question_has_the_same_text_in_two_formats() {
        let openai = read(&chat(&[("system", "s"), ("user", "what is it?")]));
        let anthropic = read(
            r#"{"system":"s","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"what is it?"}]}]}"#,
        );
        let gemini = read(r#"{"contents":[{"role":"user","parts":[{"text":"what is it?"}]}]}"#);
        assert!(openai.last_text.is_some());
        assert_eq!(openai.last_text, anthropic.last_text);
        assert_eq!(openai.last_text, gemini.last_text);
        assert_ne!(openai.request, anthropic.request);
    }

    #[test]
    fn cuts_change_nothing_and_long_histories_keep_their_end() {
        let many: Vec<String> = (0..100).map(|n| format!("message {n} \"é\"")).collect();
        let pairs: Vec<(&str, &str)> = many.iter().map(|text| ("user", text.as_str())).collect();
        let body = chat(&pairs);
        let whole = read(&body);
        assert_eq!((whole.messages, whole.ends.len()), (100, MAX_ENDS));
        assert_eq!(whole.ends.get(MAX_ENDS - 2), read(&chat(&pairs[..99])).ends.last());
        for cut in (0..body.len()).step_by(7) {
            let (head, tail) = body.as_bytes().split_at(cut);
            assert_eq!(read_in(&[head, tail]), whole, "cut at {cut}");
        }
    }
}
