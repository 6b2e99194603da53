"""Find which sessions a noxfile has, as far as that can be told without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from msgspec import Struct

from gomab_tasks.adoption.pythonfile import PythonFile

_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Sessions(Struct, frozen=True):
    """Hold what a noxfile says of its sessions.

    Attributes:
        names: of those that are written out.
        texts: every string outside of functions: a session may be made of it.
        are_made: there may be others, with any name.
    """

    names: set[str]
    texts: set[str]
    are_made: bool


def read_sessions(file: PythonFile) -> Sessions:
    """Read the decorators of functions, and look for other ways to make sessions."""
    called = {"session", *file.aliases("session")}
    nodes = list(ast.walk(file.tree))
    decorated = [
        (decorator, node.name)
        for node in nodes
        if isinstance(node, _Function)
        for decorator in node.decorator_list
        if _is_session(_function(decorator), called)
    ]
    heads = [_function(decorator) for decorator, _ in decorated]
    others = (node for node in nodes if _makes_session(node, called) and _function(node) not in heads)
    names = [_name(decorator, default) for decorator, default in decorated]
    return Sessions(
        names={name for name in names if name},
        texts=set(_texts(file.tree)),
        are_made=not all(names) or any(others) or any(map(_is_star, nodes)),
    )


def _function(node: ast.AST) -> ast.AST:
    return node.func if isinstance(node, ast.Call) else node


def _is_session(function: ast.AST, called: set[str]) -> bool:
    return ast.unparse(function).rpartition(".")[2] in called


def _makes_session(node: ast.AST, called: set[str]) -> bool:
    """Tell what may make a session: `nox.session` by whatever means, or a call of its alias."""
    if isinstance(node, ast.Attribute):
        return node.attr == "session"
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in called


def _name(decorator: ast.expr, default: str) -> str:
    """Give the name that a decorator says, else the function's; nothing where it is no plain text."""
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    named = [word.value for word in keywords if word.arg in ("name", None)]
    match named:
        case []:
            return default
        case [ast.Constant(value=str(name))]:
            return name
        case [ast.Constant(value=None)]:
            return default
    return ""


def _texts(node: ast.AST) -> Iterator[str]:
    """Give the strings of a file; what a function's body says is for its own use."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value
        elif isinstance(child, _Function):
            for decorator in child.decorator_list:
                yield from _texts(decorator)
        else:
            yield from _texts(child)


def _is_star(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
