"""The anchor contract on Hyperledger Fabric."""
