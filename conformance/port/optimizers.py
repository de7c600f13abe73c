"""Optimizers that optax and torch.optim compute alike, recognised in the text of one and written in
the other's.

A recognised one is the source of its arguments by these names: `b1`, `b2`, `eps` of Adam; `momentum`
and `nesterov` of SGD; `decay`, added to the gradient, or `decoupled_decay`, added to the update;
`learning_rate` where the call has it.
"""

import ast
from collections.abc import Mapping

Found = dict[str, str]

# By call: its arguments in their order, and our names of them. Calls with others are not recognised.
_RATE = {"learning_rate": "learning_rate"}
_ADAM = {"b1": "b1", "b2": "b2", "eps": "eps"}
_TORCH_ADAM = {"params": "params", "lr": "learning_rate", "betas": "betas", "eps": "eps"}
_OPTAX_CALLS: dict[str, dict[str, str]] = {
    "optax.adam": _RATE | _ADAM,
    "optax.adamw": _RATE
    | _ADAM
    | {"eps_root": "", "mu_dtype": "", "weight_decay": "decoupled_decay"},
    "optax.sgd": _RATE | {"momentum": "momentum", "nesterov": "nesterov"},
}
_TRANSFORMATIONS: dict[str, dict[str, str]] = {
    "optax.scale_by_adam": _ADAM,
    "optax.trace": {"decay": "momentum", "nesterov": "nesterov"},
    "optax.add_decayed_weights": {"weight_decay": "decay"},
    "optax.scale_by_learning_rate": _RATE,
    "training_jax.scale_by_learning_rate": {},
}
_TORCH_CALLS: dict[str, dict[str, str]] = {
    "torch.optim.Adam": _TORCH_ADAM | {"weight_decay": "decay"},
    "torch.optim.AdamW": _TORCH_ADAM | {"weight_decay": "decoupled_decay"},
    "torch.optim.SGD": {
        "params": "params",
        "lr": "learning_rate",
        "momentum": "momentum",
        "dampening": "",
        "weight_decay": "decay",
        "nesterov": "nesterov",
    },
}
_ADAM_DEFAULTS = {"b1": "0.9", "b2": "0.999", "eps": "1e-08"}
_DEFAULTS: dict[str, Found] = {
    "optax.adam": _ADAM_DEFAULTS,
    "optax.adamw": _ADAM_DEFAULTS | {"decoupled_decay": "0.0001"},
    "optax.scale_by_adam": _ADAM_DEFAULTS,
    "optax.sgd": {"momentum": "0.0", "nesterov": "False"},
    "optax.trace": {"nesterov": "False"},
    "torch.optim.Adam": _ADAM_DEFAULTS,
    "torch.optim.AdamW": _ADAM_DEFAULTS | {"decoupled_decay": "0.01"},
    "torch.optim.SGD": {"momentum": "0.0", "nesterov": "False"},
}


def recognised(node: ast.AST) -> Found | None:
    """The optimizer that an expression makes, if it is known."""
    if not isinstance(node, ast.Call):
        return None
    if ast.unparse(node.func) == "optax.chain":
        return _chained(node)
    return _arguments(node, _OPTAX_CALLS | _TORCH_CALLS)


def _chained(chain: ast.Call) -> Found | None:
    """What a chain of transformations makes, if it is Adam or momentum, with weight decay or not."""
    total: Found = {}
    for part in chain.args:
        found = _arguments(part, _TRANSFORMATIONS)
        if found is None:
            return None
        if "decay" in found and total:
            found = {"decoupled_decay": found["decay"]}
        if found.keys() & total.keys():
            return None
        total |= found
    is_adam, is_momentum = "b1" in total, "momentum" in total
    both_know_it = is_adam != is_momentum and not (is_momentum and "decoupled_decay" in total)
    return total if both_know_it else None


def _arguments(call: ast.expr, calls: Mapping[str, dict[str, str]]) -> Found | None:
    """The arguments of one of the calls, and its defaults; None if it is another or has others."""
    if not isinstance(call, ast.Call) or ast.unparse(call.func) not in calls:
        return None
    name = ast.unparse(call.func)
    names = calls[name]
    given = dict(zip(names, call.args, strict=False))
    given |= {keyword.arg or "": keyword.value for keyword in call.keywords}
    found = {names.get(theirs, ""): ast.unparse(value) for theirs, value in given.items()}
    if "" in found or len(call.args) > len(names):
        return None
    found.pop("params", None)
    if found.pop("betas", None):
        pair = given["betas"]
        if not isinstance(pair, ast.Tuple) or len(pair.elts) != 2:
            return None
        found["b1"], found["b2"] = map(ast.unparse, pair.elts)
    return _DEFAULTS.get(name, {}) | found


def as_pytorch(found: Found, model: str) -> str:
    """The call of torch.optim for the parameters of a model, whose name is given."""
    arguments = [f"{model}.parameters()"]
    if "learning_rate" in found:
        arguments.append(f"lr={found['learning_rate']}")
    if "b1" in found:
        kind = "AdamW" if "decoupled_decay" in found else "Adam"
        arguments += [f"betas=({found['b1']}, {found['b2']})", f"eps={found['eps']}"]
    else:
        kind = "SGD"
        arguments += [f"momentum={found['momentum']}", f"nesterov={found['nesterov']}"]
    if decay := found.get("decoupled_decay") or found.get("decay"):
        arguments.append(f"weight_decay={decay}")
    return _call(f"torch.optim.{kind}", arguments)


def as_jax(found: Found, model: str) -> str:
    """The chain of optax; where no learning rate is given it is an argument of every step."""
    parts = []
    if "decay" in found:
        parts.append(f"optax.add_decayed_weights({found['decay']})")
    if "b1" in found:
        parts.append(f"optax.scale_by_adam({found['b1']}, {found['b2']}, {found['eps']})")
    else:
        parts.append(f"optax.trace({found['momentum']}, nesterov={found['nesterov']})")
    if "decoupled_decay" in found:
        parts.append(f"optax.add_decayed_weights({found['decoupled_decay']})")
    if rate := found.get("learning_rate"):
        parts.append(f"optax.scale_by_learning_rate({rate})")
    else:
        parts.append("training_jax.scale_by_learning_rate()")
    return _call("optax.chain", parts)


def _call(function: str, arguments: list[str]) -> str:
    return f"{function}(\n" + "".join(f"        {a},\n" for a in arguments) + "    )"
