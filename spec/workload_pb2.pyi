from spec import models_pb2 as _models_pb2
from spec import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LossType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SOFTMAX_CROSS_ENTROPY: _ClassVar[LossType]
    SIGMOID_CROSS_ENTROPY: _ClassVar[LossType]
    MEAN_SQUARED_ERROR: _ClassVar[LossType]
    CTC_LOSS: _ClassVar[LossType]
    MEAN_ABSOLUTE_ERROR: _ClassVar[LossType]

class MetricFamily(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METRIC_FAMILY_UNSPECIFIED: _ClassVar[MetricFamily]
    CLASSIFICATION: _ClassVar[MetricFamily]
    LANGUAGE_MODEL: _ClassVar[MetricFamily]
    CLICK: _ClassVar[MetricFamily]
    RECONSTRUCTION: _ClassVar[MetricFamily]
    SPEECH: _ClassVar[MetricFamily]
    MULTI_LABEL: _ClassVar[MetricFamily]
    TRANSLATION: _ClassVar[MetricFamily]

class Metric(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METRIC_UNSPECIFIED: _ClassVar[Metric]
    ACCURACY: _ClassVar[Metric]
    LOSS: _ClassVar[Metric]
    PPL: _ClassVar[Metric]
    SSIM: _ClassVar[Metric]
    WER: _ClassVar[Metric]
    CTC_LOSS_METRIC: _ClassVar[Metric]
    MEAN_AVERAGE_PRECISION: _ClassVar[Metric]
    BLEU: _ClassVar[Metric]
    PLAIN_BLEU: _ClassVar[Metric]
    PLAIN_WER: _ClassVar[Metric]
SOFTMAX_CROSS_ENTROPY: LossType
SIGMOID_CROSS_ENTROPY: LossType
MEAN_SQUARED_ERROR: LossType
CTC_LOSS: LossType
MEAN_ABSOLUTE_ERROR: LossType
METRIC_FAMILY_UNSPECIFIED: MetricFamily
CLASSIFICATION: MetricFamily
LANGUAGE_MODEL: MetricFamily
CLICK: MetricFamily
RECONSTRUCTION: MetricFamily
SPEECH: MetricFamily
MULTI_LABEL: MetricFamily
TRANSLATION: MetricFamily
METRIC_UNSPECIFIED: Metric
ACCURACY: Metric
LOSS: Metric
PPL: Metric
SSIM: Metric
WER: Metric
CTC_LOSS_METRIC: Metric
MEAN_AVERAGE_PRECISION: Metric
BLEU: Metric
PLAIN_BLEU: Metric
PLAIN_WER: Metric

class Workload(_message.Message):
    __slots__ = ("name", "base", "title", "model", "dataset", "loss", "metrics", "target_metric", "splits", "eval_batch_size", "dropout_rate", "precision", "rules", "parameter_digest", "torch_compile")
    class RulesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Rules
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Rules, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DATASET_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    TARGET_METRIC_FIELD_NUMBER: _ClassVar[int]
    SPLITS_FIELD_NUMBER: _ClassVar[int]
    EVAL_BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    DROPOUT_RATE_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TORCH_COMPILE_FIELD_NUMBER: _ClassVar[int]
    name: str
    base: str
    title: str
    model: _models_pb2.Model
    dataset: Dataset
    loss: LossType
    metrics: MetricFamily
    target_metric: Metric
    splits: Splits
    eval_batch_size: int
    dropout_rate: float
    precision: Precision
    rules: _containers.MessageMap[str, Rules]
    parameter_digest: str
    torch_compile: bool
    def __init__(self, name: _Optional[str] = ..., base: _Optional[str] = ..., title: _Optional[str] = ..., model: _Optional[_Union[_models_pb2.Model, _Mapping]] = ..., dataset: _Optional[_Union[Dataset, _Mapping]] = ..., loss: _Optional[_Union[LossType, str]] = ..., metrics: _Optional[_Union[MetricFamily, str]] = ..., target_metric: _Optional[_Union[Metric, str]] = ..., splits: _Optional[_Union[Splits, _Mapping]] = ..., eval_batch_size: _Optional[int] = ..., dropout_rate: _Optional[float] = ..., precision: _Optional[_Union[Precision, _Mapping]] = ..., rules: _Optional[_Mapping[str, Rules]] = ..., parameter_digest: _Optional[str] = ..., torch_compile: _Optional[bool] = ...) -> None: ...

class Splits(_message.Message):
    __slots__ = ("train", "eval_train", "validation", "test")
    TRAIN_FIELD_NUMBER: _ClassVar[int]
    EVAL_TRAIN_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    train: int
    eval_train: int
    validation: int
    test: int
    def __init__(self, train: _Optional[int] = ..., eval_train: _Optional[int] = ..., validation: _Optional[int] = ..., test: _Optional[int] = ...) -> None: ...

class Rules(_message.Message):
    __slots__ = ("validation_target", "test_target", "max_runtime_sec", "eval_period_sec", "step_hint", "provisional", "source")
    VALIDATION_TARGET_FIELD_NUMBER: _ClassVar[int]
    TEST_TARGET_FIELD_NUMBER: _ClassVar[int]
    MAX_RUNTIME_SEC_FIELD_NUMBER: _ClassVar[int]
    EVAL_PERIOD_SEC_FIELD_NUMBER: _ClassVar[int]
    STEP_HINT_FIELD_NUMBER: _ClassVar[int]
    PROVISIONAL_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    validation_target: float
    test_target: float
    max_runtime_sec: float
    eval_period_sec: float
    step_hint: int
    provisional: bool
    source: str
    def __init__(self, validation_target: _Optional[float] = ..., test_target: _Optional[float] = ..., max_runtime_sec: _Optional[float] = ..., eval_period_sec: _Optional[float] = ..., step_hint: _Optional[int] = ..., provisional: _Optional[bool] = ..., source: _Optional[str] = ...) -> None: ...

class Precision(_message.Message):
    __slots__ = ("compute", "matmul", "deterministic")
    class Compute(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FLOAT32: _ClassVar[Precision.Compute]
        BFLOAT16: _ClassVar[Precision.Compute]
    FLOAT32: Precision.Compute
    BFLOAT16: Precision.Compute
    class Matmul(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        IEEE_FLOAT32: _ClassVar[Precision.Matmul]
        TF32: _ClassVar[Precision.Matmul]
    IEEE_FLOAT32: Precision.Matmul
    TF32: Precision.Matmul
    COMPUTE_FIELD_NUMBER: _ClassVar[int]
    MATMUL_FIELD_NUMBER: _ClassVar[int]
    DETERMINISTIC_FIELD_NUMBER: _ClassVar[int]
    compute: Precision.Compute
    matmul: Precision.Matmul
    deterministic: bool
    def __init__(self, compute: _Optional[_Union[Precision.Compute, str]] = ..., matmul: _Optional[_Union[Precision.Matmul, str]] = ..., deterministic: _Optional[bool] = ...) -> None: ...

class Dataset(_message.Message):
    __slots__ = ("digits", "pydoc_text", "generated", "criteo1tb", "fastmri", "imagenet", "mnist", "cifar10", "ogbg", "wmt", "finewebedu", "librispeech")
    DIGITS_FIELD_NUMBER: _ClassVar[int]
    PYDOC_TEXT_FIELD_NUMBER: _ClassVar[int]
    GENERATED_FIELD_NUMBER: _ClassVar[int]
    CRITEO1TB_FIELD_NUMBER: _ClassVar[int]
    FASTMRI_FIELD_NUMBER: _ClassVar[int]
    IMAGENET_FIELD_NUMBER: _ClassVar[int]
    MNIST_FIELD_NUMBER: _ClassVar[int]
    CIFAR10_FIELD_NUMBER: _ClassVar[int]
    OGBG_FIELD_NUMBER: _ClassVar[int]
    WMT_FIELD_NUMBER: _ClassVar[int]
    FINEWEBEDU_FIELD_NUMBER: _ClassVar[int]
    LIBRISPEECH_FIELD_NUMBER: _ClassVar[int]
    digits: Digits
    pydoc_text: PydocText
    generated: Generated
    criteo1tb: Criteo1TB
    fastmri: FastMRI
    imagenet: ImageNet
    mnist: Mnist
    cifar10: Cifar10
    ogbg: Ogbg
    wmt: Wmt
    finewebedu: FinewebEdu
    librispeech: Librispeech
    def __init__(self, digits: _Optional[_Union[Digits, _Mapping]] = ..., pydoc_text: _Optional[_Union[PydocText, _Mapping]] = ..., generated: _Optional[_Union[Generated, _Mapping]] = ..., criteo1tb: _Optional[_Union[Criteo1TB, _Mapping]] = ..., fastmri: _Optional[_Union[FastMRI, _Mapping]] = ..., imagenet: _Optional[_Union[ImageNet, _Mapping]] = ..., mnist: _Optional[_Union[Mnist, _Mapping]] = ..., cifar10: _Optional[_Union[Cifar10, _Mapping]] = ..., ogbg: _Optional[_Union[Ogbg, _Mapping]] = ..., wmt: _Optional[_Union[Wmt, _Mapping]] = ..., finewebedu: _Optional[_Union[FinewebEdu, _Mapping]] = ..., librispeech: _Optional[_Union[Librispeech, _Mapping]] = ...) -> None: ...

class Digits(_message.Message):
    __slots__ = ("sha256", "max_shift")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    MAX_SHIFT_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    max_shift: int
    def __init__(self, sha256: _Optional[str] = ..., max_shift: _Optional[int] = ...) -> None: ...

class PydocText(_message.Message):
    __slots__ = ("editions",)
    class Edition(_message.Message):
        __slots__ = ("python", "sha256")
        PYTHON_FIELD_NUMBER: _ClassVar[int]
        SHA256_FIELD_NUMBER: _ClassVar[int]
        python: str
        sha256: str
        def __init__(self, python: _Optional[str] = ..., sha256: _Optional[str] = ...) -> None: ...
    EDITIONS_FIELD_NUMBER: _ClassVar[int]
    editions: _containers.RepeatedCompositeFieldContainer[PydocText.Edition]
    def __init__(self, editions: _Optional[_Iterable[_Union[PydocText.Edition, _Mapping]]] = ...) -> None: ...

class Generated(_message.Message):
    __slots__ = ("schema", "seed", "noise", "packing")
    class Schema(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SCHEMA_UNSPECIFIED: _ClassVar[Generated.Schema]
        IMAGES: _ClassVar[Generated.Schema]
        CLICKS: _ClassVar[Generated.Schema]
        RECONSTRUCTIONS: _ClassVar[Generated.Schema]
        GRAPHS: _ClassVar[Generated.Schema]
        TRANSLATION: _ClassVar[Generated.Schema]
        SPEECH: _ClassVar[Generated.Schema]
    SCHEMA_UNSPECIFIED: Generated.Schema
    IMAGES: Generated.Schema
    CLICKS: Generated.Schema
    RECONSTRUCTIONS: Generated.Schema
    GRAPHS: Generated.Schema
    TRANSLATION: Generated.Schema
    SPEECH: Generated.Schema
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    NOISE_FIELD_NUMBER: _ClassVar[int]
    PACKING_FIELD_NUMBER: _ClassVar[int]
    schema: Generated.Schema
    seed: int
    noise: float
    packing: GraphPacking
    def __init__(self, schema: _Optional[_Union[Generated.Schema, str]] = ..., seed: _Optional[int] = ..., noise: _Optional[float] = ..., packing: _Optional[_Union[GraphPacking, _Mapping]] = ...) -> None: ...

class Criteo1TB(_message.Message):
    __slots__ = ("lines_per_file", "num_test_files", "num_buckets")
    LINES_PER_FILE_FIELD_NUMBER: _ClassVar[int]
    NUM_TEST_FILES_FIELD_NUMBER: _ClassVar[int]
    NUM_BUCKETS_FIELD_NUMBER: _ClassVar[int]
    lines_per_file: int
    num_test_files: int
    num_buckets: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, lines_per_file: _Optional[int] = ..., num_test_files: _Optional[int] = ..., num_buckets: _Optional[_Iterable[int]] = ...) -> None: ...

class FastMRI(_message.Message):
    __slots__ = ("center_fraction", "acceleration", "clip", "num_validation_volumes")
    CENTER_FRACTION_FIELD_NUMBER: _ClassVar[int]
    ACCELERATION_FIELD_NUMBER: _ClassVar[int]
    CLIP_FIELD_NUMBER: _ClassVar[int]
    NUM_VALIDATION_VOLUMES_FIELD_NUMBER: _ClassVar[int]
    center_fraction: float
    acceleration: float
    clip: float
    num_validation_volumes: int
    def __init__(self, center_fraction: _Optional[float] = ..., acceleration: _Optional[float] = ..., clip: _Optional[float] = ..., num_validation_volumes: _Optional[int] = ...) -> None: ...

class ImageNet(_message.Message):
    __slots__ = ("mean", "stddev", "min_area", "max_area", "min_aspect", "max_aspect", "resize_size", "randaugment_layers", "randaugment_magnitude", "mixup_alpha")
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STDDEV_FIELD_NUMBER: _ClassVar[int]
    MIN_AREA_FIELD_NUMBER: _ClassVar[int]
    MAX_AREA_FIELD_NUMBER: _ClassVar[int]
    MIN_ASPECT_FIELD_NUMBER: _ClassVar[int]
    MAX_ASPECT_FIELD_NUMBER: _ClassVar[int]
    RESIZE_SIZE_FIELD_NUMBER: _ClassVar[int]
    RANDAUGMENT_LAYERS_FIELD_NUMBER: _ClassVar[int]
    RANDAUGMENT_MAGNITUDE_FIELD_NUMBER: _ClassVar[int]
    MIXUP_ALPHA_FIELD_NUMBER: _ClassVar[int]
    mean: _containers.RepeatedScalarFieldContainer[float]
    stddev: _containers.RepeatedScalarFieldContainer[float]
    min_area: float
    max_area: float
    min_aspect: float
    max_aspect: float
    resize_size: int
    randaugment_layers: int
    randaugment_magnitude: int
    mixup_alpha: float
    def __init__(self, mean: _Optional[_Iterable[float]] = ..., stddev: _Optional[_Iterable[float]] = ..., min_area: _Optional[float] = ..., max_area: _Optional[float] = ..., min_aspect: _Optional[float] = ..., max_aspect: _Optional[float] = ..., resize_size: _Optional[int] = ..., randaugment_layers: _Optional[int] = ..., randaugment_magnitude: _Optional[int] = ..., mixup_alpha: _Optional[float] = ...) -> None: ...

class Mnist(_message.Message):
    __slots__ = ("mean", "stddev")
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STDDEV_FIELD_NUMBER: _ClassVar[int]
    mean: float
    stddev: float
    def __init__(self, mean: _Optional[float] = ..., stddev: _Optional[float] = ...) -> None: ...

class Cifar10(_message.Message):
    __slots__ = ("mean", "stddev", "margin")
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STDDEV_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    mean: _containers.RepeatedScalarFieldContainer[float]
    stddev: _containers.RepeatedScalarFieldContainer[float]
    margin: int
    def __init__(self, mean: _Optional[_Iterable[float]] = ..., stddev: _Optional[_Iterable[float]] = ..., margin: _Optional[int] = ...) -> None: ...

class Ogbg(_message.Message):
    __slots__ = ("packing",)
    PACKING_FIELD_NUMBER: _ClassVar[int]
    packing: GraphPacking
    def __init__(self, packing: _Optional[_Union[GraphPacking, _Mapping]] = ...) -> None: ...

class GraphPacking(_message.Message):
    __slots__ = ("num_parts", "nodes_per_graph", "edges_per_graph")
    NUM_PARTS_FIELD_NUMBER: _ClassVar[int]
    NODES_PER_GRAPH_FIELD_NUMBER: _ClassVar[int]
    EDGES_PER_GRAPH_FIELD_NUMBER: _ClassVar[int]
    num_parts: int
    nodes_per_graph: int
    edges_per_graph: int
    def __init__(self, num_parts: _Optional[int] = ..., nodes_per_graph: _Optional[int] = ..., edges_per_graph: _Optional[int] = ...) -> None: ...

class Wmt(_message.Message):
    __slots__ = ("train_files", "validation_file", "test_file", "num_tokenizer_characters", "pairs_per_group")
    TRAIN_FILES_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FILE_FIELD_NUMBER: _ClassVar[int]
    TEST_FILE_FIELD_NUMBER: _ClassVar[int]
    NUM_TOKENIZER_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    PAIRS_PER_GROUP_FIELD_NUMBER: _ClassVar[int]
    train_files: _containers.RepeatedScalarFieldContainer[str]
    validation_file: str
    test_file: str
    num_tokenizer_characters: int
    pairs_per_group: int
    def __init__(self, train_files: _Optional[_Iterable[str]] = ..., validation_file: _Optional[str] = ..., test_file: _Optional[str] = ..., num_tokenizer_characters: _Optional[int] = ..., pairs_per_group: _Optional[int] = ...) -> None: ...

class FinewebEdu(_message.Message):
    __slots__ = ("validation_fraction", "end_token")
    VALIDATION_FRACTION_FIELD_NUMBER: _ClassVar[int]
    END_TOKEN_FIELD_NUMBER: _ClassVar[int]
    validation_fraction: float
    end_token: int
    def __init__(self, validation_fraction: _Optional[float] = ..., end_token: _Optional[int] = ...) -> None: ...

class Librispeech(_message.Message):
    __slots__ = ("train", "validation", "test", "max_samples", "max_characters", "num_pieces", "tokenizer_characters")
    class Part(_message.Message):
        __slots__ = ("name", "num_utterances")
        NAME_FIELD_NUMBER: _ClassVar[int]
        NUM_UTTERANCES_FIELD_NUMBER: _ClassVar[int]
        name: str
        num_utterances: int
        def __init__(self, name: _Optional[str] = ..., num_utterances: _Optional[int] = ...) -> None: ...
    TRAIN_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    TEST_FIELD_NUMBER: _ClassVar[int]
    MAX_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    MAX_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    NUM_PIECES_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    train: _containers.RepeatedCompositeFieldContainer[Librispeech.Part]
    validation: _containers.RepeatedCompositeFieldContainer[Librispeech.Part]
    test: _containers.RepeatedCompositeFieldContainer[Librispeech.Part]
    max_samples: int
    max_characters: int
    num_pieces: int
    tokenizer_characters: int
    def __init__(self, train: _Optional[_Iterable[_Union[Librispeech.Part, _Mapping]]] = ..., validation: _Optional[_Iterable[_Union[Librispeech.Part, _Mapping]]] = ..., test: _Optional[_Iterable[_Union[Librispeech.Part, _Mapping]]] = ..., max_samples: _Optional[int] = ..., max_characters: _Optional[int] = ..., num_pieces: _Optional[int] = ..., tokenizer_characters: _Optional[int] = ...) -> None: ...
