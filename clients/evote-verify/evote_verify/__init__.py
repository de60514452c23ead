"""The auditor's program: ties receipt, ballot, log, checkpoint, chains and archive together."""
