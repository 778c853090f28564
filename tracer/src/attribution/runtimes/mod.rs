//! Container runtimes, asked for names, images, labels and pods [edge].
//!
//! In: ids of containers, as soon as their cgroup appears. Out: what the runtime says, remembered. One
//! thread asks; nobody waits for it but a bounded while ([`Runtimes::get`] tells whether to). Limits:
//! containers remembered, questions at once, time per question; a socket that is away is left alone
//! for a while that doubles.

mod cri;
mod docker;
mod messages;

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::{Semaphore, mpsc};

use super::config::Attribution;
use super::container::Container;
use super::container::place::Place;
use super::procfs::Procfs;

/// Questions waiting to be asked.
const QUEUE: usize = 4096;
/// Questions asked at the same time.
const AT_ONCE: usize = 16;
/// One question's time.
const PATIENCE: Duration = Duration::from_secs(2);
/// A container whose process has not started yet is asked for again after so long.
const AGAIN: [Duration; 3] =
    [Duration::from_millis(30), Duration::from_millis(150), Duration::from_secs(1)];
/// A container that nobody knew is asked for again after so long.
const FORGIVEN: Duration = Duration::from_secs(10);
/// A socket that does not answer is left alone for so long at first, and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
    #[error(transparent)]
    Request(#[from] hyper::http::Error),
    #[error(transparent)]
    Body(#[from] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Transport(#[from] tonic::transport::Error),
    #[error(transparent)]
    Grpc(#[from] tonic::Status),
    #[error("status {0}")]
    Answer(u16),
    #[error("no answer in time")]
    Late,
}

pub(super) enum Reply {
    /// With the first process, once it runs.
    Found(Box<Container>, Option<u32>),
    Missing,
}

/// What is known of an id.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    /// Asked since then.
    Pending(Instant),
    Found(Arc<Container>),
    /// No runtime had it then, or none could be asked.
    Unknown(Instant),
}

/// For the books.
#[derive(Debug, Default)]
pub struct Counts {
    pub asked: AtomicU64,
    pub found: AtomicU64,
    pub failed: AtomicU64,
    /// Not asked because too many were waiting.
    pub skipped: AtomicU64,
    /// Forgotten because there were too many.
    pub evicted: AtomicU64,
}

#[derive(Debug, Default)]
struct Memory {
    known: HashMap<Box<str>, Known>,
    order: VecDeque<Box<str>>,
}

#[derive(Debug)]
struct Shared {
    memory: Mutex<Memory>,
    counts: Counts,
    limit: usize,
}

impl Shared {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Holders only insert and remove: what a panic left is whole.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, id: &str, known: Known) {
        // Forgotten meanwhile: nobody wants it any more.
        if let Some(slot) = self.memory().known.get_mut(id) {
            *slot = known;
        }
    }
}

#[derive(Debug)]
struct Question {
    id: Box<str>,
    runtime: Option<&'static str>,
}

/// A handle; clones share what is known.
#[derive(Clone, Debug)]
pub struct Runtimes {
    shared: Arc<Shared>,
    questions: mpsc::Sender<Question>,
}

