//! The computer that is measured on: what it is, and its processors.

use std::fmt;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Instruction sets that ChaCha20-Poly1305 gains from.
const VECTORS: [&str; 3] = ["avx512f", "avx2", "asimd"];

/// Bytes of a full packet in the tunnel.
const PACKET: usize = 1420;

/// How long sealing is measured.
const TRIAL: Duration = Duration::from_millis(300);

/// One line for the head of a table.
#[derive(Debug)]
pub(crate) struct Computer {
    model: String,
    vectors: String,
    processors: usize,
    kernel: String,
    system: String,
}

impl Computer {
    pub(crate) fn describe() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let field = |key: &str| {
            let line = cpuinfo.lines().find(|line| line.starts_with(key));
            line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
        };
        let flags = field("flags").or_else(|| field("Features")).unwrap_or_default();
        let has = |vector: &&str| flags.split_whitespace().any(|flag| flag == *vector);
        let release = read("/etc/os-release");
        let system = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        Self {
            model: field("model name").unwrap_or_else(|| "an unnamed processor".into()),
            vectors: VECTORS.into_iter().filter(has).collect::<Vec<_>>().join(", "),
            processors: thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            system: system.unwrap_or("Linux").trim_matches('"').to_owned(),
        }
    }
}

impl fmt::Display for Computer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, vectors, processors, kernel, system } = self;
        write!(f, "{model}, {processors} processors ({vectors}), Linux {kernel}, {system}")
    }
}

/// What one processor seals at most at this moment with ChaCha20-Poly1305, in GB/s of full packets.
pub(crate) fn crypto_ceiling() -> f64 {
    let Ok(key) = UnboundKey::new(&CHACHA20_POLY1305, &[7; 32]).map(LessSafeKey::new) else {
        return 0.0;
    };
    let mut packet = [0_u8; PACKET];
    let mut sealed = 0_u64;
    let begin = Instant::now();
    while begin.elapsed() < TRIAL {
        for _ in 0..64 {
            let nonce = Nonce::assume_unique_for_key([0; 12]);
            let tag = key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut packet);
            // The next packet is this one's ciphertext, so that none can be left out.
            sealed += u64::from(tag.is_ok());
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let bytes = (sealed * PACKET as u64) as f64;
    bytes / begin.elapsed().as_secs_f64() / 1e9
}

/// Does work on one processor, and so does every program that it starts; anywhere if there is none to be.
pub(crate) fn on_processor<T: Send>(
    processor: Option<usize>,
    work: impl FnOnce() -> T + Send,
) -> T {
    let Some(processor) = processor else { return work() };
    let result = thread::scope(|scope| {
        let pinned = move || {
            let mut only = CpuSet::new();
            only.set(processor);
            if let Err(error) = sched_setaffinity(None, &only) {
                eprintln!("cannot stay on processor {processor}: {error}");
            }
            work()
        };
        scope.spawn(pinned).join()
    });
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
