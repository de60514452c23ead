//! The group BELENIOS-2048: powers of one base to secret exponents, in constant time (specification, "BELENIOS-2048").
//!
//! Products are crypto-bigint's. GMP, which computes the rest of this group, reads no table of a base in constant time.

use crypto_bigint::modular::ConstMontyForm;
use crypto_bigint::{CtAssign, CtEq, U256, U2048, const_monty_params};
use zeroize::Zeroizing;

/// The bytes of a number modulo p, little-endian.
pub const ELEMENT: usize = 256;
/// The bytes of an exponent, little-endian.
pub const EXPONENT: usize = 32;

const_monty_params!(
    Modulus,
    U2048,
    "\
     a3ef2d011fefb1b6e39e568fccdffb0fb7dc7ef3a791b6862791811d21fc35f21e6d36856b428030421f514ed40bfd4c\
     06e092a495af8d79a2f85e0fb11c0ede07dd973f9c53e50930c6e82ac36de1ae3fb8c3aabfff12ce27a5022ddd8912d1\
     07435012768a2cdd0a4091d8fa447f6c7ebc15a349fa318a6b4fe17d8d47e843a3e14dfa9b2162f4d7229abe93a188b4\
     6b006517d6f6747ebbb29c9ec3099b607f18fb1a8bc858279aa8599411d998d3e3fada9e010840d082d8c31911acdd4a\
     0e7992d0f18cc759cb5de0acf66a3882555bc810941e021b6a4ccfa04ee4008f878affa2375e2999b44f6cef17d70730\
     1e59e0e6351e051ed9cec4157646e64f",
    "The prime p."
);

type Element = ConstMontyForm<Modulus, { U2048::LIMBS }>;

/// Bits of the exponent that are looked up at once: with fewer there are more products, with more there is more to read.
const WINDOW: u32 = 5;
const ENTRIES: usize = 1 << WINDOW;

/// A base, ready for many exponents.
pub struct FixedBase {
    /// `rows[i][d]` = base to the d·2^(i·WINDOW).
    rows: Vec<[Element; ENTRIES]>,
}

impl FixedBase {
    /// `None` unless the base is a number below p.
    pub fn new(base: &[u8; ELEMENT]) -> Option<Self> {
        let base = U2048::from_le_slice(base);
        if base >= *Element::MODULUS.as_ref() {
            return None;
        }
        let mut base = Element::new(&base);
        let row = |_| {
            let mut row = [Element::ONE; ENTRIES];
            for place in 1..ENTRIES {
                row[place] = row[place - 1] * base;
            }
            base *= row[ENTRIES - 1];
            row
        };
        Some(Self { rows: (0..U256::BITS.div_ceil(WINDOW)).map(row).collect() })
    }

    /// The base to an exponent: one product for each window of it, whatever its digits are.
    pub fn power(&self, exponent: &[u8; EXPONENT]) -> [u8; ELEMENT] {
        let mut rest = Zeroizing::new(U256::from_le_slice(exponent));
        let mut product = Zeroizing::new(Element::ONE);
        for row in &self.rows {
            let digit = rest.as_words()[0] % ENTRIES as u64;
            *product *= &*entry(row, digit);
            // The shift is known: what takes another time for another one is of the shift alone.
            *rest = rest.wrapping_shr_vartime(WINDOW);
        }
        let mut bytes = [0; ELEMENT];
        bytes.copy_from_slice(product.retrieve().to_le_bytes().as_slice());
        bytes
    }
}

/// Of the entries the one at a place that is secret: each of them is read, and moved or not by an instruction that has no
/// branch (crate `cmov`).
fn entry(row: &[Element; ENTRIES], place: u64) -> Zeroizing<Element> {
    let mut found = Zeroizing::new(Element::ZERO);
    for (entry, at) in row.iter().zip(0u64..) {
        found.ct_assign(entry, at.ct_eq(&place));
    }
    found
}
