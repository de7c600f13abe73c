"""When latest weight averaging takes in the parameters, whatever the framework."""


def is_due(point, steps, num_steps):
    """Whether the parameters after `steps` steps are taken in: at equal distances of the share
    `lawa_interval_scaling` of the step hint, from the share `lawa_start_factor` on.
    """
    start = int(point.lawa_start_factor * num_steps)
    interval = max(int(point.lawa_interval_scaling * num_steps), 1)
    return steps >= start and (steps - start) % interval == 0
