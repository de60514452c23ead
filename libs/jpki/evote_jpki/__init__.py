"""JPKI (公的個人認証): certificates, APDUs and the emulated card with its test authority."""
