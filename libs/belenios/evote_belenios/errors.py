"""What can be wrong with a protocol message: each error names the rule, the spec's section and the fact."""

from __future__ import annotations


class BeleniosError(Exception):
    """A message breaks a rule of the protocol.

    Fields: ``rule`` (a stable kebab-case name, such as ``ballot-signature``), ``section`` (the title of the
    section of the Belenios specification 2.5.1 that states it, or of this library's README where Belenios has no such
    rule) and ``detail`` (what was found).
    """

    def __init__(self, rule: str, section: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail} (specification: {section})")
        self.rule = rule
        self.section = section
        self.detail = detail

    def __reduce__(self) -> tuple[type[BeleniosError], tuple[str, str, str]]:
        """Errors cross process boundaries: verification runs on all cores."""
        return type(self), (self.rule, self.section, self.detail)


class NotSupported(BeleniosError):
    """A message is of a kind that this library doesn't read: another version, group, question or event.

    It may be right: nothing was checked.
    """


class EncodingError(BeleniosError):
    """A text is not the one canonical encoding of a number, a group element or a JSON value."""


class CredentialError(BeleniosError):
    """A credential is malformed, or not on the list."""


class ElectionError(BeleniosError):
    """An election's parameters or questions are unusable."""


class BallotError(BeleniosError):
    """A ballot breaks a rule."""


class OrderError(BeleniosError):
    """An order statement, or the place of a ballot among those of its credential, breaks a rule."""


class TrusteeError(BeleniosError):
    """A trustee's key, certificate or ceremony message breaks a rule."""


class TallyError(BeleniosError):
    """An encrypted tally, a partial decryption or a result breaks a rule."""


class ArchiveError(BeleniosError):
    """An event of an archive breaks a rule.

    ``event_index`` counts events from 0 (it is what the event's ``height`` should be), ``event_type`` is the event's
    ``type``, or ``None`` where the archive is too damaged to tell.
    """

    def __init__(self, rule: str, section: str, detail: str, event_index: int, event_type: str | None) -> None:
        super().__init__(rule, section, detail)
        self.event_index = event_index
        self.event_type = event_type

    def __str__(self) -> str:
        return f"event {self.event_index} ({self.event_type or 'unreadable'}): {super().__str__()}"

    def __reduce__(self) -> tuple[type[BeleniosError], tuple[object, ...]]:  # type: ignore[override]
        return type(self), (self.rule, self.section, self.detail, self.event_index, self.event_type)
