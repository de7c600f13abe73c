"""A first version of a submission's other side, made from the text of the side there is.

Carried over as it stands: the docstring, constants, functions that use no framework, and calls of the
parts in submissions/common, which both sides have. Optimizers that optax and torch.optim compute
alike are translated, and `update_params` becomes the other side's usual step. The rest is left to do:
it stands there as a comment, and what is called of it raises.
"""

import ast
import re
from collections.abc import Iterator

from conformance.port.optimizers import as_jax, as_pytorch, recognised
from harness import submission

OTHER = {"jax": "pytorch", "pytorch": "jax"}
TITLES = {"jax": "JAX", "pytorch": "PyTorch"}
LEFT = "left to do"
# Packages that belong to one side; `jax_sharding_utils` and `pytorch_utils` are official helpers.
_LIBRARIES = {
    "jax": {"chex", "flax", "jax", "jax_sharding_utils", "optax"},
    "pytorch": {"pytorch_utils", "schedulefree", "torch"},
}
# Imports that the new side may need; what is not used is left out.
_IMPORTS = {"jax": "import functools\n\nimport jax\nimport optax\n", "pytorch": "import torch\n"}
_MODE = "from spec.interface import ForwardPassMode"
_OPTIMIZER_HEAD = {
    "jax": "def {name}(workload, point):\n",
    "pytorch": "def {name}(workload, model, point):\n",
}
_STATE = {
    "jax": "    return optimizer.init(model_params), optimizer.update\n",
    "pytorch": '    return {"optimizer": optimizer}\n',
}
_STEP = {
    "jax": """\
    state, update = optimizer_state
    state, params, model_state = train_step(
        workload, update, current_param_container, model_state, state, batch, rng
    )
    return (state, update), params, model_state


@functools.partial(jax.jit, static_argnums=(0, 1), donate_argnums=(2, 3, 4))
def train_step(workload, update, params, model_state, state, batch, rng):
    def mean_loss(params):
        logits, new_state = workload.model_fn(
            params, batch, model_state, ForwardPassMode.TRAIN, rng, update_batch_norm=True
        )
        loss = workload.loss_fn(batch["targets"], logits, batch.get("weights"))
        return loss["summed"] / loss["n_valid_examples"], new_state

    grads, model_state = jax.grad(mean_loss, has_aux=True)(params)
    updates, state = update(grads, state, params)
    return state, optax.apply_updates(params, updates), model_state
""",
    "pytorch": """\
    model, optimizer = current_param_container, optimizer_state["optimizer"]
    logits, model_state = workload.model_fn(
        model, batch, model_state, ForwardPassMode.TRAIN, rng, update_batch_norm=True
    )
    loss = workload.loss_fn(batch["targets"], logits, batch.get("weights"))
    optimizer.zero_grad()
    (loss["summed"] / loss["n_valid_examples"]).backward()
    optimizer.step()
    return optimizer_state, model, model_state
""",
}


def framework_of(text: str) -> str | None:
    """`jax` or `pytorch`, of which the module imports a library; None if of both or neither."""
    tree = ast.parse(text)
    found = [framework for framework in OTHER if _library_names(tree, framework)]
    return found[0] if len(found) == 1 else None


def scaffold(text: str, framework: str) -> str:
    """The text of the other side's module.

    Args:
      text: the module that there is.
      framework: `jax` or `pytorch`, whose side it is.

    Raises:
      SyntaxError: the text is no Python.
    """
    return _Translation(text, framework).text()


