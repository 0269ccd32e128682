// SPDX-License-Identifier: Apache-2.0
//! Keys of a provider that exists in tests alone.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

const RSA_DER: &str = "\
    MIIEpAIBAAKCAQEAzEgVsSnYPcbmLKjcJ2v7wn2vohQhHETgrUICkXEvLshibAJI99bDoxPiFnq7ihHB8GxAyc+dD2\
    N/u2UhmRK1zMuywMhoin9sZAggnN/9l3OZWrG3CEUbv2xQZ/hjBuhhTnwmS1CbwhGdIAa2DPa2zjsNpTzmDIMluZPD\
    ght2yS75ux/ifYxUNHQzourOXL00//NVjmkUS23Yc3Q5RRdJ9qT3kSGP+kSIx1VYFoCyw1z1Rrj/uMHLt3Y07HFnrx\
    I8K0ZCn6riJiYGioBxky9DcMhXOKKPiN5bmMsORPPeZU9VBKZ1C3TQOa4ZcZtT9h0fZlQXOd/ZMTLDFPSRLlHkUQID\
    AQABAoIBABmddVjedB7E9MJHVzm7PNmlrHMAnqk+isS26P8HSAEP/+VmwPMQ0z285cXnVGJK+TxWOqaDmcBe+9qJ4x\
    VgZvr71Nl/F7q8ISGG8l3xaUlHJcTdUWPgVIsjgA6Vcwdf9qmigCPEAw/p6P+lz8ie3AvOlFaypO8PN9kGCgcjvfia\
    aXwv6o9P+BPshyiVv+GiYm8vsULcTmIB2p8abC/5dfSdIRh7SYOKmligdIR6L2goDYxu/LzJGzQIrL5dUwjHNlfio2\
    Yd21IdWhrtPovhYo1MVy66lQ3qxBTfhnsPaNLoGkRj3YEHlmX5bW1SxQx7TFVfbB65t8GfLZXQuJOnigUCgYEA+y2t\
    bF6w6j4XHGI2ozFsFaFXYIqUq+bjKzxE53e8N5bCv2wAV7xhBGvTEOZzVpTQw9wcIkIHaJMUgwF9ZmyfReNC4FiE26\
    VyvYFb09TX9RUVVCI40Wqe/e5qrDkjUiuvBlIxjLJ0sf7KYgUfsoVactC5UILCMB39mIYj1b7N5MUCgYEA0DPzRH71\
    2ZFpep/WWe6d1xY1NB6gTl75QzLWdvpDv7PQASCD3uUn/ClES+jLFHGKmw23VMyEmoK0xNlnlRCxB118QL4YRBNh3s\
    poTX3rsX515mrtnbxPnJqeNXcBLAaCB6urT2rm+wi3e85zOTqbeZtCLhDE0LaYNzKyaLMWsh0CgYEAj6SMpAf29s6x\
    WssT4fn2jNwq4wv9f91Xlrct1I2V9thh4SS7gXE6rlOXbffMh/ws84ViFXlbUUOjnFPyyetenpIcAb69o/sXBib/Q8\
    JaCk+XVfkIM0LdT+zT1lAK0ggnXN8OdR7tO4mxZaL2gJpgon6ZK+DLesb76wjzX15x0t0CgYEAtiy+rzBn7fdOU/2H\
    kSk48vp7kx85JVn0wNe60GAq55Jubo4E1QOt+PYizEjlaP3wSbu2rnxFiuzTP2r7N3Njcw5Zqkyq7uYGvOpeWW/Uy3\
    nbr8HgKCSdhGnGBQIcBGmtXQjY3KStdvopkisSpwChCcbQIX6KuBUNGz9A3FvXgAECgYBRlUT73zzo9f5ojpTRLWeU\
    RVhJ6wvbd4jjGAhMT1V9C93MVZRKjNZgh1IBqRrHwl3fTc0gH3CtqGk0K2xqLbgohly/oe4v2QFBD6kNcVtMGcmA56\
    tHFcjJZHzFshdH583I4gGGJ5drSdy+0PQhhUknvJ5kTYKE+VmQuQ7leIhAMg==";
const RSA_N: &str = "\
    zEgVsSnYPcbmLKjcJ2v7wn2vohQhHETgrUICkXEvLshibAJI99bDoxPiFnq7ihHB8GxAyc-dD2N_u2UhmRK1zMuywM\
    hoin9sZAggnN_9l3OZWrG3CEUbv2xQZ_hjBuhhTnwmS1CbwhGdIAa2DPa2zjsNpTzmDIMluZPDght2yS75ux_ifYxU\
    NHQzourOXL00__NVjmkUS23Yc3Q5RRdJ9qT3kSGP-kSIx1VYFoCyw1z1Rrj_uMHLt3Y07HFnrxI8K0ZCn6riJiYGio\
    Bxky9DcMhXOKKPiN5bmMsORPPeZU9VBKZ1C3TQOa4ZcZtT9h0fZlQXOd_ZMTLDFPSRLlHkUQ";
const EC_DER: &str = "\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg28PiHibARDui661jS4MeuwvjCz5fDRxpCGdaOA4U/B\
    ShRANCAASt3cZqVy7aAq5vUbMOcDyj/dqSR+XBC6RC2E2c2xVYLobWWOqOY5RgE9urimfVdihMWBYOPe98OiA8kpma\
    feru";
const EC_X: &str = "rd3Galcu2gKub1GzDnA8o_3akkflwQukQthNnNsVWC4";
const EC_Y: &str = "htZY6o5jlGAT26uKZ9V2KExYFg4973w6IDySmZp96u4";

/// What the provider publishes, with a key of a kind that nobody knows.
pub(super) fn published() -> Value {
    json!({ "keys": [
        { "kty": "new", "kid": "future", "alg": "X1" },
        { "kty": "RSA", "kid": "r", "use": "sig", "alg": "RS256", "n": RSA_N, "e": "AQAB" },
        { "kty": "EC", "kid": "e", "use": "sig", "crv": "P-256", "x": EC_X, "y": EC_Y },
    ] })
}

/// Claims signed with one of the keys, or with a key that is not the provider's.
pub(super) fn sign(algorithm: Algorithm, kid: &str, claims: &Value) -> String {
    let key = match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_der(&STANDARD.decode(EC_DER).unwrap()),
        Algorithm::RS256 => EncodingKey::from_rsa_der(&STANDARD.decode(RSA_DER).unwrap()),
        // The oldest trick: the public key as a shared secret.
        _ => EncodingKey::from_secret(RSA_N.as_bytes()),
    };
    let header = Header { kid: Some(kid.into()), ..Header::new(algorithm) };
    encode(&header, claims, &key).unwrap()
}
