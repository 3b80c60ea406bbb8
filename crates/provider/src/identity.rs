//! The certificate and key of a configuration, for providers that prove by them who connects.

use adit_model::{IdentityFormat, Secrets, VpnConfiguration};
use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

/// A certificate with its key, as it was given; to be opened by whoever understands it. Spec PROTO-6,
/// PROTO-7.
pub struct Identity {
    /// How `content` is written.
    pub format: IdentityFormat,
    /// The file.
    pub content: Zeroizing<Vec<u8>>,
    /// What opens it, if anything has to.
    pub password: Option<Zeroizing<String>>,
}

impl Identity {
    /// That of a configuration; none if it names none, or its secret is missing or damaged.
    #[must_use]
    pub fn of(configuration: &VpnConfiguration, secrets: &Secrets) -> Option<Self> {
        let reference = configuration.protocol.identity.as_ref()?;
        let text = secrets.get(&reference.secret)?.expose();
        let content = match reference.format {
            IdentityFormat::Pkcs12 => BASE64_STANDARD.decode(text).ok()?,
            IdentityFormat::Pem => text.into(),
        };
        let password = match &reference.password {
            Some(name) => Some(Zeroizing::new(secrets.get(name)?.expose().to_owned())),
            None => None,
        };
        Some(Self { format: reference.format, content: Zeroizing::new(content), password })
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{ConfigurationId, IdentityReference, Secret, TunnelProviderProtocol};

    use super::*;

    // spec: PROTO-6
    #[test]
    fn a_provider_gets_what_the_reference_leads_to() {
        let mut protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        protocol.identity = Some(IdentityReference {
            format: IdentityFormat::Pkcs12,
            secret: "identity".into(),
            password: Some("identityPassword".into()),
        });
        let configuration = VpnConfiguration::new(ConfigurationId::random(), "lab", protocol);
        let secret = |name: &str, text: &str| (name.to_owned(), Secret::new(text));
        let secrets = Secrets::from([secret("identity", "MAA="), secret("identityPassword", "x")]);
        let identity = Identity::of(&configuration, &secrets).unwrap();
        assert_eq!(
            (&identity.content[..], identity.format),
            (&[0x30, 0][..], IdentityFormat::Pkcs12)
        );
        assert_eq!(identity.password.unwrap().as_str(), "x");
        let locked = Secrets::from([secret("identity", "MAA=")]);
        assert!(Identity::of(&configuration, &locked).is_none());
        let damaged = Secrets::from([secret("identity", "?"), secret("identityPassword", "x")]);
        assert!(Identity::of(&configuration, &damaged).is_none());
    }
}
