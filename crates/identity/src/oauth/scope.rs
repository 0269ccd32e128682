// SPDX-License-Identifier: Apache-2.0
//! What a client asks for (Client-Server API, "Scope").

use estafette_core::ids::DeviceId;
use estafette_store::oauth::ADMINISTRATION_SCOPE;

use super::answer::OauthError;

/// Full access to the Client-Server API: the name in the specification and the one of MSC2967.
pub(super) const API_NAMES: &[&str] =
    &["urn:matrix:client:api:*", "urn:matrix:org.matrix.msc2967.client:api:*"];
const DEVICE_PREFIXES: &[&str] =
    &["urn:matrix:client:device:", "urn:matrix:org.matrix.msc2967.client:device:"];

/// What may be granted of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The tokens that mean something here, as they were asked for, without the administration.
    pub(crate) granted: String,
    /// Whether the administration of the server was asked for too.
    pub(crate) administration: bool,
    /// The device to log in on.
    pub(crate) device_id: DeviceId,
}

impl Scope {
    /// Reads what was asked for: full access and exactly one device. Tokens that mean nothing here
    /// (`openid`) are not granted (RFC 6749, section 3.3). Errors: `invalid_scope`.
    pub(crate) fn parse(asked: &str) -> Result<Self, OauthError> {
        let invalid = |description: &'static str| OauthError::new("invalid_scope", description);
        let (mut granted, mut devices) = (Vec::new(), Vec::new());
        let (mut has_api, mut administration) = (false, false);
        for token in asked.split(' ').filter(|token| !token.is_empty()) {
            if API_NAMES.contains(&token) {
                has_api = true;
            } else if let Some(id) = device(token) {
                if !devices.contains(&id) {
                    devices.push(id);
                }
            } else {
                administration |= token == ADMINISTRATION_SCOPE;
                continue;
            }
            if !granted.contains(&token) {
                granted.push(token);
            }
        }
        // Clients that speak both dialects name the same device twice.
        let [device_id] = devices[..] else {
            return Err(invalid("The scope must name exactly one device."));
        };
        if !has_api {
            return Err(invalid("The scope must name the client-server API."));
        }
        // Client-Server API, "Device ID allocation": the unreserved characters of RFC 3986; and
        // those of base64, since a device that signs in with a QR code is named after its key
        // (MSC4108).
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        let device_id = DeviceId::parse(device_id).ok().filter(|_| device_id.bytes().all(allowed));
        let device_id = device_id
            .ok_or_else(|| invalid("A device id is made of letters, digits and `-._~+/=`."))?;
        Ok(Self { granted: granted.join(" "), administration, device_id })
    }

    /// What is granted to a person: the administration only to whoever has it.
    pub(super) fn granted_to(&self, is_admin: bool) -> String {
        if self.administration && is_admin {
            return format!("{} {ADMINISTRATION_SCOPE}", self.granted);
        }
        self.granted.clone()
    }
}

fn device(token: &str) -> Option<&str> {
    DEVICE_PREFIXES.iter().find_map(|prefix| token.strip_prefix(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "urn:matrix:client:api:*";

    /// Otherwise a session belongs to no device, to two, or to one that breaks other endpoints.
    #[test]
    fn exactly_one_device_and_the_api() {
        let scope =
            Scope::parse(&format!("openid {API} urn:matrix:client:device:AB-c.d_~1")).unwrap();
        assert_eq!(scope.device_id.as_str(), "AB-c.d_~1");
        assert_eq!(scope.granted, format!("{API} urn:matrix:client:device:AB-c.d_~1"));
        assert!(!scope.administration);
        let unstable = "urn:matrix:org.matrix.msc2967.client:api:* \
                        urn:matrix:org.matrix.msc2967.client:device:A";
        assert_eq!(Scope::parse(unstable).unwrap().granted, unstable);
        let key = "urn:matrix:client:device:wjLpTLRqbqBzLs63aYaEv2Boi6cFEbbM/sSRQ2oAKk4";
        let scope = Scope::parse(&format!("{API} {key}")).unwrap();
        assert!(scope.device_id.as_str().contains('/'), "a QR code names a device after its key");
        let both = format!("{API} urn:matrix:client:device:A {unstable}");
        assert_eq!(Scope::parse(&both).unwrap().device_id.as_str(), "A");
        let all = format!("{ADMINISTRATION_SCOPE} {API} urn:matrix:client:device:A");
        let all = Scope::parse(&all).unwrap();
        assert_eq!(all.granted_to(false), format!("{API} urn:matrix:client:device:A"));
        assert_eq!(all.granted_to(true), format!("{} {ADMINISTRATION_SCOPE}", all.granted));
        let long = "A".repeat(256);
        for bad in [
            String::new(),
            API.into(),
            "urn:matrix:client:device:A".into(),
            format!("{API} urn:matrix:client:device:"),
            format!("{API} urn:matrix:client:device:A urn:matrix:client:device:B"),
            format!("{API} urn:matrix:client:device:A:B"),
            format!("{API} urn:matrix:client:device:<A>"),
            format!("{API} urn:matrix:client:device:é"),
            format!("{API} urn:matrix:client:device:{long}"),
            format!("{} urn:matrix:client:device:A", API.to_uppercase()),
        ] {
            assert_eq!(Scope::parse(&bad).unwrap_err().code(), "invalid_scope", "{bad}");
        }
    }
}
