//! The ClientHello, RFC 8446 §4.1.2: whom the client wants to talk to.

/// Bytes of a connection that are searched for its hello.
pub const MAX: usize = 16 * 1024;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// Lower case.
    pub server_name: Option<String>,
    /// Offered, the best first.
    pub alpn: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    Partial,
    Hello(Hello),
    /// It is something else.
    Other,
}

/// Reads from the first byte of a connection.
pub fn parse(bytes: &[u8]) -> Progress {
    let whole = || {
        let mut at = Reader(bytes);
        (at.u8()? == HANDSHAKE && at.u8()? == 3).then_some(())?;
        let _minor = at.u8()?;
        let len = usize::from(at.u16()?);
        Some((len, at.0))
    };
    // A byte that is there must fit.
    if bytes.first().is_some_and(|b| *b != HANDSHAKE) || bytes.get(1).is_some_and(|b| *b != 3) {
        return Progress::Other;
    }
    match whole() {
        None => Progress::Partial,
        Some((len, rest)) if rest.len() < len => Progress::Partial,
        Some((len, rest)) => body(&rest[..len]).map_or(Progress::Other, Progress::Hello),
    }
}

fn body(record: &[u8]) -> Option<Hello> {
    let mut at = Reader(record);
    (at.u8()? == CLIENT_HELLO).then_some(())?;
    let _len24 = at.take(3)?;
    let _version_and_random = at.take(2 + 32)?;
    let session = usize::from(at.u8()?);
    at.take(session)?;
    let ciphers = usize::from(at.u16()?);
    at.take(ciphers)?;
    let compressions = usize::from(at.u8()?);
    at.take(compressions)?;
    let mut hello = Hello::default();
    let extensions = usize::from(at.u16()?);
    // A hello longer than its record goes on in the next; what is here is read.
    let mut at = Reader(&at.0[..extensions.min(at.0.len())]);
    while let (Some(kind), Some(len)) = (at.u16(), at.u16()) {
        let Some(data) = at.take(usize::from(len)) else { break };
        match kind {
            SERVER_NAME => hello.server_name = server_name(data),
            ALPN => hello.alpn = alpn(data),
            _ => {}
        }
    }
    Some(hello)
}

/// RFC 6066 §3: a list of one name of type host.
fn server_name(data: &[u8]) -> Option<String> {
    let mut at = Reader(data);
    let _list = at.u16()?;
    (at.u8()? == 0).then_some(())?;
    let len = usize::from(at.u16()?);
    let name = at.take(len)?;
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b".-_".contains(b);
    let fits = !name.is_empty() && name.len() <= 253 && name.iter().all(plain);
    fits.then(|| String::from_utf8_lossy(name).to_ascii_lowercase())
}

/// RFC 7301 §3.1
fn alpn(data: &[u8]) -> Vec<String> {
    let mut at = Reader(data);
    let mut found = Vec::new();
    let _list = at.u16();
    while let Some(len) = at.u8() {
        let Some(name) = at.take(usize::from(len)) else { break };
        if found.len() < 8 && name.iter().all(u8::is_ascii_graphic) {
            found.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    found
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }
    fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }
    fn u16(&mut self) -> Option<u16> {
        let two = self.take(2)?;
        Some(u16::from_be_bytes([two[0], two[1]]))
    }
}

#[cfg(test)]
pub(super) mod fixture {
    /// A hello as a real client (rustls) writes it.
    pub(crate) fn real(name: &str) -> Vec<u8> {
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = name.to_owned().try_into().unwrap();
        let mut client = rustls::ClientConnection::new(config.into(), name).unwrap();
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        wire
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fixture::real;
    use super::*;

    #[test]
    fn a_real_hello_whole_and_cut_at_every_byte() {
        let wire = real("API.openai.com");
        let Progress::Hello(hello) = parse(&wire) else { panic!("no hello") };
        assert_eq!(hello.server_name.as_deref(), Some("api.openai.com"));
        assert_eq!(hello.alpn, ["h2", "http/1.1"]);
        for cut in 0..wire.len() {
            assert_eq!(parse(&wire[..cut]), Progress::Partial, "{cut}");
        }
    }

    #[test]
    fn what_is_no_hello() {
        assert_eq!(parse(b"GET / HTTP/1.1\r\n"), Progress::Other);
        assert_eq!(parse(&[22, 3, 1, 0, 4, 2, 0, 0, 0]), Progress::Other);
        assert_eq!(parse(b""), Progress::Partial);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..512), fits: bool) {
            if fits && bytes.len() > 6 {
                bytes[0] = 22;
                bytes[1] = 3;
                bytes[3] = 0;
                bytes[5] = 1;
            }
            let _outcome = parse(&bytes);
        }
    }
}
