//! What a record of a cast says by itself: rules 1 and 5 of `evote_belenios.admission`, which has the words.

use base64ct::{Base64Unpadded, Encoding};
use sha2::{Digest, Sha256};

use crate::ballot::knowledge_holds;
use crate::group::{bytes_of, decode, exponent_of};
use crate::text::{Proof, claims_of};

/// What the challenge of an order statement begins with.
const DOMAIN: &str = "evote-order";

/// The largest integer that every JSON reader reads exactly.
const LARGEST_NUMBER: u64 = (1 << 53) - 1;

/// SHA-256 of a ballot, when its record says of it what it says itself; `None` when the reference has to say what is
/// wrong.
pub fn ballot_digest(election_uuid: &str, credential: &str, tracker: &str, ballot: &str) -> Option<[u8; 32]> {
    let digest: [u8; 32] = Sha256::digest(ballot).into();
    let consistent = tracker == Base64Unpadded::encode_string(&digest)
        && claims_of(ballot.as_bytes())? == (election_uuid.as_bytes(), credential.as_bytes());
    consistent.then_some(digest)
}

/// A voter's word on which ballot came after which, as it is recorded.
pub struct Order<'a> {
    pub election_uuid: &'a str,
    pub credential: &'a str,
    pub tracker: &'a str,
    pub number: u64,
    pub challenge: &'a str,
    pub response: &'a str,
}

impl Order<'_> {
    /// Whether the credential signed number and tracker; where not, the reference says what is wrong, or takes it, for
    /// the credential may be of another group.
    pub fn is_signed(&self) -> bool {
        self.holds() == Some(true)
    }

    fn holds(&self) -> Option<bool> {
        if !(1..=LARGEST_NUMBER).contains(&self.number) {
            return None;
        }
        let proof = Proof {
            challenge: exponent_of(self.challenge.as_bytes())?,
            response: exponent_of(self.response.as_bytes())?,
        };
        // Each by itself: a sum over many statements would take points beside the subgroup that add up to one in it, and
        // the statements have no commitments to add up.
        let public = decode(&bytes_of(self.credential.as_bytes())?)?;
        let Self { election_uuid, credential, tracker, number, .. } = self;
        let prefix = format!("{DOMAIN}|{election_uuid}|{tracker}|{number}|{credential}|");
        Some(knowledge_holds(&public, prefix.as_bytes(), &proof))
    }
}
