//! Changed parts of real ballots, elements and numbers, against what curve25519-dalek and plain arithmetic say of them.
//! `make test-core SECONDS=60` gives each more time.

use std::collections::BTreeMap;
use std::path::Path;

use base64ct::{Base64Unpadded, Encoding};
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use evote_belenios_core::ballot::{Ballot, Election, Question};
use evote_belenios_core::group::{
    Encoded, bytes_of, decode, decode_or_identity, exponent_of, write_element, write_exponent,
};
use sha2::{Digest, Sha256};

mod numbers;
use numbers::{Numbers, Watch};

const ORDER: &str = "7237005577332262213973186563042994240857116359379907606001950938285454250989";

/// The bytes of an element, or of nothing: changed, of small order, beside the subgroup, not reduced.
fn point(random: &mut Numbers) -> Encoded {
    let element = EdwardsPoint::mul_base(&Scalar::from(random.next()));
    let torsion = EIGHT_TORSION[random.below(8)];
    let mut bytes = match random.below(6) {
        0 => [(); 32].map(|()| random.byte()),
        1 => torsion.compress().0,
        2 => (element + torsion).compress().0,
        3 => {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (random.byte(), 0x7f | random.byte() & 0x80);
            bytes
        }
        4 => [(); 32].map(|()| [0, 1, 0xff][random.below(3)]),
        _ => element.compress().0,
    };
    if random.below(3) == 0 {
        bytes[random.below(32)] ^= 1 << random.below(8);
    }
    bytes
}

#[test]
fn what_is_decoded_is_in_the_subgroup_and_has_these_bytes_alone() {
    let (mut random, watch) = Watch::begin(2000);
    let (mut taken, mut refused) = (0, 0);
    for _ in watch {
        let bytes = point(&mut random);
        let canonical = CompressedEdwardsY(bytes).decompress().filter(|point| point.compress().0 == bytes);
        let expected = canonical.filter(EdwardsPoint::is_torsion_free);
        assert_eq!(decode_or_identity(&bytes), expected, "{bytes:?}");
        assert_eq!(decode(&bytes), expected.filter(|point| !point.is_identity()), "{bytes:?}");
        *(if expected.is_some() { &mut taken } else { &mut refused }) += 1;
        let mut text = Vec::new();
        write_element(&bytes, &mut text);
        assert_eq!(bytes_of(&text), Some(bytes));
        let place = random.below(text.len());
        text[place] = random.byte();
        let is_hexadecimal = matches!(text[place], b'0'..=b'9' | b'a'..=b'f');
        assert_eq!(bytes_of(&text).is_some(), is_hexadecimal);
    }
    println!("{taken} elements, {refused} others");
    assert!(taken > 300 && refused > 300);
}

/// A decimal number, or nearly: around q, of its length, with zeros before it, with other characters.
fn digits(random: &mut Numbers) -> Vec<u8> {
    let mut text = match random.below(4) {
        0 => ORDER.as_bytes().to_vec(),
        1 => (0..random.below(80)).map(|_| b'0' + random.byte() % 10).collect(),
        2 => {
            let mut text = ORDER.as_bytes()[..random.below(77)].to_vec();
            text.resize(76, b'0' + random.byte() % 10);
            text
        }
        _ => random.next().to_string().into_bytes(),
    };
    if random.below(3) == 0 && !text.is_empty() {
        let place = random.below(text.len());
        text[place] = [b'0' + random.byte() % 10, random.byte()][random.below(2)];
    }
    text
}

#[test]
fn an_exponent_is_a_decimal_number_below_q_without_zeros_before_it() {
    let (mut random, watch) = Watch::begin(2000);
    let (mut taken, mut refused) = (0, 0);
    for _ in watch {
        let text = digits(&mut random);
        let below = text.len() < ORDER.len() || (text.len() == ORDER.len() && text.as_slice() < ORDER.as_bytes());
        let canonical = text.iter().all(u8::is_ascii_digit) && (text.len() == 1 || !text.starts_with(b"0"));
        let found = exponent_of(&text);
        assert_eq!(found.is_some(), below && canonical && !text.is_empty(), "{}", String::from_utf8_lossy(&text));
        if let Some(exponent) = found {
            let mut written = Vec::new();
            write_exponent(&exponent, &mut written);
            assert_eq!(written, text);
            let value =
                text.iter().fold(Scalar::ZERO, |sum, digit| sum * Scalar::from(10u8) + Scalar::from(digit - b'0'));
            assert_eq!(exponent, value);
            taken += 1;
        } else {
            refused += 1;
        }
    }
    println!("{taken} exponents, {refused} others");
    assert!(taken > 300 && refused > 300);
}

