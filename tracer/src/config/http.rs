//! `[http]`: health and metrics endpoints.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address and port of `/metrics`, `/healthz`, `/readyz` and `/version`; "" for none.
    #[serde(with = "address")]
    #[schemars(with = "String")]
    pub listen: Option<SocketAddr>,
    /// Series a metric may have; the rest are added up under `_other`.
    pub max_series: usize,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: Some(SocketAddr::from(([127, 0, 0, 1], 9469))), max_series: 10_000 }
    }
}

/// `""` is none.
mod address {
    use std::net::SocketAddr;

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(
        address: &Option<SocketAddr>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&address.map_or_else(String::new, |a| a.to_string()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<SocketAddr>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse()
            .map(Some)
            .map_err(|_| D::Error::custom("an address and port, or \"\" for none"))
    }
}
