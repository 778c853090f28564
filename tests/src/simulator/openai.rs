//! OpenAI's answers: chat completions, responses, embeddings, models; whole and streamed.

use serde_json::{Value, json};

use super::answer::{Answer, Body, Piece, Tokens, Told};
use super::provider::{Scene, Wording};
use super::script::Failure;

pub(super) fn answer(scene: &Scene<'_>) -> Answer {
    let mut answer = match scene.script.failure {
        None | Some(Failure::InStream(_)) => success(scene),
        Some(failure) => failed(scene, wording(failure)),
    };
    let request_id = format!("req_{:032x}", scene.number);
    answer.headers.extend([
        ("x-request-id".into(), request_id.clone()),
        ("openai-organization".into(), "org-simulated".into()),
        ("openai-project".into(), "proj_simulated".into()),
        ("openai-processing-ms".into(), "12".into()),
        ("openai-version".into(), "2020-10-01".into()),
        ("x-ratelimit-limit-requests".into(), "10000".into()),
        ("x-ratelimit-remaining-requests".into(), "9999".into()),
        ("x-ratelimit-reset-requests".into(), "6ms".into()),
        ("x-ratelimit-limit-tokens".into(), "2000000".into()),
        ("x-ratelimit-remaining-tokens".into(), "1999000".into()),
        ("x-ratelimit-reset-tokens".into(), "1m0.5s".into()),
    ]);
    answer.told.request_id = request_id;
    answer
}

fn success(scene: &Scene<'_>) -> Answer {
    match (scene.request.path.as_str(), scene.asked.stream) {
        ("/v1/chat/completions", false) => chat(scene),
        ("/v1/chat/completions", true) => chat_stream(scene),
        ("/v1/responses", false) => responses(scene),
        ("/v1/responses", true) => responses_stream(scene),
        ("/v1/embeddings", _) => embeddings(scene),
        ("/v1/models", _) => models(scene),
        _ => failed(scene, wording(Failure::Status(404))),
    }
}

fn whole(scene: &Scene<'_>, value: &Value, told: Told) -> Answer {
    debug_assert!(!scene.asked.stream || told.operation != "chat");
    Answer {
        status: 200,
        headers: vec![("content-type".into(), "application/json".into())],
        body: Body::Whole(value.to_string().into_bytes()),
        told,
    }
}