/// The election of `tests/corpus/Ed25519/valid.bel`, and every ballot of that corpus, tampered ones among them.
fn corpus() -> (Election, Vec<String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/Ed25519");
    let valid = std::fs::read(folder.join("valid.bel")).expect("the corpus");
    let text = members(&valid, br#"{"version":1,"description":"#).remove(0);
    let key = text.split(r#""public_key":""#).nth(1).and_then(|rest| bytes_of(&rest.as_bytes()[..64])).expect("a key");
    let uuid = text.split(r#""uuid":""#).nth(1).and_then(|rest| rest.split('"').next()).expect("a uuid");
    let questions = vec![
        Question { answers: 2, blank: true, min: 1, max: 1 },
        Question { answers: 2, blank: false, min: 0, max: 2 },
    ];
    let fingerprint = Base64Unpadded::encode_string(&Sha256::digest(&text));
    let election = Election::new(uuid.to_owned(), fingerprint, &key, questions).expect("an election");
    let mut ballots = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "bel") {
            ballots.extend(members(&std::fs::read(path).expect("an archive"), br#"{"election_uuid":"#));
        }
    }
    ballots.sort();
    ballots.dedup();
    (election, ballots)
}

/// The texts in an archive (a tar) that begin so: each stands at the beginning of a block of 512 bytes, before zeros.
fn members(archive: &[u8], beginning: &[u8]) -> Vec<String> {
    let starts = (0..archive.len()).step_by(512).filter(|start| archive[*start..].starts_with(beginning));
    starts
        .map(|start| {
            let text = archive[start..].split(|byte| *byte == 0).next().expect("a text");
            String::from_utf8_lossy(text).into_owned()
        })
        .collect()
}

/// The ballot with a string of it changed: for the one at this or another place of another ballot, for an attack on group
/// or numbers, in one character; now and then the whole text in a byte.
fn changed(text: &str, other: &str, random: &mut Numbers) -> String {
    let mut parts: Vec<String> = text.split('"').map(str::to_owned).collect();
    let others: Vec<&str> = other.split('"').collect();
    let place = random.below(parts.len());
    let part = &parts[place];
    parts[place] = match random.below(7) {
        0 => others.get(place).unwrap_or(&"").to_string(),
        1 => others[random.below(others.len())].to_owned(),
        2 => {
            let mut element = Vec::new();
            write_element(&point(random), &mut element);
            String::from_utf8_lossy(&element).into_owned()
        }
        3 => String::from_utf8_lossy(&digits(random)).into_owned(),
        4 => format!("{}{part}", ["0", " ", "-", "\0", "\\u0030"][random.below(5)]),
        5 => part.chars().skip(1).collect(),
        _ => part.replacen(char::from(b'0' + random.byte() % 10), "7", 1),
    };
    let mut text = parts.join("\"");
    if random.below(8) == 0 {
        let cut = random.below(text.len() + 1);
        text.truncate(if text.is_char_boundary(cut) { cut } else { 0 });
    }
    text
}

/// Whatever is changed in a ballot that holds, it holds no more; and every rule is what some change broke.
#[test]
fn no_changed_ballot_holds_and_every_rule_is_reached() {
    let (election, ballots) = corpus();
    let holds = |text: &String| Ballot::read(&election, text).is_some_and(|ballot| ballot.check(&election).is_ok());
    let valid: Vec<&String> = ballots.iter().filter(|text| holds(text)).collect();
    assert!(valid.len() >= 4 && ballots.len() > valid.len(), "{} of {}", valid.len(), ballots.len());
    let (mut random, watch) = Watch::begin(10_000);
    let mut said = BTreeMap::<String, usize>::new();
    for _ in watch {
        let (one, other) = (&ballots[random.below(ballots.len())], &ballots[random.below(ballots.len())]);
        let text = changed(one, other, &mut random);
        let Some(ballot) = Ballot::read(&election, &text) else {
            *said.entry("not read".to_owned()).or_default() += 1;
            continue;
        };
        let verdicts = [ballot.check_binding(&election), ballot.check_signature(), ballot.check_proofs(&election)];
        for refusal in verdicts.iter().filter_map(|verdict| verdict.err()) {
            *said.entry(format!("{refusal:?}")).or_default() += 1;
        }
        if verdicts.iter().all(Result::is_ok) {
            assert!(ballots.contains(&text), "it holds, and nobody made it: {text}");
            *said.entry("holds".to_owned()).or_default() += 1;
        }
    }
    println!("{said:?}");
    for rule in [
        "not read",
        "holds",
        "ElectionUuid",
        "ElectionHash",
        "Hash",
        "Signature",
        "IndividualProof(1)",
        "IndividualProof(2)",
        "OverallProof(1)",
        "OverallProof(2)",
        "BlankProof(1)",
    ] {
        assert!(said.contains_key(rule), "{rule} was never reached: {said:?}");
    }
}
