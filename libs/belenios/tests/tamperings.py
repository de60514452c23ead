"""Ways to change a valid archive. Every hash is right again afterwards, so only the rule itself can find the change."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from typing import Any

from evote_belenios.ballots import generate_ballot, parse_ballot
from evote_belenios.credentials import generate, secret_exponent
from evote_belenios.decryption import partial_decryption
from evote_belenios.election import parse_election
from evote_belenios.groups import Group
from evote_belenios.jsontext import dump
from evote_belenios.proofs import prove_knowledge
from evote_belenios.tally import EncryptedTallyAccumulator

Events = list[tuple[str, list[str]]]
RANDOM = secrets.token_bytes


def changed(text: str, change: Callable[[Any], None]) -> str:
    value = json.loads(text)
    change(value)
    return dump(value)


def set_in(text: str, value: object, *path: object) -> str:
    def change(found: Any) -> None:
        for step in path[:-1]:
            found = found[step]
        found[path[-1]] = value

    return changed(text, change)


def sign_again(story: Any, ballot: str, voter: int) -> str:
    """Sign a changed ballot under a voter's own credential, as somebody who has it would."""
    election = parse_election(story.election)
    group: Group = election.group
    secret = secret_exponent(story.private[voter], election.uuid, group)
    unsigned = {name: value for name, value in json.loads(ballot).items() if name != "signature"}
    unsigned["credential"] = group.encode(group.power_generator(secret))
    digest = base64.b64encode(hashlib.sha256(dump(unsigned).encode()).digest()).decode().rstrip("=")
    proof = prove_knowledge(group, secret, f"sig|{digest}|", RANDOM)
    return dump({**unsigned, "signature": {"hash": digest, "proof": proof.to_json()}})


def new_ballot(story: Any, credential: str, choices: Any = ((0, 1, 0), (0, 0))) -> str:
    return generate_ballot(parse_election(story.election), credential, choices, RANDOM)


# Each tampering changes the story, or gives the events that are written instead.


def election_version(story: Any) -> None:
    story.election = set_in(story.election, 2, "version")


def election_group(story: Any) -> None:
    story.election = set_in(story.election, "RFC-3526-2048", "group")


def election_of_other_questions(story: Any) -> None:
    story.election = set_in(story.election, {"type": "Lists", "value": {}}, "questions", 0)


def shuffled(story: Any) -> Any:
    events = story.events()
    return [*events[:-4], ("Shuffle", ["{}"]), *events[-4:]]


def election_unknown_field(story: Any) -> None:
    story.election = set_in(story.election, "x", "secret_option")


def election_key_exchanged(story: Any) -> None:
    story.election = set_in(story.election, story.group.encode(story.group.power_generator(99)), "public_key")


def election_question_reworded(story: Any) -> None:
    story.election = set_in(story.election, "反対ですか", "questions", 0, "question")


def election_min_above_max(story: Any) -> None:
    story.election = set_in(story.election, 3, "questions", 1, "min")


def trustee_proof_wrong(story: Any) -> None:
    story.trustees = set_in(story.trustees, "1", 0, 1, "verification_keys", 0, "pok", "response")


def trustee_key_exchanged(story: Any) -> None:
    keys = json.loads(story.trustees)[0][1]["verification_keys"]
    story.trustees = set_in(story.trustees, [keys[1], keys[0], keys[2]], 0, 1, "verification_keys")


def trustee_threshold_lowered(story: Any) -> None:
    story.trustees = set_in(story.trustees, 1, 0, 1, "threshold")


def trustee_certificate_unsigned(story: Any) -> None:
    story.trustees = set_in(story.trustees, "5", 0, 1, "certs", 1, "signature", "response")


def trustee_coefficients_unsigned(story: Any) -> None:
    story.trustees = set_in(story.trustees, "5", 0, 1, "coefexps", 2, "signature", "challenge")


def credential_twice(story: Any) -> None:
    story.credentials.append(story.credentials[0])


def credential_malformed(story: Any) -> None:
    story.credentials[0] = "0"


def credential_without_weight(story: Any) -> None:
    voter = story.credentials.index(json.loads(story.ballots[1])["credential"])
    story.credentials[voter] += ",0"


def credential_removed_of_a_voter(story: Any) -> None:
    credential = json.loads(story.ballots[1])["credential"]
    story.credentials.remove(credential)


def ballot_of_a_stranger(story: Any) -> None:
    story.ballots.append(new_ballot(story, generate(story.group, RANDOM)))


def ballot_for_another_election(story: Any) -> None:
    story.ballots[1] = sign_again(story, set_in(story.ballots[1], "1" * 14, "election_uuid"), 1)


def ballot_for_another_text(story: Any) -> None:
    story.ballots[1] = sign_again(story, set_in(story.ballots[1], "A" * 43, "election_hash"), 1)


