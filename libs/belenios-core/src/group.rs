//! The group Ed25519: elements, exponents and challenges, each with its one text (specification, "Ed25519").

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity, IsIdentity};
use sha2::{Digest, Sha256};

/// The bytes of an element: 32, little-endian, as RFC 8032 has them.
pub type Encoded = [u8; 32];

/// An element's text: the 256-bit number in hexadecimal, hence the bytes from the last to the first.
pub const ELEMENT_CHARACTERS: usize = 64;

/// No exponent has more decimal digits: q is a number of 76.
const MOST_DIGITS: usize = 76;
/// As many decimal digits as fit into 64 bits.
const CHUNK: usize = 19;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The bytes of an element's text; whether they are an element, [`decode`] tells.
pub fn bytes_of(text: &[u8]) -> Option<Encoded> {
    if text.len() != ELEMENT_CHARACTERS {
        return None;
    }
    let mut bytes = [0; 32];
    for (pair, byte) in text.chunks_exact(2).zip(bytes.iter_mut().rev()) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

/// Append the text of an element.
pub fn write_element(bytes: &Encoded, text: &mut Vec<u8>) {
    for byte in bytes.iter().rev() {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// The element of its canonical bytes: in the subgroup of prime order, and not the identity.
pub fn decode(bytes: &Encoded) -> Option<EdwardsPoint> {
    if !is_reduced(bytes) {
        return None;
    }
    let point = CompressedEdwardsY(*bytes).decompress()?;
    // Of the points that have two encodings after the check above, the identity is the only one in the subgroup.
    (!point.is_identity() && is_in_subgroup(&point)).then_some(point)
}

/// [`decode`], and the identity in its one encoding: halves of a ballot's ciphertexts may be that.
pub fn decode_or_identity(bytes: &Encoded) -> Option<EdwardsPoint> {
    let identity = EdwardsPoint::identity();
    if *bytes == identity.compress().0 {
        return Some(identity);
    }
    decode(bytes)
}

/// y is below p = 2^255 - 19.
fn is_reduced(bytes: &Encoded) -> bool {
    bytes[31] & 0x7f != 0x7f || bytes[1..31].iter().any(|byte| *byte != 0xff) || bytes[0] < 0xed
}

/// q·P is the identity. Asked as (q - 1)·P = -P, for q itself is no exponent; in variable time, points being public.
fn is_in_subgroup(point: &EdwardsPoint) -> bool {
    let multiple = EdwardsPoint::vartime_double_scalar_mul_basepoint(&-Scalar::ONE, point, &Scalar::ZERO);
    multiple == -point
}

/// The point of bytes that [`decode`] has seen before, or that this crate has written.
pub fn known(bytes: &Encoded) -> Option<EdwardsPoint> {
    CompressedEdwardsY(*bytes).decompress()
}

/// `base` to the `exponent`, in constant time.
pub fn power(base: &EdwardsPoint, exponent: &Scalar) -> EdwardsPoint {
    base * exponent
}

/// g^response·public^challenge: what whoever proves to know log `public` committed to. In variable time.
pub fn commit(public: &EdwardsPoint, challenge: &Scalar, response: &Scalar) -> EdwardsPoint {
    EdwardsPoint::vartime_double_scalar_mul_basepoint(challenge, public, response)
}

/// A number modulo q from its one decimal text: reduced, without leading zeros.
pub fn exponent_of(text: &[u8]) -> Option<Scalar> {
    if text.is_empty() || text.len() > MOST_DIGITS || (text[0] == b'0' && text.len() > 1) {
        return None;
    }
    let mut limbs = [0u64; 4];
    for chunk in text.chunks(CHUNK) {
        let (mut value, mut scale) = (0u64, 1u64);
        for character in chunk {
            if !character.is_ascii_digit() {
                return None;
            }
            value = value * 10 + u64::from(character - b'0');
            scale *= 10;
        }
        // 76 digits are below 2^253: nothing is carried out of the last limb.
        let mut carry = u128::from(value);
        for limb in &mut limbs {
            carry += u128::from(*limb) * u128::from(scale);
            *limb = carry as u64;
            carry >>= 64;
        }
    }
    let mut bytes = [0; 32];
    for (limb, part) in limbs.iter().zip(bytes.chunks_exact_mut(8)) {
        part.copy_from_slice(&limb.to_le_bytes());
    }
    Scalar::from_canonical_bytes(bytes).into()
}

/// Append the decimal text of a number that anyone may see.
pub fn write_exponent(exponent: &Scalar, text: &mut Vec<u8>) {
    let mut limbs: Vec<u64> = exponent
        .as_bytes()
        .chunks_exact(8)
        .map(|part| part.iter().rev().fold(0, |limb, byte| limb << 8 | u64::from(*byte)))
        .collect();
    let mut digits = Vec::with_capacity(MOST_DIGITS);
    while limbs.iter().any(|limb| *limb != 0) {
        let mut rest = 0u128;
        for limb in limbs.iter_mut().rev() {
            let value = rest << 64 | u128::from(*limb);
            *limb = (value / 10) as u64;
            rest = value % 10;
        }
        digits.push(b'0' + rest as u8);
    }
    if digits.is_empty() {
        digits.push(b'0');
    }
    text.extend(digits.iter().rev());
}

/// SHA-256 of a text as a big-endian number modulo q: every challenge of version 1.
pub fn challenge(text: &[u8]) -> Scalar {
    let mut bytes: [u8; 32] = Sha256::digest(text).into();
    bytes.reverse();
    Scalar::from_bytes_mod_order(bytes)
}

/// An exponent from 48 random bytes, big-endian, so that none is likelier than another.
pub fn drawn(bytes: &[u8; 48]) -> Scalar {
    let mut wide = zeroize::Zeroizing::new([0; 64]);
    for (target, byte) in wide.iter_mut().zip(bytes.iter().rev()) {
        *target = *byte;
    }
    Scalar::from_bytes_mod_order_wide(&wide)
}
