"""The report in Markdown."""

from __future__ import annotations

from evote_biometric.domain.reading import FaceReading

from .conditions import CONDITIONS
from .evaluation import Evaluation
from .statistics import Comparisons

THRESHOLD = 0.07
"""The recommended one: a false match costs more than a second try."""
_THRESHOLDS = (0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.10, 0.12)


def render(evaluation: Evaluation, source: str, plots: str) -> str:
    """All of ``docs/biometrics.md``; ``plots`` is the plots' folder as the file links to it."""
    plain = evaluation.comparisons("as they are")
    return (
        "\n\n".join(
            [
                _head(evaluation, source, plain),
                _thresholds(plain, plots),
                _by_condition(evaluation),
                _cover(evaluation),
                _passive(evaluation),
                _limits(evaluation, plain),
            ]
        )
        + "\n"
    )


def _head(evaluation: Evaluation, source: str, plain: Comparisons) -> str:
    data = evaluation.data
    persons = {sample.person for sample in data.samples}
    several = {sample.person for sample in data.samples if sum(s.person == sample.person for s in data.samples) > 1}
    return f"""# How far faces can be trusted

Written by `make eval-face` from {source}; `make eval-face DATA=DIR` evaluates another folder, which holds a
folder for each person. Rates are given as errors of trials with a 95 % interval (Wilson; with no error, the
rule of three), after ISO/IEC 19795-1 and 30107-3. Models and why: [ADR 11](adr/0011-face-models.md).

**This set is small. It shows that the parts work and where they stop working; it is no measurement of how often
residents will be refused or mistaken.** Read *What this can't show* before any figure is used.

| | |
|---|---|
| photographs | {data.photographs}; not decoded {data.not_decoded}; no face found (failure to enrol) {data.no_face} |
| persons | {len(persons)}, of whom {len(several)} in more than one photograph |
| samples (faces) | {len(data.samples)} |
| comparisons of one person's photographs | {len(plain.genuine)} |
| comparisons of different persons | {len(plain.impostor)} |"""


def _thresholds(plain: Comparisons, plots: str) -> str:
    rows = "\n".join(f"| {t:.2f} | {plain.fmr(t)} | {plain.fnmr(t)} |" for t in _THRESHOLDS)
    rate, place = plain.equal_error()
    genuine, impostor = max(plain.genuine, default=0), min(plain.impostor, default=0)
    return f"""## Threshold

Two templates are compared by their cosine distance. The recommended threshold is **{THRESHOLD}**, which is also
deepface's for this model.

| threshold | false match rate | false non-match rate |
|---|---|---|
{rows}

Equal error rate on this set: {rate:.1%}, at {place:.3f}. The largest distance of one person's photographs is
{genuine:.3f}, the smallest of different persons' {impostor:.3f}.

![Distances]({plots}/distances.svg)

![DET curves]({plots}/det.svg)

Where a curve runs level, there was no error left to see: it is drawn at half an error, so that its height says how
few comparisons there were, and nothing of the model."""


def _by_condition(evaluation: Evaluation) -> str:
    rows = []
    for name in CONDITIONS:
        found = evaluation.comparisons(name)
        rows.append(
            f"| {name} | {evaluation.not_found(name)} | {found.fnmr(THRESHOLD)} | {found.fmr(THRESHOLD)} | "
            f"{found.equal_error()[0]:.1%} | {found.genuine_failed} / {found.impostor_failed} |"
        )
    return f"""## By condition

At {THRESHOLD}: each photograph as it is (enrolled) against each other one under the condition. The conditions
are **simulated** from the same photographs (`benchmarks/faces/conditions.py`). The quality rules refuse most
such pictures before they are compared; here nothing is refused but a picture without a face.

| condition | no face found | false non-match | false match | EER | pairs lost for want of a face, same / different |
|---|---|---|---|---|---|
""" + "\n".join(rows)


def _cover(evaluation: Evaluation) -> str:
    def mouth(reading: FaceReading) -> float:
        return reading.mouth_covered

    def eyes(reading: FaceReading) -> float:
        return reading.eyes_covered

    rows = "\n".join(
        f"| {name} | {evaluation.covered(name, mouth)} | {evaluation.covered(name, eyes)} |" for name in CONDITIONS
    )
    return f"""## Covered mouth and eyes

How often the engine says *covered* (0.5 or more). Masks and sunglasses are drawn on. The mouth's measure is
whether lips differ in colour from the skin around them; the eyes', whether the skin under them differs from
nose and cheeks.

| condition | mouth covered | eyes covered |
|---|---|---|
{rows}

A mask with a mouth printed on it, a transparent shield or a hand is not told from a bare mouth; clear glasses
are not told from none."""


def _passive(evaluation: Evaluation) -> str:
    plain = evaluation.taken_for_genuine(evaluation.readings["as they are"])
    rows = "\n".join(
        f"| {name} | {evaluation.taken_for_genuine(readings)} |" for name, readings in evaluation.presentations.items()
    )
    return f"""## The passive check

It looks for the regular pattern that the grid of a screen leaves in a photograph of it. Presentations are
**simulated**. *Taken for genuine* is what ISO/IEC 30107-3 calls APCER for a presentation; of the photographs as
they are, {plain} are taken for genuine, the rest is BPCER.

| presentation | taken for genuine |
|---|---|
{rows}

**It stops a screen whose grid shows, and nothing else**: not a print, not a good screen at a distance, not a
picture fed into the browser by a program. It is one hurdle beside the active challenge and the second factor,
and must not be relied on alone."""


def _limits(evaluation: Evaluation, plain: Comparisons) -> str:
    low = plain.fmr(THRESHOLD).interval[1]
    miss = plain.fnmr(THRESHOLD).interval[1]
    return f"""## What this can't show

- **The false match rate**: with {len(plain.impostor)} comparisons even no error is compatible with {low:.1%}.
  They come from {len(evaluation.data.samples)} faces and aren't independent, so that the true interval is
  wider. To show 0.1 % takes 3,000 independent comparisons without an error.
- **The false non-match rate**: {len(plain.genuine)} comparisons, compatible with up to {miss:.1%}.
- **Residents**: nobody here was chosen to resemble the residents of a Japanese city. NIST IR 8280 found that
  errors, false matches above all, depend on where people come from, for many algorithms to the disadvantage of
  East Asian faces. This model has to be taken for one of them until the city's own figures say otherwise.
- **Cameras, ageing, twins, siblings**: portraits of press quality, not webcams; years between pictures aren't
  known.
- **The cover and passive measures**: their limits were set on these photographs among others, so that the same
  photographs flatter them.
- **Attacks**: no real screen, print, mask or injected video was presented. A puppet made from one photograph
  (tests) turns and blinks well enough for this engine: an active challenge alone doesn't stop such a program.

Before an election relies on faces, the city should run the command on at least a few hundred consenting
residents with two sessions each, and an accredited laboratory should test presentation attacks."""
