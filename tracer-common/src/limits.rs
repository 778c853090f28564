//! Every size both sides must agree on.

/// Sizes of the payload area of a plaintext record. A record is reserved in the smallest bucket
/// that holds its data: a ring byte costs its size, not the worst case.
pub const BUCKETS: [usize; 4] = [256, 1024, 4096, 16384];
/// The largest payload one record carries; longer data goes up in several records.
pub const MAX_CHUNK: usize = BUCKETS[3];
/// Bytes per direction that go up from a flow nobody has decided about yet.
pub const UNDECIDED_BYTES: u64 = 1024;
/// The same where a library's server names cannot be seen: a whole answer may come before user space
/// has read the request.
pub const UNDECIDED_BYTES_UNNAMED: u64 = 64 * 1024;
/// The same of a plain-HTTP flow: no server name decides it in the kernel, and its head and body may
/// be one write.
pub const UNDECIDED_PLAIN_BYTES: u64 = 1024 * 1024;
/// Most records one library call may produce (16 MiB of one `SSL_write`); the rest is a counted hole.
pub const MAX_CHUNKS_PER_CALL: u32 = 1024;

/// Longest server name kept (RFC 1035 §2.3.4 allows 253 characters).
pub const SNI_BYTES: usize = 256;
/// Longest executable path an exec record carries; longer paths are cut at the end and flagged.
pub const PATH_BYTES: usize = 512;
/// Bytes of argv an exec record carries, NUL between arguments.
pub const ARGV_BYTES: usize = 1024;
/// Bytes of those environment variables an exec record carries that name a service.
pub const ENV_BYTES: usize = 1024;
/// Bytes of one such variable; the rest of a longer one is cut.
pub const ENV_VARIABLE_BYTES: usize = 512;
/// Variables looked at.
pub const MAX_ENV_VARIABLES: u32 = 256;
/// Longest cgroup path a record carries.
pub const CGROUP_PATH_BYTES: usize = 512;
/// `TASK_COMM_LEN`, include/linux/sched.h.
pub const COMM_BYTES: usize = 16;

/// Flows tracked in the kernel at once (LRU: the least recently used one goes first).
pub const MAX_FLOWS: u32 = 131_072;
/// Calls that have entered a library function and not returned yet, one per thread.
pub const MAX_CALLS_IN_PROGRESS: u32 = 16_384;
/// The same for Go, one per goroutine: each idle connection has one that waits in a read.
pub const MAX_GO_CALLS: u32 = 65_536;
/// Distinct host names and suffixes that decide a flow in the kernel.
pub const MAX_HOSTS: u32 = 8_192;

/// Connections somebody may want to see (LRU).
pub const MAX_SOCKETS: u32 = 65_536;
/// Addresses and ports of interest.
pub const MAX_ENDPOINTS: u32 = 16_384;
/// Buffers of one vector call that are looked at; bytes in later ones are a counted hole.
pub const MAX_SEGMENTS: u32 = 64;

/// Default size of the ring buffer, bytes; a power of two and a multiple of the page size.
pub const RING_BYTES_DEFAULT: u32 = 16 * 1024 * 1024;
pub const RING_BYTES_MIN: u32 = 64 * 1024;
pub const RING_BYTES_MAX: u32 = 1024 * 1024 * 1024;
/// The reader is woken early once this much is waiting; below it its timer is enough.
pub const WAKEUP_BYTES_DEFAULT: u64 = 64 * 1024;
