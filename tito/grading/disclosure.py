"""What the feedback may say of an error that a student's code raised while it was judged.

While hidden tests run, and where a task is judged by itself beside the reference's other solutions, an error's message is a way
out for what students must not see. So a message is shown only when it is one of Python's and NumPy's own, or stands in the
student's notebook; and only a few numbers, names and shapes in it may differ.
"""

from __future__ import annotations

import ast
import builtins
import functools
import re
from collections.abc import Iterator

FILLED = re.compile(r"'[^']*'|\"[^\"]*\"|[\w.<>]+\(\)|[-+]?[(\[]*\b\d(?:[\d., ()\[\]]*[\d)\]])?|\(\)|\[\]|#")
MOST = 40
"""How many characters of a message may be filled in."""

OWN = """'x' object has no attribute 'x'
module 'x' has no attribute 'x'
type object 'x' has no attribute 'x'
'x' object is not callable
'x' object is not iterable
'x' object is not subscriptable
'x' object is not an iterator
'x' object does not support item assignment
'x' object doesn't support item deletion
'x' object cannot be interpreted as an integer
cannot unpack non-iterable NoneType object
cannot unpack non-iterable int object
cannot unpack non-iterable float object
object of type 'x' has no len()
unhashable type: 'x'
bad operand type for abs(): 'x'
name 'x' is not defined
cannot access local variable 'x' where it is not associated with a value
local variable 'x' referenced before assignment
list index out of range
tuple index out of range
string index out of range
pop from empty list
list indices must be integers or slices, not str
list indices must be integers or slices, not tuple
list indices must be integers or slices, not float
tuple indices must be integers or slices, not str
tuple indices must be integers or slices, not tuple
string indices must be integers, not 'x'
can only concatenate str (not "x") to str
can only concatenate list (not "x") to list
can only concatenate tuple (not "x") to tuple
f() missing 1 required positional argument: 'x'
f() missing 2 required positional arguments: 'x' and 'x'
f() missing 1 required keyword-only argument: 'x'
f() got an unexpected keyword argument 'x'
f() got multiple values for argument 'x'
f() takes 1 positional argument but 2 were given
f() takes 2 positional arguments but 1 was given
f() takes 2 positional arguments but 3 were given
f() takes no arguments
f() takes 0 positional arguments but 1 was given
f() takes from 1 to 2 positional arguments but 3 were given
not enough values to unpack (expected 2, got 1)
too many values to unpack (expected 2)
Value after * must be an iterable, not NoneType
only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean arrays are valid indices
division by zero
float division by zero
integer division or modulo by zero
math domain error
maximum recursion depth exceeded
maximum recursion depth exceeded in comparison
maximum recursion depth exceeded while calling a Python object
invalid literal for int() with base 10: 'x'
could not convert string to float: 'x'
'x'
'<' not supported between instances of 'x' and 'x'
operands could not be broadcast together with shapes (2,3) (4,)
operands could not be broadcast together with remapped shapes [original->remapped]: (2,) and requested shape (3,)
non-broadcastable output operand with shape (3,) doesn't match the broadcast shape (2,3)
could not broadcast input array from shape (3,) into shape (2,)
shapes (3,4) and (3,4) not aligned: 4 (dim 1) != 3 (dim 0)
matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (n?,k),(k,m?)->(n?,m?) (size 3 is different from 4)
matmul: Input operand 0 does not have enough dimensions (has 0, gufunc core with signature (n?,k),(k,m?)->(n?,m?) requires 1)
cannot reshape array of size 12 into shape (5,5)
axis 3 is out of bounds for array of dimension 2
source: axis 3 is out of bounds for array of dimension 2
index 7 is out of bounds for axis 0 with size 3
index 7 is out of bounds for size 3
too many indices for array: array is 2-dimensional, but 3 were indexed
only integer scalar arrays can be converted to a scalar index
only length-1 arrays can be converted to Python scalars
only 0-dimensional arrays can be converted to Python scalars
arrays used as indices must be of integer (or boolean) type
setting an array element with a sequence.
The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()
axes don't match array
repeated axis in transpose
all input arrays must have the same shape
all the input array dimensions except for the concatenation axis must match exactly, but along dimension 1, the array at index 0 has size 4 and the array at index 1 has size 2
cannot select an axis to squeeze out which has size not equal to one
Cannot cast ufunc 'x' output from dtype('x') to dtype('x') with casting rule 'same_kind'
Singular matrix
assignment destination is read-only
zero-size array to reduction operation maximum which has no identity
zero-size array to reduction operation minimum which has no identity"""


def is_disclosable(message: str, written: str) -> bool:
    """Whether a message is one of Python's or NumPy's own, or stands in the student's code (`written`: cells, each ended by a
    form feed), but for a few characters that were filled in."""
    form, filled = masked(message)
    return message.isascii() and filled <= MOST and (form in own_forms() or form in forms(written))


def masked(text: str) -> tuple[str, int]:
    """The text with # for numbers, shapes, calls and what stands in quotes; how many characters these were."""
    parts = FILLED.findall(text)
    return " ".join(re.sub(r"#(\s*#)+", "#", FILLED.sub("#", text)).split()), sum(map(len, parts))


@functools.cache
def own_forms() -> frozenset[str]:
    operators = ("+", "-", "*", "/", "//", "%", "@", "&", "|", "^", "<<", ">>", "** or pow()", "+=", "-=", "*=", "/=")
    texts = [f"unsupported operand type(s) for {operator}: 'x' and 'x'" for operator in operators]
    texts += [f"'{sign}' not supported between instances of 'x' and 'x'" for sign in ("<", ">", "<=", ">=")]
    texts += [f"bad operand type for unary {sign}: 'x'" for sign in "+-~"]
    return frozenset(masked(text)[0] for text in (*texts, *OWN.splitlines()))


@functools.lru_cache(64)
def forms(written: str) -> frozenset[str]:
    """The masked texts that the code could say: its literals and f-strings."""
    return frozenset(masked(text)[0] for text in literals(written))


def literals(written: str) -> Iterator[str]:
    for source in written.split("\f"):
        try:
            nodes = list(ast.walk(ast.parse(source)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in nodes:
            if isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else "#" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def known_kind(name: str, written: str) -> str:
    """The exception's name if it is Python's or NumPy's or stands in the code, else an empty text."""
    known = isinstance(getattr(builtins, name, None), type) or name in ("AxisError", "LinAlgError")
    return name if known or (name.isidentifier() and re.search(rf"\b{name}\b", written)) else ""
