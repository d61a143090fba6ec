"""What an operator may set, and what is checked before the start."""
