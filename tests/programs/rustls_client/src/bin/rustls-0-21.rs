//! Chat calls with rustls 0.21 and HTTP by hand, a connection and a JSON line each.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use old::client::{ServerCertVerified, ServerCertVerifier};
use rustls_client::{body, calls, option, say};

/// The simulator's certificate is nobody's concern here.
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &old::Certificate,
        _: &[old::Certificate],
        _: &old::ServerName,
        _: &mut dyn Iterator<Item = &[u8]>,
        _: &[u8],
        _: std::time::SystemTime,
    ) -> Result<ServerCertVerified, old::Error> {
        Ok(ServerCertVerified::assertion())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let calls = calls();
    let versions: &[&old::SupportedProtocolVersion] = match option("tls").as_deref() {
        Some("1.2") => &[&old::version::TLS12],
        _ => &[&old::version::TLS13],
    };
    let config = old::ClientConfig::builder()
        .with_safe_default_cipher_suites()
        .with_safe_default_kx_groups()
        .with_protocol_versions(versions)?
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    let config = Arc::new(config);
    for _ in 0..calls {
        let name = old::ServerName::try_from("api.openai.com")?;
        let mut connection = old::ClientConnection::new(Arc::clone(&config), name)?;
        let mut socket = TcpStream::connect(("api.openai.com", 443))?;
        let mut tls = old::Stream::new(&mut connection, &mut socket);
        let (body, sim) = (body(), option("sim").unwrap_or_default());
        write!(
            tls,
            "POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com\r\nconnection: close\r\n\
             content-type: application/json\r\nx-sim: {sim}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        // The end may come without a close_notify.
        let _ = tls.read_to_string(&mut answer);
        let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: "));
        say(answer.split(' ').nth(1).unwrap_or("0").parse()?, id.unwrap_or_default());
    }
    Ok(())
}
