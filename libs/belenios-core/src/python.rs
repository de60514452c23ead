//! What Python sees. Long calls release the interpreter's lock, so that threads verify side by side.

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyString, PyTuple};
use zeroize::Zeroizing;

use crate::ballot::{Ballot, Election, Question, Recalled, Refusal};
use crate::belenios2048::{ELEMENT, EXPONENT, FixedBase};
use crate::cast::{Order, ballot_digest};
use crate::group::{Encoded, commit, decode, known, power as raise};
use crate::make::{DRAW, draws, make_ballot};

/// A rule and the number of the question, 0 where it is of none.
type RefusalTuple = (&'static str, usize);

fn named(refusal: Refusal) -> RefusalTuple {
    match refusal {
        Refusal::ElectionUuid => ("ballot-election-uuid", 0),
        Refusal::ElectionHash => ("ballot-election-hash", 0),
        Refusal::Hash => ("ballot-hash", 0),
        Refusal::Signature => ("ballot-signature", 0),
        Refusal::IndividualProof(number) => ("ballot-individual-proof", number),
        Refusal::OverallProof(number) => ("ballot-overall-proof", number),
        Refusal::BlankProof(number) => ("ballot-blank-proof", number),
    }
}

/// An election, ready to verify ballots.
#[pyclass(frozen, name = "Election", module = "evote_belenios_core")]
struct PyElection(Election);

#[pymethods]
impl PyElection {
    #[new]
    fn new(
        uuid: String,
        fingerprint: String,
        public_key: Encoded,
        questions: Vec<(usize, bool, u32, u32)>,
    ) -> PyResult<Self> {
        let questions =
            questions.into_iter().map(|(answers, blank, min, max)| Question { answers, blank, min, max }).collect();
        Election::new(uuid, fingerprint, &public_key, questions)
            .map(Self)
            .ok_or_else(|| PyValueError::new_err("no ballot can be of this election"))
    }

    /// Verify ballots: for each what is left of it, the rule that it breaks, or None where the reference has to read it.
    fn examine<'py>(
        &self,
        py: Python<'py>,
        texts: Vec<Bound<'py, PyString>>,
    ) -> PyResult<Vec<Option<Bound<'py, PyAny>>>> {
        // A text with half a surrogate pair has no UTF-8; the reference says so.
        let texts: Vec<Option<PyBackedStr>> = texts.into_iter().map(|text| text.try_into().ok()).collect();
        let verdicts: Vec<Option<Result<Recalled, Refusal>>> =
            py.detach(|| texts.iter().map(|text| text.as_deref().and_then(|text| self.verdict(text))).collect());
        verdicts
            .into_iter()
            .map(|verdict| match verdict {
                None => Ok(None),
                Some(Err(refusal)) => Ok(Some(named(refusal).into_pyobject(py)?.into_any())),
                Some(Ok(ballot)) => Ok(Some(facts(py, &ballot)?.into_any())),
            })
            .collect()
    }

    /// What is left of ballots that were verified before: nothing but the form is checked. None where the reference has
    /// to read it.
    fn recall<'py>(
        &self,
        py: Python<'py>,
        texts: Vec<Bound<'py, PyString>>,
    ) -> PyResult<Vec<Option<Bound<'py, PyTuple>>>> {
        let texts: Vec<Option<PyBackedStr>> = texts.into_iter().map(|text| text.try_into().ok()).collect();
        let found: Vec<Option<Recalled>> =
            py.detach(|| texts.iter().map(|text| Recalled::read(&self.0, text.as_deref()?)).collect());
        found.into_iter().map(|ballot| ballot.map(|ballot| facts(py, &ballot)).transpose()).collect()
    }

    /// Read a ballot without checking any proof; None where the reference has to read it.
    fn read<'py>(slf: Bound<'py, Self>, text: &Bound<'py, PyString>) -> Option<PyBallot> {
        let text: PyBackedStr = text.clone().try_into().ok()?;
        let election = &slf.get().0;
        let ballot = slf.py().detach(|| Ballot::read(election, &text))?;
        Some(PyBallot { election: slf.unbind(), ballot })
    }

    /// How many draws of 48 random bytes a ballot takes.
    #[getter]
    fn draws(&self) -> usize {
        draws(&self.0.questions)
    }

    /// Make a ballot of an allowed choice, with as many draws as `draws` says.
    fn make_ballot(
        &self,
        py: Python<'_>,
        secret: &[u8],
        choices: Vec<Vec<u8>>,
        random: Vec<Bound<'_, PyBytes>>,
    ) -> PyResult<String> {
        let (secret, choices) = (scalar(secret)?, Zeroizing::new(choices));
        // Of full size from the start: a vector that grows leaves what it held behind.
        let mut draws = Zeroizing::new(vec![[0; DRAW]; random.len()]);
        for (place, bytes) in draws.iter_mut().zip(&random) {
            copy(bytes.as_bytes(), place).ok_or_else(|| PyValueError::new_err("a draw has 48 bytes"))?;
        }
        py.detach(|| make_ballot(&self.0, &secret, &choices, &draws))
            .ok_or_else(|| PyValueError::new_err("not the choices, draws and exponent of a ballot of this election"))
    }
}

