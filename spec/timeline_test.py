from spec.event_pb2 import Event, Remark, TrialEnded, TrialResumed
from spec.timeline import counted


def remarks(*sequences: int) -> list[Event]:
    return [Event(sequence=s, remark=Remark(message=str(s))) for s in sequences]


def resumed(sequence: int, first_lost: int) -> Event:
    return Event(sequence=sequence, trial_resumed=TrialResumed(first_lost_event=first_lost))


def test_a_trial_that_was_never_resumed_counts_whole() -> None:
    assert counted(remarks(0, 1, 2)) == remarks(0, 1, 2)


def test_what_followed_the_checkpoint_is_left_out_with_its_end() -> None:
    ended = Event(sequence=3, trial_ended=TrialEnded(message="stopped by SIGTERM"))
    log = [*remarks(0, 1, 2), ended, resumed(4, 2), *remarks(5)]
    assert counted(log) == [*remarks(0, 1), resumed(4, 2), *remarks(5)]


def test_going_back_twice_to_one_checkpoint_and_then_to_an_earlier_one() -> None:
    log = [*remarks(0, 1, 2), resumed(3, 2), *remarks(4), resumed(5, 2), *remarks(6)]
    assert counted(log) == [*remarks(0, 1), resumed(5, 2), *remarks(6)]
    log += [resumed(7, 1), *remarks(8)]
    assert counted(log) == [*remarks(0), resumed(7, 1), *remarks(8)]
