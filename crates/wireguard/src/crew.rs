//! Threads that help with the cryptography of a batch.
//!
//! A data thread divides a batch, takes a part itself and goes on when all parts are done: order holds
//! without a sequencer, and no packet waits in a queue. On few cores there is nobody to help, because
//! waking a sleeper costs more than it would seal.

use std::num::NonZero;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// What is worth handing over, in packets: some microseconds of sealing.
const LEAST_SHARE: usize = 8;

/// With fewer cores the two directions and the system's own work fill them.
const LEAST_CORES: usize = 4;

/// More only wait for the thread that reads and writes.
const MOST_HANDS: usize = 6;

/// Shared by all data threads of an engine.
#[derive(Debug)]
pub(crate) struct Crew {
    pool: Option<ThreadPool>,
}

/// How many threads help on this machine.
pub(crate) fn hands() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    if cores < LEAST_CORES { 0 } else { (cores / 2).min(MOST_HANDS) }
}

impl Crew {
    /// A crew of so many threads. Without any, or if they cannot be had, whoever asks works alone.
    pub(crate) fn new(hands: usize) -> Self {
        let build = || {
            let builder = ThreadPoolBuilder::new().num_threads(hands);
            builder.thread_name(|number| format!("wg-crew-{number}")).build()
        };
        let pool = (hands > 0).then(build).and_then(|pool| {
            pool.inspect_err(
                |error| tracing::warn!(%error, "cryptography has no threads of its own"),
            )
            .ok()
        });
        Self { pool }
    }

    /// Whether a batch of so many packets is worth [dividing](Self::divide).
    pub(crate) fn helps_with(&self, packets: usize) -> bool {
        self.pool.is_some() && packets >= 2 * LEAST_SHARE
    }

    /// Does `work` to each of `batch`, at the same time as far as there are hands.
    pub(crate) fn divide<T: Send>(&self, mut batch: Vec<T>, work: impl Fn(T) + Sync) {
        let Some(pool) = self.pool.as_ref().filter(|_| self.helps_with(batch.len())) else {
            return batch.into_iter().for_each(work);
        };
        let parts = (batch.len() / LEAST_SHARE).min(pool.current_num_threads() + 1);
        let share = batch.len().div_ceil(parts);
        let work = &work;
        pool.in_place_scope(|scope| {
            while batch.len() > share {
                let part = batch.split_off(batch.len() - share);
                scope.spawn(move |_| part.into_iter().for_each(work));
            }
            batch.into_iter().for_each(work);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::Mutex, thread, time::Duration};

    use super::*;

    #[test]
    fn everything_is_done_once_whatever_the_size() {
        for hands in [0, 1, 3] {
            let crew = Crew::new(hands);
            for size in [0, 1, 7, 8, 15, 16, 17, 47, 128, 256] {
                let mut batch = vec![0; size];
                crew.divide(batch.iter_mut().collect(), |item| *item += 1);
                assert!(batch.iter().all(|item| *item == 1), "{hands} hands, {size} packets");
            }
        }
    }

    #[test]
    fn a_large_batch_is_done_by_several_and_a_small_one_by_whoever_has_it() {
        let crew = Crew::new(3);
        let threads = |size: usize| {
            let seen = Mutex::new(HashSet::new());
            crew.divide(vec![(); size], |()| {
                seen.lock().unwrap().insert(thread::current().id());
                thread::sleep(Duration::from_millis(2));
            });
            seen.into_inner().unwrap()
        };
        assert_eq!(threads(2 * LEAST_SHARE - 1), HashSet::from([thread::current().id()]));
        let many = threads(4 * LEAST_SHARE);
        assert!(many.len() > 1 && many.contains(&thread::current().id()));
    }
}
