//! The parser and the group, without Python. The protocol's own tests are in `libs/belenios/tests`, which put this crate
//! beside the reference. `make test-core SECONDS=60` gives the last tests more time.

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use evote_belenios_core::ballot::{Ballot, Election, Question};
use evote_belenios_core::cast::{Order, ballot_digest};
use evote_belenios_core::group::{
    bytes_of, challenge, decode, decode_or_identity, exponent_of, write_element, write_exponent,
};
use evote_belenios_core::make::{DRAW, draws, make_ballot};
use evote_belenios_core::text::{Proof, claims_of, read_ballot};

mod numbers;
use numbers::{Numbers, Watch};

fn election() -> Election {
    let questions = vec![
        Question { answers: 2, blank: true, min: 1, max: 1 },
        Question { answers: 3, blank: false, min: 0, max: 2 },
    ];
    let key = EdwardsPoint::mul_base(&Scalar::from(12345u32)).compress().0;
    Election::new("1".repeat(14), "A".repeat(43), &key, questions).expect("an election")
}

fn ballot(election: &Election, random: &mut Numbers) -> String {
    let drawn: Vec<[u8; DRAW]> = (0..draws(&election.questions)).map(|_| [(); DRAW].map(|()| random.byte())).collect();
    make_ballot(election, &Scalar::from(77u32), &[vec![0, 1, 0], vec![1, 0, 1]], &drawn).expect("a ballot")
}

