//! Powers of fixed bases in BELENIOS-2048, beside those that crypto-bigint finds by squaring.
//! `make test-core SECONDS=60` gives the first test more time.

use crypto_bigint::modular::ConstMontyForm;
use crypto_bigint::{U256, U2048};
use evote_belenios_core::belenios2048::{ELEMENT, EXPONENT, FixedBase, Modulus};

mod numbers;
use numbers::{Numbers, Watch};

type Element = ConstMontyForm<Modulus, { U2048::LIMBS }>;

const ORDER: U256 = U256::from_be_hex("adb6066a73522565f4daa0f2579db7f2f0fa90c2168bc709e20263387d55c491");

fn element(number: &U2048) -> [u8; ELEMENT] {
    number.to_le_bytes().as_slice().try_into().expect("as many bytes")
}

fn drawn<const BYTES: usize>(random: &mut Numbers) -> [u8; BYTES] {
    [(); BYTES].map(|()| random.byte())
}

#[test]
fn a_power_of_a_fixed_base_is_what_squaring_finds() {
    let (mut random, watch) = Watch::begin(20);
    for _ in watch {
        let mut base: [u8; ELEMENT] = drawn(&mut random);
        base[ELEMENT - 1] &= 0x7f; // below p
        let fixed = FixedBase::new(&base).expect("a number below p");
        let base = Element::new(&U2048::from_le_slice(&base));
        let any = U256::from_le_slice(&drawn::<EXPONENT>(&mut random));
        let shorter = any.shr_vartime(random.below(256) as u32);
        for exponent in [U256::ZERO, U256::ONE, ORDER.wrapping_sub(&U256::ONE), ORDER, U256::MAX, shorter, any] {
            let bytes = exponent.to_le_bytes().as_slice().try_into().expect("as many bytes");
            assert_eq!(fixed.power(&bytes), element(&base.pow(&exponent).retrieve()), "{exponent}");
        }
    }
}

#[test]
fn a_base_is_a_number_below_p() {
    let p = Element::MODULUS.get();
    assert!(FixedBase::new(&element(&p)).is_none() && FixedBase::new(&[0xff; ELEMENT]).is_none());
    let mut exponent = [0; EXPONENT];
    exponent[0] = 3;
    let minus_one = element(&p.wrapping_sub(&U2048::ONE));
    assert_eq!(FixedBase::new(&minus_one).expect("a number below p").power(&exponent), minus_one);
}
