//! Generated documents are what the tables say. `UPDATE_DOCS=1` writes them.

#[test]
fn docs_are_current() {
    let generated = [
        ("providers.md", tracer::ai::providers::markdown()),
        ("coverage.md", tests::matrix::markdown()),
    ];
    for (name, wanted) in generated {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");
        let path = format!("{folder}/{name}");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(&path, &wanted).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let remedy = "UPDATE_DOCS=1 cargo test -p tests --test docs";
        assert!(found == wanted, "docs/{name} is stale: {remedy}");
    }
}
