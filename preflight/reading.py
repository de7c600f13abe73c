"""What a submission's code shows without being run: rules that are checked by its syntax tree.

A tree says what is written, not what happens, so these rules name habits: what a submission has no
need of. Who does need it waives the rule by name, with a reason (docs/preflight.md).
"""

import ast
import functools
import sys
from collections.abc import Collection, Iterator

from harness.submission import Source
from preflight.findings import Finding
from preflight.vocabulary import (
    BUILTINS,
    CODE_ATTRIBUTES,
    CONTAINERS,
    FILE_METHODS,
    LENT,
    MUTATING,
    NUMBERS,
    OF_FRAMEWORK,
    PROVIDED,
    TELLING,
    forbidden,
)
from spec import loading


def read(source: Source) -> Iterator[Finding]:
    """Findings in the Python files of a submission."""
    for file in source.files:
        if file.suffix == ".py":
            path = file.relative_to(source.folder).as_posix()
            declared = [_package(line) for line in source.manifest.dependencies]
            yield from read_text(file.read_text(encoding="utf-8"), path, declared)


def _package(requirement: str) -> str:
    """The importable name that a requirement such as `heavyball>=1` most likely stands for."""
    name = requirement
    for mark in "<>=!~;[ ":
        name = name.split(mark)[0]
    return name.replace("-", "_").lower()


def read_text(text: str, path: str, declared: Collection[str] = ()) -> Iterator[Finding]:
    """Findings in the text of one file.

    Args:
      text: the file's content.
      path: the file's, relative to the submission's folder.
      declared: names of packages that the manifest lists.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", 0) or 0
        yield Finding("interface", f"is no Python: {error}", path, line)
        return
    reader = _Reader(path, tree, declared)
    reader.visit(tree)
    yield from dict.fromkeys(reader.findings)


class _Reader(ast.NodeVisitor):
    """Walks a tree, knowing what its names were imported as and which function it is in."""

    def __init__(self, path: str, tree: ast.Module, declared: Collection[str]):
        self.findings: list[Finding] = []
        self._path, self._declared = path, declared
        self._imported: dict[str, str] = {}  # name in this file -> dotted name
        self._functions: list[str] = []  # that are being walked, the outermost first
        self._module_names = _assigned(tree)
        self._containers = _containers(tree)
        self._held = {name: name for name in LENT} | _aliases(tree)

    def _add(self, rule: str, node: ast.AST, message: str) -> None:
        self.findings.append(Finding(rule, message, self._path, getattr(node, "lineno", 0)))

    # What is imported.

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._import(node, alias.name)
            name = alias.asname or alias.name.partition(".")[0]
            self._imported[name] = alias.name if alias.asname else name

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level:
            return
        for alias in node.names:
            dotted = f"{node.module}.{alias.name}"
            self._import(node, dotted)
            self._imported[alias.asname or alias.name] = dotted

    def _import(self, node: ast.AST, dotted: str) -> None:
        top = dotted.partition(".")[0]
        rule = forbidden(dotted)
        if rule:
            self._add(rule, node, f"imports {dotted}")
        elif not self._is_known(top):
            self._add("dependencies", node, f"imports {top}, which the manifest does not list")

    def _is_known(self, top: str) -> bool:
        frameworks = OF_FRAMEWORK.get(self._path, frozenset().union(*OF_FRAMEWORK.values()))
        ours = PROVIDED | frameworks | frozenset(self._declared)
        return top in ours or top in sys.stdlib_module_names

    # What is used.

    def visit_Attribute(self, node: ast.Attribute) -> None:
        dotted = self._dotted(node)
        rule = forbidden(dotted) if dotted else None
        if rule and not (
            isinstance(node.value, ast.Attribute) and forbidden(self._dotted(node.value))
        ):
            self._add(rule, node, f"uses {dotted}")
        lent = self._lent(node.value)
        if lent == "workload" and node.attr in TELLING and not self._asks_batch_size():
            self._add("workload_name", node, f"uses workload.{node.attr}")
        elif lent and node.attr.startswith("_"):
            self._add("harness_internals", node, f"uses {lent}.{node.attr}")
        elif node.attr in CODE_ATTRIBUTES:
            self._add("dynamic_code", node, f"uses {node.attr}")
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in BUILTINS and node.id not in self._module_names | set(self._imported):
            self._add(BUILTINS[node.id], node, f"uses {node.id}")

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Attribute):
            if function.attr in FILE_METHODS and not self._lent(function.value):
                self._add("files", node, f"calls {function.attr}()")
            if function.attr in MUTATING:
                self._mutation(node, function.value, f"calls {function.attr}() of")
        elif isinstance(function, ast.Name) and node.args:
            self._named_call(node, function.id)
        self.generic_visit(node)

    def _named_call(self, node: ast.Call, name: str) -> None:
        first = node.args[0]
        if (
            name in ("type", "isinstance", "id", "hash", "repr", "str")
            and self._lent(first) == "workload"
        ):
            self._add("workload_name", node, f"asks for {name}(workload)")
        if name not in ("getattr", "setattr", "delattr", "hasattr") or len(node.args) < 2:
            return
        second = node.args[1]
        constant = second.value if isinstance(second, ast.Constant) else None
        if name in ("setattr", "delattr"):
            self._assigned_attribute(node, first, str(constant))
        elif constant is None and (self._lent(first) or self._dotted(first)):
            self._add("dynamic_code", node, f"{name}() with a name that is made while running")
        elif isinstance(constant, str):
            self.visit_Attribute(
                ast.copy_location(ast.Attribute(first, constant, ast.Load()), node)
            )

    # What is compared.

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        exact = any(isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for op in node.ops)
        numbers = [s.attr for s in sides if isinstance(s, ast.Attribute) and s.attr in NUMBERS
                   and self._lent(s.value) == "workload"]  # fmt: skip
        if exact and numbers and any(map(_is_constant, sides)):
            self._add("workload_name", node, f"tells workloads apart by {numbers[0]}")
        elif named := [name for side in sides for name in _workloads_in(side)]:
            self._looked_up(node, named[0])
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        index = node.slice
        if (
            isinstance(index, ast.Attribute)
            and index.attr in NUMBERS
            and self._lent(index.value) == "workload"
        ):
            self._add("workload_name", node, f"looks something up by workload.{index.attr}")
        elif named := _workloads_in(index):
            self._looked_up(node, named[0])
        if isinstance(node.ctx, ast.Store | ast.Del):
            self._mutation(node, node.value, "changes")
        self.generic_visit(node)

    def visit_MatchValue(self, node: ast.MatchValue) -> None:
        for name in _workloads_in(node.value):
            self._looked_up(node, name)

    def _looked_up(self, node: ast.AST, name: str) -> None:
        if not self._asks_batch_size():
            self._add("workload_name", node, f"tells workloads apart by the name {name!r}")

    def _asks_batch_size(self) -> bool:
        return "get_batch_size" in self._functions

    # What is changed.

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._target(target)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._target(node.target)
        if lent := self._lent(node.target):
            self._add("patching", node, f"changes {lent}")
        self.generic_visit(node)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self._target(target)
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> None:
        self._add("hidden_state", node, f"keeps {', '.join(node.names)} between calls")

    visit_Nonlocal = visit_Global

    def _target(self, target: ast.expr) -> None:
        for node in ast.walk(target):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
                self._assigned_attribute(node, node.value, node.attr)

    def _assigned_attribute(self, node: ast.AST, owner: ast.expr, name: str) -> None:
        lent, dotted = self._lent(owner), self._dotted(owner)
        if lent:
            self._add("patching", node, f"sets {lent}.{name}")
        elif dotted and dotted.startswith("os.environ"):
            self._add("environment", node, f"sets {dotted}.{name}")
        elif dotted and not forbidden(dotted):
            self._add("patching", node, f"sets {dotted}.{name}")
        elif isinstance(owner, ast.Name) and owner.id in self._module_names and self._functions:
            self._add("hidden_state", node, f"sets {owner.id}.{name}, which outlives the call")
        elif name == "__class__":
            self._add("patching", node, "sets __class__")

    def _mutation(self, node: ast.AST, owner: ast.expr, how: str) -> None:
        """A container that is changed, of the harness, of the module or of the environment."""
        if lent := self._lent(_outermost(owner)):
            self._add("patching", node, f"{how} {lent}")
        elif self._dotted(owner) == "os.environ":
            self._add("environment", node, f"{how} os.environ")
        elif (
            isinstance(owner, ast.Name)
            and owner.id in self._containers & self._module_names
            and self._functions
        ):
            self._add("hidden_state", node, f"{how} {owner.id}, which outlives the call")

    # Where it is.

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if node.name == "__del__":
            self._add("untimed_work", node, "__del__ runs whenever an object goes")
        self._functions.append(node.name)
        shadowed = _local_names(node) & self._module_names
        self._module_names -= shadowed
        self.generic_visit(node)
        self._module_names |= shadowed
        self._functions.pop()

    visit_AsyncFunctionDef = visit_FunctionDef

    def _dotted(self, node: ast.expr) -> str | None:
        """The dotted name of an attribute of something imported; None for anything else."""
        if isinstance(node, ast.Name):
            return self._imported.get(node.id)
        if isinstance(node, ast.Attribute):
            inner = self._dotted(node.value)
            return f"{inner}.{node.attr}" if inner else None
        return None

    def _lent(self, node: ast.expr) -> str | None:
        """Which of the harness's objects an expression is; None for anything else."""
        return self._held.get(node.id) if isinstance(node, ast.Name) else None


