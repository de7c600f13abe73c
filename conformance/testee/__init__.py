"""The programs under test: one backend in one process, answering questions about itself."""