def ballot_unknown_field(story: Any) -> None:
    story.ballots[1] = set_in(story.ballots[1], 1, "extra")


def ballot_with_spaces(story: Any) -> None:
    story.ballots[1] = json.dumps(json.loads(story.ballots[1]))


def ballot_number_not_reduced(story: Any) -> None:
    response = int(json.loads(story.ballots[1])["signature"]["proof"]["response"])
    story.ballots[1] = set_in(story.ballots[1], str(response + story.group.order), "signature", "proof", "response")


def ballot_element_identity(story: Any) -> None:
    identity = story.group.encode(story.group.identity)
    changed_ballot = set_in(story.ballots[1], identity, "answers", 0, "choices", 1, "alpha")
    story.ballots[1] = sign_again(story, changed_ballot, 1)


def ballot_answer_dropped(story: Any) -> None:
    answers = json.loads(story.ballots[1])["answers"][:1]
    story.ballots[1] = sign_again(story, set_in(story.ballots[1], answers, "answers"), 1)


def ballot_choice_exchanged(story: Any) -> None:
    choice = json.loads(story.ballots[0])["answers"][0]["choices"][0]
    story.ballots[1] = set_in(story.ballots[1], choice, "answers", 0, "choices", 0)


def ballot_signed_by_nobody(story: Any) -> None:
    story.ballots[1] = set_in(story.ballots[1], "1", "signature", "proof", "response")


def ballot_individual_proof_exchanged(story: Any) -> None:
    proof = json.loads(story.ballots[0])["answers"][0]["individual_proofs"][1]
    changed_ballot = set_in(story.ballots[1], proof, "answers", 0, "individual_proofs", 1)
    story.ballots[1] = sign_again(story, changed_ballot, 1)


def ballot_overall_proof_exchanged(story: Any) -> None:
    proof = json.loads(story.ballots[0])["answers"][1]["overall_proof"]
    story.ballots[1] = sign_again(story, set_in(story.ballots[1], proof, "answers", 1, "overall_proof"), 1)


def ballot_blank_proof_exchanged(story: Any) -> None:
    proof = json.loads(story.ballots[0])["answers"][0]["blank_proof"]
    story.ballots[1] = sign_again(story, set_in(story.ballots[1], proof, "answers", 0, "blank_proof"), 1)


def ballot_twice(story: Any) -> None:
    story.ballots.append(story.ballots[0])


def ballot_answers_in_exchanged_order(story: Any) -> None:
    answers = json.loads(story.ballots[1])["answers"]
    story.ballots[1] = sign_again(story, set_in(story.ballots[1], answers[::-1], "answers"), 1)


def ballot_dropped(story: Any) -> None:
    del story.ballots[1]


def last_ballot_not_the_one_counted(story: Any) -> None:
    story.ballots[0], story.ballots[3] = story.ballots[3], story.ballots[0]


def tally_ciphertext_changed(story: Any) -> None:
    element = story.group.encode(story.group.power_generator(7))
    story.tally = set_in(story.tally, element, 0, 0, "beta")
    story.sized = resize(story)


def tally_of_all_ballots(story: Any) -> None:
    """The superseded ballot is counted as well."""
    election = parse_election(story.election)
    accumulator = EncryptedTallyAccumulator(election)
    for text in story.ballots:
        accumulator.add(parse_ballot(election, text))
    story.tally, story.sized = accumulator.encrypted_tally_json(), accumulator.sized_json()


def tally_number_changed(story: Any) -> None:
    story.sized = set_in(story.sized, 4, "num_tallied")
    story.sized = set_in(story.sized, 4, "total_weight")


def decryption_of_a_stranger(story: Any) -> None:
    story.decryptions[1] = (9, story.decryptions[1][1])


def decryption_of_another_trustee(story: Any) -> None:
    story.decryptions[1] = (2, story.decryptions[1][1])


def decryption_twice(story: Any) -> None:
    story.decryptions.append(story.decryptions[0])


def decryption_proof_wrong(story: Any) -> None:
    owner, text = story.decryptions[0]
    story.decryptions[0] = (owner, set_in(text, "1", "decryption_proofs", 0, 0, "response"))


def decryption_factor_changed(story: Any) -> None:
    owner, text = story.decryptions[0]
    factor = story.group.encode(story.group.power_generator(5))
    story.decryptions[0] = (owner, set_in(text, factor, "decryption_factors", 0, 0))


def decryption_shape_wrong(story: Any) -> None:
    owner, text = story.decryptions[0]
    story.decryptions[0] = (owner, changed(text, lambda value: value["decryption_factors"].pop()))


