//! Providers are installed, updated and removed.

use std::{convert::Infallible, time::Duration};

use tokio::time::sleep;

use super::Service;
use crate::{folder_watch::FolderWatch, session::Input};

/// A package may be taken away before the next version of it is there.
const SETTLING: Duration = Duration::from_secs(2);

impl Service {
    /// Tells sessions when what is installed may be different.
    pub(crate) async fn follow_providers(&self) -> Infallible {
        let folder = &self.surroundings.providers_dir;
        match FolderWatch::open_deep(folder.clone()) {
            Ok(mut watch) => loop {
                if let Err(error) = watch.changed().await {
                    tracing::error!("{} is no longer watched: {error}", folder.display());
                    break;
                }
                sleep(SETTLING).await;
                self.tell_all(|| Input::ProvidersChanged).await;
            },
            Err(error) => tracing::error!("{} cannot be watched: {error}", folder.display()),
        }
        std::future::pending().await
    }
}
