"""Step time and memory of both backends on one machine."""
