"""The schedule of both frameworks; README.md names its sources."""

from submissions.common.schedules import warmed_cosine


def warmup_cosine_cycles(point, step, num_steps):
    """`cycles` times the same over equal shares of the steps: linear from 0 to `learning_rate` over
    the share `warmup_factor` of all steps, then half a cosine to 0.
    """
    length = num_steps // point.cycles
    within = step - length * min(step // length, point.cycles - 1)
    return warmed_cosine(within, point.learning_rate, int(point.warmup_factor * num_steps), length)
