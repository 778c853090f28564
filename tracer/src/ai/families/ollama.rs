//! Ollama's own API: one object, or one a line.

use super::common::{errors, plain};
use crate::ai::fact::{Answers, Count, Fact};
use crate::ai::json::Key::{self, *};

pub(super) const CHAT: Answers = Answers { ends_itself: true, ..plain(chat) };

fn chat(keys: &[Key]) -> Option<Fact> {
    Some(match keys {
        [Model] => Fact::Model,
        [PromptEvalCount] => Fact::Count(Count::Input),
        [EvalCount] => Fact::Count(Count::Output),
        [DoneReason] => Fact::Finish,
        [Done] => Fact::Terminal,
        [Message, ToolCalls, Item, Function, Name] => Fact::Tool,
        [Message, Content | Thinking] | [Response | Thinking] => Fact::Content,
        _ => return errors(keys),
    })
}
