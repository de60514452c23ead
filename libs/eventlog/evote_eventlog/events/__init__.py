"""Typed events, one module per topic; the only thing besides HTTP that services share."""

from __future__ import annotations

from .ballots import BallotAccepted, BallotBoxClosed
from .base import ElectionEventData, ElectionUuid, EventData, Sha256Hex, Topic
from .biometric import FaceEnrolled, FaceRejected, FaceVerified, TemplateErased, TemplateReissued
from .dead_letter import DeadLetter
from .elections import (
    DraftQuestion,
    DraftTrustee,
    ElectionClosed,
    ElectionDrafted,
    ElectionOpened,
    GroupName,
    ResultCertified,
    RollFrozen,
)
from .identity import CredentialReleased, CredentialsPublished, VoterAuthenticated, VoterRef
from .ledger import (
    AnchorVerified,
    ChainName,
    CheckpointAnchored,
    CheckpointSigned,
    CheckpointWitnessed,
    LogEntry,
    TamperingDetected,
    TamperingKind,
)
from .tally import (
    CertificateReceived,
    EncryptedTallyComputed,
    PartialDecryptionReceived,
    PolynomialCommitted,
    PolynomialReceived,
    ResultComputed,
    VoutputReceived,
)

EVENT_CLASSES: tuple[type[EventData], ...] = (
    ElectionDrafted,
    RollFrozen,
    ElectionOpened,
    ElectionClosed,
    ResultCertified,
    CredentialsPublished,
    VoterAuthenticated,
    CredentialReleased,
    FaceEnrolled,
    FaceVerified,
    FaceRejected,
    TemplateReissued,
    TemplateErased,
    BallotAccepted,
    BallotBoxClosed,
    CheckpointSigned,
    CheckpointWitnessed,
    CheckpointAnchored,
    AnchorVerified,
    TamperingDetected,
    CertificateReceived,
    PolynomialCommitted,
    PolynomialReceived,
    VoutputReceived,
    EncryptedTallyComputed,
    PartialDecryptionReceived,
    ResultComputed,
    DeadLetter,
)
"""Every event that the platform knows, in the order of the documentation."""

__all__ = [
    "EVENT_CLASSES",
    "AnchorVerified",
    "BallotAccepted",
    "BallotBoxClosed",
    "CertificateReceived",
    "ChainName",
    "CheckpointAnchored",
    "CheckpointSigned",
    "CheckpointWitnessed",
    "CredentialReleased",
    "CredentialsPublished",
    "DeadLetter",
    "DraftQuestion",
    "DraftTrustee",
    "ElectionClosed",
    "ElectionDrafted",
    "ElectionEventData",
    "ElectionOpened",
    "ElectionUuid",
    "EncryptedTallyComputed",
    "EventData",
    "FaceEnrolled",
    "FaceRejected",
    "FaceVerified",
    "GroupName",
    "LogEntry",
    "PartialDecryptionReceived",
    "PolynomialCommitted",
    "PolynomialReceived",
    "ResultCertified",
    "ResultComputed",
    "RollFrozen",
    "Sha256Hex",
    "TamperingDetected",
    "TamperingKind",
    "TemplateErased",
    "TemplateReissued",
    "Topic",
    "VoterAuthenticated",
    "VoterRef",
    "VoutputReceived",
]