def _outermost(node: ast.expr) -> ast.expr:
    """What `a.b[c]` is a part of: `a`."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node


@functools.cache
def _workload_names() -> frozenset[str]:
    return frozenset(loading.names("workloads"))


def _workloads_in(node: ast.AST) -> list[str]:
    """Names of workloads among the strings of an expression."""
    strings = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return [text for text in strings if isinstance(text, str) and text in _workload_names()]


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return all(map(_is_constant, node.elts))
    return isinstance(node, ast.Constant)


def _assigned(tree: ast.Module) -> set[str]:
    """Names that a module binds to values or functions at its top level."""
    found = set()
    for node in tree.body:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        for target in filter(None, targets):
            found |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
    return found


def _containers(tree: ast.Module) -> set[str]:
    """Names that a module binds to lists, dictionaries and their like at its top level."""
    found = set()
    for node in tree.body:
        value = getattr(node, "value", None)
        function = getattr(value, "func", None)
        made = getattr(function, "id", None) or getattr(function, "attr", None)
        if isinstance(value, ast.List | ast.Dict | ast.Set) or made in CONTAINERS:
            for target in getattr(node, "targets", [getattr(node, "target", None)]):
                found |= {target.id} if isinstance(target, ast.Name) else set()
    return found


def _local_names(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Names that a function binds itself."""
    arguments = {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)}
    stored = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    outer = {
        name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names
    }
    return (arguments | stored) - outer


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Other names for what the harness lends: `w = workload`."""
    return {
        target.id: node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)
        for target in node.targets
        if isinstance(target, ast.Name) and node.value.id in LENT
    }
