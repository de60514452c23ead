"""The anchor contract on Hyperledger Fabric, run as chaincode as a service."""
