//! Chat calls with reqwest, one JSON line each.

use rustls_client::{body, calls, option, say, URL};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let calls = calls();
    let mut client = reqwest::blocking::Client::builder();
    if std::env::args().any(|arg| arg == "--http1") {
        client = client.http1_only();
    }
    let client = client.build()?;
    for _ in 0..calls {
        let response = client
            .post(URL)
            .header("content-type", "application/json")
            .header("x-sim", option("sim").unwrap_or_default())
            .body(body())
            .send()?;
        let status = response.status().as_u16();
        let id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok());
        let id = id.unwrap_or_default().to_owned();
        response.bytes()?;
        say(status, &id);
    }
    Ok(())
}
