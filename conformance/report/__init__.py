"""What a run of conformance found: the command, its table, its page."""
