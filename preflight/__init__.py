"""What is checked of a submission before machines are spent on it."""
