"""Run Python code, for those who have allowed it."""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
import time
import traceback
from typing import TYPE_CHECKING, Any

from pydantic import Field

from AgentBridgeLib.model.base import Arguments
from AgentBridgeLib.model.views import PythonRun
from AgentBridgeLib.registry.operation import operation

if TYPE_CHECKING:
    from types import CodeType

    from AgentBridgeLib.dispatch.context import OperationContext

MOST_SESSIONS = 16

_sessions: dict[str, dict[str, Any]] = {}


class ExecuteArguments(Arguments):
    """What to run."""

    source: str = Field(min_length=1, max_length=1_000_000, description="Python code.", examples=["1 + 1"])
    session: str = Field(
        default="default",
        min_length=1,
        max_length=50,
        pattern=r"^[A-Za-z0-9_.-]+$",
        description="Variables live on in the session of this name; the 16 used last are kept.",
    )
    max_output_chars: int = Field(
        default=20_000,
        ge=0,
        le=1_000_000,
        description="Where stdout, stderr, value and traceback are cut, each.",
    )


@operation(
    name="python.execute",
    capability="python.execute",
    route="POST /python/execute",
    destructive=True,
    keywords="script code macro console program",
)
def execute(context: OperationContext, arguments: ExecuteArguments) -> PythonRun:  # noqa: ARG001
    """Run Python code inside Slicer and give its output, the value of its last expression, and its traceback.

    The code runs on Slicer's main thread and can do everything that Slicer and this account can. It cannot be
    interrupted: a loop without end freezes Slicer. It has a namespace of its own, never `__main__`.

    Returns
    -------
    PythonRun
        `outcome` is `raised` when the code ended with an exception, also with SystemExit or KeyboardInterrupt. What
        it did before stays done.
    """
    namespace = _namespace(arguments.session)
    out, errors = _BoundedText(arguments.max_output_chars), _BoundedText(arguments.max_output_chars)
    value, trace = None, None
    started = time.perf_counter()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            value = _run(arguments, namespace)
        except BaseException as fault:  # noqa: BLE001  SystemExit in a slot would end Slicer
            trace = _trace(fault)
    duration = time.perf_counter() - started
    said = [text and _sendable(text) for text in (value, trace)]
    texts = [text and text[: arguments.max_output_chars] for text in said]
    is_truncated = out.is_cut or errors.is_cut or texts != said
    return PythonRun(
        outcome="completed" if trace is None else "raised",
        value=texts[0],
        stdout=out.getvalue(),
        stderr=errors.getvalue(),
        traceback=texts[1],
        is_truncated=is_truncated,
        duration_s=round(duration, 6),
        session=arguments.session,
    )


class _BoundedText(io.StringIO):
    """Keeps the beginning of what is written to it."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._room = most
        self.is_cut = False

    def write(self, text: str) -> int:
        sendable = _sendable(text[: self._room + 1])
        kept = sendable[: self._room]
        self._room -= len(kept)
        self.is_cut = self.is_cut or len(kept) < len(sendable)
        super().write(kept)
        return len(text)


def _namespace(session: str) -> dict[str, Any]:
    namespace = _sessions.pop(session, None)
    if namespace is None:
        namespace = {"__name__": f"agentbridge_session_{session}", "__builtins__": __builtins__}
    _sessions[session] = namespace  # the one used last stands last
    while len(_sessions) > MOST_SESSIONS:
        del _sessions[next(iter(_sessions))]
    return namespace


def _run(arguments: ExecuteArguments, namespace: dict[str, Any]) -> str | None:
    """Run all statements; give the repr of the last one if it is an expression with a value."""
    filename = f"<session {arguments.session}>"
    # Lets tracebacks show the lines of the code.
    lines = arguments.source.splitlines(keepends=True)
    linecache.cache[filename] = (len(arguments.source), None, lines, filename)
    tree = ast.parse(arguments.source, filename)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    _execute(compile(tree, filename, "exec", dont_inherit=True), namespace)
    if not isinstance(last, ast.Expr):
        return None
    value = _evaluate(compile(ast.Expression(last.value), filename, "eval", dont_inherit=True), namespace)
    return None if value is None else repr(value)


def _execute(code: CodeType, namespace: dict[str, Any]) -> None:
    exec(code, namespace)  # noqa: S102  this is what the operation is for; off by default


def _evaluate(code: CodeType, namespace: dict[str, Any]) -> Any:
    return eval(code, namespace)  # noqa: S307  as above


def _trace(fault: BaseException) -> str:
    """Write the traceback without the frames of this file."""
    frames = fault.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    try:
        return "".join(traceback.format_exception(type(fault), fault, frames))
    except BaseException:  # noqa: BLE001  an exception may have a __str__ of its own
        return f"{type(fault).__name__} (its text could not be made)\n"


def _sendable(text: str) -> str:
    """Write what UTF-8 cannot hold (from names of files in another encoding) as Python does in a repr."""
    return text.encode("utf-8", "backslashreplace").decode()