class _Translation:
    def __init__(self, text: str, framework: str):
        self._lines = text.splitlines()
        self._from, self._to = framework, OTHER[framework]
        self._tree = ast.parse(text)
        self._docstring = ast.get_docstring(self._tree, clean=False)
        body = self._tree.body[1 if self._docstring is not None else 0 :]
        self._imports = [n for n in body if isinstance(n, ast.Import | ast.ImportFrom)]
        self._statements = [n for n in body if n not in self._imports]
        self._library = _library_names(self._tree, framework)
        self._modules: dict[str, str] = {}  # of submissions/, and what their other sides are called
        self._other_names: dict[str, set[str]] = {}  # what those define
        for node in self._imports:
            self._find_other_sides(node)
        self._library |= self._names_that_depend()

    def _find_other_sides(self, node: ast.Import | ast.ImportFrom) -> None:
        """Notes which modules of submissions/ that are imported have another side with all that is
        taken from them.
        """
        for name in _imported_names(node):
            place, _, old = name.rpartition(".")
            new = f"{old.removesuffix(self._from)}{self._to}"
            file = submission.ROOT.parent.joinpath(*place.split("."), f"{new}.py")
            if not old.endswith(f"_{self._from}") or not file.exists():
                continue
            defined = _defined_names(ast.parse(file.read_text(encoding="utf-8")))
            taken = _bound_by(node) if getattr(node, "module", "") == name else set()
            if taken <= defined:
                self._modules[old], self._other_names[old] = new, defined
                self._library -= _bound_by(node)

    def text(self) -> str:
        code = ""
        previous: ast.stmt | None = None
        for node in self._statements:
            written = self._statement(node).rstrip()
            is_apart = any(isinstance(n, ast.FunctionDef | ast.ClassDef) for n in (previous, node))
            code += ("\n\n\n" if is_apart and code else "\n" if code else "") + written
            previous = node
        head = ""
        if self._docstring is not None:
            head = f'"""{self._docstring.replace(TITLES[self._from], TITLES[self._to])}"""\n\n'
        gap = "\n\n" if isinstance(self._statements[0], ast.FunctionDef | ast.ClassDef) else "\n"
        return f"{head}{self._written_imports(code)}{gap}{code}\n"

    def _written_imports(self, code: str) -> str:
        libraries = "".join(
            line for line in _IMPORTS[self._to].splitlines(keepends=True) if _is_used(line, code)
        ).lstrip()
        own = [
            self._with_new_names(self._source(node))
            for node in self._imports
            if not _bound_by(node) <= self._library
        ]
        if _MODE not in own:
            own.append(_MODE)
        kept = sorted(line for line in own if _is_used(line, code))
        return libraries + "\n" * bool(libraries and kept) + "".join(f"{line}\n" for line in kept)

    def _names_that_depend(self) -> set[str]:
        """Helpers of the module that use its framework, one through the other; not the functions
        that each side has under the same name.
        """
        helpers = {
            node.name: node
            for node in self._statements
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not _is_on_both_sides(node)
        }
        found: set[str] = set()
        while more := {
            name
            for name, node in helpers.items()
            if name not in found and (_names(node) & found or self._depends(node))
        }:
            found |= more
        return found

    def _depends(self, node: ast.AST) -> bool:
        """Whether code uses the framework, or of a module what its other side does not have."""
        return bool(_names(node) & self._library) or any(
            isinstance(n, ast.Attribute)
            and isinstance(n.value, ast.Name)
            and n.attr not in self._other_names.get(n.value.id, {n.attr})
            for n in ast.walk(node)
        )

    def _statement(self, node: ast.stmt) -> str:
        if not self._depends(node):
            return self._with_new_names(self._source(node))
        if not isinstance(node, ast.FunctionDef) or not _is_on_both_sides(node):
            return _commented(f"{LEFT}:", self._source(node))
        original = _commented(f"The {TITLES[self._from]} side:", self._source(node), "    ")
        if node.name == "update_params":
            usual = f"    # {LEFT}: this is the usual step; the original stands below\n"
            return self._head(node) + usual + _STEP[self._to] + original
        optimizer = next((n for n in ast.walk(node) if recognised(n)), None)
        if optimizer is None:
            return f'{self._other_head(node)}    raise NotImplementedError("{LEFT}")\n{original}'
        lines = "".join(self._before(node, optimizer))
        if node.name == "init_optimizer_state":
            lines += f"    optimizer = {self._written(optimizer, 'model_params')}\n"
            return self._head(node) + lines + _STATE[self._to] + original
        return f"{self._other_head(node)}{lines}    return {self._written(optimizer, 'model')}\n"

    def _written(self, optimizer: ast.AST, model: str) -> str:
        """The recognised optimizer in the other framework."""
        found = recognised(optimizer)
        assert found
        return {"jax": as_jax, "pytorch": as_pytorch}[self._to](found, model)

    def _before(self, node: ast.FunctionDef, optimizer: ast.AST) -> Iterator[str]:
        """The assignments above an optimizer, which its arguments may come from."""
        for statement in node.body:
            if optimizer in ast.walk(statement):
                return
            if isinstance(statement, ast.Assign):
                source = ast.unparse(statement)
                if self._depends(statement):
                    source = f"raise NotImplementedError({f'{LEFT}: {source}'!r})"
                yield f"    {self._with_new_names(source)}\n"

    def _other_head(self, node: ast.FunctionDef) -> str:
        """The head of the function that the other side has under the same name."""
        if node.name in submission.function_names():
            return self._head(node)
        return _OPTIMIZER_HEAD[self._to].format(name=node.name)

    def _head(self, node: ast.FunctionDef) -> str:
        """`def` line and docstring."""
        first = node.body[0]
        has_docstring = ast.get_docstring(node) is not None
        end = first.end_lineno if has_docstring else first.lineno - 1
        return "\n".join(self._lines[node.lineno - 1 : end]) + "\n"

    def _source(self, node: ast.stmt) -> str:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        return "\n".join(self._lines[first - 1 : node.end_lineno])

    def _with_new_names(self, source: str) -> str:
        for old, new in self._modules.items():
            source = re.sub(rf"\b{old}\b", new, source)
        return source


