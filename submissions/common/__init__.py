"""What the reference submissions share: batch sizes, schedules, points, and a training step for each
framework.
"""
