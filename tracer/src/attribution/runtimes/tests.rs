use super::*;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;

const ID: &str = "3faaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn config(socket: &Path) -> Attribution {
    let none = Vec::new;
    Attribution {
        docker: vec![socket.to_owned()],
        podman: none(),
        cri: none(),
        max_containers: 8,
        ..Attribution::default()
    }
}

fn settled(runtimes: &Runtimes, id: &str) -> Option<Known> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match runtimes.get(id) {
            Some(Known::Pending(_)) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(2));
            }
            other => return other,
        }
    }
}

/// Answers each request with a container of its own id, or 404 for ids that begin with `e`.
fn docker(path: &Path) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = vec![0; 4096];
            let len = stream.read(&mut asked).unwrap();
            let text = String::from_utf8_lossy(&asked[..len]).into_owned();
            let id = text.split('/').nth(2).unwrap().to_owned();
            let body = format!(
                "{{\"Id\":\"{id}\",\"Name\":\"/web\",\"State\":{{\"Pid\":0}},\"Config\":{{\"Image\":\"img:1\",\"Labels\":{{\"team\":\"a\"}}}}}}"
            );
            let status = if id.starts_with('e') { "404 Not Found" } else { "200 OK" };
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
}

#[test]
fn a_container_is_asked_for_once_and_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d.sock");
    docker(&path);
    let runtimes = Runtimes::start(&config(&path)).unwrap();
    runtimes.ask(ID, Some("docker"));
    let Some(Known::Found(container)) = settled(&runtimes, ID) else { panic!("not found") };
    assert_eq!(container.name.as_deref(), Some("web"));
    assert_eq!(container.labels.get("team").map(|v| &**v), Some("a"));
    let unknown = "e".repeat(64);
    runtimes.ask(&unknown, Some("docker"));
    assert!(matches!(settled(&runtimes, &unknown), Some(Known::Unknown(_))));
    // Not this runtime's sockets.
    let other = "1".repeat(64);
    runtimes.ask(&other, Some("podman"));
    assert!(matches!(settled(&runtimes, &other), Some(Known::Unknown(_))));
    runtimes.forget(ID);
    assert_eq!(runtimes.get(ID), None);
}

#[test]
fn memory_is_bounded_and_what_is_forgotten_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let runtimes = Runtimes::start(&config(&dir.path().join("none.sock"))).unwrap();
    for number in 0..100 {
        runtimes.ask(&format!("{number:064x}"), None);
        assert!(runtimes.len() <= 8);
    }
    assert_eq!(runtimes.counts().evicted.load(Ordering::Relaxed), 92);
    for number in 0..100 {
        runtimes.forget(&format!("{number:064x}"));
    }
    assert!(runtimes.is_empty());
    assert!(runtimes.shared.memory().order.len() <= 64);
}

#[test]
fn a_socket_that_is_away_is_left_alone_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d.sock");
    // There, but nobody listens any more.
    drop(UnixListener::bind(&path).unwrap());
    let runtimes = Runtimes::start(&config(&path)).unwrap();
    runtimes.ask(ID, None);
    assert!(matches!(settled(&runtimes, ID), Some(Known::Unknown(_))));
    assert_eq!(runtimes.counts().failed.load(Ordering::Relaxed), 1);
    // Within the back-off nobody asks it: no further failure.
    let other = "2".repeat(64);
    runtimes.ask(&other, None);
    assert!(matches!(settled(&runtimes, &other), Some(Known::Unknown(_))));
    assert_eq!(runtimes.counts().failed.load(Ordering::Relaxed), 1);
    std::fs::remove_file(&path).unwrap();
    docker(&path);
    thread::sleep(BACK_OFF.0);
    let third = "4".repeat(64);
    runtimes.ask(&third, None);
    assert!(matches!(settled(&runtimes, &third), Some(Known::Found(_))));
}
