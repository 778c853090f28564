//! The output contract `aitrace/1`: one struct per event, separate from the inner model.
//!
//! Absent means unknown: nothing is ever `null`, 0 or "" in place of unknown. Fields are only added.
//! The JSON Schema that `aitrace schema` prints is made from these structs. To add an event: a file
//! here, a line in [`json_schema`].

mod ai_call;
mod bounds;
mod derived;
mod envelope;
mod heartbeat;
mod who;

pub use self::ai_call::{AiCall, Figure, library_name, severity};
pub use self::bounds::Cutter;
pub use self::envelope::Envelope;
pub use self::heartbeat::HeartbeatEvent;
pub use self::who::Who;

pub const SCHEMA: &str = "aitrace/1";
/// Longest line, newline included: Fluent Bit stops following a file at 32 KiB.
pub const MAX_LINE: usize = 16 * 1024;

/// The JSON Schema of one event of any kind.
pub fn json_schema() -> serde_json::Value {
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "oneOf": [
            named("ai.call", schemars::schema_for!(AiCall)),
            named("heartbeat", schemars::schema_for!(HeartbeatEvent)),
        ],
    })
}

fn named(event: &str, schema: schemars::Schema) -> serde_json::Value {
    let mut schema = schema.to_value();
    schema["properties"]["event.name"] = serde_json::json!({ "const": event });
    schema["properties"]["schema"] = serde_json::json!({ "const": SCHEMA });
    if let Some(object) = schema.as_object_mut() {
        object.remove("$schema");
    }
    schema
}
