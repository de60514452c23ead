//! Ballots, verified (specification, "Signatures", "Proofs of interval membership", "Proofs of possibly-blank votes").
//!
//! Everything here is public: scalars and points are multiplied in variable time.

use std::sync::OnceLock;

use base64ct::{Base64Unpadded, Encoding};
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{EdwardsBasepointTable, EdwardsPoint, VartimeEdwardsPrecomputation};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{BasepointTable, VartimePrecomputedMultiscalarMul};
use sha2::{Digest, Sha256};

use crate::group::{Encoded, challenge, commit, decode, decode_or_identity, write_element};
use crate::text::{AnswerText, Proof, read_ballot};

/// A homomorphic question. With `blank`, its first ciphertext says whether the vote is blank.
#[derive(Clone)]
pub struct Question {
    pub answers: usize,
    pub blank: bool,
    pub min: u32,
    pub max: u32,
}

impl Question {
    /// How many ciphertexts an answer has.
    pub fn choices(&self) -> usize {
        self.answers + usize::from(self.blank)
    }

    /// How many branches its overall proof has.
    pub fn overall_branches(&self) -> usize {
        (self.max - self.min) as usize + 1 + usize::from(self.blank)
    }
}

/// Which rule a ballot breaks; questions count from 1. The reference has the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    ElectionUuid,
    ElectionHash,
    Hash,
    Signature,
    IndividualProof(usize),
    OverallProof(usize),
    BlankProof(usize),
}

/// What ballots of one election are verified against, with the tables of its key.
pub struct Election {
    pub uuid: String,
    pub fingerprint: String,
    pub questions: Vec<Question>,
    public_key: EdwardsPoint,
    /// Of y, then of g.
    tables: VartimeEdwardsPrecomputation,
    secret_table: OnceLock<Box<EdwardsBasepointTable>>,
}

impl Election {
    /// `None` unless the key is an element, and every question has answers and 0 ≤ min ≤ max.
    pub fn new(uuid: String, fingerprint: String, public_key: &Encoded, questions: Vec<Question>) -> Option<Self> {
        let public_key = decode(public_key)?;
        questions.iter().all(|question| question.answers > 0 && question.min <= question.max).then(|| Self {
            uuid,
            fingerprint,
            questions,
            public_key,
            tables: VartimeEdwardsPrecomputation::new([public_key, ED25519_BASEPOINT_POINT]),
            secret_table: OnceLock::new(),
        })
    }

    /// y to a secret exponent, in constant time; the table is made for the first one.
    pub fn power(&self, exponent: &Scalar) -> EdwardsPoint {
        let table = self.secret_table.get_or_init(|| Box::new(EdwardsBasepointTable::create(&self.public_key)));
        table.mul_base(exponent)
    }

    /// A = g^response·alpha^challenge and B = y^response·(beta·g^-value)^challenge.
    fn commit(&self, pair: &Pair, value: u64, proof: &Proof, commitments: &mut Vec<EdwardsPoint>) {
        commitments.push(commit(&pair.alpha, &proof.challenge, &proof.response));
        let of_generator = -(Scalar::from(value) * proof.challenge);
        let of_fixed = [proof.response, of_generator];
        let used = if value == 0 { &of_fixed[..1] } else { &of_fixed };
        commitments.push(self.tables.vartime_mixed_multiscalar_mul(used, [proof.challenge], [pair.beta]));
    }
}

/// A ciphertext, or a product of ciphertexts.
#[derive(Clone, Copy)]
struct Pair {
    alpha: EdwardsPoint,
    beta: EdwardsPoint,
}

/// A ciphertext of a ballot, its halves known to be elements.
pub struct Ciphertext {
    pub alpha: Encoded,
    pub beta: Encoded,
    /// SHA-256 of `alpha,beta`: equal ones in two ballots mean a copied ciphertext.
    pub digest: [u8; 32],
    text: [u8; 129],
    pair: Pair,
}

struct Answer {
    choices: Vec<Ciphertext>,
    individual_proofs: Vec<Vec<Proof>>,
    overall_proof: Vec<Proof>,
    blank_proof: Vec<Proof>,
}

