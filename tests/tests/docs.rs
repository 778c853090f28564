//! Generated documents are what the tables say. `UPDATE_DOCS=1` writes them.

#[test]
fn docs_are_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/providers.md");
    let wanted = tracer::ai::providers::markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).unwrap();
        std::fs::write(path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    let remedy = "UPDATE_DOCS=1 cargo test -p tests --test docs";
    assert!(found == wanted, "docs/providers.md is stale: {remedy}");
}
