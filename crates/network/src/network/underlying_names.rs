//! Names as the network below the tunnels knows them.

use std::{fmt, net::IpAddr, num::NonZeroU32, sync::Arc};

use tokio::sync::Mutex;

use super::reconcile::Reconciler;
use crate::resolver::{OutsideResolver, ResolveError};

/// Asks the physical network's servers past the tunnels, also while the tunnels' servers are in force
/// (DNS-23).
#[derive(Clone)]
pub(crate) struct UnderlyingNames(Arc<Mutex<Reconciler>>);

impl UnderlyingNames {
    pub(super) fn of(reconciler: &Arc<Mutex<Reconciler>>) -> Self {
        Self(Arc::clone(reconciler))
    }

    /// The physical link and its servers, if anything may go past the tunnels.
    pub(crate) async fn open_servers(&self) -> Option<(Option<NonZeroU32>, Vec<IpAddr>)> {
        let is_closed = self.0.lock().await.journal.entries().firewall.closed().is_some();
        if is_closed { None } else { Some(self.servers().await) }
    }

    /// The addresses of `host`.
    pub(crate) async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let state = self.0.lock().await.state().await;
        let only_ipv6 = state.is_ok_and(|state| state.path.has_only_ipv6());
        let (link, servers) = self.servers().await;
        let resolver = OutsideResolver::default().link(link).only_ipv6(only_ipv6);
        resolver.resolve(host, &servers).await
    }

    /// The physical link and its servers. None if nobody knows any.
    pub(crate) async fn servers(&self) -> (Option<NonZeroU32>, Vec<IpAddr>) {
        let reconciler = self.0.lock().await;
        let path = reconciler.state().await.map(|state| state.path);
        let link = path.ok().and_then(|path| path.interface).map(|interface| interface.index);
        let servers = reconciler.dns.underlying(link, &reconciler.journal).await.servers;
        (link.and_then(NonZeroU32::new), servers)
    }
}

impl fmt::Debug for UnderlyingNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnderlyingNames").finish_non_exhaustive()
    }
}
