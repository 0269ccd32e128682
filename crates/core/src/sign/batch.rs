// SPDX-License-Identifier: Apache-2.0
//! Many signatures by one key, checked in one equation.
//!
//! The batch verification of the Ed25519 paper ("High-speed high-security signatures", section 5):
//! `(−Σ zᵢsᵢ)B + Σ zᵢRᵢ + (Σ zᵢkᵢ)A = 0` with `zᵢ` that nobody could know before all signatures
//! were there. `ed25519_dalek::verify_batch` takes each signature's key for another one; here all
//! are by `A`, so that its multiples are one multiplication instead of one per signature.

use curve25519_dalek::{
    constants::ED25519_BASEPOINT_POINT,
    edwards::{CompressedEdwardsY, EdwardsPoint},
    scalar::Scalar,
    traits::{IsIdentity as _, VartimeMultiscalarMul as _},
};
use sha2::{Digest as _, Sha512};

use super::SignedBytes;

/// Whether all signatures are by `public`, which is known not to be weak. `false` does not tell
/// which one is not.
pub(super) fn all_verify(signed: &[SignedBytes], public: &[u8; 32]) -> bool {
    equation(signed, public).is_some_and(|sum| sum.is_identity())
}

/// The left side; `None` when a signature or the key is malformed.
fn equation(signed: &[SignedBytes], public: &[u8; 32]) -> Option<EdwardsPoint> {
    let key = CompressedEdwardsY(*public).decompress()?;
    let mut transcript = Sha512::new_with_prefix(b"estafette: one key, many signatures");
    let mut challenges = Vec::with_capacity(signed.len());
    let mut nonces = Vec::with_capacity(signed.len());
    let mut responses = Vec::with_capacity(signed.len());
    for one in signed {
        let (r, s) = one.signature.split_at(32);
        let hash = Sha512::new_with_prefix(r).chain_update(public).chain_update(&one.bytes);
        let hash: [u8; 64] = hash.finalize().into();
        transcript.update(hash);
        transcript.update(s);
        challenges.push(Scalar::from_bytes_mod_order_wide(&hash));
        nonces.push(CompressedEdwardsY(r.try_into().ok()?));
        responses.push(Option::<Scalar>::from(Scalar::from_canonical_bytes(s.try_into().ok()?))?);
    }
    let weights = weights(&transcript.finalize().into(), signed.len());
    let (mut of_base, mut of_key) = (Scalar::ZERO, Scalar::ZERO);
    for ((weight, response), challenge) in weights.iter().zip(&responses).zip(&challenges) {
        of_base += weight * response;
        of_key += weight * challenge;
    }
    EdwardsPoint::optional_multiscalar_mul(
        [-of_base, of_key].into_iter().chain(weights.iter().copied()),
        [Some(ED25519_BASEPOINT_POINT), Some(key)]
            .into_iter()
            .chain(nonces.iter().map(CompressedEdwardsY::decompress)),
    )
}

/// 128 bits for each signature, from a hash of all of them.
fn weights(seed: &[u8; 64], count: usize) -> Vec<Scalar> {
    let mut weights = Vec::with_capacity(count.next_multiple_of(4));
    for block in 0_u64.. {
        if weights.len() >= count {
            break;
        }
        let hash = Sha512::new_with_prefix(seed).chain_update(block.to_le_bytes());
        let hash: [u8; 64] = hash.finalize().into();
        for half in hash.as_chunks::<16>().0 {
            weights.push(Scalar::from(u128::from_le_bytes(*half)));
        }
    }
    weights.truncate(count);
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::{BASE64, specification_key, verify_all};
    use base64::Engine as _;

    fn signed(count: usize) -> (Vec<SignedBytes>, [u8; 32]) {
        let key = specification_key();
        let public = BASE64.decode(key.public_base64()).unwrap().try_into().unwrap();
        let sign = |n: usize| {
            let bytes = format!("{{\"n\":{n}}}");
            let signature = BASE64.decode(key.sign_bytes(bytes.as_bytes())).unwrap();
            SignedBytes { bytes, signature: signature.try_into().unwrap() }
        };
        ((0..count).map(sign).collect(), public)
    }

    /// Without it a forged signature among good ones would be published.
    #[test]
    fn any_changed_bit_is_noticed_and_its_place_told() {
        let (good, public) = signed(9);
        assert!(all_verify(&good, &public));
        assert_eq!(verify_all(&good, &public), Ok(()));
        for bit in 0..512 {
            let mut bad = good.clone();
            let at = bit % bad.len();
            bad[at].signature[bit / 8] ^= 1 << (bit % 8);
            assert!(!all_verify(&bad, &public), "bit {bit}");
            assert_eq!(verify_all(&bad, &public).unwrap_err().0, at, "bit {bit}");
        }
        let mut bad = good.clone();
        bad[4].bytes.push(' ');
        assert_eq!(verify_all(&bad, &public).unwrap_err().0, 4);
    }

    /// Without it errors of two signatures could cancel each other out.
    #[test]
    fn signatures_that_were_exchanged_do_not_make_up_for_each_other() {
        let (mut bad, public) = signed(8);
        let first = bad[0].signature;
        bad[0].signature = bad[1].signature;
        bad[1].signature = first;
        assert!(!all_verify(&bad, &public));
        let (good, _) = signed(5);
        let mut other = public;
        other[0] ^= 1;
        assert!(!all_verify(&good, &other));
    }
}
