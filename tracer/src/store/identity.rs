//! Owners and models by number: each is stored once.

use std::collections::HashMap;

use ring::digest::{Context, SHA256};
use rusqlite::{Transaction, params};

use crate::reader::{CallEvent, WhoKeys};

/// Numbers remembered; beyond it all are forgotten and looked up again.
const REMEMBERED: usize = 16_384;

type Digest = [u8; 16];

#[derive(Debug, Default)]
pub(super) struct Identities {
    owners: HashMap<Digest, i64>,
    models: HashMap<(String, String, String), i64>,
}

/// The columns of `who` after `digest`, in order.
fn fields(who: &WhoKeys) -> [Option<&str>; 13] {
    [
        who.host.as_deref(),
        who.team.as_deref(),
        who.use_case.as_deref(),
        who.service.as_deref(),
        who.service_namespace.as_deref(),
        who.workload.as_deref(),
        who.container.as_deref(),
        who.image.as_deref(),
        who.k8s_namespace.as_deref(),
        who.pod.as_deref(),
        who.title.as_deref().or(who.executable.as_deref()),
        who.owner.as_deref(),
        who.runtime.as_deref(),
    ]
}

fn digest(fields: &[Option<&str>; 13]) -> Digest {
    let mut context = Context::new(&SHA256);
    for field in fields {
        // Length first: no two lists of fields read the same.
        let length = field.map_or(u64::MAX, |text| text.len() as u64);
        context.update(&length.to_le_bytes());
        context.update(field.unwrap_or_default().as_bytes());
    }
    let mut short = [0; 16];
    short.copy_from_slice(&context.finish().as_ref()[..16]);
    short
}

impl Identities {
    /// After a batch that was rolled back: its numbers were never given.
    pub(super) fn forget(&mut self) {
        self.owners.clear();
        self.models.clear();
    }

    pub(super) fn owner(&mut self, db: &Transaction<'_>, who: &WhoKeys) -> rusqlite::Result<i64> {
        let fields = fields(who);
        let digest = digest(&fields);
        if let Some(id) = self.owners.get(&digest) {
            return Ok(*id);
        }
        if self.owners.len() >= REMEMBERED {
            self.owners.clear();
        }
        let mut insert = db.prepare_cached(
            "INSERT INTO who (digest, host, team, use_case, service, service_namespace, workload, \
             container, image, k8s_namespace, pod, process, owner, runtime) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
        )?;
        let [a, b, c, d, e, f, g, h, i, j, k, l, m] = fields;
        insert.execute(params![&digest[..], a, b, c, d, e, f, g, h, i, j, k, l, m])?;
        let id = db
            .prepare_cached("SELECT id FROM who WHERE digest = ?")?
            .query_row([&digest[..]], |row| row.get(0))?;
        self.owners.insert(digest, id);
        Ok(id)
    }

    pub(super) fn model(
        &mut self,
        db: &Transaction<'_>,
        call: &CallEvent,
    ) -> rusqlite::Result<i64> {
        let model = call.model().unwrap_or_default().to_owned();
        let key = (call.provider.clone(), model, call.operation.clone());
        if let Some(id) = self.models.get(&key) {
            return Ok(*id);
        }
        if self.models.len() >= REMEMBERED {
            self.models.clear();
        }
        db.prepare_cached(
            "INSERT INTO model (provider, model, operation) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        )?
        .execute(params![key.0, key.1, key.2])?;
        let id = db
            .prepare_cached(
                "SELECT id FROM model WHERE provider = ? AND model = ? AND operation = ?",
            )?
            .query_row(params![key.0, key.1, key.2], |row| row.get(0))?;
        self.models.insert(key, id);
        Ok(id)
    }
}
