//! Networks that answer for names that do not exist, as with a server that shows advertisements.
//!
//! There no look-up fails, so no name would ever need the tunnel. Spec OD-17.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
};

use adit_model::ConfigurationId;
use adit_network::resolver::{OutsideResolver, ResolveError};

/// What a network answers for names that do not exist, as far as that was asked.
#[derive(Debug, Default)]
pub(super) struct Forgeries(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Whom this is known of.
    asked: Asked,
    /// By top-level domain; nothing where it says that there is no such name.
    answers: BTreeMap<String, Vec<IpAddr>>,
}

/// The link and the servers on it.
type Asked = (Option<NonZeroU32>, Vec<IpAddr>);

impl Forgeries {
    /// Whether what the network says of a name it says of all that do not exist. The first time in a
    /// network and a top-level domain, a name is asked for that nobody has.
    pub(super) async fn include(&self, name: &str, found: &[IpAddr], asked: &Asked) -> bool {
        let top = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        let top = top.to_ascii_lowercase();
        let known = {
            let mut known = self.known();
            if known.asked != *asked {
                *known = Known { asked: asked.clone(), ..Known::default() };
            }
            known.answers.get(&top).cloned()
        };
        let forged = match known {
            Some(forged) => forged,
            None => match answer_for_nobody(&top, asked).await {
                Some(forged) => {
                    let mut known = self.known();
                    if known.asked == *asked {
                        known.answers.insert(top, forged.clone());
                    }
                    forged
                }
                None => return false,
            },
        };
        is_forged(found, &forged)
    }

    /// It is whole after every statement, so a panic elsewhere does not spoil it.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether all of it is what a network says of names that do not exist.
fn is_forged(found: &[IpAddr], forged: &[IpAddr]) -> bool {
    !found.is_empty() && found.iter().all(|address| forged.contains(address))
}

/// None if the network does not say.
async fn answer_for_nobody(top: &str, (link, servers): &Asked) -> Option<Vec<IpAddr>> {
    let nobody = format!("{}.{top}", ConfigurationId::random());
    match OutsideResolver::default().link(*link).resolve(&nobody, servers).await {
        Ok(addresses) => Some(addresses),
        Err(ResolveError::NotFound(_) | ResolveError::NoAddress(_)) => Some(Vec::new()),
        Err(
            ResolveError::InvalidName(_)
            | ResolveError::MulticastName(_)
            | ResolveError::NoServers(_)
            | ResolveError::NoAnswer { .. },
        ) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_everybody_is_said_of_nobody() {
        let [advertising, other, real] =
            ["192.0.2.1", "192.0.2.2", "198.51.100.1"].map(|it| it.parse().unwrap());
        assert!(is_forged(&[advertising], &[advertising, other]));
        assert!(!is_forged(&[real], &[advertising]));
        assert!(!is_forged(&[advertising, real], &[advertising]));
        assert!(!is_forged(&[advertising], &[]));
        assert!(!is_forged(&[], &[advertising]));
    }
}
