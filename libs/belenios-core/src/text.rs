//! The one text of a ballot (specification, "Ballots"), read from its first byte to its last.
//!
//! There is exactly one compact text for a ballot's content, so that this needs no JSON: it takes that text and nothing
//! else. What it doesn't take is not thereby wrong; the reference reads it then, and names what is.

use std::ops::RangeInclusive;

use curve25519_dalek::scalar::Scalar;

use crate::ballot::Question;
use crate::group::{ELEMENT_CHARACTERS, Encoded, bytes_of, exponent_of};

/// Longer texts are left to the reference, which bounds length and number of a message's values. A proof takes 32 bytes and
/// more, so that no text below this reaches those bounds.
const LONGEST: usize = 4 << 20;

/// No string of a ballot is longer: an exponent has 76 digits.
const LONGEST_STRING: usize = 128;

/// A Schnorr-like pair of numbers modulo q.
#[derive(Clone)]
pub struct Proof {
    pub challenge: Scalar,
    pub response: Scalar,
}

/// A ciphertext's halves, not yet known to be elements, and `alpha,beta` as hashes take it.
#[derive(Clone)]
pub struct CiphertextText {
    pub alpha: Encoded,
    pub beta: Encoded,
    pub text: [u8; 2 * ELEMENT_CHARACTERS + 1],
}

/// An `answer_h`.
pub struct AnswerText {
    pub choices: Vec<CiphertextText>,
    pub individual_proofs: Vec<Vec<Proof>>,
    pub overall_proof: Vec<Proof>,
    pub blank_proof: Vec<Proof>,
}

/// Everything that a ballot's text says.
pub struct BallotText<'a> {
    pub election_uuid: &'a [u8],
    pub election_hash: &'a [u8],
    pub credential_text: &'a [u8],
    pub credential: Encoded,
    pub answers: Vec<AnswerText>,
    /// How many bytes stand before the signature: what is signed is these and a closing bracket.
    pub unsigned: usize,
    pub signature_hash: &'a [u8],
    pub signature: Proof,
}

/// Read a ballot of these questions; `None` for any text but the one of its content.
pub fn read_ballot<'a>(text: &'a [u8], questions: &[Question]) -> Option<BallotText<'a>> {
    if text.len() > LONGEST {
        return None;
    }
    let mut rest = Rest(text);
    rest.expect(br#"{"election_uuid":"#)?;
    let election_uuid = rest.string()?;
    rest.expect(br#","election_hash":"#)?;
    let election_hash = rest.string()?;
    rest.expect(br#","credential":"#)?;
    let credential_text = rest.string()?;
    let credential = bytes_of(credential_text)?;
    rest.expect(br#","answers":"#)?;
    let answers = rest.array(questions.iter(), |rest, question| rest.answer(question))?;
    let unsigned = text.len() - rest.0.len();
    rest.expect(br#","signature":{"hash":"#)?;
    let signature_hash = rest.string()?;
    rest.expect(br#","proof":"#)?;
    let signature = rest.proof()?;
    rest.expect(b"}}")?;
    rest.0.is_empty().then_some(BallotText {
        election_uuid,
        election_hash,
        credential_text,
        credential,
        answers,
        unsigned,
        signature_hash,
        signature,
    })
}

/// The election's uuid and the credential that a ballot's text begins with, when all of it is printable ASCII; nothing else is
/// read. `None` when the reference has to say what is wrong.
pub fn claims_of(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = Rest(text);
    rest.expect(br#"{"election_uuid":""#)?;
    let election_uuid = rest.run(14..=64, |byte| byte.is_ascii_alphanumeric() && !b"0IOl".contains(&byte))?;
    rest.expect(br#"","election_hash":""#)?;
    rest.run(43..=43, |byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))?;
    rest.expect(br#"","credential":""#)?;
    let credential = rest.run(1..=617, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))?;
    rest.expect(br#"","#)?;
    text.iter().all(|byte| matches!(byte, b' '..=b'~')).then_some((election_uuid, credential))
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn expect(&mut self, literal: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(literal)?;
        Some(())
    }

    /// As many of these bytes as come next, if so many are allowed.
    fn run(&mut self, lengths: RangeInclusive<usize>, belongs: impl Fn(u8) -> bool) -> Option<&'a [u8]> {
        let end = self.0.iter().take(lengths.end() + 1).take_while(|byte| belongs(**byte)).count();
        let (run, rest) = self.0.split_at(end);
        self.0 = rest;
        lengths.contains(&end).then_some(run)
    }

    /// A string of printable ASCII characters of which none needs to be escaped.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.expect(b"\"")?;
        let is_last = |byte: &u8| !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\');
        let end = self.0.iter().take(LONGEST_STRING + 1).position(is_last)?;
        let (string, rest) = self.0.split_at(end);
        self.0 = rest;
        self.expect(b"\"")?;
        Some(string)
    }

    /// One value for each of `items`, which are known beforehand: memory never follows what a text claims.
    fn array<Item, Value>(
        &mut self,
        items: impl Iterator<Item = Item>,
        mut value: impl FnMut(&mut Self, Item) -> Option<Value>,
    ) -> Option<Vec<Value>> {
        self.expect(b"[")?;
        let mut values = Vec::new();
        for (position, item) in items.enumerate() {
            if position > 0 {
                self.expect(b",")?;
            }
            values.push(value(self, item)?);
        }
        self.expect(b"]")?;
        Some(values)
    }

    fn answer(&mut self, question: &Question) -> Option<AnswerText> {
        self.expect(br#"{"choices":"#)?;
        let choices = self.array(0..question.choices(), |rest, _| rest.ciphertext())?;
        self.expect(br#","individual_proofs":"#)?;
        let individual_proofs = self.array(0..question.choices(), |rest, _| rest.proofs(2))?;
        self.expect(br#","overall_proof":"#)?;
        let overall_proof = self.proofs(question.overall_branches())?;
        let mut blank_proof = Vec::new();
        if question.blank {
            self.expect(br#","blank_proof":"#)?;
            blank_proof = self.proofs(2)?;
        }
        self.expect(b"}")?;
        Some(AnswerText { choices, individual_proofs, overall_proof, blank_proof })
    }

    fn ciphertext(&mut self) -> Option<CiphertextText> {
        self.expect(br#"{"alpha":"#)?;
        let alpha_text = self.string()?;
        self.expect(br#","beta":"#)?;
        let beta_text = self.string()?;
        self.expect(b"}")?;
        let (alpha, beta) = (bytes_of(alpha_text)?, bytes_of(beta_text)?);
        let mut text = [b','; 2 * ELEMENT_CHARACTERS + 1];
        text[..ELEMENT_CHARACTERS].copy_from_slice(alpha_text);
        text[ELEMENT_CHARACTERS + 1..].copy_from_slice(beta_text);
        Some(CiphertextText { alpha, beta, text })
    }

    fn proofs(&mut self, branches: usize) -> Option<Vec<Proof>> {
        self.array(0..branches, |rest, _| rest.proof())
    }

    fn proof(&mut self) -> Option<Proof> {
        self.expect(br#"{"challenge":"#)?;
        let challenge = exponent_of(self.string()?)?;
        self.expect(br#","response":"#)?;
        let response = exponent_of(self.string()?)?;
        self.expect(b"}")?;
        Some(Proof { challenge, response })
    }
}
