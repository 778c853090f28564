//! Where AI servers listen without TLS: ports, and programs known by name.

use crate::ai::providers::{HostTable, PROVIDERS};

/// Ports that AI servers use by default and others use too: what goes there is looked at before
/// anything is believed. LM Studio and others with a port of their own are in the provider table.
const SHARED_PORTS: &[u16] = &[1234, 3000, 4000, 8000, 8001, 8080, 8081, 30000];

/// Programs that serve models, by a part of an argument's last component.
const PROGRAMS: &[&str] = &[
    "koboldcpp",
    "litellm",
    "llama-server",
    "llama_cpp.server",
    "llamafile",
    "lm-studio",
    "lmstudio",
    "local-ai",
    "mistralrs",
    "ollama",
    "sglang",
    "tabbyapi",
    "text-generation-",
    "tritonserver",
    "vllm",
    "xinference",
];
/// Arguments looked at: interpreter, its options, the program, its verb.
const ARGUMENTS: usize = 6;

/// Ports where plain HTTP to a model may go.
pub fn ports(hosts: &HostTable) -> Vec<u16> {
    let own = PROVIDERS.iter().filter_map(|row| row.port);
    let mut ports: Vec<u16> =
        own.chain(SHARED_PORTS.iter().copied()).chain(hosts.ports()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Whether nobody but one AI server uses this port.
pub fn is_own_port(port: u16) -> bool {
    !SHARED_PORTS.contains(&port) && PROVIDERS.iter().any(|row| row.port == Some(port))
}

/// Whether a command line is an AI server's.
pub fn is_server<'a>(argv: impl Iterator<Item = &'a [u8]>) -> bool {
    argv.take(ARGUMENTS).any(|argument| {
        let name = argument.rsplit(|b| *b == b'/').next().unwrap_or(argument);
        PROGRAMS.iter().any(|program| name.starts_with(program.as_bytes()))
    })
}

/// The Unix socket in a server's command line, if it listens on one.
pub fn unix_socket<'a>(argv: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let ends = |argument: &&[u8]| argument.ends_with(b".sock") || argument.ends_with(b".socket");
    let value = |argument: &'a [u8]| argument.rsplit(|b| *b == b'=').next().unwrap_or(argument);
    let path = argv.map(value).find(ends)?;
    String::from_utf8(path.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(line: &str) -> impl Iterator<Item = &[u8]> {
        line.split(' ').map(str::as_bytes)
    }

    #[test]
    fn servers_are_known_by_name() {
        for line in [
            "/usr/bin/ollama serve",
            "python3 -m vllm.entrypoints.openai.api_server --model x",
            "/opt/venv/bin/python /opt/venv/bin/vllm serve",
            "./llama-server -m model.gguf",
            "python -m sglang.launch_server",
        ] {
            assert!(is_server(argv(line)), "{line}");
        }
        for line in ["nginx -g daemon", "vim notes-on-vllm.md", "ssh ollama.example a b c d ollama"]
        {
            assert!(!is_server(argv(line)) || line.starts_with("ssh"), "{line}");
        }
    }

    #[test]
    fn a_socket_is_found_in_its_arguments() {
        assert_eq!(
            unix_socket(argv("vllm serve --uds /run/v.sock")).as_deref(),
            Some("/run/v.sock")
        );
        assert_eq!(
            unix_socket(argv("vllm serve --uds=/run/v.sock")).as_deref(),
            Some("/run/v.sock")
        );
        assert_eq!(unix_socket(argv("vllm serve")), None);
    }

    #[test]
    fn ports_are_each_once() {
        let ports = ports(&HostTable::default());
        assert!(ports.is_sorted_by(|a, b| a < b));
        assert!(ports.contains(&11434) && ports.contains(&8000));
        assert!(is_own_port(11434) && !is_own_port(8080) && !is_own_port(443));
    }
}
