"""Which events of a log count, where a trial was resumed."""

from collections.abc import Iterable

from spec.event_pb2 import Event


def counted(events: Iterable[Event]) -> list[Event]:
    """The events that tell the trial as it counts, in order.

    A process that resumes a trial goes back to a checkpoint. What the one before it wrote from there
    on, its end included, happened again or differently.
    """
    kept: list[Event] = []
    for event in events:
        if event.HasField("trial_resumed"):
            first = event.trial_resumed.first_lost_event
            kept = [earlier for earlier in kept if earlier.sequence < first]
        kept.append(event)
    return kept
