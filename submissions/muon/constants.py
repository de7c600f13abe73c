"""What both frameworks share; README.md names the sources."""

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of X, X X^T X and (X X^T)^2 X
NUM_ITERATIONS = 5
SMALLEST_NORM = 1e-7
EPSILON = 1e-8
