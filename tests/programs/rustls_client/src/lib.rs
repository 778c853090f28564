//! What the clients have in common: arguments and a request's body.

pub const URL: &str = "https://api.openai.com/v1/chat/completions";

/// The value behind `--name`.
pub fn option(name: &str) -> Option<String> {
    let mut args = std::env::args().skip_while(|arg| *arg != format!("--{name}"));
    args.nth(1)
}

pub fn calls() -> usize {
    let idle = option("idle").and_then(|text| text.parse().ok()).unwrap_or(0);
    std::thread::sleep(std::time::Duration::from_secs(idle));
    option("calls").and_then(|text| text.parse().ok()).unwrap_or(1)
}

pub fn body() -> String {
    let stream = std::env::args().any(|arg| arg == "--stream");
    format!(
        r#"{{"model":"gpt-4o-mini","stream":{stream},"stream_options":{{"include_usage":true}},"messages":[{{"role":"user","content":"hi"}}]}}"#
    )
}

pub fn say(status: u16, request_id: &str) {
    println!(r#"{{"status":{status},"request_id":"{request_id}"}}"#);
}