def _library_names(tree: ast.Module, framework: str) -> set[str]:
    """What a module calls a framework, parts of it, and modules of ours that are named for it."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            parts = set(".".join(_imported_names(node)).split("."))
            if _LIBRARIES[framework] & parts or any(p.endswith(f"_{framework}") for p in parts):
                found |= _bound_by(node)
    return found


def _imported_names(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Dotted names: the module, and the module with each name that is taken from it."""
    names = [alias.name for alias in node.names]
    module = getattr(node, "module", None)
    return [module, *(f"{module}.{name}" for name in names)] if module else names


def _bound_by(node: ast.Import | ast.ImportFrom) -> set[str]:
    return {alias.asname or alias.name.partition(".")[0] for alias in node.names}


def _defined_names(tree: ast.Module) -> set[str]:
    """What a module defines at its top, imports left out."""
    found = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    assigned = (n for node in tree.body if isinstance(node, ast.Assign) for n in node.targets)
    return found | set().union(*map(_names, assigned))


def _is_on_both_sides(node: ast.stmt) -> bool:
    """Whether the other side has a function of the same name: those of the interface, and those that
    are given the workload to make an optimizer.
    """
    if not isinstance(node, ast.FunctionDef):
        return False
    arguments = [argument.arg for argument in node.args.args]
    is_optimizer = arguments[:1] == ["workload"] and arguments[-1] == "point"
    return is_optimizer or node.name in submission.function_names()


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _is_used(line: str, code: str) -> bool:
    """Whether code has one of the names that an import, one statement, gives it."""
    if not line.strip():
        return True
    node = ast.parse(line).body[0]
    assert isinstance(node, ast.Import | ast.ImportFrom)
    return bool(_names(ast.parse(code)) & _bound_by(node))


def _commented(title: str, source: str, indent: str = "") -> str:
    lines = [title, *source.splitlines()]
    return "".join(f"{indent}# {line}".rstrip() + "\n" for line in lines)
