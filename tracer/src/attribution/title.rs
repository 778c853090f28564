//! `process.title`: what a person would call a process. Never an argument that may hold a secret.
//!
//! In: argv. Out: `python app.py`, `node server.js`, `python -m uvicorn`, `curl`. Only an
//! interpreter's script or module is named; every other argument is left out.

use bytes::Bytes;

use crate::terminal::bounded;

/// Longest title, bytes.
const MAX_TITLE: usize = 128;

/// Programs whose first plain argument is a script, by the beginning of their name, sorted; then
/// the options that take a value of their own, and the option that names a module.
const INTERPRETERS: &[(&str, &[&str], Option<&str>)] = &[
    ("bun", &["--cwd", "-r"], None),
    ("deno", &["--config"], None),
    ("dotnet", &["--fx-version", "--runtimeconfig", "--depsfile"], None),
    ("java", &["-cp", "-classpath", "--module-path", "-p"], Some("-jar")),
    ("node", &["-r", "--require", "--import", "--loader"], None),
    ("perl", &["-I"], None),
    ("php", &["-d", "-c"], Some("-f")),
    ("python", &["-W", "-X", "-Q"], Some("-m")),
    ("ruby", &["-I", "-r", "-C"], None),
    ("uv", &[], None),
];
/// Options behind which code itself stands in the command line: nothing of it is shown.
const INLINE_CODE: &[&str] = &["-c", "-e", "--eval", "-p", "--print"];

/// `process.runtime.name` of an executable's base name, where it is one.
pub fn runtime(name: &str) -> Option<&'static str> {
    INTERPRETERS.iter().find(|(prefix, ..)| is_version_of(name, prefix)).map(|(prefix, ..)| *prefix)
}

/// `python3.11` is a version of `python`, `pythonista` is not.
fn is_version_of(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-'))
}

/// The title of a process with these arguments; `fallback` (its `comm`) when there are none.
pub fn title(argv: &[Bytes], fallback: &str) -> String {
    let Some(first) = argv.first().filter(|a| !a.is_empty()) else {
        return clean(fallback);
    };
    let first = String::from_utf8_lossy(first);
    // Daemons write sentences into argv[0] ("sshd: root [priv]"): the word before is the name.
    let name = base_name(first.split([' ', ':']).next().unwrap_or_default()).to_owned();
    let Some((_, with_value, module)) = INTERPRETERS.iter().find(|(p, ..)| is_version_of(&name, p))
    else {
        return clean(if name.is_empty() { fallback } else { &name });
    };
    let mut rest = argv[1..].iter().map(|a| String::from_utf8_lossy(a));
    while let Some(argument) = rest.next() {
        if Some(&*argument) == *module {
            return match rest.next() {
                Some(what) => clean(&format!("{name} {argument} {}", base_name(&what))),
                None => clean(&name),
            };
        }
        if INLINE_CODE.contains(&&*argument) {
            return clean(&name);
        }
        if with_value.contains(&&*argument) {
            rest.next();
        } else if !argument.starts_with('-') {
            // `deno run x.ts`, `uv run x.py`: the verb is not the program.
            if argument == "run" {
                continue;
            }
            return clean(&format!("{name} {}", base_name(&argument)));
        }
    }
    clean(&name)
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A title fit for a terminal and for one JSON line.
pub fn clean(text: &str) -> String {
    bounded(text, MAX_TITLE)
}

/// A path fit for the same, up to Linux' `PATH_MAX`.
pub fn clean_path(path: &str) -> String {
    bounded(path, 4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &[&str]) -> String {
        let argv: Vec<Bytes> =
            arguments.iter().map(|a| Bytes::copy_from_slice(a.as_bytes())).collect();
        title(&argv, "comm")
    }

    #[test]
    fn names_the_script_and_nothing_else() {
        assert_eq!(
            of(&["/usr/bin/python3.11", "-W", "ignore", "/srv/app.py", "--key", "sk-1"]),
            "python3.11 app.py"
        );
        assert_eq!(of(&["python", "-m", "uvicorn", "app:main"]), "python -m uvicorn");
        assert_eq!(of(&["node", "--import", "x.mjs", "server.js"]), "node server.js");
        assert_eq!(of(&["deno", "run", "-A", "main.ts"]), "deno main.ts");
    }

    #[test]
    fn never_shows_arguments_that_may_be_secrets() {
        assert_eq!(of(&["curl", "-H", "Authorization: Bearer sk-1", "https://x"]), "curl");
        assert_eq!(of(&["python3", "-c", "key='sk-1'"]), "python3");
        assert_eq!(of(&["node", "-e", "fetch('sk-1')"]), "node");
    }

    #[test]
    fn survives_hostile_names() {
        assert_eq!(of(&["a\u{202e}b\n\x1b[2J"]), "a\u{fffd}b\u{fffd}\u{fffd}[2J");
        assert_eq!(of(&[]), "comm");
        assert_eq!(of(&["sshd: root [priv]"]), "sshd");
        assert!(of(&[&"x".repeat(65_536)]).len() <= MAX_TITLE);
    }

    #[test]
    fn table_is_sorted() {
        assert!(INTERPRETERS.is_sorted_by_key(|(name, ..)| name));
    }
}
