//! Certificates with keys, which are payloads of their own and found by their UUID (spec MDM-9).

use adit_model::{IdentityFormat, IdentityReference, Secret, Secrets, TunnelProviderProtocol};
use base64::{Engine, prelude::BASE64_STANDARD};
use plist::{Dictionary, Value};

use super::{ProfileError, export::set, reader::Reader};

/// Their names among the secrets of a configuration.
const SECRET: &str = "identity";
const PASSWORD: &str = "identityPassword";

const KINDS: [(&str, IdentityFormat); 2] = [
    ("com.apple.security.pkcs12", IdentityFormat::Pkcs12),
    ("com.apple.security.pem", IdentityFormat::Pem),
];

/// One of a profile. It is not opened.
pub(super) struct Certificate<'a> {
    pub(super) uuid: &'a str,
    format: IdentityFormat,
    content: &'a [u8],
    password: Option<&'a str>,
}

impl<'a> Certificate<'a> {
    /// None if the payload is something else.
    pub(super) fn read(payload: &Reader<'a>) -> Result<Option<Self>, ProfileError> {
        let kind = payload.text("PayloadType")?;
        let Some((_, format)) = KINDS.into_iter().find(|(name, _)| Some(*name) == kind) else {
            return Ok(None);
        };
        let content = payload.data("PayloadContent")?;
        Ok(Some(Self {
            uuid: payload.required_text("PayloadUUID")?,
            format,
            content: content
                .ok_or_else(|| ProfileError::Missing { path: payload.path_of("PayloadContent") })?,
            password: payload.text("Password")?,
        }))
    }

    /// Puts it among the secrets. None if its text is none.
    pub(super) fn keep(&self, secrets: &mut Secrets) -> Option<IdentityReference> {
        let content = match self.format {
            IdentityFormat::Pkcs12 => BASE64_STANDARD.encode(self.content),
            IdentityFormat::Pem => str::from_utf8(self.content).ok()?.to_owned(),
        };
        secrets.insert(SECRET.into(), Secret::new(content));
        let password = self.password.map(|password| {
            secrets.insert(PASSWORD.into(), Secret::new(password));
            PASSWORD.to_owned()
        });
        Some(IdentityReference { format: self.format, secret: SECRET.into(), password })
    }
}

/// The payload of a configuration's certificate with its key, to be described by who writes it.
pub(super) fn write(protocol: &TunnelProviderProtocol, secrets: &Secrets) -> Option<Dictionary> {
    let reference = protocol.identity.as_ref()?;
    let text = secrets.get(&reference.secret)?.expose();
    let content = match reference.format {
        IdentityFormat::Pkcs12 => BASE64_STANDARD.decode(text).ok()?,
        IdentityFormat::Pem => text.into(),
    };
    let mut payload = Dictionary::new();
    set(&mut payload, "PayloadContent", Value::Data(content));
    if let Some(password) = reference.password.as_ref().and_then(|name| secrets.get(name)) {
        set(&mut payload, "Password", password.expose());
    }
    Some(payload)
}

/// The type of such a payload.
pub(super) fn kind(format: IdentityFormat) -> &'static str {
    match format {
        IdentityFormat::Pkcs12 => KINDS[0].0,
        IdentityFormat::Pem => KINDS[1].0,
    }
}