fn stream(pieces: Vec<Piece>, told: Told) -> Answer {
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

fn chat_usage(tokens: Tokens) -> Value {
    let (input, output) = (tokens.input.unwrap_or(0), tokens.output.unwrap_or(0));
    json!({
        "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
        "prompt_tokens_details": {"cached_tokens": tokens.cache_read.unwrap_or(0), "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning.unwrap_or(0), "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}

fn chat_told(scene: &Scene<'_>, id: &str) -> Told {
    let finish = if scene.script.tools.is_empty() { "stop" } else { "tool_calls" };
    Told {
        response_id: Some(id.to_owned()),
        response_model: Some(scene.response_model()),
        // OpenAI has no count of cache writes.
        tokens: Tokens { cache_write: None, ..scene.tokens() },
        finish_reasons: vec![finish.into()],
        tools_called: scene.script.tools.clone(),
        ..scene.told("openai", "chat")
    }
}

fn tool_call(index: usize, name: &str, arguments: &str) -> Value {
    json!({"index": index, "id": format!("call_{index}"), "type": "function",
           "function": {"name": name, "arguments": arguments}})
}

fn chat(scene: &Scene<'_>) -> Answer {
    let id = format!("chatcmpl-{:024x}", scene.number);
    let told = chat_told(scene, &id);
    let mut message = json!({"role": "assistant", "content": scene.text(), "refusal": null});
    if !scene.script.tools.is_empty() {
        let calls = scene.script.tools.iter().enumerate();
        message["tool_calls"] = calls.map(|(n, name)| tool_call(n, name, "{\"q\":1}")).collect();
    }
    let value = json!({
        "id": id, "object": "chat.completion", "created": 1_760_000_000, "model": scene.response_model(),
        "choices": [{"index": 0, "message": message, "logprobs": null,
                     "finish_reason": told.finish_reasons[0]}],
        "usage": chat_usage(told.tokens), "service_tier": "default",
        "system_fingerprint": "fp_simulated",
    });
    whole(scene, &value, told)
}

fn chat_stream(scene: &Scene<'_>) -> Answer {
    let id = format!("chatcmpl-{:024x}", scene.number);
    let mut told = chat_told(scene, &id);
    let include_usage = scene.asked.stream_options.include_usage;
    let chunk = |choices: Value, usage: Value| {
        let mut value = json!({
            "id": id, "object": "chat.completion.chunk", "created": 1_760_000_000,
            "model": scene.response_model(), "service_tier": "default",
            "system_fingerprint": "fp_simulated", "choices": choices,
        });
        if include_usage {
            value["usage"] = usage;
        }
        value
    };
    let choice = |delta: Value, finish: Value| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
    let push = |pieces: &mut Vec<Piece>, delta: Value, finish: Value, content: bool| {
        pieces.push(Piece::event("", &chunk(choice(delta, finish), Value::Null), content));
    };
    let mut pieces = Vec::new();
    push(
        &mut pieces,
        json!({"role": "assistant", "content": "", "refusal": null}),
        Value::Null,
        false,
    );
    for (n, name) in scene.script.tools.iter().enumerate() {
        push(&mut pieces, json!({"tool_calls": [tool_call(n, name, "")]}), Value::Null, true);
        let rest = json!({"tool_calls": [{"index": n, "function": {"arguments": "{\"q\":1}"}}]});
        push(&mut pieces, rest, Value::Null, true);
    }
    if scene.script.tools.is_empty() {
        for word in scene.words() {
            push(&mut pieces, json!({"content": word}), Value::Null, true);
        }
    }
    push(&mut pieces, json!({}), json!(told.finish_reasons[0]), false);
    if include_usage {
        pieces.push(Piece::event("", &chunk(json!([]), chat_usage(told.tokens)), false));
    } else {
        told.tokens = Tokens::default();
    }
    pieces.push(Piece { bytes: b"data: [DONE]\n\n".to_vec(), content: false });
    let wording = wording(Failure::Status(500));
    let error = Piece::event("", &error_body(wording), false);
    scene.break_stream(&mut pieces, &mut told, error, wording);
    stream(pieces, told)
}

fn responses_value(
    scene: &Scene<'_>,
    id: &str,
    status: &str,
    output: Value,
    usage: Value,
) -> Value {
    json!({
        "id": id, "object": "response", "created_at": 1_760_000_000, "status": status,
        "background": false, "error": null, "incomplete_details": null, "instructions": null,
        "max_output_tokens": null, "model": scene.response_model(), "output": output,
        "parallel_tool_calls": true, "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null}, "store": true, "temperature": 1.0,
        "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
        "truncation": "disabled", "usage": usage, "user": null, "metadata": {},
    })
}

fn responses_usage(tokens: Tokens) -> Value {
    let (input, output) = (tokens.input.unwrap_or(0), tokens.output.unwrap_or(0));
    json!({
        "input_tokens": input, "input_tokens_details": {"cached_tokens": tokens.cache_read.unwrap_or(0)},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning.unwrap_or(0)},
        "total_tokens": input + output,
    })
}

fn responses_told(scene: &Scene<'_>, id: &str) -> Told {
    Told { finish_reasons: vec!["completed".into()], ..chat_told(scene, id) }
}

fn responses_message(scene: &Scene<'_>, text: &str, status: &str) -> Value {
    json!({"id": format!("msg_{:024x}", scene.number), "type": "message", "status": status, "role": "assistant",
           "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": text}]})
}

fn function_calls(scene: &Scene<'_>) -> Vec<Value> {
    let call = |(n, name): (usize, &String)| {
        json!({"id": format!("fc_{n}"), "type": "function_call", "status": "completed",
               "call_id": format!("call_{n}"), "name": name, "arguments": "{\"q\":1}"})
    };
    scene.script.tools.iter().enumerate().map(call).collect()
}

fn responses_output(scene: &Scene<'_>) -> Value {
    let mut output = function_calls(scene);
    if output.is_empty() {
        output.push(responses_message(scene, &scene.text(), "completed"));
    }
    Value::Array(output)
}

fn responses(scene: &Scene<'_>) -> Answer {
    let id = format!("resp_{:024x}", scene.number);
    let told = responses_told(scene, &id);
    let usage = responses_usage(told.tokens);
    let value = responses_value(scene, &id, "completed", responses_output(scene), usage);
    whole(scene, &value, told)
}

fn responses_stream(scene: &Scene<'_>) -> Answer {
    let id = format!("resp_{:024x}", scene.number);
    let mut told = responses_told(scene, &id);
    let mut pieces: Vec<Piece> = Vec::new();
    let push = |pieces: &mut Vec<Piece>, name: &str, mut value: Value, content: bool| {
        value["type"] = json!(name);
        value["sequence_number"] = json!(pieces.len());
        pieces.push(Piece::event(name, &value, content));
    };
    let opening = responses_value(scene, &id, "in_progress", json!([]), Value::Null);
    push(&mut pieces, "response.created", json!({"response": opening}), false);
    push(&mut pieces, "response.in_progress", json!({"response": opening}), false);
    let calls = function_calls(scene);
    for (n, call) in calls.iter().enumerate() {
        let at = json!({"output_index": n, "item": call});
        push(&mut pieces, "response.output_item.added", at.clone(), false);
        push(&mut pieces, "response.output_item.done", at, false);
    }
    if calls.is_empty() {
        let mut item = responses_message(scene, "", "in_progress");
        item["content"] = json!([]);
        let item_id = item["id"].clone();
        let place = json!({"item_id": item_id, "output_index": 0, "content_index": 0});
        push(
            &mut pieces,
            "response.output_item.added",
            json!({"output_index": 0, "item": item}),
            false,
        );
        let mut part = place.clone();
        part["part"] =
            json!({"type": "output_text", "annotations": [], "logprobs": [], "text": ""});
        push(&mut pieces, "response.content_part.added", part, false);
        for word in scene.words() {
            let mut delta = place.clone();
            delta["delta"] = json!(word);
            delta["logprobs"] = json!([]);
            push(&mut pieces, "response.output_text.delta", delta, true);
        }
        let mut done = place.clone();
        done["text"] = json!(scene.text());
        done["logprobs"] = json!([]);
        push(&mut pieces, "response.output_text.done", done, false);
        let item = responses_message(scene, &scene.text(), "completed");
        push(
            &mut pieces,
            "response.output_item.done",
            json!({"output_index": 0, "item": item}),
            false,
        );
    }
    let usage = responses_usage(told.tokens);
    let closing = responses_value(scene, &id, "completed", responses_output(scene), usage);
    push(&mut pieces, "response.completed", json!({"response": closing}), false);

    let wording = wording(Failure::Status(500));
    let wording = Wording { code: Some("server_error"), ..wording };
    let mut broken = opening;
    broken["status"] = json!("failed");
    broken["error"] = json!({"code": "server_error", "message": "The model failed to answer."});
    let error = Piece::event(
        "response.failed",
        &json!({"type": "response.failed", "sequence_number": pieces.len(), "response": broken}),
        false,
    );
    scene.break_stream(&mut pieces, &mut told, error, wording);
    stream(pieces, told)
}

fn embeddings(scene: &Scene<'_>) -> Answer {
    let tokens = Tokens { input: scene.tokens().input, ..Tokens::default() };
    let vector: Vec<f32> = (0..8_u8).map(|n| f32::from(n) / 8.0).collect();
    let count = tokens.input;
    let value = json!({
        "object": "list", "model": scene.response_model(),
        "data": [{"object": "embedding", "index": 0, "embedding": vector}],
        "usage": {"prompt_tokens": count, "total_tokens": count},
    });
    let told = Told {
        response_model: Some(scene.response_model()),
        tokens,
        ..scene.told("openai", "embeddings")
    };
    whole(scene, &value, told)
}

fn models(scene: &Scene<'_>) -> Answer {
    let list: Vec<Value> = ["gpt-4o", "gpt-4o-mini", "o4-mini"]
        .map(|id| json!({"id": id, "object": "model", "created": 1_760_000_000, "owned_by": "system"}))
        .to_vec();
    whole(scene, &json!({"object": "list", "data": list}), scene.told("openai", "models"))
}

fn failed(scene: &Scene<'_>, wording: Wording) -> Answer {
    Answer {
        status: wording.status,
        headers: vec![("content-type".into(), "application/json".into())],
        body: Body::Whole(error_body(wording).to_string().into_bytes()),
        told: Told {
            failure_class: Some(wording.class.into()),
            error_type: Some(wording.code.unwrap_or(wording.kind).into()),
            ..scene.told("openai", operation(&scene.request.path))
        },
    }
}

fn operation(path: &str) -> &'static str {
    match path {
        "/v1/embeddings" => "embeddings",
        "/v1/models" => "models",
        "/v1/chat/completions" | "/v1/responses" => "chat",
        _ => "other",
    }
}

fn error_body(wording: Wording) -> Value {
    json!({"error": {"message": "A simulated failure.", "type": wording.kind, "param": null, "code": wording.code}})
}

fn wording(failure: Failure) -> Wording {
    let word = |status, kind, code, class| Wording { status, kind, code, class };
    match failure {
        Failure::Quota => {
            word(429, "insufficient_quota", Some("insufficient_quota"), "quota_exhausted")
        }
        Failure::Context => {
            word(400, "invalid_request_error", Some("context_length_exceeded"), "context_length")
        }
        Failure::InStream(_) => word(500, "server_error", None, "server_error"),
        Failure::Status(status) => match status {
            401 => word(401, "invalid_request_error", Some("invalid_api_key"), "auth"),
            404 => word(404, "invalid_request_error", Some("model_not_found"), "model_not_found"),
            429 => word(429, "requests", Some("rate_limit_exceeded"), "rate_limit"),
            500.. => word(
                status,
                "server_error",
                None,
                if status == 503 { "overloaded" } else { "server_error" },
            ),
            _ => word(status, "invalid_request_error", None, "invalid_request"),
        },
    }
}