impl Runtimes {
    /// Starts the thread that asks. It ends with the last handle.
    ///
    /// # Errors
    /// When no thread or runtime can be made.
    pub fn start(config: &Attribution) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            memory: Mutex::default(),
            counts: Counts::default(),
            limit: config.max_containers,
        });
        let (questions, receiver) = mpsc::channel(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sockets = Arc::new(Sockets::new(config));
        let own = Arc::clone(&shared);
        thread::Builder::new()
            .name("containers".into())
            .spawn(move || runtime.block_on(ask_all(receiver, &sockets, &own)))?;
        Ok(Self { shared, questions })
    }

    /// Asks for a container unless it is known or asked for already.
    pub fn ask(&self, id: &str, runtime: Option<&'static str>) {
        let mut memory = self.shared.memory();
        let before = match memory.known.get(id) {
            Some(Known::Unknown(since)) if since.elapsed() >= FORGIVEN => true,
            Some(_) => return,
            None => false,
        };
        if self.questions.try_send(Question { id: id.into(), runtime }).is_err() {
            self.shared.counts.skipped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if before {
            // Nobody waits for the second answer.
            memory.known.insert(id.into(), Known::Unknown(Instant::now()));
            return;
        }
        memory.known.insert(id.into(), Known::Pending(Instant::now()));
        memory.order.push_back(id.into());
        while memory.known.len() > self.shared.limit {
            let Some(oldest) = memory.order.pop_front() else { break };
            if memory.known.remove(&oldest).is_some() {
                self.shared.counts.evicted.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// What is known; `None`: never asked, or forgotten.
    pub fn get(&self, id: &str) -> Option<Known> {
        self.shared.memory().known.get(id).cloned()
    }

    /// Lets go of a container that is gone for good.
    pub fn forget(&self, id: &str) {
        let mut memory = self.shared.memory();
        memory.known.remove(id);
        if memory.order.len() > 2 * memory.known.len() + 64 {
            let Memory { known, order } = &mut *memory;
            order.retain(|id| known.contains_key(id));
        }
    }

    pub fn len(&self) -> usize {
        self.shared.memory().known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }
}

async fn ask_all(
    mut questions: mpsc::Receiver<Question>,
    sockets: &Arc<Sockets>,
    shared: &Arc<Shared>,
) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(question) = questions.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (sockets, shared) = (Arc::clone(sockets), Arc::clone(shared));
        tokio::spawn(async move {
            let unstarted = ask(&sockets, &shared, &question).await;
            drop(place);
            if unstarted {
                for pause in AGAIN {
                    tokio::time::sleep(pause).await;
                    if !ask(&sockets, &shared, &question).await {
                        break;
                    }
                }
            }
        });
    }
}

/// Asks once. Says whether the container is known but has no process yet.
async fn ask(sockets: &Sockets, shared: &Shared, question: &Question) -> bool {
    shared.counts.asked.fetch_add(1, Ordering::Relaxed);
    let mut failed = false;
    for socket in sockets.of(question.runtime) {
        match socket.inspect(&question.id).await {
            Some(Ok(Reply::Found(mut container, pid))) => {
                container.cgroup = pid.and_then(cgroup_of).map(Into::into);
                container.runtime = container.runtime.or(question.runtime);
                let unstarted = container.cgroup.is_none();
                shared.learn(&question.id, Known::Found(Arc::new(*container)));
                shared.counts.found.fetch_add(1, Ordering::Relaxed);
                return unstarted;
            }
            Some(Ok(Reply::Missing)) | None => {}
            Some(Err(error)) => {
                failed = true;
                tracing::debug!(socket = %socket.path.display(), %error, "no answer of a container runtime");
            }
        }
    }
    if failed {
        shared.counts.failed.fetch_add(1, Ordering::Relaxed);
    }
    // A second look must not take back what the first has found.
    let mut memory = shared.memory();
    if let Some(slot @ Known::Pending(_)) = memory.known.get_mut(&*question.id) {
        *slot = Known::Unknown(Instant::now());
    }
    false
}

/// The container's part of the path of its first process.
fn cgroup_of(pid: u32) -> Option<String> {
    let path = Procfs::default().cgroup(pid)?;
    Some(Place::of(&path).container?.path.to_owned())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Docker,
    Podman,
    Cri,
}

/// When a socket may be asked again, and how long it is left alone next time.
#[derive(Debug, Default)]
struct BackOff {
    until: Option<Instant>,
    next: Duration,
}

#[derive(Debug)]
struct Socket {
    path: PathBuf,
    language: Language,
    back_off: Mutex<BackOff>,
}

#[derive(Debug)]
struct Sockets(Vec<Socket>);

impl Sockets {
    fn new(config: &Attribution) -> Self {
        let of = |paths: &[PathBuf], language| {
            let socket = |path: &PathBuf| Socket {
                path: path.clone(),
                language,
                back_off: Mutex::default(),
            };
            paths.iter().map(socket).collect::<Vec<_>>()
        };
        let all = [
            of(&config.cri, Language::Cri),
            of(&config.docker, Language::Docker),
            of(&config.podman, Language::Podman),
        ];
        Self(all.into_iter().flatten().collect())
    }

    /// Those that may know a container of `runtime`.
    fn of(&self, runtime: Option<&'static str>) -> impl Iterator<Item = &Socket> {
        self.0.iter().filter(move |socket| match runtime {
            Some("docker") => socket.language == Language::Docker,
            Some("podman") => socket.language == Language::Podman,
            Some("containerd" | "cri-o") => socket.language == Language::Cri,
            Some(_) => false,
            None => true,
        })
    }
}

impl Socket {
    /// `None`: not asked, it is away.
    async fn inspect(&self, id: &str) -> Option<Result<Reply, Failure>> {
        if !self.may_be_asked() {
            return None;
        }
        let answer = async {
            match self.language {
                Language::Docker => docker::inspect(&self.path, id, "docker").await,
                Language::Podman => docker::inspect(&self.path, id, "podman").await,
                Language::Cri => cri::inspect(&self.path, id).await,
            }
        };
        let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap_or(Err(Failure::Late));
        let mut back_off = self.back_off.lock().unwrap_or_else(PoisonError::into_inner);
        *back_off = match &answer {
            // A refusal is an answer too: somebody is there.
            Ok(_) | Err(Failure::Answer(_) | Failure::Grpc(_)) => BackOff::default(),
            Err(_) => {
                let pause = back_off.next.clamp(BACK_OFF.0, BACK_OFF.1);
                BackOff { until: Some(Instant::now() + pause), next: pause * 2 }
            }
        };
        Some(answer)
    }

    fn may_be_asked(&self) -> bool {
        let back_off = self.back_off.lock().unwrap_or_else(PoisonError::into_inner);
        back_off.until.is_none_or(|until| Instant::now() >= until) && exists(&self.path)
    }
}

fn exists(path: &Path) -> bool {
    path.try_exists().unwrap_or(false)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
