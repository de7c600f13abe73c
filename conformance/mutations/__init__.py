"""Tests of the tests: deliberately wrong backends."""
