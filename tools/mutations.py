"""Small bugs: every way to change one operator, comparison, number or call of a source file."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

BINARY = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Mod: ast.Mult,
}
COMPARE = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
ATTRIBUTES = {"mH": "mT", "real": "imag", "imag": "real", "left": "right", "right": "left"}
METHODS = {"sum": "mean", "mean": "sum", "amax": "amin", "max": "min", "min": "max", "cumsum": "cumprod"}
DROPPED = {"sqrt", "conj", "abs", "square", "exp", "log", "flip", "clamp"}
SYMMETRIC = {"isinstance", "max", "min", "maximum", "minimum"}
TRANSPOSES = {"T", "mT", "mH"}


@dataclass(frozen=True)
class Mutant:
    """One bug.

    Attributes:
        file: The source file, relative to the package.
        line: Its line.
        function: The function it is in, or "".
        kind: What was done.
        before: The statement or expression changed.
        after: What it became.
        module_level: Whether the line runs on import.
        path: Fields and positions that lead to it in the syntax tree.
        changed: What stands there instead.
    """

    file: str
    line: int
    function: str
    kind: str
    before: str
    after: str
    module_level: bool
    path: tuple
    changed: ast.expr

    def put_into(self, source: str) -> str:
        """Return the text of the file with the bug."""
        tree = ast.parse(source)
        node = tree
        for name, i in self.path[:-1]:
            node = getattr(node, name) if i is None else getattr(node, name)[i]
        name, i = self.path[-1]
        if i is None:
            setattr(node, name, self.changed)
        else:
            getattr(node, name)[i] = self.changed
        return ast.unparse(ast.fix_missing_locations(tree))

    def describe(self) -> str:
        """Return one line for a table."""
        return f"{self.file}:{self.line} {self.function}: {self.before}  →  {self.after}"


def mutants_of(source: str, file: str) -> list[Mutant]:
    """Return every mutant of a file.

    Args:
        source: Its text.
        file: Its path relative to the package.
    """
    tree = ast.parse(source)
    found = []
    for path, node, function in _sites(tree, (), ""):
        for kind, changed in _changes(node):
            texts = ast.unparse(node), ast.unparse(changed)
            found.append(Mutant(file, node.lineno, function, kind, *texts, not function, path, changed))
    return found


def _sites(node: ast.AST, path: tuple, function: str) -> Iterator[tuple[tuple, ast.expr, str]]:
    """Walk over the expressions that compute: not messages, annotations, decorators or imports."""
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.Assert | ast.JoinedStr):
        return
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("warnings.warn", "TypeVar"):
        return
    if isinstance(node, ast.keyword) and node.arg in ("strict", "stacklevel"):
        return
    inside = f"{function}.{node.name}".lstrip(".") if isinstance(node, ast.FunctionDef | ast.ClassDef) else function
    if isinstance(node, ast.expr) and hasattr(node, "lineno"):
        yield path, node, function
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases", "keywords") and not isinstance(node, ast.Call):
            continue
        if name == "slice" and isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("dict", "list", "tuple"):
            continue
        if isinstance(value, list):
            for i, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield from _sites(item, (*path, (name, i)), inside if name == "body" else function)
        elif isinstance(value, ast.AST):
            # Defaults of parameters are evaluated outside the function.
            yield from _sites(value, (*path, (name, None)), function if name == "args" else inside)


def _changes(node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Return what an expression may become."""
    if isinstance(node, ast.BinOp):
        yield from _binary(node)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in COMPARE.get(type(node.ops[0]), ()):
            yield "comparison", ast.Compare(node.left, [other()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "boolean", ast.BoolOp(other, node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield "sign", node.operand
    elif isinstance(node, ast.IfExp):
        yield "condition", ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.Constant) and not isinstance(node.value, str):
        yield from _constant(node)
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        if node.attr in ATTRIBUTES:
            yield "attribute", ast.Attribute(node.value, ATTRIBUTES[node.attr], node.ctx)
        if node.attr in TRANSPOSES:
            yield "transpose", node.value
    elif isinstance(node, ast.Call):
        yield from _call(node)


def _binary(node: ast.BinOp) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node.op, ast.MatMult):
        yield "swap", ast.BinOp(node.right, node.op, node.left)
    elif isinstance(node.op, ast.FloorDiv):
        yield "arithmetic", ast.UnaryOp(ast.USub(), ast.BinOp(ast.UnaryOp(ast.USub(), node.left), node.op, node.right))
    elif type(node.op) in BINARY and not isinstance(node.left, ast.JoinedStr):
        yield "arithmetic", ast.BinOp(node.left, BINARY[type(node.op)](), node.right)


def _constant(node: ast.Constant) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node.value, bool):
        yield "constant", ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield "constant", ast.Constant(node.value + 1)
    elif isinstance(node.value, float):
        yield "constant", ast.Constant(2 * node.value if node.value else 1.0)


def _call(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
    if name in METHODS and isinstance(node.func, ast.Attribute):
        yield "reduction", ast.Call(ast.Attribute(node.func.value, METHODS[name], ast.Load()), node.args, node.keywords)
    elif name in ("min", "max") and not owner:
        yield "reduction", ast.Call(ast.Name("max" if name == "min" else "min", ast.Load()), node.args, node.keywords)
    if name in DROPPED:
        if owner in ("math", "torch", "np") and node.args:
            yield "dropped", node.args[0]
        elif owner and owner not in ("math", "torch", "np"):
            yield "dropped", node.func.value
    first = node.args[:2]
    plain = len(first) == 2 and not any(isinstance(a, ast.Starred | ast.Constant) for a in first)
    if plain and name not in SYMMETRIC:
        yield "swap", ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)
