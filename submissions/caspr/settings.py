"""What both frameworks share besides blocks.py; README.md names the sources."""

from submissions.common.schedules import warmed_cosine

EPSILON = 1e-8
ENDS = (0.5357, 0.75, 1.0)  # of the cosines, in shares of the step hint


def schedule(point, step, num_steps):
    """Linear from 0 to `learning_rate`, then half cosines to 0 with longer and longer ends: at the
    end of one the next, longer one is gone on with.
    """
    ends = [int(share * num_steps) for share in ENDS]
    end = next((end for end in ends if step < end), ends[-1])
    return warmed_cosine(step, point.learning_rate, int(point.warmup_factor * num_steps), end)
