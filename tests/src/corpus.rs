//! What the corpus' labels mean in events.

use serde_json::Value;

/// EVENTS' name for an operation of the corpus.
pub fn operation(expected: &Value) -> &str {
    let text = |key: &str| expected[key].as_str().unwrap_or_default();
    match (text("operation"), text("api")) {
        ("completion", _) => "text_completion",
        // EVENTS has no name for a model that may do anything.
        ("predict", _) => "other",
        ("chat", "gemini.generateContent" | "gemini.streamGenerateContent") => "generate_content",
        (name, _) => name,
    }
}
