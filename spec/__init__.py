"""The specification: protobuf messages, the data files that fill them, and the neutral code that
reads them.

Imports nothing else of this repository and no machine-learning framework.
"""
