//! Anthropic's answers: messages and count_tokens; whole and streamed.

use serde_json::{Value, json};

use super::answer::{Answer, Body, Piece, Tokens, Told};
use super::provider::{Scene, Wording};
use super::script::Failure;

pub(super) fn answer(scene: &Scene<'_>) -> Answer {
    let request_id = format!("req_{:024x}", scene.number);
    let mut answer = match (scene.script.failure, scene.request.path.as_str()) {
        (None | Some(Failure::InStream(_)), "/v1/messages") if scene.asked.stream => stream(scene),
        (None | Some(Failure::InStream(_)), "/v1/messages") => messages(scene),
        (None, "/v1/messages/count_tokens") => count_tokens(scene),
        (None, "/v1/models") => models(scene),
        (failure, _) => {
            failed(scene, wording(failure.unwrap_or(Failure::Status(404))), &request_id)
        }
    };
    answer.headers.extend([
        ("request-id".into(), request_id.clone()),
        ("anthropic-organization-id".into(), "00000000-0000-4000-8000-000000000000".into()),
        ("anthropic-ratelimit-requests-limit".into(), "4000".into()),
        ("anthropic-ratelimit-requests-remaining".into(), "3999".into()),
        ("anthropic-ratelimit-requests-reset".into(), "2026-01-15T00:00:00Z".into()),
        ("anthropic-ratelimit-input-tokens-limit".into(), "400000".into()),
        ("anthropic-ratelimit-input-tokens-remaining".into(), "399000".into()),
        ("anthropic-ratelimit-output-tokens-limit".into(), "80000".into()),
        ("anthropic-ratelimit-output-tokens-remaining".into(), "79000".into()),
    ]);
    answer.told.request_id = request_id;
    answer
}

fn told(scene: &Scene<'_>) -> Told {
    let finish = if scene.script.tools.is_empty() { "end_turn" } else { "tool_use" };
    Told {
        response_id: Some(format!("msg_{:024x}", scene.number)),
        response_model: Some(scene.response_model()),
        // Thinking is counted in the output and not told apart.
        tokens: Tokens { reasoning: None, ..scene.tokens() },
        finish_reasons: vec![finish.into()],
        tools_called: scene.script.tools.clone(),
        ..scene.told("anthropic", "chat")
    }
}

/// Anthropic's `input_tokens` leaves out what was read from and written to the cache.
fn usage(tokens: Tokens, output: u64) -> Value {
    let read = tokens.cache_read.unwrap_or(0);
    let write = tokens.cache_write.unwrap_or(0);
    json!({
        "input_tokens": tokens.input.unwrap_or(0).saturating_sub(read + write),
        "cache_creation_input_tokens": write, "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": write, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output, "service_tier": "standard",
    })
}

fn message(scene: &Scene<'_>, content: Value, stop: Value, usage: Value) -> Value {
    json!({
        "id": format!("msg_{:024x}", scene.number), "type": "message", "role": "assistant",
        "model": scene.response_model(), "content": content,
        "stop_reason": stop, "stop_sequence": null, "usage": usage,
    })
}

fn messages(scene: &Scene<'_>) -> Answer {
    let told = told(scene);
    let mut content = vec![json!({"type": "text", "text": scene.text()})];
    content.extend(scene.script.tools.iter().enumerate().map(|(n, name)| {
        json!({"type": "tool_use", "id": format!("toolu_{n}"), "name": name, "input": {"q": 1}})
    }));
    let usage = usage(told.tokens, told.tokens.output.unwrap_or(0));
    let value = message(scene, Value::Array(content), json!(told.finish_reasons[0]), usage);
    whole(&value, told)
}

fn count_tokens(scene: &Scene<'_>) -> Answer {
    let count = scene.tokens().input;
    let tokens = Tokens { input: count, ..Tokens::default() };
    whole(
        &json!({"input_tokens": count}),
        Told { tokens, ..scene.told("anthropic", "token_count") },
    )
}

fn models(scene: &Scene<'_>) -> Answer {
    let list = json!({"data": [{"type": "model", "id": "claude-sonnet-4-5", "display_name": "Claude Sonnet 4.5",
                                "created_at": "2025-09-29T00:00:00Z"}],
                      "has_more": false, "first_id": "claude-sonnet-4-5", "last_id": "claude-sonnet-4-5"});
    whole(&list, scene.told("anthropic", "models"))
}

