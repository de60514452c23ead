//! Ballots, made: encryption, proofs and signature. Scalars are secret here, so everything takes the same time for
//! every vote and credential of an election, and what was secret is overwritten as well as can be: each scalar and point
//! that has a name here, while copies that the compiler makes on the stack may stay.

use base64ct::{Base64Unpadded, Encoding};
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::ballot::{Election, Question};
use crate::group::{challenge, drawn, write_element, write_exponent};
use crate::text::Proof;

/// What each draw from the random source has, in bytes.
pub const DRAW: usize = 48;

/// How often [`make_ballot`] needs a draw.
pub fn draws(questions: &[Question]) -> usize {
    let of_question = |question: &Question| {
        let of_blank = if question.blank { of_proof(2) } else { 0 };
        question.choices() * (1 + of_proof(2)) + of_proof(question.overall_branches()) + of_blank
    };
    questions.iter().map(of_question).sum::<usize>() + 1
}

/// A nonce for each branch, and a challenge for each but the true one.
fn of_proof(branches: usize) -> usize {
    2 * branches - 1
}

/// A ballot's text; `None` when there are not as many draws and choices as the questions need.
///
/// That each choice is 0 or 1, and that the questions allow them together, is for the caller to know: a proof of
/// anything else doesn't hold. Draws are used in the order of the reference, which makes the same ballot of them.
pub fn make_ballot(election: &Election, secret: &Scalar, choices: &[Vec<u8>], random: &[[u8; DRAW]]) -> Option<String> {
    let fit = |(question, chosen): (&Question, &Vec<u8>)| question.choices() == chosen.len();
    if choices.len() != election.questions.len()
        || !election.questions.iter().zip(choices).all(fit)
        || random.len() != draws(&election.questions)
    {
        return None;
    }
    let mut random = random.iter();
    let mut credential = Vec::new();
    write_element(&EdwardsPoint::mul_base(secret).compress().0, &mut credential);
    let prefix = [election.fingerprint.as_bytes(), b"|", &credential].concat();
    let mut text = Vec::new();
    text.extend_from_slice(br#"{"election_uuid":""#);
    text.extend_from_slice(election.uuid.as_bytes());
    text.extend_from_slice(br#"","election_hash":""#);
    text.extend_from_slice(election.fingerprint.as_bytes());
    text.extend_from_slice(br#"","credential":""#);
    text.extend_from_slice(&credential);
    text.extend_from_slice(br#"","answers":["#);
    for (index, (question, chosen)) in election.questions.iter().zip(choices).enumerate() {
        if index > 0 {
            text.push(b',');
        }
        write_answer(election, question, chosen, &prefix, &mut random, &mut text)?;
    }
    text.push(b']');
    let hash = Base64Unpadded::encode_string(&Sha256::new().chain_update(&text).chain_update(b"}").finalize());
    let nonce = draw(&mut random)?;
    let mut signed = format!("sig|{hash}|").into_bytes();
    write_element(&EdwardsPoint::mul_base(&nonce).compress().0, &mut signed);
    let challenge = challenge(&signed);
    let product = Zeroizing::new(secret * challenge);
    text.extend_from_slice(br#","signature":{"hash":""#);
    text.extend_from_slice(hash.as_bytes());
    text.extend_from_slice(br#"","proof":"#);
    write_proof(&Proof { challenge, response: *nonce - *product }, &mut text);
    text.extend_from_slice(b"}}");
    String::from_utf8(text).ok()
}

/// What the prover knows of a branch: (alpha, beta·g^-m) is (g^secret, y^secret·g^excess); 0 when the branch is true.
struct Opening<'a> {
    secret: &'a Scalar,
    excess: Zeroizing<Scalar>,
}

impl<'a> Opening<'a> {
    fn new(secret: &'a Scalar, excess: Scalar) -> Self {
        Self { secret, excess: Zeroizing::new(excess) }
    }
}

type Draws<'a> = std::slice::Iter<'a, [u8; DRAW]>;

fn draw(random: &mut Draws) -> Option<Zeroizing<Scalar>> {
    random.next().map(|bytes| Zeroizing::new(drawn(bytes)))
}

fn write_answer(
    election: &Election,
    question: &Question,
    chosen: &[u8],
    prefix: &[u8],
    random: &mut Draws,
    text: &mut Vec<u8>,
) -> Option<()> {
    let mut secrets = Zeroizing::new(Vec::with_capacity(chosen.len()));
    for _ in chosen {
        secrets.push(*draw(random)?);
    }
    let values = Zeroizing::new(chosen.iter().map(|value| Scalar::from(*value)).collect::<Vec<_>>());
    let mut points = Vec::with_capacity(2 * chosen.len());
    for (secret, value) in secrets.iter().zip(chosen) {
        let message = Zeroizing::new(EdwardsPoint::conditional_select(
            &EdwardsPoint::identity(),
            &ED25519_BASEPOINT_POINT,
            value.ct_eq(&1),
        ));
        points.extend([EdwardsPoint::mul_base(secret), election.power(secret) + *message]);
    }
    let ciphertexts: Vec<Vec<u8>> = EdwardsPoint::compress_batch_alloc(&points)
        .chunks_exact(2)
        .map(|pair| {
            let mut ciphertext = Vec::new();
            write_element(&pair[0].0, &mut ciphertext);
            ciphertext.push(b',');
            write_element(&pair[1].0, &mut ciphertext);
            ciphertext
        })
        .collect();

    text.extend_from_slice(br#"{"choices":["#);
    for (index, ciphertext) in ciphertexts.iter().enumerate() {
        text.extend_from_slice(if index > 0 { br#",{"alpha":""# } else { br#"{"alpha":""# });
        text.extend_from_slice(&ciphertext[..64]);
        text.extend_from_slice(br#"","beta":""#);
        text.extend_from_slice(&ciphertext[65..]);
        text.extend_from_slice(br#""}"#);
    }
    text.extend_from_slice(br#"],"individual_proofs":["#);
    for (index, ((secret, value), ciphertext)) in secrets.iter().zip(values.iter()).zip(&ciphertexts).enumerate() {
        if index > 0 {
            text.push(b',');
        }
        let openings = [Opening::new(secret, *value), Opening::new(secret, value - Scalar::ONE)];
        let hashed = [b"prove|", prefix, b"|", ciphertext, b"|"].concat();
        write_proofs(election, &openings, hashed, random, text)?;
    }

    let context = [prefix, b"|", &ciphertexts.join(&b',')].concat();
    let counted = usize::from(question.blank)..;
    let count = Zeroizing::new(values[counted.clone()].iter().sum::<Scalar>());
    let count_secret = Zeroizing::new(secrets[counted.clone()].iter().sum::<Scalar>());
    let allowed = (question.min..=question.max).map(|value| Opening::new(&count_secret, *count - Scalar::from(value)));
    text.extend_from_slice(br#"],"overall_proof":"#);
    if question.blank {
        let is_blank = Opening::new(&secrets[0], values[0] - Scalar::ONE);
        let openings: Vec<_> = std::iter::once(is_blank).chain(allowed).collect();
        write_proofs(election, &openings, [b"bproof1|", context.as_slice(), b"|"].concat(), random, text)?;
        text.extend_from_slice(br#","blank_proof":"#);
        let openings = [Opening::new(&secrets[0], values[0]), Opening::new(&count_secret, *count)];
        write_proofs(election, &openings, [b"bproof0|", context.as_slice(), b"|"].concat(), random, text)?;
    } else {
        let mut hashed = [b"prove|", context.as_slice(), b"|"].concat();
        let alpha: EdwardsPoint = points.iter().step_by(2).sum();
        let beta: EdwardsPoint = points.iter().skip(1).step_by(2).sum();
        write_element(&alpha.compress().0, &mut hashed);
        hashed.push(b',');
        write_element(&beta.compress().0, &mut hashed);
        hashed.push(b'|');
        write_proofs(election, &allowed.collect::<Vec<_>>(), hashed, random, text)?;
    }
    text.push(b'}');
    Some(())
}

/// Prove that one of the branches holds, without saying (or taking another time for) which one it is.
fn write_proofs(
    election: &Election,
    openings: &[Opening],
    mut hashed: Vec<u8>,
    random: &mut Draws,
    text: &mut Vec<u8>,
) -> Option<()> {
    // For each branch a nonce is drawn, then, unless it is the first true one, its challenge: behind that one every
    // draw is one place earlier. Both places are looked at, whichever it is.
    let mut drawn = Zeroizing::new(Vec::with_capacity(of_proof(openings.len()) + 1));
    for _ in 0..of_proof(openings.len()) {
        drawn.push(*draw(random)?);
    }
    drawn.push(Scalar::ZERO);
    let mut truth_seen = Choice::from(0);
    let mut nonces = Zeroizing::new(Vec::with_capacity(openings.len()));
    let mut challenges = Zeroizing::new(Vec::with_capacity(openings.len()));
    let mut true_ones = Zeroizing::new(Vec::with_capacity(openings.len()));
    let mut points = Vec::with_capacity(2 * openings.len());
    for (index, opening) in openings.iter().enumerate() {
        let place = 2 * index;
        let nonce = select(&drawn[place], &drawn[place.saturating_sub(1)], truth_seen);
        let simulated = select(&drawn[place + 1], &drawn[place], truth_seen);
        let is_the_true_one = opening.excess.ct_eq(&Scalar::ZERO) & !truth_seen;
        // Where challenge, product and surplus are nothing, the branch is the true one: they say what was voted.
        let challenge = select(&simulated, &Scalar::ZERO, is_the_true_one);
        let product = Zeroizing::new(*opening.excess * *challenge);
        let surplus = Zeroizing::new(EdwardsPoint::mul_base(&product));
        points.extend([EdwardsPoint::mul_base(&nonce), election.power(&nonce) + *surplus]);
        nonces.push(*nonce);
        challenges.push(*challenge);
        true_ones.push(is_the_true_one.unwrap_u8());
        truth_seen |= is_the_true_one;
    }
    for (index, point) in EdwardsPoint::compress_batch_alloc(&points).iter().enumerate() {
        if index > 0 {
            hashed.push(b',');
        }
        write_element(&point.0, &mut hashed);
    }
    let simulated = Zeroizing::new(challenges.iter().sum::<Scalar>());
    let rest = Zeroizing::new(challenge(&hashed) - *simulated);
    text.push(b'[');
    for (index, (opening, nonce)) in openings.iter().zip(nonces.iter()).enumerate() {
        if index > 0 {
            text.push(b',');
        }
        let challenge = *select(&challenges[index], &rest, Choice::from(true_ones[index]));
        let product = Zeroizing::new(opening.secret * challenge);
        write_proof(&Proof { challenge, response: nonce - *product }, text);
    }
    text.push(b']');
    Some(())
}

/// The second where `choice` is 1.
fn select(first: &Scalar, second: &Scalar, choice: Choice) -> Zeroizing<Scalar> {
    Zeroizing::new(Scalar::conditional_select(first, second, choice))
}

fn write_proof(proof: &Proof, text: &mut Vec<u8>) {
    text.extend_from_slice(br#"{"challenge":""#);
    write_exponent(&proof.challenge, text);
    text.extend_from_slice(br#"","response":""#);
    write_exponent(&proof.response, text);
    text.extend_from_slice(br#""}"#);
}
