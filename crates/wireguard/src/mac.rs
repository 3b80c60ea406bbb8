//! The checksums of handshake messages, and the cookies that prove a sender's address (whitepaper,
//! sections 5.3, 5.4.4 and 5.4.7).

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use adit_model::wireguard::Key;
use blake2::{
    Blake2s256, Blake2sMac,
    digest::{Digest, FixedOutput, KeyInit, Update, consts::U16},
};
use chacha20poly1305::{AeadInPlace, XChaCha20Poly1305};
use ring::rand::{SecureRandom, SystemRandom};

use crate::message::{COOKIE_REPLY, Kind};

const MAC: usize = 16;
const NONCE: usize = 24;

/// How long a cookie counts, and how long its issuer's secret.
const COOKIE_LIFE: Duration = Duration::from_secs(120);

/// Handshakes a second before their senders must prove their address.
const FREE_HANDSHAKES: u32 = 100;

/// Handshakes a second from an address that is proven.
const PROVEN_HANDSHAKES: u32 = 10;

/// The keys that follow from the public key of a message's receiver.
struct ReceiverKeys {
    mac1: [u8; 32],
    cookie: [u8; 32],
}

/// Writes the checksums of messages to one peer.
pub(crate) struct MacWriter {
    keys: ReceiverKeys,
    cookie: Option<([u8; MAC], Instant)>,
    /// Of the last message, to which a cookie may come.
    mac1: Option<[u8; MAC]>,
}

/// Weighs handshakes by their checksums before anything dear is computed for them.
pub(crate) struct MacReader {
    keys: ReceiverKeys,
    random: SystemRandom,
    load: Mutex<Load>,
}

/// What is to be done with a handshake message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is looked into.
    Admitted,
    /// There are too many: its sender is to prove its address with this.
    Cookie([u8; COOKIE_REPLY]),
    /// There are too many from its sender.
    TooMany,
    /// It is not for us.
    Invalid,
}

/// Handshakes of the last second, and the secret of the cookies.
struct Load {
    since: Instant,
    handshakes: u32,
    proven: HashMap<IpAddr, u32>,
    secret: [u8; 32],
    secret_since: Instant,
}

impl MacWriter {
    pub(crate) fn new(receiver: &Key) -> Self {
        Self { keys: ReceiverKeys::new(receiver), cookie: None, mac1: None }
    }

    /// Fills in the last 32 bytes of a handshake message.
    pub(crate) fn write(&mut self, message: &mut [u8], now: Instant) {
        let (covered, room) = message.split_at_mut(message.len() - 2 * MAC);
        let first = mac(&self.keys.mac1, &[covered]);
        room[..MAC].copy_from_slice(&first);
        self.mac1 = Some(first);
        self.cookie.take_if(|(_, since)| now.saturating_duration_since(*since) >= COOKIE_LIFE);
        let second = self.cookie.map_or([0; MAC], |(cookie, _)| mac(&cookie, &[covered, &first]));
        room[MAC..].copy_from_slice(&second);
    }

    /// Takes the cookie for the messages to come. Returns whether it is an answer to the last one.
    pub(crate) fn take_cookie(&mut self, reply: &[u8; COOKIE_REPLY], now: Instant) -> bool {
        let Some(mac1) = self.mac1 else { return false };
        let (nonce, sealed) = reply[8..].split_at(NONCE);
        let (sealed, tag) = sealed.split_at(MAC);
        let mut cookie = [0; MAC];
        cookie.copy_from_slice(sealed);
        let cipher = XChaCha20Poly1305::new((&self.keys.cookie).into());
        let opened =
            cipher.decrypt_in_place_detached(nonce.into(), &mac1, &mut cookie, tag.into()).is_ok();
        if opened {
            self.cookie = Some((cookie, now));
            self.mac1 = None;
        }
        opened
    }
}

impl MacReader {
    pub(crate) fn new(receiver: &Key, now: Instant) -> Self {
        let random = SystemRandom::new();
        let load = Load {
            since: now,
            handshakes: 0,
            proven: HashMap::new(),
            secret: random_bytes(&random),
            secret_since: now,
        };
        Self { keys: ReceiverKeys::new(receiver), random, load: Mutex::new(load) }
    }

    /// Weighs an initiation or a response.
    pub(crate) fn weigh(&self, message: &[u8], source: SocketAddr, now: Instant) -> Verdict {
        let (covered, both) = message.split_at(message.len() - 2 * MAC);
        let (first, second) = both.split_at(MAC);
        if !equal(&mac(&self.keys.mac1, &[covered]), first) {
            return Verdict::Invalid;
        }
        let mut load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
        if load.count(now) <= FREE_HANDSHAKES {
            return Verdict::Admitted;
        }
        let cookie = load.cookie(source, &self.random, now);
        if !equal(&mac(&cookie, &[covered, first]), second) {
            return self.reply(message, first, cookie).map_or(Verdict::TooMany, Verdict::Cookie);
        }
        let proven = load.proven.entry(source.ip()).or_default();
        *proven += 1;
        if *proven <= PROVEN_HANDSHAKES { Verdict::Admitted } else { Verdict::TooMany }
    }

