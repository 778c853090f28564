//! `/healthz`, `/readyz`, `/version` and `/metrics`, on loopback unless the operator says otherwise.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, oneshot};

use super::health::Health;
use crate::meters::{OPEN_METRICS, PROMETHEUS, Shared};

/// Connections at a time; more wait.
const CONNECTIONS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves until dropped.
#[derive(Debug)]
pub(super) struct Endpoints {
    _stop: oneshot::Sender<()>,
}

impl Endpoints {
    pub(super) fn start(
        address: SocketAddr,
        health: Arc<Health>,
        meters: Shared,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        thread::Builder::new().name("endpoints".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    result = serve(listener, health, meters) => {
                        if let Err(error) = result {
                            tracing::error!(%error, "the endpoints are gone");
                        }
                    }
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { _stop: stop })
    }
}

async fn serve(listener: TcpListener, health: Arc<Health>, meters: Shared) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (health, meters) = (Arc::clone(&health), meters.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer(&request, &health, &meters);
                async move { Ok::<_, Infallible>(answer) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
            // A client that breaks off is its own affair.
            let _broken = http.serve_connection(TokioIo::new(stream), service).await;
            drop(place);
        });
    }
}

fn answer(request: &Request<Incoming>, health: &Health, meters: &Shared) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n".into());
    }
    let says = |good: bool, yes: &str, no: &str| {
        let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        text(status, if good { yes } else { no }.to_owned())
    };
    match request.uri().path() {
        "/healthz" => says(health.is_alive(), "ok\n", "the run hangs\n"),
        "/readyz" => says(health.is_ready(), "ready\n", "not ready\n"),
        "/version" => text(StatusCode::OK, format!("{}\n", crate::run::version())),
        "/metrics" => {
            let accept = request.headers().get(ACCEPT).and_then(|v| v.to_str().ok());
            let open = accept.is_some_and(|a| a.contains("application/openmetrics-text"));
            let mut response = text(StatusCode::OK, meters.lock().text(open));
            let kind = if open { OPEN_METRICS } else { PROMETHEUS };
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            response
        }
        _ => text(StatusCode::NOT_FOUND, "/healthz /readyz /version /metrics\n".into()),
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