impl PyElection {
    fn verdict(&self, text: &str) -> Option<Result<Recalled, Refusal>> {
        let ballot = Ballot::read(&self.0, text)?;
        Some(ballot.check(&self.0).map(|()| ballot.recalled()))
    }
}

/// Credential, tracker, the ciphertexts' digests, and alpha and beta of each choice of each answer.
fn facts<'py>(py: Python<'py>, ballot: &Recalled) -> PyResult<Bound<'py, PyTuple>> {
    let answers = ballot
        .answers
        .iter()
        .map(|choices| {
            let pairs = choices.iter().map(|(alpha, beta, _)| (PyBytes::new(py, alpha), PyBytes::new(py, beta)));
            PyTuple::new(py, pairs.collect::<Vec<_>>())
        })
        .collect::<PyResult<Vec<_>>>()?;
    let digests = ballot.answers.iter().flatten().map(|(_, _, digest)| PyBytes::new(py, digest));
    let digests = PyTuple::new(py, digests.collect::<Vec<_>>())?;
    (ballot.credential.as_str(), ballot.tracker.as_str(), digests, PyTuple::new(py, answers)?).into_pyobject(py)
}

fn digests<'py>(py: Python<'py>, ballot: &Ballot) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, ballot.ciphertexts().flatten().map(|choice| PyBytes::new(py, &choice.digest)).collect::<Vec<_>>())
}

/// A ballot that was read, for who checks it step by step.
#[pyclass(frozen, name = "Ballot", module = "evote_belenios_core")]
struct PyBallot {
    election: Py<PyElection>,
    ballot: Ballot,
}

#[pymethods]
impl PyBallot {
    /// SHA-256 of each ciphertext.
    #[getter]
    fn digests<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        digests(py, &self.ballot)
    }

    /// The rule that it breaks of those about the election that it is for.
    fn check_binding(&self) -> Option<RefusalTuple> {
        self.ballot.check_binding(&self.election.get().0).err().map(named)
    }

    /// The rule that it breaks of those about its signature.
    fn check_signature(&self, py: Python<'_>) -> Option<RefusalTuple> {
        py.detach(|| self.ballot.check_signature()).err().map(named)
    }

    /// The rule that it breaks of those about its proofs.
    fn check_proofs(&self, py: Python<'_>) -> Option<RefusalTuple> {
        let election = &self.election.get().0;
        py.detach(|| self.ballot.check_proofs(election)).err().map(named)
    }
}

/// Elements are added up without checking them again.
#[pyclass(name = "Sum", module = "evote_belenios_core")]
struct PySum(EdwardsPoint);

#[pymethods]
impl PySum {
    #[new]
    fn new() -> Self {
        Self(EdwardsPoint::default())
    }

    fn add(&mut self, element: Encoded) -> PyResult<()> {
        self.0 += point(&element)?;
        Ok(())
    }

    fn element<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        written(py, &self.0)
    }
}

/// An element of BELENIOS-2048 that is raised to many secret exponents, in constant time.
#[pyclass(frozen, name = "FixedBase", module = "evote_belenios_core")]
struct PyFixedBase(FixedBase);

#[pymethods]
impl PyFixedBase {
    #[new]
    fn new(py: Python<'_>, base: [u8; ELEMENT]) -> PyResult<Self> {
        py.detach(|| FixedBase::new(&base)).map(Self).ok_or_else(|| PyValueError::new_err("not a number below p"))
    }

    fn power<'py>(&self, py: Python<'py>, exponent: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let mut bytes = Zeroizing::new([0; EXPONENT]);
        copy(exponent, &mut bytes).ok_or_else(|| PyValueError::new_err("an exponent has 32 bytes"))?;
        Ok(PyBytes::new(py, &py.detach(|| self.0.power(&bytes))))
    }
}

#[pyfunction]
fn add<'py>(py: Python<'py>, left: Encoded, right: Encoded) -> PyResult<Bound<'py, PyBytes>> {
    Ok(written(py, &(point(&left)? + point(&right)?)))
}

#[pyfunction]
fn subtract<'py>(py: Python<'py>, left: Encoded, right: Encoded) -> PyResult<Bound<'py, PyBytes>> {
    Ok(written(py, &(point(&left)? - point(&right)?)))
}

