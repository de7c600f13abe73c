"""What both frameworks share; README.md names the sources."""

from submissions.common.schedules import warmed_cosine

BETA1, BETA2 = 0.9, 0.999
EPSILON = 1e-8
FIRST_DISTANCE = 1e-6


def schedule(point, step, num_steps):
    """Half a cosine from 1 to 0."""
    return warmed_cosine(step, 1.0, 0, num_steps)
