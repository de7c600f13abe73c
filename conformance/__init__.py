"""That the backends are the same experiment: cases as data, a runner, and tests of the tests."""
