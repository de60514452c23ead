"""What a stack runs on: brokers, databases, chains, readers and the processes themselves."""
