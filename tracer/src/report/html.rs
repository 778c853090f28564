//! One self-contained page: figures as JSON inside, drawn by a script of its own, nothing fetched.

use super::Report;

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");

/// The page. Names from outside stay data: they are JSON to the script, which sets text, never markup.
///
/// # Errors
/// When the report cannot be written as JSON.
pub fn html(report: &Report) -> serde_json::Result<String> {
    // `<` would end the script element early.
    let data = serde_json::to_string(report)?
        .replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");
    let mut page = String::with_capacity(PAGE.len() + STYLE.len() + SCRIPT.len() + data.len());
    for part in PAGE.split("{{") {
        match part.split_once("}}") {
            Some(("style", rest)) => page.extend([STYLE, rest]),
            Some(("script", rest)) => page.extend([SCRIPT, rest]),
            Some(("data", rest)) => page.extend([&*data, rest]),
            _ => page.push_str(part),
        }
    }
    Ok(page)
}