    fn reply(
        &self,
        message: &[u8],
        mac1: &[u8],
        mut cookie: [u8; MAC],
    ) -> Option<[u8; COOKIE_REPLY]> {
        let nonce: [u8; NONCE] = random_bytes(&self.random);
        let cipher = XChaCha20Poly1305::new((&self.keys.cookie).into());
        let tag = cipher.encrypt_in_place_detached((&nonce).into(), mac1, &mut cookie).ok()?;
        let mut reply = [0; COOKIE_REPLY];
        reply[..4].copy_from_slice(&Kind::CookieReply.header());
        // The receiver's number is the sender's of the message.
        reply[4..8].copy_from_slice(&message[4..8]);
        reply[8..32].copy_from_slice(&nonce);
        reply[32..48].copy_from_slice(&cookie);
        reply[48..].copy_from_slice(&tag);
        Some(reply)
    }
}

impl Load {
    fn count(&mut self, now: Instant) -> u32 {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            self.since = now;
            self.handshakes = 0;
            self.proven.clear();
        }
        self.handshakes = self.handshakes.saturating_add(1);
        self.handshakes
    }

    fn cookie(&mut self, source: SocketAddr, random: &SystemRandom, now: Instant) -> [u8; MAC] {
        if now.saturating_duration_since(self.secret_since) >= COOKIE_LIFE {
            self.secret = random_bytes(random);
            self.secret_since = now;
        }
        let port = source.port().to_be_bytes();
        match source.ip() {
            IpAddr::V4(ip) => mac(&self.secret, &[&ip.octets(), &port]),
            IpAddr::V6(ip) => mac(&self.secret, &[&ip.octets(), &port]),
        }
    }
}

impl ReceiverKeys {
    fn new(receiver: &Key) -> Self {
        let key = |label: &[u8]| {
            let hash = Blake2s256::new().chain_update(label).chain_update(receiver.as_bytes());
            hash.finalize().into()
        };
        Self { mac1: key(b"mac1----"), cookie: key(b"cookie--") }
    }
}

/// `MAC(key, parts)`; a key has at most 32 bytes.
fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; MAC] {
    let Ok(mut mac) = Blake2sMac::<U16>::new_from_slice(key) else { return [0; MAC] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize_fixed().into()
}

/// In a time that does not depend on where they differ.
fn equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

/// All zero if the system has no randomness, in which case no handshake succeeds either.
fn random_bytes<const N: usize>(random: &SystemRandom) -> [u8; N] {
    let mut bytes = [0; N];
    let _ = random.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::INITIATION;

    const SOURCE: ([u8; 4], u16) = ([192, 0, 2, 1], 51820);

    #[test]
    fn under_load_only_a_proven_address_is_heard() {
        let (key, begun) = (Key::new([7; 32]), Instant::now());
        let (mut writer, reader) = (MacWriter::new(&key), MacReader::new(&key, begun));
        let mut message = [1; INITIATION];
        writer.write(&mut message, begun);
        for _ in 0..FREE_HANDSHAKES {
            assert_eq!(reader.weigh(&message, SOURCE.into(), begun), Verdict::Admitted);
        }
        let Verdict::Cookie(reply) = reader.weigh(&message, SOURCE.into(), begun) else {
            panic!("it is not under load")
        };
        let mut forged = reply;
        forged[40] ^= 1;
        assert!(!writer.take_cookie(&forged, begun));
        assert!(writer.take_cookie(&reply, begun));
        assert!(!writer.take_cookie(&reply, begun), "an answer to nothing");
        writer.write(&mut message, begun);
        for _ in 0..PROVEN_HANDSHAKES {
            assert_eq!(reader.weigh(&message, SOURCE.into(), begun), Verdict::Admitted);
        }
        assert_eq!(reader.weigh(&message, SOURCE.into(), begun), Verdict::TooMany);
        let elsewhere = ([203, 0, 113, 9], 51820).into();
        assert!(matches!(reader.weigh(&message, elsewhere, begun), Verdict::Cookie(_)));

        let later = begun + Duration::from_secs(1);
        assert_eq!(reader.weigh(&message, elsewhere, later), Verdict::Admitted);
        writer.write(&mut message, begun + COOKIE_LIFE);
        assert_eq!(message[INITIATION - MAC..], [0; MAC], "the cookie is too old");
    }

    #[test]
    fn a_message_for_another_is_not_looked_into() {
        let (one, other) = (Key::new([7; 32]), Key::new([8; 32]));
        let (now, mut message) = (Instant::now(), [1; INITIATION]);
        MacWriter::new(&one).write(&mut message, now);
        let reader = MacReader::new(&other, now);
        assert_eq!(reader.weigh(&message, SOURCE.into(), now), Verdict::Invalid);
    }
}
