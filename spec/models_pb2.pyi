from spec import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Activation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RELU: _ClassVar[Activation]
    SILU: _ClassVar[Activation]
    GELU_TANH: _ClassVar[Activation]
    TANH: _ClassVar[Activation]
    LEAKY_RELU: _ClassVar[Activation]
    SIGMOID: _ClassVar[Activation]
RELU: Activation
SILU: Activation
GELU_TANH: Activation
TANH: Activation
LEAKY_RELU: Activation
SIGMOID: Activation

class Model(_message.Message):
    __slots__ = ("resnet", "vit", "transformer_lm", "mlp", "dlrm", "unet", "gnn", "transformer_mt", "conformer", "deepspeech")
    RESNET_FIELD_NUMBER: _ClassVar[int]
    VIT_FIELD_NUMBER: _ClassVar[int]
    TRANSFORMER_LM_FIELD_NUMBER: _ClassVar[int]
    MLP_FIELD_NUMBER: _ClassVar[int]
    DLRM_FIELD_NUMBER: _ClassVar[int]
    UNET_FIELD_NUMBER: _ClassVar[int]
    GNN_FIELD_NUMBER: _ClassVar[int]
    TRANSFORMER_MT_FIELD_NUMBER: _ClassVar[int]
    CONFORMER_FIELD_NUMBER: _ClassVar[int]
    DEEPSPEECH_FIELD_NUMBER: _ClassVar[int]
    resnet: ResNet
    vit: ViT
    transformer_lm: TransformerLM
    mlp: Mlp
    dlrm: Dlrm
    unet: UNet
    gnn: Gnn
    transformer_mt: TransformerMT
    conformer: Conformer
    deepspeech: DeepSpeech
    def __init__(self, resnet: _Optional[_Union[ResNet, _Mapping]] = ..., vit: _Optional[_Union[ViT, _Mapping]] = ..., transformer_lm: _Optional[_Union[TransformerLM, _Mapping]] = ..., mlp: _Optional[_Union[Mlp, _Mapping]] = ..., dlrm: _Optional[_Union[Dlrm, _Mapping]] = ..., unet: _Optional[_Union[UNet, _Mapping]] = ..., gnn: _Optional[_Union[Gnn, _Mapping]] = ..., transformer_mt: _Optional[_Union[TransformerMT, _Mapping]] = ..., conformer: _Optional[_Union[Conformer, _Mapping]] = ..., deepspeech: _Optional[_Union[DeepSpeech, _Mapping]] = ...) -> None: ...

