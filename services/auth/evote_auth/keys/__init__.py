"""The elections' credential keys: in a PKCS #11 token, or for development in a file; what operators do with them."""