/// An element times an exponent below q, in constant time.
#[pyfunction]
fn power<'py>(py: Python<'py>, base: Encoded, exponent: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let exponent = scalar(exponent)?;
    Ok(written(py, &raise(&point(&base)?, &exponent)))
}

/// The generator times an exponent below q, in constant time.
#[pyfunction]
fn power_generator<'py>(py: Python<'py>, exponent: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    Ok(written(py, &EdwardsPoint::mul_base(&*scalar(exponent)?)))
}

/// g^response·public^challenge of a proof that is checked: all of it public, in variable time.
#[pyfunction]
fn commitment<'py>(
    py: Python<'py>,
    public: Encoded,
    challenge: &[u8],
    response: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    Ok(written(py, &commit(&point(&public)?, &*scalar(challenge)?, &*scalar(response)?)))
}

/// Whether these are the canonical bytes of an element of the subgroup that is not the identity.
#[pyfunction]
fn is_element(point: Encoded) -> bool {
    decode(&point).is_some()
}

/// For each of (election, credential, tracker, ballot) the ballot's SHA-256, when they belong together; None where the
/// reference has to look.
#[pyfunction]
fn ballot_digests<'py>(py: Python<'py>, casts: Vec<Bound<'py, PyAny>>) -> Vec<Option<Bound<'py, PyBytes>>> {
    type Cast = (PyBackedStr, PyBackedStr, PyBackedStr, PyBackedStr);
    // What can't be extracted has half a surrogate pair; the reference says so.
    let casts: Vec<Option<Cast>> = casts.into_iter().map(|cast| cast.extract().ok()).collect();
    let found: Vec<Option<[u8; 32]>> = py.detach(|| {
        casts
            .iter()
            .map(|cast| {
                cast.as_ref()
                    .and_then(|(uuid, credential, tracker, text)| ballot_digest(uuid, credential, tracker, text))
            })
            .collect()
    });
    found.into_iter().map(|digest| digest.map(|digest| PyBytes::new(py, &digest))).collect()
}

/// For each of (election, credential, tracker, number, challenge, response) whether the credential signed it; where not, the
/// reference has to look.
#[pyfunction]
fn orders_signed(py: Python<'_>, orders: Vec<Bound<'_, PyAny>>) -> Vec<bool> {
    type Written = (PyBackedStr, PyBackedStr, PyBackedStr, u64, PyBackedStr, PyBackedStr);
    let orders: Vec<Option<Written>> = orders.into_iter().map(|order| order.extract().ok()).collect();
    py.detach(|| {
        let is_signed = |(election_uuid, credential, tracker, number, challenge, response): &Written| {
            Order { election_uuid, credential, tracker, number: *number, challenge, response }.is_signed()
        };
        orders.iter().map(|order| order.as_ref().is_some_and(is_signed)).collect()
    })
}

fn point(bytes: &Encoded) -> PyResult<EdwardsPoint> {
    known(bytes).ok_or_else(|| PyValueError::new_err("not an element"))
}

/// Read from where Python has it: an array as an argument would be one more copy, which nothing overwrites.
fn scalar(bytes: &[u8]) -> PyResult<Zeroizing<Scalar>> {
    let mut exponent = Zeroizing::new([0; 32]);
    copy(bytes, &mut exponent)
        .and_then(|()| Option::<Scalar>::from(Scalar::from_canonical_bytes(*exponent)))
        .map(Zeroizing::new)
        .ok_or_else(|| PyValueError::new_err("not an exponent below q"))
}

/// `None` when they are not as many.
fn copy<const LENGTH: usize>(from: &[u8], to: &mut [u8; LENGTH]) -> Option<()> {
    to.copy_from_slice(from.get(..LENGTH).filter(|_| from.len() == LENGTH)?);
    Some(())
}

fn written<'py>(py: Python<'py>, point: &EdwardsPoint) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &point.compress().0)
}

/// See `evote_belenios_core.pyi`.
#[pymodule]
fn evote_belenios_core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<PyElection>()?;
    module.add_class::<PyBallot>()?;
    module.add_class::<PySum>()?;
    module.add_class::<PyFixedBase>()?;
    module.add_function(wrap_pyfunction!(ballot_digests, module)?)?;
    module.add_function(wrap_pyfunction!(orders_signed, module)?)?;
    module.add_function(wrap_pyfunction!(add, module)?)?;
    module.add_function(wrap_pyfunction!(subtract, module)?)?;
    module.add_function(wrap_pyfunction!(power, module)?)?;
    module.add_function(wrap_pyfunction!(power_generator, module)?)?;
    module.add_function(wrap_pyfunction!(commitment, module)?)?;
    module.add_function(wrap_pyfunction!(is_element, module)?)
}
