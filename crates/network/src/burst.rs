//! Changes that come in bursts, of which each is looked at once.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, timeout_at};

/// When a burst of changes is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Nothing has changed for this long.
    pub(crate) quiet: Duration,
    /// It has held a change back for this long.
    pub(crate) longest: Duration,
}

/// Returns when something has changed and the burst of changes is over, or `None` when there will be
/// no more. What has changed is left to reading: the kernel drops messages when the socket is full,
/// and then sends one that says only that.
pub(crate) async fn burst(changes: &mut (impl Stream + Unpin), pace: Pace) -> Option<()> {
    changes.next().await?;
    burst_after(changes, pace, drop).await
}

/// As [`burst`], when its first change was taken. `note` hears of the others.
pub(crate) async fn burst_after<T>(
    changes: &mut (impl Stream<Item = T> + Unpin),
    pace: Pace,
    mut note: impl FnMut(T),
) -> Option<()> {
    let end = Instant::now() + pace.longest;
    while Instant::now() < end {
        let quiet = end.min(Instant::now() + pace.quiet);
        match timeout_at(quiet, changes.next()).await {
            Ok(change) => note(change?),
            Err(_) => return Some(()),
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_ends_with_quiet_but_cannot_go_on_for_ever() {
        let (quiet, longest) = (Duration::from_millis(150), Duration::from_secs(1));
        let pace = Pace { quiet, longest };
        let start = Instant::now();
        let mut three = Box::pin(every(quiet / 2).take(3).chain(stream::pending()));
        assert_eq!(burst(&mut three, pace).await, Some(()));
        assert_eq!(start.elapsed(), quiet / 2 * 3 + quiet);

        let start = Instant::now();
        let mut endless = Box::pin(every(quiet / 2).take(1000));
        assert_eq!(burst(&mut endless, pace).await, Some(()));
        assert_eq!(start.elapsed(), quiet / 2 + longest);

        assert_eq!(burst(&mut stream::empty::<()>(), pace).await, None);

        let mut heard = Vec::new();
        let mut few = Box::pin(stream::iter([1, 2]).chain(stream::pending()));
        assert_eq!(burst_after(&mut few, pace, |change| heard.push(change)).await, Some(()));
        assert_eq!(heard, [1, 2]);
    }

    fn every(interval: Duration) -> impl Stream<Item = ()> {
        stream::unfold((), move |()| async move {
            sleep(interval).await;
            Some(((), ()))
        })
    }
}
