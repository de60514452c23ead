"""The report in Markdown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from evote_biometric.domain.reading import FaceReading
from evote_biometric.settings import BiometricSettings

from .conditions import CONDITIONS, PRESENTATIONS
from .evaluation import PLAIN, Evaluation
from .pairs import FEWEST_PERSONS, Pairs

THRESHOLD: float = BiometricSettings.model_fields["likeness_threshold"].default
"""The one that the service compares by."""
_THRESHOLDS = (0.03, 0.04, 0.05, 0.055, 0.06, 0.065, 0.07, 0.075, 0.08, 0.09, 0.10, 0.12)
_FMR_ASKED = 0.001
"""NIST SP 800-63B (revision 3), 5.2.3: a false match rate of 1 in 1000 or better."""


@dataclass(frozen=True)
class Measured:
    """A data set, what was measured of it, and what its kind of photographs can't show."""

    source: str
    evaluation: Evaluation
    limits: tuple[str, ...]


DATABASE_LIMITS = (
    "**Colour and light**: the Database of Faces is grey. Its rates say nothing of what colour, a webcam's exposure or "
    "a window behind the resident do, and cover and the passive check aren't measured on it: both look at colours or "
    "at detail finer than pictures that were enlarged five times have.",
    "**Age of the pictures**: they were taken from 1992 to 1994 with one camera in one laboratory, before an even dark "
    "ground, most of a person's within one sitting. A face that is enrolled today and compared in four years differs "
    "more: false non-matches are understated.",
    "**Pose**: upright and frontal, with some turning and tilting. A telephone held at the chest sees another face.",
    "**Persons**: 40 volunteers of a laboratory in Cambridge, few of them women. Differences between groups of people "
    "can't be seen in them at all, and those between a city's residents even less.",
    "**Size**: 92 × 112 pixels, enlarged five times and framed. Sharper pictures hold more; how much this changes the "
    "distances isn't known from these.",
)


def render(compared: Measured, changed: Measured, seen: Measured, plots: str) -> str:
    """All of ``docs/biometrics.md``.

    Args:
        compared: the photographs by which faces are compared.
        changed: those that are compared under every condition; perhaps the same.
        seen: those by which the measures of appearance are; perhaps the same.
        plots: the plots' folder as the file links to it.
    """
    plain = compared.evaluation.pairs(PLAIN)
    return (
        "\n\n".join(
            [
                _head(compared, seen, plain, plots),
                _thresholds(plain, plots),
                _by_condition(changed),
                _cover(seen),
                _passive(seen),
                _limits(compared, plain),
            ]
        )
        + "\n"
    )


def _head(compared: Measured, seen: Measured, plain: Pairs, plots: str) -> str:
    evaluation = compared.evaluation
    photographs_of = Counter(evaluation.persons)
    several = sum(count > 1 for count in photographs_of.values())
    others = "" if seen is compared else f"Cover and the passive check are measured on {seen.source}."
    unusable = f"not decoded {evaluation.not_decoded}; no face found (failure to enrol) {evaluation.no_face}"
    return f"""# How far faces can be trusted

Written by `make eval-face` from {compared.source}.
{others}
`make eval-face DATA=DIR` evaluates another folder, which holds a folder for each person. Rates are given as errors of
trials with a 95 % interval, after ISO/IEC 19795-1 and 30107-3: of comparisons by drawing *persons* again a thousand
times (one person's pairs resemble each other, so that pairs would make it too narrow; none of fewer than
{FEWEST_PERSONS} persons; with no error the rule of three, for as many trials as persons), of other measures by Wilson.
Models and why: [ADR 11](adr/0011-face-models.md). How copies of frames are found: [copies]({plots}/copies.md).

**This is no measurement of how often residents will be refused or mistaken.** Read *What this can't show* before any
figure is used.

| | |
|---|---|
| photographs | {evaluation.photographs}; {unusable} |
| persons | {len(photographs_of)}, of whom {several} in more than one photograph |
| samples (faces) | {len(evaluation.persons)} |
| comparisons of one person's photographs | {len(plain.comparisons.genuine)} |
| comparisons of different persons | {len(plain.comparisons.impostor)} |"""


def _thresholds(plain: Pairs, plots: str) -> str:
    rows = "\n".join(f"| {t:.3f} | {plain.fmr(t)} | {plain.fnmr(t)} |" for t in _THRESHOLDS)
    found = plain.comparisons
    rate, place = found.equal_error()
    genuine, impostor = max(found.genuine[-1:], default=0), min(found.impostor[:1], default=0)
    reached = [t for t in _THRESHOLDS if len(found.impostor) and plain.fmr(t).rate.share <= _FMR_ASKED]
    widest = f"{max(reached):.3f}" if reached else "none of them"
    return f"""## Threshold

Two templates are compared by their cosine distance. The service's threshold is **{THRESHOLD}**. A false match costs
more than a second try, so it is the widest here whose false match rate is 1 in 1000 or better, which
NIST SP 800-63B asks for; on these photographs that is {widest}.

| threshold | false match rate | false non-match rate |
|---|---|---|
{rows}

Equal error rate on this set: {rate:.2%}, at {place:.3f}. The largest distance of one person's photographs is
{genuine:.3f}, the smallest of different persons' {impostor:.3f}.

![Distances]({plots}/distances.svg)

![DET curves]({plots}/det.svg)

Where a curve runs level, there was no error left to see: it is drawn at half an error, so that its height says how
few comparisons there were, and nothing of the model."""


