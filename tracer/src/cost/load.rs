//! The prices of this run: the built-in table, and a file over it [edge: reads the file].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use super::Prices;
use crate::sinks::clock::format_rfc3339;

const VARIABLE: &str = "AITRACE_PRICES";

/// `file`, else what `AITRACE_PRICES` names, over the built-in table.
///
/// # Errors
/// When there is such a file and it cannot be read or makes no sense.
pub fn prices(file: Option<&Path>) -> anyhow::Result<Arc<Prices>> {
    let mut prices = Prices::built_in();
    let variable = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(path) = file.map(Path::to_owned).or(variable) {
        let shown = path.display();
        let text = std::fs::read_to_string(&path).with_context(|| format!("prices {shown}"))?;
        let modified = std::fs::metadata(&path).and_then(|file| file.modified());
        let since = modified.ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let stamp = format_rfc3339(since.map_or(0, |since| since.as_nanos() as u64));
        let date = stamp.split('T').next().unwrap_or_default();
        prices.add(&text, date).with_context(|| format!("prices {shown}"))?;
    }
    Ok(Arc::new(prices))
}