#[test]
fn a_ballot_that_is_made_holds_and_any_byte_counts() {
    let election = election();
    let text = ballot(&election, &mut Numbers(1));
    assert_eq!(Ballot::read(&election, &text).expect("it reads").check(&election), Ok(()));
    for position in (0..text.len()).step_by(37) {
        let mut bytes = text.clone().into_bytes();
        bytes[position] = if bytes[position] == b'1' { b'2' } else { b'1' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        let holds = Ballot::read(&election, &changed).is_some_and(|ballot| ballot.check(&election).is_ok());
        assert!(!holds, "byte {position}");
    }
}

#[test]
fn points_of_small_order_and_points_beside_the_subgroup_are_no_elements() {
    let element = EdwardsPoint::mul_base(&Scalar::from(9u32));
    assert!(decode(&element.compress().0).is_some());
    for torsion in &EIGHT_TORSION[1..] {
        assert!(decode_or_identity(&torsion.compress().0).is_none());
        assert!(decode(&(element + torsion).compress().0).is_none());
    }
    let identity = EIGHT_TORSION[0].compress().0;
    assert!(decode(&identity).is_none() && decode_or_identity(&identity).is_some());
}

#[test]
fn an_element_has_one_encoding() {
    let mut p = [0xff; 32];
    (p[0], p[31]) = (0xed, 0x7f);
    for above in 0..19 {
        for sign in [0, 0x80] {
            let mut bytes = p;
            bytes[0] += above;
            bytes[31] |= sign;
            assert!(decode_or_identity(&bytes).is_none(), "y = p + {above}");
        }
    }
    let mut identity_with_sign = [0; 32];
    (identity_with_sign[0], identity_with_sign[31]) = (1, 0x80);
    assert!(decode_or_identity(&identity_with_sign).is_none());
}

#[test]
fn exponents_are_reduced_and_have_one_text() {
    let order = "7237005577332262213973186563042994240857116359379907606001950938285454250989";
    assert!(exponent_of(order.as_bytes()).is_none());
    let largest = format!("{}8", &order[..75]);
    assert_eq!(exponent_of(largest.as_bytes()), Some(-Scalar::ONE));
    assert_eq!(exponent_of(b"0"), Some(Scalar::ZERO));
    for refused in
        ["", "00", "01", "-1", "+1", " 1", "1 ", "1e3", "0x1", &"9".repeat(76), &"9".repeat(77), &"1".repeat(999)]
    {
        assert!(exponent_of(refused.as_bytes()).is_none(), "{refused}");
    }
    let mut random = Numbers(3);
    for _ in 0..200 {
        let exponent = Scalar::from_bytes_mod_order([(); 32].map(|()| random.byte()));
        let mut text = Vec::new();
        write_exponent(&exponent, &mut text);
        assert_eq!(exponent_of(&text), Some(exponent));
    }
}

/// What is read is written again as the very same text: no two texts are one ballot, and nothing ends the program.
#[test]
fn whatever_is_read_has_one_text_and_nothing_brings_the_reader_down() {
    let election = election();
    let (mut random, watch) = Watch::begin(2000);
    let (first, second) = (ballot(&election, &mut Numbers(5)), ballot(&election, &mut Numbers(6)));
    let (mut tried, mut read) = (0, 0);
    for _ in watch {
        let mut text = first.clone().into_bytes();
        for _ in 0..=random.below(3) {
            change(&mut text, second.as_bytes(), &mut random);
        }
        tried += 1;
        if let Some(found) = read_ballot(&text, &election.questions) {
            read += 1;
            assert_eq!(String::from_utf8_lossy(&text), written(&found));
        }
        if let Ok(text) = String::from_utf8(text) {
            let _ = Ballot::read(&election, &text).map(|ballot| ballot.check_binding(&election));
        }
    }
    assert!(read > tried / 100, "only {read} of {tried} texts were read: nothing is tried behind the first character");
}

/// Of any text a claim is taken only as it stands there; of any record an order holds only as it was signed.
#[test]
fn whatever_is_claimed_stands_there_and_no_changed_order_holds() {
    let election = election();
    let (mut random, watch) = Watch::begin(2000);
    let (first, second) = (ballot(&election, &mut Numbers(5)), ballot(&election, &mut Numbers(6)));
    let parts = signed_order(&Scalar::from(77u32), 3);
    assert!(holds(&parts, 3) && !holds(&parts, 4) && !holds(&parts, 0) && !holds(&parts, u64::MAX));
    let (mut tried, mut claimed) = (0, 0);
    for _ in watch {
        let mut text = first.clone().into_bytes();
        change(&mut text, second.as_bytes(), &mut random);
        tried += 1;
        if let Some((uuid, credential)) = claims_of(&text) {
            claimed += 1;
            let (uuid, credential) = (String::from_utf8_lossy(uuid), String::from_utf8_lossy(credential));
            let text = std::str::from_utf8(&text).expect("ASCII");
            let hash = &text[18 + uuid.len()..][..62];
            assert!(hash.starts_with(r#"","election_hash":""#), "{text}");
            let begins = format!(r#"{{"election_uuid":"{uuid}{hash}","credential":"{credential}","#);
            assert!(text.starts_with(&begins), "{text}");
            assert!(ballot_digest(&uuid, &credential, "", text).is_none(), "the tracker is another");
        }
        let mut changed = parts.clone();
        let which = random.below(changed.len());
        let mut part = std::mem::take(&mut changed[which]).into_bytes();
        change(&mut part, parts[(which + 1) % parts.len()].as_bytes(), &mut random);
        changed[which] = String::from_utf8_lossy(&part).into_owned();
        assert!(changed == parts || !holds(&changed, 3), "{changed:?}");
    }
    assert!(claimed > tried / 100, "only {claimed} of {tried} texts were taken");
}

/// Election, credential, tracker, challenge and response.
fn signed_order(secret: &Scalar, number: u64) -> [String; 5] {
    let (uuid, tracker) = ("1".repeat(14), "A".repeat(43));
    let credential = element(&EdwardsPoint::mul_base(secret).compress().0);
    let commitment = element(&EdwardsPoint::mul_base(&Scalar::from(4321u32)).compress().0);
    let challenge = challenge(format!("evote-order|{uuid}|{tracker}|{number}|{credential}|{commitment}").as_bytes());
    let response = Scalar::from(4321u32) - secret * challenge;
    [uuid, credential, tracker, self::number(&challenge), self::number(&response)]
}

fn holds([election_uuid, credential, tracker, challenge, response]: &[String; 5], number: u64) -> bool {
    Order { election_uuid, credential, tracker, number, challenge, response }.is_signed()
}

fn change(text: &mut Vec<u8>, other: &[u8], random: &mut Numbers) {
    const PARTS: [&[u8]; 12] =
        [b"\"", b"\\", b"{", b"}", b"[]", b",", b"0", b"\0", b"\xff", b"\xed\xa0\x80", b"\"challenge\":", b"00000000"];
    let position = random.below(text.len());
    match random.below(6) {
        0 => text.truncate(position),
        1 => text.splice(position..position, PARTS[random.below(PARTS.len())].iter().copied()).for_each(drop),
        2 => text.drain(position..(position + random.below(90)).min(text.len())).for_each(drop),
        3 => text[position] = b'0' + random.byte() % 10,
        4 => text[position] = random.byte(),
        _ => {
            let end = (position + random.below(200)).min(text.len()).min(other.len());
            let start = position.min(end);
            text[start..end].copy_from_slice(&other[start..end]);
        }
    }
    if text.is_empty() {
        text.push(b'{');
    }
}

fn written(ballot: &evote_belenios_core::text::BallotText) -> String {
    let proofs = |proofs: &[Proof]| format!("[{}]", proofs.iter().map(proof).collect::<Vec<_>>().join(","));
    let answers: Vec<String> = ballot
        .answers
        .iter()
        .map(|answer| {
            let choices: Vec<String> = answer
                .choices
                .iter()
                .map(|choice| format!(r#"{{"alpha":"{}","beta":"{}"}}"#, element(&choice.alpha), element(&choice.beta)))
                .collect();
            let individual: Vec<String> = answer.individual_proofs.iter().map(|of_choice| proofs(of_choice)).collect();
            let blank = match answer.blank_proof.as_slice() {
                [] => String::new(),
                branches => format!(r#","blank_proof":{}"#, proofs(branches)),
            };
            format!(
                r#"{{"choices":[{}],"individual_proofs":[{}],"overall_proof":{}{blank}}}"#,
                choices.join(","),
                individual.join(","),
                proofs(&answer.overall_proof)
            )
        })
        .collect();
    let string = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(bytes_of(ballot.credential_text), Some(ballot.credential));
    format!(
        r#"{{"election_uuid":"{}","election_hash":"{}","credential":"{}","answers":[{}],"signature":{{"hash":"{}","proof":{}}}}}"#,
        string(ballot.election_uuid),
        string(ballot.election_hash),
        string(ballot.credential_text),
        answers.join(","),
        string(ballot.signature_hash),
        proof(&ballot.signature)
    )
}

fn proof(proof: &Proof) -> String {
    format!(r#"{{"challenge":"{}","response":"{}"}}"#, number(&proof.challenge), number(&proof.response))
}

fn number(exponent: &Scalar) -> String {
    let mut text = Vec::new();
    write_exponent(exponent, &mut text);
    String::from_utf8(text).expect("digits")
}

fn element(bytes: &[u8; 32]) -> String {
    let mut text = Vec::new();
    write_element(bytes, &mut text);
    String::from_utf8(text).expect("digits")
}
