"""JPKI (公的個人認証): certificates, APDUs and the emulated card with its test authority.

Errors::

    Exception
    ├── BadSignature (certificates)
    ├── CardError (card)
    │   ├── GarbledAnswer (card)
    │   ├── NotAJpkiCard (card)
    │   ├── PinLocked (card)
    │   └── WrongPin (card)
    ├── CardFileDamaged (cardfile)
    ├── CertificateRefused (certificates)
    │   ├── CertificateExpired (certificates)
    │   ├── CertificateNotYetValid (certificates)
    │   ├── CertificateRevoked (certificates)
    │   ├── MalformedCertificate (certificates)
    │   ├── RevocationUnknown (certificates)
    │   ├── UntrustedIssuer (certificates)
    │   └── WrongKeyUsage (certificates)
    ├── MalformedApdu (apdu)
    ├── MalformedText (release_texts)
    ├── OcspAnswerInvalid (ocsp)
    ├── PinMalformed (card)
    └── RollRejected (roll)
"""
