from spec import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Segment(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SET_UP: _ClassVar[Segment]
    STEP: _ClassVar[Segment]
    PREPARE_FOR_EVAL: _ClassVar[Segment]
    EVALUATION: _ClassVar[Segment]
    RECORD: _ClassVar[Segment]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    TARGET_REACHED: _ClassVar[Outcome]
    BUDGET_EXHAUSTED: _ClassVar[Outcome]
    STEP_LIMIT: _ClassVar[Outcome]
    COMPLETED_BY_SUBMISSION: _ClassVar[Outcome]
    DIVERGED: _ClassVar[Outcome]
    OUT_OF_MEMORY: _ClassVar[Outcome]
    SUBMISSION_ERROR: _ClassVar[Outcome]
    HARNESS_ERROR: _ClassVar[Outcome]
    INTERRUPTED: _ClassVar[Outcome]
SET_UP: Segment
STEP: Segment
PREPARE_FOR_EVAL: Segment
EVALUATION: Segment
RECORD: Segment
OUTCOME_UNSPECIFIED: Outcome
TARGET_REACHED: Outcome
BUDGET_EXHAUSTED: Outcome
STEP_LIMIT: Outcome
COMPLETED_BY_SUBMISSION: Outcome
DIVERGED: Outcome
OUT_OF_MEMORY: Outcome
SUBMISSION_ERROR: Outcome
HARNESS_ERROR: Outcome
INTERRUPTED: Outcome

class TimingProtocol(_message.Message):
    __slots__ = ("timed", "first_evaluation_step", "budget_check", "evaluate_past_budget", "target_comparison", "wait_for_test_target")
    class BudgetCheck(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        EVERY_STEP: _ClassVar[TimingProtocol.BudgetCheck]
        WHEN_EVALUATION_DUE: _ClassVar[TimingProtocol.BudgetCheck]
    EVERY_STEP: TimingProtocol.BudgetCheck
    WHEN_EVALUATION_DUE: TimingProtocol.BudgetCheck
    class Comparison(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        INCLUSIVE: _ClassVar[TimingProtocol.Comparison]
        STRICT: _ClassVar[TimingProtocol.Comparison]
    INCLUSIVE: TimingProtocol.Comparison
    STRICT: TimingProtocol.Comparison
    TIMED_FIELD_NUMBER: _ClassVar[int]
    FIRST_EVALUATION_STEP_FIELD_NUMBER: _ClassVar[int]
    BUDGET_CHECK_FIELD_NUMBER: _ClassVar[int]
    EVALUATE_PAST_BUDGET_FIELD_NUMBER: _ClassVar[int]
    TARGET_COMPARISON_FIELD_NUMBER: _ClassVar[int]
    WAIT_FOR_TEST_TARGET_FIELD_NUMBER: _ClassVar[int]
    timed: _containers.RepeatedScalarFieldContainer[Segment]
    first_evaluation_step: int
    budget_check: TimingProtocol.BudgetCheck
    evaluate_past_budget: bool
    target_comparison: TimingProtocol.Comparison
    wait_for_test_target: bool
    def __init__(self, timed: _Optional[_Iterable[_Union[Segment, str]]] = ..., first_evaluation_step: _Optional[int] = ..., budget_check: _Optional[_Union[TimingProtocol.BudgetCheck, str]] = ..., evaluate_past_budget: _Optional[bool] = ..., target_comparison: _Optional[_Union[TimingProtocol.Comparison, str]] = ..., wait_for_test_target: _Optional[bool] = ...) -> None: ...