/// A ballot whose structure and encodings are right.
pub struct Ballot {
    pub credential: String,
    pub tracker: String,
    election_uuid: Vec<u8>,
    election_hash: Vec<u8>,
    credential_point: EdwardsPoint,
    answers: Vec<Answer>,
    signature_hash: Vec<u8>,
    signature: Proof,
    content_hash: String,
}

/// What a ballot adds to box and tally, as its text says it.
pub struct Recalled {
    pub credential: String,
    pub tracker: String,
    /// alpha, beta and the digest of each choice of each answer.
    pub answers: Vec<Vec<(Encoded, Encoded, [u8; 32])>>,
}

impl Recalled {
    /// Read a ballot that was verified before: nothing but its form is checked, not even that points are elements.
    pub fn read(election: &Election, text: &str) -> Option<Self> {
        let found = read_ballot(text.as_bytes(), &election.questions)?;
        let digested = |answer: AnswerText| {
            answer.choices.into_iter().map(|one| (one.alpha, one.beta, Sha256::digest(one.text).into())).collect()
        };
        Some(Self {
            credential: String::from_utf8(found.credential_text.to_vec()).ok()?,
            tracker: Base64Unpadded::encode_string(&Sha256::digest(text)),
            answers: found.answers.into_iter().map(digested).collect(),
        })
    }
}

impl Ballot {
    /// Read a ballot without checking any proof; `None` when the reference has to say what is wrong.
    pub fn read(election: &Election, text: &str) -> Option<Self> {
        let found = read_ballot(text.as_bytes(), &election.questions)?;
        let credential_point = decode(&found.credential)?;
        let mut answers = Vec::with_capacity(found.answers.len());
        for answer in found.answers {
            let mut choices = Vec::with_capacity(answer.choices.len());
            for choice in answer.choices {
                choices.push(Ciphertext {
                    alpha: choice.alpha,
                    beta: choice.beta,
                    digest: Sha256::digest(choice.text).into(),
                    text: choice.text,
                    pair: Pair { alpha: decode_or_identity(&choice.alpha)?, beta: decode_or_identity(&choice.beta)? },
                });
            }
            answers.push(Answer {
                choices,
                individual_proofs: answer.individual_proofs,
                overall_proof: answer.overall_proof,
                blank_proof: answer.blank_proof,
            });
        }
        let signed = Sha256::new().chain_update(&text.as_bytes()[..found.unsigned]).chain_update(b"}").finalize();
        Some(Self {
            credential: String::from_utf8(found.credential_text.to_vec()).ok()?,
            tracker: Base64Unpadded::encode_string(&Sha256::digest(text)),
            election_uuid: found.election_uuid.to_vec(),
            election_hash: found.election_hash.to_vec(),
            credential_point,
            answers,
            signature_hash: found.signature_hash.to_vec(),
            signature: found.signature,
            content_hash: Base64Unpadded::encode_string(&signed),
        })
    }

    /// What it adds to box and tally.
    pub fn recalled(self) -> Recalled {
        let kept = |answer: Answer| answer.choices.into_iter().map(|one| (one.alpha, one.beta, one.digest)).collect();
        Recalled {
            credential: self.credential,
            tracker: self.tracker,
            answers: self.answers.into_iter().map(kept).collect(),
        }
    }

    /// The ciphertexts of each answer.
    pub fn ciphertexts(&self) -> impl Iterator<Item = &[Ciphertext]> {
        self.answers.iter().map(|answer| answer.choices.as_slice())
    }

    /// The ballot is for this election.
    pub fn check_binding(&self, election: &Election) -> Result<(), Refusal> {
        demand(self.election_uuid == election.uuid.as_bytes(), Refusal::ElectionUuid)?;
        demand(self.election_hash == election.fingerprint.as_bytes(), Refusal::ElectionHash)
    }

    /// The credential signed this content.
    pub fn check_signature(&self) -> Result<(), Refusal> {
        demand(self.signature_hash == self.content_hash.as_bytes(), Refusal::Hash)?;
        let prefix = format!("sig|{}|", self.content_hash);
        demand(knowledge_holds(&self.credential_point, prefix.as_bytes(), &self.signature), Refusal::Signature)
    }

    /// Every answer encrypts an allowed choice.
    pub fn check_proofs(&self, election: &Election) -> Result<(), Refusal> {
        // The proofs' context is this election's, whatever the ballot claims.
        let prefix = format!("{}|{}", election.fingerprint, self.credential);
        for (index, (question, answer)) in election.questions.iter().zip(&self.answers).enumerate() {
            answer.check(election, question, prefix.as_bytes(), index + 1)?;
        }
        Ok(())
    }

