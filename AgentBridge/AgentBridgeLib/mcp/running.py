"""A request whose work is not over at once: steps become events, the end becomes the answer."""

from __future__ import annotations

import secrets
from collections import deque
from typing import TYPE_CHECKING, Any

from AgentBridgeLib.mcp import messages
from AgentBridgeLib.mcp.answer import event
from AgentBridgeLib.mcp.drive import Drive
from AgentBridgeLib.mcp.work import Ask, CloseStream, Log, Progress, Step, text_result

if TYPE_CHECKING:
    from collections.abc import Callable

    from AgentBridgeLib.mcp.answer import Answer
    from AgentBridgeLib.mcp.messages import RpcError
    from AgentBridgeLib.mcp.sessions import Session
    from AgentBridgeLib.mcp.vocabulary import Json
    from AgentBridgeLib.mcp.work import Request, Work

    Conclude = Callable[[Json | None, Exception | None], "Json | RpcError"]

_CANNOT_ASK = (
    "This call needs an answer from the person, and this client cannot be asked over this connection."
)
_MOST_KEPT_EVENTS = 256
"""Of one stream, for a client whose connection broke."""


class RunningCall:
    """Drives the work of one open request.

    Parameters
    ----------
    answer
        Where events and the end go.
    request
        What is served.
    conclude
        Makes the `result` member, or the error, of what came out.
    session
        Of a version with a handshake; None in 2026-07-28.
    """

    def __init__(
        self, answer: Answer, request: Request, work: Work, conclude: Conclude, session: Session | None
    ) -> None:
        self._answer: Answer | None = answer
        self._request = request
        self._conclude = conclude
        self._session = session
        self._has_event_ids = session is not None and session.has_event_ids
        self._stream_id = secrets.token_hex(4)
        self._event_count = 0
        self._last_progress: float | None = None
        self._events: deque[tuple[int, bytes]] = deque(maxlen=_MOST_KEPT_EVENTS)
        self._wanted: set[str] = set()
        self._answers: dict[str, Json] = {}
        self._drive = Drive(work, self._carry_out, self._finish)
        if session is not None:
            session.calls[request.number] = self

    def start(self) -> None:
        """Begin; the answer may be out before this returns."""
        self._drive.resume()

    def abort(self) -> None:
        """Stop: the client has gone (2026-07-28), or said that it no longer wants the answer."""
        self._drive.close()
        self._forget()

    def cancel(self) -> None:
        """Stop and end the open answer without a result."""
        self.abort()
        if self._answer is not None:
            self._answer.end()

    def answered(self, key: str, message: Json) -> None:
        """Take the client's answer to a question."""
        self._answers[key] = message.get("result", {"error": message.get("error")})
        if self._wanted <= self._answers.keys():
            answers, self._answers, self._wanted = self._answers, {}, set()
            self._drive.resume(answers)

    def continue_on(self, answer: Answer, after: int) -> None:
        """Go on over a new connection of the same client, with the events behind number `after`."""
        answer.open()
        for number, data in self._events:
            if number > after:
                answer.write(data)
        self._answer = answer
        if self._drive.has_ended:
            answer.end()

    def _carry_out(self, step: Step) -> None:
        if isinstance(step, Ask):
            self._ask(step)
            return
        if isinstance(step, Progress):
            self._tell_progress(step)
        elif isinstance(step, Log):
            self._tell_log(step)
        elif isinstance(step, CloseStream):
            self._close_stream()
        self._drive.resume()

    def _tell_progress(self, step: Progress) -> None:
        token = self._request.progress_token
        if token is None or (self._last_progress is not None and step.done <= self._last_progress):
            return  # the specification wants it to grow with each notification
        self._last_progress = step.done
        params: Json = {"progressToken": token, "progress": step.done}
        if step.total is not None:
            params["total"] = step.total
        if step.message:
            params["message"] = step.message
        self._send(messages.notification("notifications/progress", params))

    def _tell_log(self, step: Log) -> None:
        if not self._request.is_modern or self._request.log_level is not None:
            params = {"level": step.level, "logger": "agentbridge", "data": step.data}
            self._send(messages.notification("notifications/message", params))

    def _close_stream(self) -> None:
        if self._has_event_ids and self._answer is not None and self._answer.is_streaming:
            self._answer.end()
            self._answer = None

    def _ask(self, step: Ask) -> None:
        if self._session is None:
            self._drive.close()
            self._finish(text_result(_CANNOT_ASK, isError=True), None)
            return
        self._wanted = set(step.requests)
        for key, question in step.requests.items():
            number = f"ask-{secrets.token_hex(4)}"
            self._session.asked[number] = (self, key)
            self._send({"jsonrpc": "2.0", "id": number, **question})
        if step.unless is not None:
            step.unless(lambda _: self._withdraw())

    def _withdraw(self) -> None:
        """Take back what is still asked; the client may close its form (`notifications/cancelled`)."""
        if not self._wanted:
            return
        for number in self._forget_questions():
            params: Json = {"requestId": number, "reason": "It was decided elsewhere."}
            self._send(messages.notification("notifications/cancelled", params))
        self._answers, self._wanted = {}, set()
        self._drive.resume({})

    def _send(self, message: Json) -> None:
        if not self._has_event_ids:
            if self._answer is not None:
                self._answer.send(message)
            return
        if self._session is not None:
            self._session.keep_stream(self._stream_id, self)
        self._event_count += 1
        data = event(message, f"{self._stream_id}-{self._event_count}")
        self._events.append((self._event_count, data))
        if self._answer is not None:
            self._answer.open(self._stream_id)
            self._answer.write(data)

    def _finish(self, result: Json | None, error: Exception | None) -> None:
        self._forget()
        value = self._conclude(result, error)
        number = self._request.number
        status = 200
        if isinstance(value, dict):
            message = messages.result(number, value)
        else:
            message, status = messages.failure(number, value), value.status
        if self._event_count:  # a stream that can be resumed; its last event may be what is asked for again
            self._send(message)
            if self._answer is not None:
                self._answer.end()
        elif self._answer is not None:
            self._answer.finish(message, status)

    def _forget(self) -> None:
        if self._session is None:
            return
        self._session.calls.pop(self._request.number, None)
        self._wanted = set()
        self._forget_questions()

    def _forget_questions(self) -> list[Any]:
        asked: dict[Any, Any] = {} if self._session is None else self._session.asked
        numbers = [number for number, (call, _) in asked.items() if call is self]
        for number in numbers:
            del asked[number]
        return numbers
