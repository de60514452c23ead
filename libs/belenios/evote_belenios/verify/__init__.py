"""Verification of a whole archive, as an auditor does it who trusts nobody.

Source: specification, "Audit". The steps, each on what the ones before have left standing:

1. The file: tar members in their one form, named by the hash of their content (``archive-…``, ``data-hash``).
2. The chain: parent, height, payload, and the order of the events; nothing after the result (``event-…``).
3. The setup: the election; the trustees with their proofs, certificates and signatures; the election's key is
   theirs; the public credentials are well-formed and distinct (``credential-duplicate``).
4. Each ballot is acceptable by itself (:mod:`evote_belenios.box`): its one text, this election, signature, proofs;
5. and among the others: a credential of the list (``ballot-credential``), no ballot twice (``ballot-duplicate``), no
   ciphertext of another ballot (``ballot-copied-ciphertext``).
6. The encrypted tally is the product of each credential's last ballot; so are number and weight (``tally-…``).
7. Each partial decryption: a trustee there is, only one of each (``decryption-duplicate``), its proofs.
8. The result is what enough partial decryptions lead to (``decryption-missing``, ``result-…``).

An archive of an election that still goes on holds as far as it goes.
"""

from .archive import verify_archive
from .report import VerificationReport

__all__ = ["VerificationReport", "verify_archive"]
