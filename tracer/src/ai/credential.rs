//! Which credential a request carried, whatever place it stood in: the same key in a header or in
//! the query is the same key.
//!
//! In: a request's credential header and its query. Out: the part that tells keys apart, as
//! [`Secret`]. Of a signature (AWS) it is the access key's id; short-lived tokens tell only themselves
//! apart.

use percent_encoding::percent_decode_str;

use crate::http::headers::Secret;

/// Parameters of a query that hold a key.
const PARAMETERS: &[&str] =
    &["key", "api_key", "api-key", "apikey", "subscription-key", "access_token", "token"];
const SIGNED: &str = "x-amz-credential";

pub(super) fn of(header: Option<&Secret>, query: &str) -> Option<Secret> {
    header.and_then(from_header).or_else(|| from_query(query))
}

fn from_header(header: &Secret) -> Option<Secret> {
    let value = header.expose().trim_ascii();
    let (scheme, rest) = match value.iter().position(|b| *b == b' ') {
        Some(at) => value.split_at(at),
        None => (&b""[..], value),
    };
    let rest = rest.trim_ascii();
    let key = if scheme.starts_with(b"AWS4-") {
        access_key(rest)?
    } else if scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"token") {
        rest
    } else {
        value
    };
    // A scheme without a key.
    let nothing = key.is_empty() || key.eq_ignore_ascii_case(b"bearer");
    (!nothing).then(|| Secret::new(key))
}

/// `Credential=AKID/20260102/us-east-1/bedrock/aws4_request, SignedHeaders=..., Signature=...`
fn access_key(fields: &[u8]) -> Option<&[u8]> {
    fields.split(|b| matches!(b, b',' | b' ')).find_map(|field| {
        let scope = field.strip_prefix(b"Credential=")?;
        scope.split(|b| *b == b'/').next()
    })
}

fn from_query(query: &str) -> Option<Secret> {
    query.split('&').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let name = name.to_ascii_lowercase();
        let value: Vec<u8> = percent_decode_str(value).collect();
        let key = if name == SIGNED {
            value.split(|b| *b == b'/').next()?
        } else if PARAMETERS.contains(&&*name) {
            &value
        } else {
            return None;
        };
        (!key.is_empty()).then(|| Secret::new(key))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Option<Vec<u8>> {
        of(Some(&Secret::new(text.as_bytes())), "").map(|secret| secret.expose().to_vec())
    }

    fn query(text: &str) -> Option<Vec<u8>> {
        of(None, text).map(|secret| secret.expose().to_vec())
    }

    #[test]
    fn one_key_is_one_key_wherever_it_stands() {
        let key = Some(b"sk-1".to_vec());
        assert_eq!(header("Bearer sk-1"), key);
        assert_eq!(header("bearer  sk-1 "), key);
        assert_eq!(header("sk-1"), key);
        assert_eq!(query("alt=sse&key=sk-1"), key);
        assert_eq!(query("KEY=sk%2D1"), key);
    }

    #[test]
    fn of_a_signature_only_the_access_key() {
        let first = "AWS4-HMAC-SHA256 Credential=AKID7/20260102/us-east-1/bedrock/aws4_request, \
                     SignedHeaders=host, Signature=aa";
        assert_eq!(header(first), Some(b"AKID7".to_vec()));
        assert_eq!(
            query("X-Amz-Credential=AKID7%2F20260102%2Fx%2Fy%2Faws4_request&X-Amz-Signature=b"),
            Some(b"AKID7".to_vec())
        );
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(header("Bearer "), None);
        assert_eq!(header(""), None);
        assert_eq!(query("alt=sse&key="), None);
        assert_eq!(query(""), None);
    }
}