class ResNet(_message.Message):
    __slots__ = ("block", "stem", "blocks_per_stage", "width", "activation", "padding", "last_norm_scale", "num_classes", "num_channels", "image_size", "norm_decay", "norm_epsilon")
    class Block(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        BASIC: _ClassVar[ResNet.Block]
        BOTTLENECK: _ClassVar[ResNet.Block]
    BASIC: ResNet.Block
    BOTTLENECK: ResNet.Block
    class Stem(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SMALL: _ClassVar[ResNet.Stem]
        IMAGENET: _ClassVar[ResNet.Stem]
    SMALL: ResNet.Stem
    IMAGENET: ResNet.Stem
    class Padding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SAME: _ClassVar[ResNet.Padding]
        SYMMETRIC: _ClassVar[ResNet.Padding]
    SAME: ResNet.Padding
    SYMMETRIC: ResNet.Padding
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    STEM_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_PER_STAGE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    PADDING_FIELD_NUMBER: _ClassVar[int]
    LAST_NORM_SCALE_FIELD_NUMBER: _ClassVar[int]
    NUM_CLASSES_FIELD_NUMBER: _ClassVar[int]
    NUM_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    NORM_DECAY_FIELD_NUMBER: _ClassVar[int]
    NORM_EPSILON_FIELD_NUMBER: _ClassVar[int]
    block: ResNet.Block
    stem: ResNet.Stem
    blocks_per_stage: _containers.RepeatedScalarFieldContainer[int]
    width: int
    activation: Activation
    padding: ResNet.Padding
    last_norm_scale: float
    num_classes: int
    num_channels: int
    image_size: int
    norm_decay: float
    norm_epsilon: float
    def __init__(self, block: _Optional[_Union[ResNet.Block, str]] = ..., stem: _Optional[_Union[ResNet.Stem, str]] = ..., blocks_per_stage: _Optional[_Iterable[int]] = ..., width: _Optional[int] = ..., activation: _Optional[_Union[Activation, str]] = ..., padding: _Optional[_Union[ResNet.Padding, str]] = ..., last_norm_scale: _Optional[float] = ..., num_classes: _Optional[int] = ..., num_channels: _Optional[int] = ..., image_size: _Optional[int] = ..., norm_decay: _Optional[float] = ..., norm_epsilon: _Optional[float] = ...) -> None: ...

class ViT(_message.Message):
    __slots__ = ("image_size", "num_channels", "patch_size", "width", "depth", "num_heads", "mlp_width", "num_classes", "gated", "post_norm", "pool", "norm_epsilon")
    class Pool(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MEAN: _ClassVar[ViT.Pool]
        MULTIHEAD_ATTENTION: _ClassVar[ViT.Pool]
    MEAN: ViT.Pool
    MULTIHEAD_ATTENTION: ViT.Pool
    IMAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    NUM_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    PATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    NUM_HEADS_FIELD_NUMBER: _ClassVar[int]
    MLP_WIDTH_FIELD_NUMBER: _ClassVar[int]
    NUM_CLASSES_FIELD_NUMBER: _ClassVar[int]
    GATED_FIELD_NUMBER: _ClassVar[int]
    POST_NORM_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    NORM_EPSILON_FIELD_NUMBER: _ClassVar[int]
    image_size: int
    num_channels: int
    patch_size: int
    width: int
    depth: int
    num_heads: int
    mlp_width: int
    num_classes: int
    gated: bool
    post_norm: bool
    pool: ViT.Pool
    norm_epsilon: float
    def __init__(self, image_size: _Optional[int] = ..., num_channels: _Optional[int] = ..., patch_size: _Optional[int] = ..., width: _Optional[int] = ..., depth: _Optional[int] = ..., num_heads: _Optional[int] = ..., mlp_width: _Optional[int] = ..., num_classes: _Optional[int] = ..., gated: _Optional[bool] = ..., post_norm: _Optional[bool] = ..., pool: _Optional[_Union[ViT.Pool, str]] = ..., norm_epsilon: _Optional[float] = ...) -> None: ...

class TransformerLM(_message.Message):
    __slots__ = ("vocabulary_size", "sequence_length", "width", "depth", "num_heads", "mlp_width", "rope_theta", "norm_epsilon")
    VOCABULARY_SIZE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_LENGTH_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    NUM_HEADS_FIELD_NUMBER: _ClassVar[int]
    MLP_WIDTH_FIELD_NUMBER: _ClassVar[int]
    ROPE_THETA_FIELD_NUMBER: _ClassVar[int]
    NORM_EPSILON_FIELD_NUMBER: _ClassVar[int]
    vocabulary_size: int
    sequence_length: int
    width: int
    depth: int
    num_heads: int
    mlp_width: int
    rope_theta: float
    norm_epsilon: float
    def __init__(self, vocabulary_size: _Optional[int] = ..., sequence_length: _Optional[int] = ..., width: _Optional[int] = ..., depth: _Optional[int] = ..., num_heads: _Optional[int] = ..., mlp_width: _Optional[int] = ..., rope_theta: _Optional[float] = ..., norm_epsilon: _Optional[float] = ...) -> None: ...

class Mlp(_message.Message):
    __slots__ = ("image_size", "num_channels", "width", "activation", "num_classes")
    IMAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    NUM_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    NUM_CLASSES_FIELD_NUMBER: _ClassVar[int]
    image_size: int
    num_channels: int
    width: int
    activation: Activation
    num_classes: int
    def __init__(self, image_size: _Optional[int] = ..., num_channels: _Optional[int] = ..., width: _Optional[int] = ..., activation: _Optional[_Union[Activation, str]] = ..., num_classes: _Optional[int] = ...) -> None: ...

class Dlrm(_message.Message):
    __slots__ = ("num_dense", "num_categorical", "vocabulary_size", "width", "bottom_widths", "top_widths", "interaction", "embedding_scale", "layer_norm", "norm_epsilon")
    class Interaction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DOT: _ClassVar[Dlrm.Interaction]
        RESIDUAL: _ClassVar[Dlrm.Interaction]
    DOT: Dlrm.Interaction
    RESIDUAL: Dlrm.Interaction
    NUM_DENSE_FIELD_NUMBER: _ClassVar[int]
    NUM_CATEGORICAL_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_SIZE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    BOTTOM_WIDTHS_FIELD_NUMBER: _ClassVar[int]
    TOP_WIDTHS_FIELD_NUMBER: _ClassVar[int]
    INTERACTION_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_SCALE_FIELD_NUMBER: _ClassVar[int]
    LAYER_NORM_FIELD_NUMBER: _ClassVar[int]
    NORM_EPSILON_FIELD_NUMBER: _ClassVar[int]
    num_dense: int
    num_categorical: int
    vocabulary_size: int
    width: int
    bottom_widths: _containers.RepeatedScalarFieldContainer[int]
    top_widths: _containers.RepeatedScalarFieldContainer[int]
    interaction: Dlrm.Interaction
    embedding_scale: float
    layer_norm: bool
    norm_epsilon: float
    def __init__(self, num_dense: _Optional[int] = ..., num_categorical: _Optional[int] = ..., vocabulary_size: _Optional[int] = ..., width: _Optional[int] = ..., bottom_widths: _Optional[_Iterable[int]] = ..., top_widths: _Optional[_Iterable[int]] = ..., interaction: _Optional[_Union[Dlrm.Interaction, str]] = ..., embedding_scale: _Optional[float] = ..., layer_norm: _Optional[bool] = ..., norm_epsilon: _Optional[float] = ...) -> None: ...

class UNet(_message.Message):
    __slots__ = ("image_size", "width", "depth", "activation", "norm", "instance_norm_epsilon", "layer_norm_epsilon")
    class Norm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        INSTANCE: _ClassVar[UNet.Norm]
        LAYER: _ClassVar[UNet.Norm]
    INSTANCE: UNet.Norm
    LAYER: UNet.Norm
    IMAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    NORM_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_NORM_EPSILON_FIELD_NUMBER: _ClassVar[int]
    LAYER_NORM_EPSILON_FIELD_NUMBER: _ClassVar[int]
    image_size: int
    width: int
    depth: int
    activation: Activation
    norm: UNet.Norm
    instance_norm_epsilon: float
    layer_norm_epsilon: float
    def __init__(self, image_size: _Optional[int] = ..., width: _Optional[int] = ..., depth: _Optional[int] = ..., activation: _Optional[_Union[Activation, str]] = ..., norm: _Optional[_Union[UNet.Norm, str]] = ..., instance_norm_epsilon: _Optional[float] = ..., layer_norm_epsilon: _Optional[float] = ...) -> None: ...

class Gnn(_message.Message):
    __slots__ = ("num_node_features", "num_edge_features", "width", "hidden_widths", "num_rounds", "activation", "num_tasks", "norm_epsilon")
    NUM_NODE_FEATURES_FIELD_NUMBER: _ClassVar[int]
    NUM_EDGE_FEATURES_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_WIDTHS_FIELD_NUMBER: _ClassVar[int]
    NUM_ROUNDS_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    NUM_TASKS_FIELD_NUMBER: _ClassVar[int]
    NORM_EPSILON_FIELD_NUMBER: _ClassVar[int]
    num_node_features: int
    num_edge_features: int
    width: int
    hidden_widths: _containers.RepeatedScalarFieldContainer[int]
    num_rounds: int
    activation: Activation
    num_tasks: int
    norm_epsilon: float
    def __init__(self, num_node_features: _Optional[int] = ..., num_edge_features: _Optional[int] = ..., width: _Optional[int] = ..., hidden_widths: _Optional[_Iterable[int]] = ..., num_rounds: _Optional[int] = ..., activation: _Optional[_Union[Activation, str]] = ..., num_tasks: _Optional[int] = ..., norm_epsilon: _Optional[float] = ...) -> None: ...

class TransformerMT(_message.Message):
    __slots__ = ("vocabulary_size", "max_length", "width", "depth", "num_heads", "mlp_width", "activation", "gated", "post_norm", "attention_temperature", "norm_epsilon", "beam_size", "length_penalty", "end_token")
    VOCABULARY_SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    NUM_HEADS_FIELD_NUMBER: _ClassVar[int]
    MLP_WIDTH_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    GATED_FIELD_NUMBER: _ClassVar[int]
    POST_NORM_FIELD_NUMBER: _ClassVar[int]
    ATTENTION_TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    NORM_EPSILON_FIELD_NUMBER: _ClassVar[int]
    BEAM_SIZE_FIELD_NUMBER: _ClassVar[int]
    LENGTH_PENALTY_FIELD_NUMBER: _ClassVar[int]
    END_TOKEN_FIELD_NUMBER: _ClassVar[int]
    vocabulary_size: int
    max_length: int
    width: int
    depth: int
    num_heads: int
    mlp_width: int
    activation: Activation
    gated: bool
    post_norm: bool
    attention_temperature: float
    norm_epsilon: float
    beam_size: int
    length_penalty: float
    end_token: int
    def __init__(self, vocabulary_size: _Optional[int] = ..., max_length: _Optional[int] = ..., width: _Optional[int] = ..., depth: _Optional[int] = ..., num_heads: _Optional[int] = ..., mlp_width: _Optional[int] = ..., activation: _Optional[_Union[Activation, str]] = ..., gated: _Optional[bool] = ..., post_norm: _Optional[bool] = ..., attention_temperature: _Optional[float] = ..., norm_epsilon: _Optional[float] = ..., beam_size: _Optional[int] = ..., length_penalty: _Optional[float] = ..., end_token: _Optional[int] = ...) -> None: ...

class SpecAugment(_message.Message):
    __slots__ = ("num_frequency_masks", "max_bins", "num_time_masks", "max_time_ratio")
    NUM_FREQUENCY_MASKS_FIELD_NUMBER: _ClassVar[int]
    MAX_BINS_FIELD_NUMBER: _ClassVar[int]
    NUM_TIME_MASKS_FIELD_NUMBER: _ClassVar[int]
    MAX_TIME_RATIO_FIELD_NUMBER: _ClassVar[int]
    num_frequency_masks: int
    max_bins: int
    num_time_masks: int
    max_time_ratio: float
    def __init__(self, num_frequency_masks: _Optional[int] = ..., max_bins: _Optional[int] = ..., num_time_masks: _Optional[int] = ..., max_time_ratio: _Optional[float] = ...) -> None: ...

class Conformer(_message.Message):
    __slots__ = ("num_samples", "num_tokens", "vocabulary_size", "width", "depth", "num_heads", "mlp_width", "window", "activation", "attention_temperature", "block_norm", "layer_norm_epsilon", "batch_norm_decay", "batch_norm_epsilon", "spec_augment")
    NUM_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    NUM_TOKENS_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_SIZE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    NUM_HEADS_FIELD_NUMBER: _ClassVar[int]
    MLP_WIDTH_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    ATTENTION_TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    BLOCK_NORM_FIELD_NUMBER: _ClassVar[int]
    LAYER_NORM_EPSILON_FIELD_NUMBER: _ClassVar[int]
    BATCH_NORM_DECAY_FIELD_NUMBER: _ClassVar[int]
    BATCH_NORM_EPSILON_FIELD_NUMBER: _ClassVar[int]
    SPEC_AUGMENT_FIELD_NUMBER: _ClassVar[int]
    num_samples: int
    num_tokens: int
    vocabulary_size: int
    width: int
    depth: int
    num_heads: int
    mlp_width: int
    window: int
    activation: Activation
    attention_temperature: float
    block_norm: bool
    layer_norm_epsilon: float
    batch_norm_decay: float
    batch_norm_epsilon: float
    spec_augment: SpecAugment
    def __init__(self, num_samples: _Optional[int] = ..., num_tokens: _Optional[int] = ..., vocabulary_size: _Optional[int] = ..., width: _Optional[int] = ..., depth: _Optional[int] = ..., num_heads: _Optional[int] = ..., mlp_width: _Optional[int] = ..., window: _Optional[int] = ..., activation: _Optional[_Union[Activation, str]] = ..., attention_temperature: _Optional[float] = ..., block_norm: _Optional[bool] = ..., layer_norm_epsilon: _Optional[float] = ..., batch_norm_decay: _Optional[float] = ..., batch_norm_epsilon: _Optional[float] = ..., spec_augment: _Optional[_Union[SpecAugment, _Mapping]] = ...) -> None: ...

class DeepSpeech(_message.Message):
    __slots__ = ("num_samples", "num_tokens", "vocabulary_size", "width", "num_lstm_layers", "num_dense_layers", "activation", "residual", "norm", "layer_norm_epsilon", "batch_norm_decay", "batch_norm_epsilon", "spec_augment")
    class Norm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        BATCH: _ClassVar[DeepSpeech.Norm]
        LAYER: _ClassVar[DeepSpeech.Norm]
    BATCH: DeepSpeech.Norm
    LAYER: DeepSpeech.Norm
    NUM_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    NUM_TOKENS_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_SIZE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    NUM_LSTM_LAYERS_FIELD_NUMBER: _ClassVar[int]
    NUM_DENSE_LAYERS_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    RESIDUAL_FIELD_NUMBER: _ClassVar[int]
    NORM_FIELD_NUMBER: _ClassVar[int]
    LAYER_NORM_EPSILON_FIELD_NUMBER: _ClassVar[int]
    BATCH_NORM_DECAY_FIELD_NUMBER: _ClassVar[int]
    BATCH_NORM_EPSILON_FIELD_NUMBER: _ClassVar[int]
    SPEC_AUGMENT_FIELD_NUMBER: _ClassVar[int]
    num_samples: int
    num_tokens: int
    vocabulary_size: int
    width: int
    num_lstm_layers: int
    num_dense_layers: int
    activation: Activation
    residual: bool
    norm: DeepSpeech.Norm
    layer_norm_epsilon: float
    batch_norm_decay: float
    batch_norm_epsilon: float
    spec_augment: SpecAugment
    def __init__(self, num_samples: _Optional[int] = ..., num_tokens: _Optional[int] = ..., vocabulary_size: _Optional[int] = ..., width: _Optional[int] = ..., num_lstm_layers: _Optional[int] = ..., num_dense_layers: _Optional[int] = ..., activation: _Optional[_Union[Activation, str]] = ..., residual: _Optional[bool] = ..., norm: _Optional[_Union[DeepSpeech.Norm, str]] = ..., layer_norm_epsilon: _Optional[float] = ..., batch_norm_decay: _Optional[float] = ..., batch_norm_epsilon: _Optional[float] = ..., spec_augment: _Optional[_Union[SpecAugment, _Mapping]] = ...) -> None: ...
