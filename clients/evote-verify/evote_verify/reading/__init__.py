"""What an auditor looks at, read strictly and not judged yet: the archive, the log, a receipt, a proof, the chains."""
