"""What a release is made of: its notes, its compose file, and the check that its tag is right."""