    /// Everything that a ballot says by itself.
    pub fn check(&self, election: &Election) -> Result<(), Refusal> {
        self.check_binding(election)?;
        self.check_signature()?;
        self.check_proofs(election)
    }
}

impl Answer {
    fn check(&self, election: &Election, question: &Question, prefix: &[u8], number: usize) -> Result<(), Refusal> {
        // All commitments first, since their encodings share one inversion.
        let mut points = Vec::new();
        for (choice, proofs) in self.choices.iter().zip(&self.individual_proofs) {
            for (value, proof) in proofs.iter().enumerate() {
                election.commit(&choice.pair, value as u64, proof, &mut points);
            }
        }
        let first = &self.choices[0].pair;
        let total = product(&self.choices[usize::from(question.blank)..]);
        let allowed = (question.min..=question.max).map(u64::from);
        let mut overall = self.overall_proof.iter();
        if question.blank {
            overall.next().into_iter().for_each(|proof| election.commit(first, 1, proof, &mut points));
        } else {
            points.extend([total.alpha, total.beta]);
        }
        for (value, proof) in allowed.zip(overall) {
            election.commit(&total, value, proof, &mut points);
        }
        for (pair, proof) in [first, &total].into_iter().zip(&self.blank_proof) {
            election.commit(pair, 0, proof, &mut points);
        }
        let mut encoded = Encodings(EdwardsPoint::compress_batch_alloc(&points).into_iter().map(|point| point.0));

        for (choice, proofs) in self.choices.iter().zip(&self.individual_proofs) {
            let context = [b"prove|", prefix, b"|", &choice.text, b"|"].concat();
            demand(encoded.match_challenges(context, proofs), Refusal::IndividualProof(number))?;
        }
        let texts: Vec<&[u8]> = self.choices.iter().map(|choice| choice.text.as_slice()).collect();
        let context = [prefix, b"|", &texts.join(&b',')].concat();
        if !question.blank {
            let mut whole = [b"prove|", context.as_slice(), b"|"].concat();
            write_pair(&mut encoded.0, &mut whole);
            whole.push(b'|');
            return demand(encoded.match_challenges(whole, &self.overall_proof), Refusal::OverallProof(number));
        }
        let overall = [b"bproof1|", context.as_slice(), b"|"].concat();
        demand(encoded.match_challenges(overall, &self.overall_proof), Refusal::OverallProof(number))?;
        let blank = [b"bproof0|", context.as_slice(), b"|"].concat();
        demand(encoded.match_challenges(blank, &self.blank_proof), Refusal::BlankProof(number))
    }
}

/// Commitments that are not hashed yet.
struct Encodings<Points>(Points);

impl<Points: Iterator<Item = Encoded>> Encodings<Points> {
    /// Hash the next commitments behind `text`: the challenges add up to that.
    fn match_challenges(&mut self, mut text: Vec<u8>, proofs: &[Proof]) -> bool {
        for position in 0..proofs.len() {
            if position > 0 {
                text.push(b',');
            }
            write_pair(&mut self.0, &mut text);
        }
        challenge(&text) == proofs.iter().map(|proof| proof.challenge).sum()
    }
}

fn write_pair(points: &mut impl Iterator<Item = Encoded>, text: &mut Vec<u8>) {
    for (position, point) in points.take(2).enumerate() {
        if position > 0 {
            text.push(b',');
        }
        write_element(&point, text);
    }
}

/// Whether the proof shows knowledge of the discrete logarithm of `public`.
pub fn knowledge_holds(public: &EdwardsPoint, prefix: &[u8], proof: &Proof) -> bool {
    let commitment = commit(public, &proof.challenge, &proof.response);
    let mut text = prefix.to_vec();
    write_element(&commitment.compress().0, &mut text);
    challenge(&text) == proof.challenge
}

fn product(choices: &[Ciphertext]) -> Pair {
    Pair {
        alpha: choices.iter().map(|choice| choice.pair.alpha).sum(),
        beta: choices.iter().map(|choice| choice.pair.beta).sum(),
    }
}

fn demand(holds: bool, otherwise: Refusal) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(otherwise) }
}