def _by_condition(changed: Measured) -> str:
    evaluation, rows = changed.evaluation, []
    for name in CONDITIONS:
        pairs = evaluation.pairs(name)
        found = pairs.comparisons
        rows.append(
            f"| {name} | {evaluation.not_found(name)} | {pairs.fnmr(THRESHOLD)} | {pairs.fmr(THRESHOLD)} | "
            f"{found.equal_error()[0]:.1%} | {found.genuine_failed} / {found.impostor_failed} |"
        )
    return f"""## By condition

On {changed.source}: {len(evaluation.persons)} faces.
At {THRESHOLD}: each photograph as it is (enrolled) against each other one under the condition. The conditions are
**simulated** from the same photographs (`benchmarks/faces/conditions.py`). The quality rules refuse most such pictures
before they are compared; here nothing is refused but a picture without a face.

| condition | no face found | false non-match | false match | EER | pairs lost for want of a face, same / different |
|---|---|---|---|---|---|
""" + "\n".join(rows)


def _cover(seen: Measured) -> str:
    evaluation = seen.evaluation

    def mouth(reading: FaceReading) -> float:
        return reading.mouth_covered

    def eyes(reading: FaceReading) -> float:
        return reading.eyes_covered

    rows = "\n".join(
        f"| {name} | {evaluation.covered(name, mouth)} | {evaluation.covered(name, eyes)} |" for name in CONDITIONS
    )
    return f"""## Covered mouth and eyes

On {seen.source}: {len(evaluation.persons)} faces.
How often the engine says *covered* (0.5 or more). Masks and sunglasses are drawn on. The mouth's measure is
whether lips differ in colour from the skin around them; the eyes', whether the skin under them differs from
nose and cheeks.

| condition | mouth covered | eyes covered |
|---|---|---|
{rows}

A mask with a mouth printed on it, a transparent shield or a hand is not told from a bare mouth; clear glasses
are not told from none."""


def _passive(seen: Measured) -> str:
    evaluation = seen.evaluation
    plain = evaluation.taken_for_genuine(PLAIN)
    rows = "\n".join(f"| {name} | {evaluation.taken_for_genuine(name)} |" for name in PRESENTATIONS)
    return f"""## The passive check

On {seen.source}: {len(evaluation.persons)} faces.
It looks for the regular pattern that the grid of a screen leaves in a photograph of it. Presentations are
**simulated**. *Taken for genuine* is what ISO/IEC 30107-3 calls APCER for a presentation; of the photographs as
they are, {plain} are taken for genuine, the rest is BPCER.

| presentation | taken for genuine |
|---|---|
{rows}

**It stops a screen whose grid shows, and nothing else**: not a print, not a good screen at a distance, not a
picture fed into the browser by a program. It is one hurdle beside the active challenge and the second factor,
and must not be relied on alone."""


def _limits(compared: Measured, plain: Pairs) -> str:
    persons = len(set(compared.evaluation.persons))
    of_this_kind = "".join(f"- {limit}\n" for limit in compared.limits)
    return f"""## What this can't show

{of_this_kind}- **Small rates**: {len(plain.comparisons.impostor)} comparisons of different persons come from {persons}
  persons and aren't independent. At most {persons // 2} pairs of them share nobody; to show a rate of 1 in 1000 takes
  3,000 such pairs without an error.
- **Residents**: nobody here was chosen to resemble the residents of a Japanese city. NIST IR 8280 found that
  errors, false matches above all, depend on where people come from, for many algorithms to the disadvantage of
  East Asian faces. This model has to be taken for one of them until the city's own figures say otherwise.
- **Ageing, twins, siblings**: none are known to be in it.
- **The cover and passive measures**: their limits were set on the photographs in colour among others, so that the
  same photographs flatter them.
- **Attacks**: no real screen, print, mask or injected video was presented. A puppet made from one photograph
  (tests) turns and blinks well enough for this engine: an active challenge alone doesn't stop such a program.

Before an election relies on faces, the city should run the command on at least a few hundred consenting
residents with two sessions each, and an accredited laboratory should test presentation attacks. The readings that it
keeps between runs (`.cache/face-readings`) hold templates: they are deleted with the photographs."""
