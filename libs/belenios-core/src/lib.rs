//! Ballots of Belenios, protocol version 1, in the group Ed25519: read, verified and made. Of BELENIOS-2048 powers of fixed
//! bases alone.
//!
//! What is right is said by `libs/belenios`, in Python, which an auditor reads: this crate says the same, faster, and
//! where it can't read a text it says nothing at all, so that the reference names what is wrong. Time is constant
//! wherever a scalar is secret (`make`, `group::power`, `belenios2048`), and variable where everything is public (`ballot`).
//! Source: Belenios' `doc/specification.tex`, version 2.5.1.
#![forbid(unsafe_code)]

pub mod ballot;
pub mod belenios2048;
pub mod cast;
pub mod group;
pub mod make;
pub mod text;

#[cfg(feature = "python")]
mod python;
