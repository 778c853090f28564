//! Which providers there are and which one a request goes to.
//!
//! In: host, port and path of a request, betraying headers of its answer. Out: a row of
//! [`PROVIDERS`]. To add a provider, add a row to `table.rs` and a fixture folder; nothing else.

pub mod hosts;
mod markdown;
mod regions;
mod table;

pub use self::hosts::{Host, HostTable, HostTableError, Name, kernel_hosts};
pub use self::markdown::markdown;
pub use self::table::{OPENAI_COMPATIBLE, PROVIDERS};
use crate::ai::endpoint::Family;
use crate::ai::rate_limit::LimitFamily;
use crate::http::headers::Headers;

/// What is known of one provider. All header names are lower case.
#[derive(Debug)]
pub struct Provider {
    /// Our own name: configuration, failure rules and the order of the table.
    pub id: &'static str,
    /// `gen_ai.provider.name`: OpenTelemetry's well-known value where one fits, else `id`.
    pub otel: &'static str,
    pub hosts: &'static [Host],
    /// Port that tells this provider when the host is local. Only a port nobody else uses.
    pub port: Option<u16>,
    /// Wire families its inference paths speak; for the documentation.
    pub families: &'static [Family],
    pub rate_limit: LimitFamily,
    /// Response headers with the provider's request id, the best first.
    pub request_id_headers: &'static [&'static str],
    /// Headers of request or response that name the account, the best first.
    pub organization_headers: &'static [&'static str],
    /// The same for the project, workspace or billing unit inside the account.
    pub project_headers: &'static [&'static str],
    /// Response headers that only this software sends: how a self-hosted one is told at any
    /// address. The second part is a beginning of the value, `""` for any.
    pub betrayed_by: &'static [(&'static str, &'static str)],
}

impl PartialEq for Provider {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Provider {}

impl Provider {
    /// What a row leaves out.
    pub(crate) const NONE: Self = Self {
        id: "",
        otel: "",
        hosts: &[],
        port: None,
        families: &[],
        rate_limit: LimitFamily::Unknown,
        request_id_headers: &["x-request-id"],
        organization_headers: &[],
        project_headers: &[],
        betrayed_by: &[],
    };

    /// First value of the first of `request_id_headers` that the answer has.
    pub fn request_id<'h>(&self, response: &'h Headers) -> Option<&'h str> {
        self.request_id_headers.iter().find_map(|name| response.first(name))
    }
}

/// The row with this id.
pub fn by_id(id: &str) -> Option<&'static Provider> {
    if id == OPENAI_COMPATIBLE.id {
        return Some(&OPENAI_COMPATIBLE);
    }
    let at = PROVIDERS.binary_search_by(|row| row.id.cmp(id)).ok()?;
    PROVIDERS.get(at)
}

/// The provider a request is for, by address. `host` without port, any case; `path` without query.
///
/// `extra` (the configuration) wins over the table. Some hosts serve other things as well, and
/// answer only for the paths their row names; `None` means that the path and the shape of the
/// bodies must tell ([`crate::ai::endpoint::recognise`]).
pub fn resolve(
    host: &str,
    port: Option<u16>,
    path: &str,
    extra: &HostTable,
) -> Option<&'static Provider> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if let Some(found) = extra.find(&host, port) {
        return Some(found);
    }
    let mut best: Option<(u8, &'static Provider)> = None;
    for row in PROVIDERS {
        for entry in row.hosts {
            if let Some(weight) = entry.matches(&host, path)
                && best.is_none_or(|(heaviest, _)| weight > heaviest)
            {
                best = Some((weight, row));
            }
        }
    }
    if let Some((_, row)) = best {
        return Some(row);
    }
    let port = port?;
    if !hosts::is_local(&host) {
        return None;
    }
    PROVIDERS.iter().find(|row| row.port == Some(port))
}

/// A self-hosted server or gateway that gives itself away in its response headers.
pub fn betrayed(response: &Headers) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|row| {
        row.betrayed_by.iter().any(|(name, beginning)| {
            response.first(name).is_some_and(|value| value.starts_with(beginning))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(host: &str, port: Option<u16>, path: &str) -> Option<&'static str> {
        resolve(host, port, path, &HostTable::default()).map(|row| row.id)
    }

    #[test]
    fn hosts_of_every_kind_resolve() {
        assert_eq!(id("API.OpenAI.com", Some(443), "/v1/responses"), Some("openai"));
        assert_eq!(id("api.openai.com.", None, "/"), Some("openai"));
        assert_eq!(id("a.openai.azure.com", None, "/openai/v1/x"), Some("azure_openai"));
        assert_eq!(id("bedrock-runtime.eu-west-3.amazonaws.com", None, "/"), Some("bedrock"));
        assert_eq!(id("bedrock-runtime-fips.us-east-1.amazonaws.com", None, "/"), Some("bedrock"));
        assert_eq!(
            id("vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", None, "/"),
            Some("bedrock")
        );
        assert_eq!(id("s3.us-east-1.amazonaws.com", None, "/"), None);
        assert_eq!(id("europe-west4-aiplatform.googleapis.com", None, "/"), Some("vertex"));
        assert_eq!(id("aiplatform.eu.rep.googleapis.com", None, "/"), Some("vertex"));
        assert_eq!(id("oauth2.googleapis.com", None, "/token"), None);
        assert_eq!(id("evil-api.openai.com.example.org", None, "/"), None);
    }

    #[test]
    fn shared_hosts_are_claimed_by_path() {
        let foundry = "x.services.ai.azure.com";
        assert_eq!(id(foundry, None, "/openai/v1/embeddings"), Some("azure_openai"));
        assert_eq!(id(foundry, None, "/models/chat/completions"), Some("azure_ai"));
        assert_eq!(id("api.cloudflare.com", None, "/client/v4/zones"), None);
        let run = "/client/v4/accounts/1/ai/run/@cf/meta/llama";
        assert_eq!(id("api.cloudflare.com", None, run), Some("cloudflare"));
        assert_eq!(id("chatgpt.com", None, "/"), None);
        assert_eq!(id("chatgpt.com", None, "/backend-api/codex/responses"), Some("openai"));
        assert_eq!(id("w.cloud.databricks.com", None, "/api/2.0/jobs"), None);
    }

    #[test]
    fn a_port_tells_only_at_home() {
        assert_eq!(id("localhost", Some(11434), "/"), Some("ollama"));
        assert_eq!(id("10.1.2.3", Some(11434), "/"), Some("ollama"));
        assert_eq!(id("example.com", Some(11434), "/"), None);
        assert_eq!(id("localhost", Some(8080), "/"), None);
    }

    #[test]
    fn a_server_betrays_itself() {
        let mut headers = Headers::default();
        headers.push(b"Server", b"llama.cpp");
        assert_eq!(betrayed(&headers).map(|row| row.id), Some("llamacpp"));
        let mut headers = Headers::default();
        headers.push(b"X-LiteLLM-Version", b"1.2");
        assert_eq!(betrayed(&headers).map(|row| row.id), Some("litellm"));
        assert_eq!(betrayed(&Headers::default()), None);
    }
}