fn whole(value: &Value, told: Told) -> Answer {
    Answer {
        status: 200,
        headers: vec![("content-type".into(), "application/json".into())],
        body: Body::Whole(value.to_string().into_bytes()),
        told,
    }
}

fn stream(scene: &Scene<'_>) -> Answer {
    let mut told = told(scene);
    let mut pieces = Vec::new();
    let push = |pieces: &mut Vec<Piece>, name: &str, mut value: Value, content: bool| {
        value["type"] = json!(name);
        pieces.push(Piece::event(name, &value, content));
    };
    let opening = message(scene, json!([]), Value::Null, usage(told.tokens, 1));
    push(&mut pieces, "message_start", json!({"message": opening}), false);
    let block = json!({"index": 0, "content_block": {"type": "text", "text": ""}});
    push(&mut pieces, "content_block_start", block, false);
    push(&mut pieces, "ping", json!({}), false);
    for word in scene.words() {
        let delta = json!({"index": 0, "delta": {"type": "text_delta", "text": word}});
        push(&mut pieces, "content_block_delta", delta, true);
    }
    push(&mut pieces, "content_block_stop", json!({"index": 0}), false);
    for (n, name) in scene.script.tools.iter().enumerate() {
        let index = n + 1;
        let tool =
            json!({"type": "tool_use", "id": format!("toolu_{n}"), "name": name, "input": {}});
        push(
            &mut pieces,
            "content_block_start",
            json!({"index": index, "content_block": tool}),
            true,
        );
        let delta = json!({"index": index, "delta": {"type": "input_json_delta", "partial_json": "{\"q\":1}"}});
        push(&mut pieces, "content_block_delta", delta, true);
        push(&mut pieces, "content_block_stop", json!({"index": index}), false);
    }
    let closing = json!({
        "delta": {"stop_reason": told.finish_reasons[0], "stop_sequence": null},
        "usage": {"output_tokens": told.tokens.output},
    });
    push(&mut pieces, "message_delta", closing, false);
    push(&mut pieces, "message_stop", json!({}), false);

    let wording = wording(Failure::Status(529));
    let error = Piece::event(
        "error",
        &json!({"type": "error", "error": {"type": wording.kind, "message": "Overloaded"}}),
        false,
    );
    scene.break_stream(&mut pieces, &mut told, error, wording);
    Answer {
        status: 200,
        headers: vec![
            ("content-type".into(), "text/event-stream; charset=utf-8".into()),
            ("cache-control".into(), "no-cache".into()),
        ],
        body: Body::Stream(pieces),
        told,
    }
}

fn failed(scene: &Scene<'_>, wording: Wording, request_id: &str) -> Answer {
    let value = json!({"type": "error", "error": {"type": wording.kind, "message": "A simulated failure."},
                       "request_id": request_id});
    let operation = match scene.request.path.as_str() {
        "/v1/messages/count_tokens" => "token_count",
        "/v1/models" => "models",
        "/v1/messages" => "chat",
        _ => "other",
    };
    Answer {
        status: wording.status,
        headers: vec![("content-type".into(), "application/json".into())],
        body: Body::Whole(value.to_string().into_bytes()),
        told: Told {
            failure_class: Some(wording.class.into()),
            error_type: Some(wording.kind.into()),
            ..scene.told("anthropic", operation)
        },
    }
}

fn wording(failure: Failure) -> Wording {
    let word = |status, kind, class| Wording { status, kind, code: None, class };
    match failure {
        Failure::Quota => word(400, "billing_error", "quota_exhausted"),
        Failure::Context => word(400, "invalid_request_error", "invalid_request"),
        Failure::InStream(_) => word(529, "overloaded_error", "overloaded"),
        Failure::Status(status) => match status {
            401 => word(401, "authentication_error", "auth"),
            403 => word(403, "permission_error", "permission_denied"),
            404 => word(404, "not_found_error", "not_found"),
            413 => word(413, "request_too_large", "request_too_large"),
            429 => word(429, "rate_limit_error", "rate_limit"),
            529 => word(529, "overloaded_error", "overloaded"),
            500.. => word(status, "api_error", "server_error"),
            _ => word(status, "invalid_request_error", "invalid_request"),
        },
    }
}
