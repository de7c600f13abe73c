"""Every message, enumeration, field and value of spec/*.proto is explained where it stands."""

import pathlib
from collections.abc import Iterator, Sequence

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)
from google.protobuf.message import Message

from tools import protos

REPOSITORY = pathlib.Path(__file__).parent.parent
# Where descriptor.proto lists what a file, a message, an enumeration and a service are made of.
PARTS = {
    FileDescriptorProto: ("message_type", "enum_type", "service", "extension"),
    DescriptorProto: ("field", "nested_type", "enum_type", "extension"),
    EnumDescriptorProto: ("value",),
    ServiceDescriptorProto: ("method",),
}


def unexplained(root: pathlib.Path, names: Sequence[str], folder: pathlib.Path) -> list[str]:
    """What has no comment above it or at its end, as `<file>: <dotted name>`.

    A field that is called as its type is explained by the type's comment: `ViT vit`.
    """
    descriptors = folder / "descriptors"
    protos.describe(root, names, descriptors)
    files = FileDescriptorSet.FromString(descriptors.read_bytes()).file
    return [f"{file.name}: {name}" for file in files for name in _unexplained(file)]


def _unexplained(file: FileDescriptorProto) -> Iterator[str]:
    explained = {
        tuple(place.path)
        for place in file.source_code_info.location
        if place.leading_comments.strip() or place.trailing_comments.strip()
    }
    for path, name, part in _parts(file, (), ""):
        if path not in explained and not _is_called_as_its_type(part):
            yield name


def _parts(
    whole: Message, path: tuple[int, ...], prefix: str
) -> Iterator[tuple[tuple[int, ...], str, Message]]:
    """Path as in SourceCodeInfo, dotted name and descriptor of everything within `whole`."""
    for kind in PARTS.get(type(whole), ()):
        number = whole.DESCRIPTOR.fields_by_name[kind].number
        for index, part in enumerate(getattr(whole, kind)):
            if isinstance(part, DescriptorProto) and part.options.map_entry:
                continue
            place, name = (*path, number, index), prefix + part.name
            yield place, name, part
            yield from _parts(part, place, f"{name}.")


def _is_called_as_its_type(part: Message) -> bool:
    if not isinstance(part, FieldDescriptorProto):
        return False
    return part.name.replace("_", "") == part.type_name.rpartition(".")[2].lower()


def test_everything_in_the_specification_is_explained(tmp_path: pathlib.Path) -> None:
    missing = unexplained(REPOSITORY, protos.spec_protos(REPOSITORY), tmp_path)
    assert not missing, "give each a comment with meaning, unit, range and source: " + ", ".join(
        missing
    )


def test_what_has_no_comment_is_found(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.proto").write_text(
        """\
        syntax = "proto3";
        // Explained.
        message ViT {
          enum Pool {
            MEAN = 0;  // explained
            MAX = 1;
          }
          // Explained.
          int64 width = 1;
          int64 depth = 2;
          map<string, int64> sizes = 3;  // explained
          oneof which {
            Pool pool = 4;
            ViT other = 5;
          }
        }
        service S {
          rpc f(ViT) returns (ViT);
        }
        """
    )
    assert unexplained(tmp_path, ["a.proto"], tmp_path) == [
        "a.proto: ViT.depth",
        "a.proto: ViT.other",
        "a.proto: ViT.Pool",
        "a.proto: ViT.Pool.MAX",
        "a.proto: S",
        "a.proto: S.f",
    ]
