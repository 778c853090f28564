//! Docker's API, and Podman's, which speaks the same [edge].
//!
//! In: a container's id. Out: one GET of `/containers/ID/json` over a Unix socket.

use std::collections::BTreeMap;
use std::path::Path;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::UnixStream;

use super::{Failure, Reply};
use crate::attribution::container::{Container, labels, text};

/// Longest answer read.
const MAX_BODY: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    #[serde(default)]
    name: String,
    state: Option<State>,
    config: Option<Config>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    #[serde(default)]
    pid: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    image: String,
    /// Null where there are none.
    labels: Option<BTreeMap<String, String>>,
}

/// What the runtime behind `socket` says of `id`.
pub(super) async fn inspect(
    socket: &Path,
    id: &str,
    runtime: &'static str,
) -> Result<Reply, Failure> {
    let stream = UnixStream::connect(socket).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await?;
    // Ends with the sender.
    let connection = tokio::spawn(connection);
    let request = Request::get(format!("/containers/{id}/json"))
        .header("host", "localhost")
        .body(Empty::new())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_BODY).collect().await;
    connection.abort();
    match status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Ok(Reply::Missing),
        other => return Err(Failure::Answer(other.as_u16())),
    }
    let inspected: Inspected = serde_json::from_slice(&body?.to_bytes())?;
    Ok(read(inspected, runtime))
}

fn read(inspected: Inspected, runtime: &'static str) -> Reply {
    let config = inspected.config;
    let (image, own) = config.map(|c| (c.image, c.labels)).unwrap_or_default();
    let container = Container {
        id: inspected.id.into(),
        name: text(inspected.name.trim_start_matches('/')),
        image: text(&image),
        runtime: Some(runtime),
        labels: labels(own.unwrap_or_default()),
        ..Container::default()
    };
    let pid = inspected.state.map(|state| state.pid).filter(|pid| *pid != 0);
    Reply::Found(Box::new(container), pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_made_printable() {
        let answer = "{\"Id\":\"ab\",\"Name\":\"/a\\nb\\u202e\",\"State\":{\"Pid\":7},\"Config\":{\"Image\":\"i:1\",\"Labels\":{\"x\\u001b[2J\":\"1\\r\\n2\"}}}";
        let Reply::Found(container, pid) = read(serde_json::from_str(answer).unwrap(), "docker")
        else {
            panic!()
        };
        assert_eq!((container.name.as_deref(), pid), (Some("a\u{fffd}b\u{fffd}"), Some(7)));
        assert_eq!(container.labels.get("x\u{fffd}[2J").map(|v| &**v), Some("1\u{fffd}\u{fffd}2"));
    }

    #[test]
    fn what_is_not_there_is_unknown() {
        let answer = r#"{"Id":"ab","Config":{"Labels":null}}"#;
        let Reply::Found(container, None) = read(serde_json::from_str(answer).unwrap(), "podman")
        else {
            panic!()
        };
        assert_eq!((container.name, container.image), (None, None));
    }
}
