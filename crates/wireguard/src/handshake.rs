//! The handshake that agrees on the keys of a session: Noise `IKpsk2` (whitepaper, section 5.4).
//!
//! The cryptography is that of the `snow` library; here are only WireGuard's messages around it.
//! Their checksums are the concern of [`crate::mac`].

use adit_model::wireguard::Key;
use snow::{Builder, HandshakeState};
use zeroize::Zeroizing;

use crate::{
    keys::PrivateKey,
    message::{INITIATION, Kind, RESPONSE, number_at},
    tai64n::Tai64N,
};

const PATTERN: &str = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
const PROLOGUE: &[u8] = b"WireGuard v1 zx2c4 Jason@zx2c4.com";

/// Where in the pattern the preshared key is mixed in.
const PSK_LOCATION: u8 = 2;

/// Where Noise's part of an initiation and of a response lies.
const INITIATION_NOISE: std::ops::Range<usize> = 8..116;
const RESPONSE_NOISE: std::ops::Range<usize> = 12..60;

/// What both ends know after a handshake.
#[derive(Debug)]
pub(crate) struct Agreement {
    pub(crate) role: Role,
    /// How we number the session.
    pub(crate) local: u32,
    /// How the other end numbers it.
    pub(crate) remote: u32,
    /// The key of what we send.
    pub(crate) sealing: Zeroizing<[u8; 32]>,
    /// The key of what we receive.
    pub(crate) opening: Zeroizing<[u8; 32]>,
}

/// Who began a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// We did.
    Initiator,
    /// The other end did.
    Responder,
}

/// A handshake that we began.
pub(crate) struct Initiation {
    noise: Box<HandshakeState>,
    local: u32,
}

/// An initiation of somebody who has the private key for `key`.
pub(crate) struct Request {
    noise: Box<HandshakeState>,
    remote: u32,
    pub(crate) key: Key,
    pub(crate) timestamp: Tai64N,
}

impl Initiation {
    /// Begins a handshake; the message lacks its checksums.
    pub(crate) fn new(
        us: &PrivateKey,
        them: &Key,
        preshared: &[u8; 32],
        local: u32,
        timestamp: Tai64N,
    ) -> Option<(Self, [u8; INITIATION])> {
        let builder = builder(us)?.remote_public_key(them.as_bytes()).ok()?;
        let mut noise = builder.psk(PSK_LOCATION, preshared).ok()?.build_initiator().ok()?;
        let mut message = [0; INITIATION];
        message[..4].copy_from_slice(&Kind::Initiation.header());
        message[4..8].copy_from_slice(&local.to_le_bytes());
        noise.write_message(timestamp.as_bytes(), &mut message[INITIATION_NOISE]).ok()?;
        Some((Self { noise: Box::new(noise), local }, message))
    }

    /// Reads the answer. `None` if it is none, or not authentic; the authentic one may still come.
    pub(crate) fn finish(&mut self, response: &[u8; RESPONSE]) -> Option<Agreement> {
        if number_at(response, 8) != self.local {
            return None;
        }
        self.noise.read_message(&response[RESPONSE_NOISE], &mut []).ok()?;
        let (sealing, opening) = split(&mut self.noise);
        let (local, remote) = (self.local, number_at(response, 4));
        Some(Agreement { role: Role::Initiator, local, remote, sealing, opening })
    }
}

impl Request {
    /// Reads an initiation: learns who sent it. `None` if it is not authentic.
    pub(crate) fn read(us: &PrivateKey, initiation: &[u8; INITIATION]) -> Option<Self> {
        let mut noise = builder(us)?.build_responder().ok()?;
        let mut timestamp = [0; Tai64N::LENGTH];
        noise.read_message(&initiation[INITIATION_NOISE], &mut timestamp).ok()?;
        let key = Key::new(noise.get_remote_static()?.try_into().ok()?);
        Some(Self {
            noise: Box::new(noise),
            remote: number_at(initiation, 4),
            key,
            timestamp: Tai64N::from_bytes(timestamp),
        })
    }

    /// Answers; the message lacks its checksums.
    pub(crate) fn answer(
        mut self,
        preshared: &[u8; 32],
        local: u32,
    ) -> Option<(Agreement, [u8; RESPONSE])> {
        self.noise.set_psk(PSK_LOCATION.into(), preshared).ok()?;
        let mut message = [0; RESPONSE];
        message[..4].copy_from_slice(&Kind::Response.header());
        message[4..8].copy_from_slice(&local.to_le_bytes());
        message[8..12].copy_from_slice(&self.remote.to_le_bytes());
        self.noise.write_message(&[], &mut message[RESPONSE_NOISE]).ok()?;
        let (opening, sealing) = split(&mut self.noise);
        let (role, remote) = (Role::Responder, self.remote);
        Some((Agreement { role, local, remote, sealing, opening }, message))
    }
}

fn builder(us: &PrivateKey) -> Option<Builder<'_>> {
    let builder = Builder::new(PATTERN.parse().ok()?).prologue(PROLOGUE).ok()?;
    builder.local_private_key(us.bytes()).ok()
}

/// The key of what the initiator sends, and that of what it receives.
fn split(noise: &mut HandshakeState) -> (Zeroizing<[u8; 32]>, Zeroizing<[u8; 32]>) {
    let (first, second) = noise.dangerously_get_raw_split();
    (first.into(), second.into())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn both_ends_agree_on_keys() {
        let (us, them) = (PrivateKey::new([1; 32]), PrivateKey::new([2; 32]));
        let timestamp = Tai64N::new(SystemTime::now());
        let (mut initiation, message) =
            Initiation::new(&us, &them.public_key(), &[9; 32], 11, timestamp).unwrap();
        let request = Request::read(&them, &message).unwrap();
        assert_eq!((request.key, request.timestamp), (us.public_key(), timestamp));
        assert!(Request::read(&us, &message).is_none(), "it is for the other");

        let (theirs, response) = request.answer(&[9; 32], 22).unwrap();
        let mut forged = response;
        forged[20] ^= 1;
        assert!(initiation.finish(&forged).is_none());
        let ours = initiation.finish(&response).unwrap();
        assert_eq!((ours.local, ours.remote), (11, 22));
        assert_eq!((theirs.local, theirs.remote), (22, 11));
        assert!(*ours.sealing == *theirs.opening && *ours.opening == *theirs.sealing);
        assert!(*ours.sealing != *ours.opening);
    }
}
