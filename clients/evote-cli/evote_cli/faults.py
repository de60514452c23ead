"""What can be wrong with evidence."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Fault(StrEnum):
    """What can be wrong with a release or with a credential that voted."""

    NO_EVIDENCE = "証拠のない資格情報の交付"
    NOT_THE_LOGGED_EVIDENCE = "証拠が記録されたハッシュと一致しない"
    EVIDENCE_TWICE = "同じ証拠が二つの交付に使われている"
    SEALED_TO_ANOTHER = "監査人の鍵で開けない証拠"
    EVIDENCE_MALFORMED = "証拠の形式が正しくない"
    OTHER_ELECTION = "別の選挙の証拠"
    CERTIFICATE_REFUSED = "証明書が有効でない"
    SIGNATURE_WRONG = "署名が正しくない"
    VERDICT_EXPIRED = "顔の照合結果が交付のときに有効でない"
    VERDICT_OF_ANOTHER = "顔の照合結果が別の有権者のもの"
    VERDICT_TWICE = "同じ顔の照合結果が二つの資格情報に使われている"
    NO_DEVICE = "端末からの請求がない交付"
    NOT_ASKED_BY_DEVICE = "カードか顔の照合結果が名指す端末が請求していない"
    DEVICE_TWICE = "同じ端末の鍵が二つの資格情報に使われている"
    NO_SECOND_FACTOR = "顔の照合の前に投票コードが確かめられていない"
    NO_BIOMETRIC_KEY = "顔による交付を確かめる鍵（--biometric-key）が指定されていない"
    NO_PHONE_PROVIDER = "マイナアプリによる交付を確かめる提供者の情報（--phone-provider）が指定されていない"
    IDENTITY_REFUSED = "マイナアプリでの本人確認（ID トークン）がこの交付のものでない"
    TWO_PERSONS = "一つの資格情報が二人に交付されている"
    CARD_UNRECORDED = "記録のないカードで受け取られている"
    TWO_CREDENTIALS = "一人に二つの資格情報が交付されている"
    VOTED_UNRELEASED = "交付の証拠がない資格情報で投票されている"


class Faulty(Exception):
    """A release whose evidence doesn't hold."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class EvidencePart(BaseModel):
    """A part of opened evidence. Later versions may say more: what is checked here stays the same."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")