def decryption_of_another_tally(story: Any) -> None:
    other = set_in(story.tally, story.group.encode(story.group.power_generator(3)), 0, 0, "alpha")
    election = parse_election(story.election)
    story.decryptions[0] = (1, partial_decryption(election, other, story.keys[0], RANDOM))


def decryptions_too_few(story: Any) -> None:
    del story.decryptions[1]


def result_count_changed(story: Any) -> None:
    story.result = set_in(story.result, json.loads(story.result)["result"][0][1] + 1, "result", 0, 1)


def result_counts_exchanged(story: Any) -> None:
    first, second = json.loads(story.result)["result"][1]
    story.result = set_in(story.result, [first + 1, second - 1], "result", 1)


def result_shape_wrong(story: Any) -> None:
    story.result = changed(story.result, lambda value: value["result"].pop())


def ballot_after_the_end(story: Any) -> Events:
    events = story.events()
    late = ("Ballot", [new_ballot(story, story.private[3])])
    return [*events[:6], late, *events[6:]]


def nothing_after_the_result(story: Any) -> Events:
    events = story.events()
    return [*events, events[-2]]


def no_end_of_ballots(story: Any) -> Events:
    return [event for event in story.events() if event[0] != "EndBallots"]


def tally_missing(story: Any) -> Events:
    return [event for event in story.events() if event[0] != "EncryptedTally"]


def hidden_data(story: Any) -> Events:
    events = story.events()
    return [*events[:2], (events[2][0], ['{"hidden":1}', *events[2][1]]), *events[3:]]


def setup_refers_elsewhere(story: Any) -> Events:
    events = story.events()
    texts = events[0][1]
    return [("Setup", [texts[0], texts[2], texts[1], texts[3]]), *events[1:]]


def resize(story: Any) -> str:
    return set_in(story.sized, hashlib.sha256(story.tally.encode()).hexdigest(), "encrypted_tally")


TABLE: list[tuple[Callable[[Any], Events | None], str]] = [
    (election_unknown_field, "schema"),
    (election_key_exchanged, "election-public-key"),
    (election_question_reworded, "ballot-election-hash"),
    (election_min_above_max, "election-questions"),
    (trustee_proof_wrong, "trustee-pok"),
    (trustee_key_exchanged, "verification-key"),
    (trustee_threshold_lowered, "certificate-context"),
    (trustee_certificate_unsigned, "certificate-signature"),
    (trustee_coefficients_unsigned, "coefficients-signature"),
    (credential_twice, "credential-duplicate"),
    (credential_malformed, "group-element"),
    (credential_without_weight, "tally-ciphertexts"),
    (credential_removed_of_a_voter, "ballot-credential"),
    (ballot_of_a_stranger, "ballot-credential"),
    (ballot_for_another_election, "ballot-election-uuid"),
    (ballot_for_another_text, "ballot-election-hash"),
    (ballot_unknown_field, "schema"),
    (ballot_with_spaces, "ballot-canonical"),
    (ballot_number_not_reduced, "number"),
    (ballot_element_identity, "ballot-individual-proof"),
    (ballot_answer_dropped, "ballot-schema"),
    (ballot_choice_exchanged, "ballot-hash"),
    (ballot_signed_by_nobody, "ballot-signature"),
    (ballot_individual_proof_exchanged, "ballot-individual-proof"),
    (ballot_overall_proof_exchanged, "ballot-overall-proof"),
    (ballot_blank_proof_exchanged, "ballot-blank-proof"),
    (ballot_twice, "ballot-duplicate"),
    (ballot_answers_in_exchanged_order, "ballot-schema"),
    (ballot_dropped, "tally-ciphertexts"),
    (last_ballot_not_the_one_counted, "tally-ciphertexts"),
    (tally_ciphertext_changed, "tally-ciphertexts"),
    (tally_of_all_ballots, "tally-ciphertexts"),
    (tally_number_changed, "tally-size"),
    (decryption_of_a_stranger, "trustee-unknown"),
    (decryption_of_another_trustee, "decryption-proof"),
    (decryption_twice, "decryption-duplicate"),
    (decryption_proof_wrong, "decryption-proof"),
    (decryption_factor_changed, "decryption-proof"),
    (decryption_shape_wrong, "decryption-schema"),
    (decryption_of_another_tally, "decryption-proof"),
    (decryptions_too_few, "decryption-missing"),
    (result_count_changed, "result-count"),
    (result_counts_exchanged, "result-count"),
    (result_shape_wrong, "result-schema"),
    (ballot_after_the_end, "event-order"),
    (nothing_after_the_result, "event-order"),
    (no_end_of_ballots, "event-order"),
    (tally_missing, "event-order"),
    (hidden_data, "event-payload"),
    (setup_refers_elsewhere, "event-payload"),
]

NOT_SUPPORTED = [election_version, election_group, election_of_other_questions, shuffled]
