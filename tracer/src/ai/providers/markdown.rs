//! The provider table as a document. In: the tables. Out: `docs/providers.md`.

use std::fmt::Write;

use super::{Host, Name, PROVIDERS};
use crate::ai::endpoint::{Anyone, Operation, ROUTES};

/// The text of `docs/providers.md`; a test keeps the file current.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Providers\n\n\
         Made from `tracer/src/ai/providers/table.rs` and `tracer/src/ai/endpoint/routes.rs`; do not \
         edit.\n\n\
         `*` in a host stands for (the beginning of) one label, `**` for one or more; `with` names \
         what the path must hold on hosts that serve other things too. Hosts of your own are added by \
         configuration.\n\n\
         | id | `gen_ai.provider.name` | hosts | wire formats | rate limits | request id |\n\
         |---|---|---|---|---|---|\n",
    );
    for row in PROVIDERS {
        let mut hosts: Vec<String> = row.hosts.iter().map(host).collect();
        hosts.extend(row.port.map(|port| format!("local port {port}")));
        hosts.extend(row.betrayed_by.iter().map(|(name, beginning)| match *beginning {
            "" => format!("answers with `{name}`"),
            value => format!("answers with `{name}: {value}`"),
        }));
        if hosts.is_empty() {
            hosts.push("what its answers hold, or configuration".to_owned());
        }
        let families: Vec<_> = row.families.iter().map(|family| family.as_str()).collect();
        let ids: Vec<_> = row.request_id_headers.iter().map(|name| format!("`{name}`")).collect();
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | `{}` | {} | {} | {} | {} |",
            row.id,
            row.otel,
            hosts.join(", "),
            families.join(", "),
            row.rate_limit.as_str(),
            ids.join(", "),
        );
    }
    text.push_str(
        "\n# Paths\n\n\
         The first pattern that fits the end of the path wins. On hosts nobody knows, `sure` patterns \
         are AI calls, `hint` patterns need a second sign in headers or bodies, the others mean \
         nothing. A known provider's other paths are operation `other`.\n\n\
         | method | path | operation | wire format | only for | unknown hosts |\n\
         |---|---|---|---|---|---|\n",
    );
    for route in ROUTES {
        let operation = match route.operation {
            Operation::Is(name) => name,
            Operation::ByModel => "by the model's name",
        };
        let anyone = match route.anyone {
            Anyone::Sure => "sure",
            Anyone::Hint => "hint",
            Anyone::No => "",
        };
        let _ = writeln!(
            text,
            "| {} | `{}` | {operation} | {} | {} | {anyone} |",
            if route.method.is_empty() { "any" } else { route.method },
            route.path,
            route.family.as_str(),
            route.only.join(", "),
        );
    }
    text
}

fn host(host: &Host) -> String {
    let name = match host.name {
        Name::Exact(name) | Name::Labels(name) => name.to_owned(),
        Name::Suffix(end) => format!("**{end}"),
    };
    match host.path {
        "" => format!("`{name}`"),
        path => format!("`{name}` with `{path}`"),
    }
}
