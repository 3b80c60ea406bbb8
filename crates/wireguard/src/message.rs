//! The four messages of WireGuard (whitepaper, section 5.4).

/// Bytes of a handshake initiation.
pub(crate) const INITIATION: usize = 148;

/// Bytes of a handshake response.
pub(crate) const RESPONSE: usize = 92;

/// Bytes of a cookie reply.
pub(crate) const COOKIE_REPLY: usize = 64;

/// Bytes of a data message before its content.
pub(crate) const DATA_HEADER: usize = 16;

/// Bytes of a data message after its content.
pub(crate) const TAG: usize = 16;

/// Bytes that a data message has beyond its content.
pub(crate) const DATA_OVERHEAD: usize = DATA_HEADER + TAG;

/// What a message is by its first bytes and its length, its content not verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    Initiation(&'a [u8; INITIATION]),
    Response(&'a [u8; RESPONSE]),
    CookieReply(&'a [u8; COOKIE_REPLY]),
    Data {
        /// The session, as the receiver numbers it.
        receiver: u32,
    },
}

/// The type in the first byte; the three after it are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Initiation = 1,
    Response = 2,
    CookieReply = 3,
    Data = 4,
}

impl<'a> Message<'a> {
    pub(crate) fn parse(message: &'a [u8]) -> Option<Self> {
        match message.first_chunk()? {
            [1, 0, 0, 0] => message.try_into().ok().map(Self::Initiation),
            [2, 0, 0, 0] => message.try_into().ok().map(Self::Response),
            [3, 0, 0, 0] => message.try_into().ok().map(Self::CookieReply),
            [4, 0, 0, 0] if message.len() >= DATA_OVERHEAD => {
                Some(Self::Data { receiver: number_at(message, 4) })
            }
            _ => None,
        }
    }
}

impl Kind {
    /// The first four bytes of a message.
    pub(crate) fn header(self) -> [u8; 4] {
        [self as u8, 0, 0, 0]
    }
}

/// The little-endian number at an offset that lies within the message.
pub(crate) fn number_at(message: &[u8], at: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&message[at..at + 4]);
    u32::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_a_type_and_the_length_of_it() {
        let message = |kind: Kind, length| {
            let mut message = vec![0; length];
            message[..4].copy_from_slice(&kind.header());
            message
        };
        for (kind, length) in [
            (Kind::Initiation, INITIATION),
            (Kind::Response, RESPONSE),
            (Kind::CookieReply, COOKIE_REPLY),
            (Kind::Data, DATA_OVERHEAD),
        ] {
            assert!(Message::parse(&message(kind, length)).is_some(), "{kind:?}");
            assert!(Message::parse(&message(kind, length - 1)).is_none(), "{kind:?}");
        }
        assert!(Message::parse(&message(Kind::Data, 1452)).is_some());
        assert!(Message::parse(&message(Kind::Response, RESPONSE + 1)).is_none());
        assert!(Message::parse(&[4, 0, 0, 1].repeat(10)).is_none());
        assert!(Message::parse(b"").is_none());
    }
}
