//! What all simulated providers share: the request's facts, and the words of an answer.

use serde::Deserialize;

use super::answer::{Answer, Body, Piece, Tokens, Told};
use super::request::Request;
use super::script::{Failure, Script};
use super::{anthropic, openai};

/// The fields of a request body that decide an answer.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    pub(super) model: Option<String>,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default)]
    pub(super) stream_options: StreamOptions,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct StreamOptions {
    #[serde(default)]
    pub(super) include_usage: bool,
}

/// One exchange while its answer is made.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) request: &'a Request,
    pub(super) script: &'a Script,
    pub(super) asked: Asked,
    /// Unique in this run.
    pub(super) number: u64,
}

/// A failure as a provider words it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wording {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) code: Option<&'static str>,
    pub(super) class: &'static str,
}

/// The answer of whichever provider the host names; other hosts get a page.
pub(super) fn answer(request: &Request, script: &Script, host: &str, number: u64) -> Answer {
    let asked = serde_json::from_slice(&request.body).unwrap_or_default();
    let scene = Scene { request, script, asked, number };
    match host {
        "api.openai.com" => openai::answer(&scene),
        "api.anthropic.com" => anthropic::answer(&scene),
        _ => page(&scene),
    }
}

/// Ordinary web traffic, which must not be reported.
fn page(scene: &Scene<'_>) -> Answer {
    let size = if scene.script.pad == 0 { 512 } else { scene.script.pad };
    Answer {
        status: 200,
        headers: vec![("content-type".into(), "text/html".into())],
        body: Body::Whole(vec![b'.'; size]),
        told: Told { operation: "page".into(), ..Told::default() },
    }
}

impl Scene<'_> {
    /// Totals. The default input grows with the body, so that different requests tell apart.
    pub(super) fn tokens(&self) -> Tokens {
        let size = self.request.body.len() as u64;
        let some = |count: u64| (count > 0).then_some(count);
        Tokens {
            input: Some(self.script.input.unwrap_or(10 + size / 4)),
            output: Some(self.script.output.unwrap_or(16)),
            cache_read: some(self.script.cached),
            cache_write: some(self.script.cache_write),
            reasoning: some(self.script.reasoning),
        }
    }

    pub(super) fn model(&self) -> &str {
        self.asked.model.as_deref().unwrap_or("sim-default")
    }

    /// The dated name that providers answer with for an alias.
    pub(super) fn response_model(&self) -> String {
        format!("{}-2026-01-15", self.model())
    }

    pub(super) fn words(&self) -> impl Iterator<Item = String> + use<> {
        let pad = ".".repeat(self.script.pad);
        (0..self.script.events.unwrap_or(8)).map(move |n| format!("w{n}{pad} "))
    }

    pub(super) fn text(&self) -> String {
        self.words().collect()
    }

    pub(super) fn told(&self, provider: &str, operation: &str) -> Told {
        Told {
            provider: provider.into(),
            operation: operation.into(),
            request_model: self.asked.model.clone(),
            stream: self.asked.stream,
            ..Told::default()
        }
    }

    /// Stops a stream at the scripted error, and says so in the truth.
    pub(super) fn break_stream(
        &self,
        pieces: &mut Vec<Piece>,
        told: &mut Told,
        error: Piece,
        as_what: Wording,
    ) {
        if let Some(Failure::InStream(after)) = self.script.failure {
            pieces.truncate(after);
            pieces.push(error);
            told.failure_class = Some(as_what.class.into());
            told.error_type = Some(as_what.code.unwrap_or(as_what.kind).into());
            told.finish_reasons.clear();
        }
    }
}

impl Piece {
    /// `event:` is left out where `name` is empty, as OpenAI's chat streams do.
    pub(super) fn event(name: &str, data: &serde_json::Value, content: bool) -> Self {
        let bytes = if name.is_empty() {
            format!("data: {data}\n\n")
        } else {
            format!("event: {name}\ndata: {data}\n\n")
        };
        Self { bytes: bytes.into_bytes(), content }
    }
}
