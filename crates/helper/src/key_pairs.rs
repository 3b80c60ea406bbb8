//! Key pairs that were made for configurations that are not saved yet. Their private halves leave the
//! helper for owners alone who keep their secrets themselves.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use adit_api::{HelperError, SecretChanges};
use adit_model::{Secret, SecretChange, Secrets, wireguard::Key};
use base64::{Engine, prelude::BASE64_STANDARD};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Enough to fill in a form.
const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// Of one user. The oldest makes room for a new one.
const MOST_OF_ONE_USER: usize = 32;

/// Those that nobody has saved yet, by user.
#[derive(Default)]
pub(crate) struct KeyPairs(BTreeMap<u32, VecDeque<KeyPair>>);

struct KeyPair {
    made: Instant,
    public: Key,
    private: Secret,
}

impl KeyPairs {
    /// Keeps the pair that follows from these random bytes, and returns its public half.
    pub(crate) fn keep(&mut self, uid: u32, random: &Zeroizing<[u8; 32]>, now: Instant) -> Key {
        let private = StaticSecret::from(**random);
        let public = Key::new(PublicKey::from(&private).to_bytes());
        let private = Secret::new(BASE64_STANDARD.encode(private.as_bytes()));
        self.forget_old(now);
        let pairs = self.0.entry(uid).or_default();
        if pairs.len() == MOST_OF_ONE_USER {
            pairs.pop_front();
        }
        pairs.push_back(KeyPair { made: now, public, private });
        public
    }

    /// What secrets become by these changes. A pair can be asked for again, because the save may
    /// still fail.
    pub(crate) fn apply(
        &mut self,
        uid: u32,
        mut secrets: Secrets,
        changes: SecretChanges,
        now: Instant,
    ) -> Result<Secrets, HelperError> {
        for (name, change) in changes {
            match change {
                SecretChange::Set(secret) => secrets.insert(name, secret),
                SecretChange::KeyOf(public) => {
                    let private = self.private_half(uid, public, &name, now)?;
                    secrets.insert(name, private)
                }
                SecretChange::Remove {} => secrets.remove(&name),
            };
        }
        Ok(secrets)
    }

    /// What is asked for as `name`.
    pub(crate) fn private_half(
        &mut self,
        uid: u32,
        public: Key,
        name: &str,
        now: Instant,
    ) -> Result<Secret, HelperError> {
        self.forget_old(now);
        let mut pairs = self.0.get(&uid).into_iter().flatten();
        let pair = pairs.find(|pair| pair.public == public);
        pair.map(|pair| pair.private.clone()).ok_or_else(|| HelperError::ConfigurationInvalid {
            field: name.into(),
            reason: "is of a key pair that is no longer kept; make a new one".into(),
        })
    }

    fn forget_old(&mut self, now: Instant) {
        self.0.retain(|_, pairs| {
            pairs.retain(|pair| now.duration_since(pair.made) < LIFETIME);
            !pairs.is_empty()
        });
    }
}

/// The public half of a secret that is a Curve25519 key.
pub(crate) fn public_half(secret: &Secret) -> Option<Key> {
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(secret.expose()).ok()?);
    let bytes = Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?);
    Some(Key::new(PublicKey::from(&StaticSecret::from(*bytes)).to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: u32 = 1000;
    const BOB: u32 = 1001;

    /// RFC 7748 section 6.1: Alice's.
    #[test]
    fn the_halves_belong_together() {
        let private = Secret::new("dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=");
        let public: Key = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=".parse().unwrap();
        assert_eq!(public_half(&private), Some(public));
        assert_eq!(public_half(&Secret::new("no key")), None);
        let mut pairs = KeyPairs::default();
        let bytes = BASE64_STANDARD.decode(private.expose()).unwrap();
        let random = Zeroizing::new(<[u8; 32]>::try_from(bytes).unwrap());
        assert_eq!(pairs.keep(ALICE, &random, Instant::now()), public);
        let secrets = pairs.apply(ALICE, Secrets::new(), ask_for(public), Instant::now()).unwrap();
        assert_eq!(secrets["privateKey"], private);
    }

    #[test]
    fn a_pair_is_its_users_for_an_hour() {
        let (mut pairs, now) = (KeyPairs::default(), Instant::now());
        let public = pairs.keep(ALICE, &Zeroizing::new([7; 32]), now);
        let mut ask = |uid, now| pairs.apply(uid, Secrets::new(), ask_for(public), now).is_ok();
        assert!(ask(ALICE, now));
        assert!(ask(ALICE, now + Duration::from_secs(59 * 60)), "a save may have failed");
        assert!(!ask(BOB, now));
        assert!(!ask(ALICE, now + LIFETIME));
    }

    #[test]
    fn the_oldest_makes_room() {
        let (mut pairs, now) = (KeyPairs::default(), Instant::now());
        let first = pairs.keep(ALICE, &Zeroizing::new([1; 32]), now);
        let second = pairs.keep(ALICE, &Zeroizing::new([2; 32]), now);
        for byte in 3..=MOST_OF_ONE_USER {
            pairs.keep(ALICE, &Zeroizing::new([u8::try_from(byte).unwrap(); 32]), now);
        }
        pairs.keep(ALICE, &Zeroizing::new([0xff; 32]), now);
        let mut ask = |public| pairs.apply(ALICE, Secrets::new(), ask_for(public), now).is_ok();
        assert!(!ask(first));
        assert!(ask(second));
    }

    #[test]
    fn secrets_that_are_not_mentioned_stay() {
        let secrets = Secrets::from([
            ("kept".into(), Secret::new("a")),
            ("gone".into(), Secret::new("b")),
            ("new".into(), Secret::new("c")),
        ]);
        let changes = SecretChanges::from([
            ("gone".into(), SecretChange::Remove {}),
            ("new".into(), SecretChange::Set(Secret::new("d"))),
        ]);
        let left = KeyPairs::default().apply(ALICE, secrets, changes, Instant::now()).unwrap();
        let expected =
            Secrets::from([("kept".into(), Secret::new("a")), ("new".into(), Secret::new("d"))]);
        assert_eq!(left, expected);
    }

    fn ask_for(public: Key) -> SecretChanges {
        SecretChanges::from([("privateKey".into(), SecretChange::KeyOf(public))])
    }
}
