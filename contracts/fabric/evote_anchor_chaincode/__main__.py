"""The chaincode process."""

from .main import main

main()
