//! What a request asks for, from its body.
//!
//! In: the values of a JSON body, or the fields of a form. Out: [`Asked`]. One map for every family:
//! their names for the same thing do not collide.

use super::history::History;
use super::json::{Key, Key::*, Path, Value, Visitor};
use crate::keyed::HashKey;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    pub model: Option<String>,
    /// Replicate's name of what is run.
    pub version: Option<String>,
    pub stream: Option<bool>,
    pub max_tokens: Option<u64>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub tools: Option<u32>,
    /// The body has what a prompt stands in.
    pub has_prompt: bool,
    /// `service_tier`, by any name.
    pub service_tier: Option<String>,
    /// What it says was said before.
    pub history: History,
    /// It is a list of messages, or one text.
    pub messages: bool,
    pub prompt_text: bool,
    /// The tool under way is a group, whose members were counted.
    group: bool,
}

impl Asked {
    /// With the key of what is hashed.
    pub fn new(key: HashKey) -> Self {
        Self { history: History::new(key), ..Self::default() }
    }

    /// A field of a form.
    pub fn field(&mut self, name: &str, value: &str) {
        match name {
            "model" | "model_id" => self.model = Some(value.to_owned()),
            "stream" => self.stream = Some(value == "true"),
            "temperature" => self.temperature = value.parse().ok(),
            _ => {}
        }
    }

    fn add_tools(&mut self, count: u32) {
        self.tools = Some(self.tools.unwrap_or(0).saturating_add(count));
    }
}

/// Without the containers that some put parameters in.
fn inner(keys: &[Key]) -> &[Key] {
    match keys {
        [
            GenerationConfig | InferenceConfig | TextGenerationConfig | Parameters | Options
            | Response,
            rest @ ..,
        ] => rest,
        _ => keys,
    }
}

impl Visitor for Asked {
    const READS_TEXT: bool = true;

    fn text(&mut self, path: &Path, piece: &[u8]) {
        self.history.text(path, piece);
    }

    fn value(&mut self, path: &Path, value: Value<'_>) {
        self.history.value(path, value);
        match inner(path.keys()) {
            [Model | ModelId | ModelName] | [Setup, Model] => {
                if let Some(text) = value.text().filter(|text| !text.is_empty()) {
                    self.model = Some(text.to_owned());
                }
            }
            [ServiceTier | ServiceTierCamel] | [ServiceTierCamel, Type] => {
                self.service_tier = value.text().map(str::to_owned);
            }
            [Version] => self.version = value.text().map(str::to_owned),
            [Stream] => {
                if let Value::Bool(stream) = value {
                    self.stream = Some(stream);
                }
            }
            [
                MaxTokens | MaxCompletionTokens | MaxOutputTokens | MaxOutputTokensCamel
                | MaxTokensCamel | MaxTokensToSample | MaxTokenCount | MaxGenLen | MaxNewTokens
                | NumPredict,
            ] => self.max_tokens = value.count().or(self.max_tokens),
            [Temperature] => {
                if let Value::Number(n) = value {
                    self.temperature = Some(n);
                }
            }
            [TopP | TopPCamel | P] => {
                if let Value::Number(n) = value {
                    self.top_p = Some(n);
                }
            }
            [Prompt | InputText] => {
                self.has_prompt |= value.text().is_some();
                self.prompt_text |= value.text().is_some();
            }
            [Input | Message] => self.has_prompt |= value.text().is_some(),
            _ => {}
        }
    }

    fn open(&mut self, path: &Path) {
        self.has_prompt |= matches!(path.keys(), [Messages | Prompt | Input]);
        self.messages |= matches!(path.keys(), [Messages]);
    }

    fn close(&mut self, path: &Path, items: u32) {
        self.history.close(path);
        match path.keys() {
            // Gemini groups them; a group is no tool.
            [Tools, Item, FunctionDeclarations | FunctionDeclarationsSnake] => {
                self.add_tools(items);
                self.group = true;
            }
            [Tools, Item] if std::mem::take(&mut self.group) => {}
            [Tools, Item] | [ToolConfig, Tools, Item] | [Functions, Item] if items > 0 => {
                self.add_tools(1);
            }
            _ => {}
        }
    }
}
