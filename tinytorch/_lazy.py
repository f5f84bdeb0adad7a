"""Names that are looked for when they are first used: the one mechanism under all facades of tinytorch.

So importing costs little, and works when only the first modules have been built. What is missing says which module
builds it.
"""

import sys
from importlib import import_module
from types import ModuleType

_MISSING = "{0} is built in module {1:02}: finish it, then run 'tito export {1:02}'"


def attach(package, sources=None, packages=None, out=""):
    """The functions `__getattr__` and `__dir__` of a facade: `__getattr__, __dir__ = _lazy.attach(__name__, {...})`.

    sources: file of tinytorch -> (number of the module that builds it, the names that it has to offer); `sum=total` is
        the file's `total` under PyTorch's name. In place of the pair, names alone: those of another facade.
    out: those of the names that are functions which write into a tensor given as `out=`
    packages: name of a module inside the package -> number of the module that builds it (0: it is always there)
    """
    names, packages, out = _index(sources or {}), packages or {}, set(out.split())

    def find(name):
        if name in names:
            value = _load(name, *names[name])
            value = _taking_out(name, value) if name in out else value
        elif name in packages:
            value = _submodule(package, name, packages[name])
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, value)  # the next use does not come here
        return value

    def listing():
        own = {n for n, value in vars(sys.modules[package]).items() if not isinstance(value, ModuleType)}
        return sorted(name for name in {*names, *packages, *own} if not name.startswith("_"))

    return find, listing


def _index(sources):
    """name -> (file, number of the module, name in the file)"""
    found = {}
    for file, offer in sources.items():
        number, names = (0, offer) if isinstance(offer, str) else offer
        for name in names.split():
            public, _, own = name.partition("=")
            found[public] = file, number, own or public
    return found


def _load(name, file, number, own):
    """The name from the file that builds it, or an error that says which module to finish."""
    path = f"tinytorch.{file}".rstrip(".")
    try:
        return getattr(import_module(path), own)
    except ModuleNotFoundError as error:
        if not f"{path}.".startswith(f"{error.name}."):
            raise
    except AttributeError:
        if not number:  # another facade has said it
            raise
    raise AttributeError(_MISSING.format(name, number), name=name, obj=None)


def _taking_out(name, function):
    """The function with `out=`, as soon as module 01 has built the room for that."""
    try:
        return import_module("tinytorch._out").OutVariant(name, function)
    except ModuleNotFoundError as error:
        if error.name != "tinytorch._out":
            raise
    return function


def _submodule(package, name, number):
    path = f"{package}.{name}"
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        if error.name != path:
            raise
    raise AttributeError(_MISSING.format(name, number), name=name, obj=None)
