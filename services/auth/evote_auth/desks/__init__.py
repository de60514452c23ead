"""What election officers do: about the roll, about cards, about faces and voting codes."""
