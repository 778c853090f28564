//! `aitrace schema`: what an event looks like, for machines.

use crate::sinks::schema::json_schema;

pub(super) fn run() -> anyhow::Result<()> {
    super::print(&format!("{:#}\n", json_schema()))
}
