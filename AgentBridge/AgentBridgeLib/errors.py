"""Everything that can go wrong, in one tree, with one table that says how it looks on the wire.

::

    BridgeError                                      never raised itself
    ├── CallerError                                  the client changes its request
    │   ├── RequestMalformedError        request.malformed
    │   ├── RequestTimeoutError          request.timeout
    │   ├── MediaTypeError               request.media_type
    │   ├── NotAcceptableError           request.not_acceptable
    │   ├── LengthRequiredError          request.length_required
    │   ├── RequestTooLargeError         request.too_large
    │   ├── HeadTooLargeError            request.head_too_large
    │   ├── RouteUnknownError            request.route_unknown
    │   ├── MethodNotAllowedError        request.method_not_allowed
    │   ├── IdempotencyConflictError     request.idempotency_conflict
    │   ├── OperationUnknownError        operation.unknown
    │   ├── ArgumentInvalidError         argument.invalid
    │   ├── NodeNotFoundError            scene.node_not_found
    │   ├── NodeTypeError                scene.node_type
    │   ├── GeometryMismatchError        scene.geometry_mismatch
    │   ├── RevisionConflictError        scene.revision_conflict
    │   ├── FileMissingError             file.not_found
    │   ├── FileExistsAlreadyError       file.exists
    │   ├── FileUnreadableError          file.unreadable
    │   ├── DataInvalidError             data.invalid
    │   ├── JobUnknownError              job.unknown
    │   ├── JobNotFinishedError          job.not_finished
    │   ├── JobStateConflictError        job.state_conflict
    │   ├── JobExpiredError              job.expired
    │   ├── JobLostError                 job.lost
    │   ├── JobCanceledError             job.canceled
    │   ├── CheckpointUnknownError       checkpoint.unknown
    │   └── UndoUnavailableError         scene.undo_unavailable
    ├── PolicyError                                  the person in front of Slicer decides
    │   ├── AuthRequiredError            auth.required
    │   ├── AuthThrottledError           auth.throttled
    │   ├── HostRejectedError            host.rejected
    │   ├── OriginRejectedError          origin.rejected
    │   ├── PeerRejectedError            peer.rejected
    │   ├── CapabilityDisabledError      policy.capability_disabled
    │   ├── PathOutsideRootsError        policy.path_outside_roots
    │   ├── AddressNotAllowedError       policy.address_not_allowed
    │   ├── ApprovalDeniedError          policy.approval_denied
    │   ├── ApprovalExpiredError         policy.approval_expired
    │   ├── ConfirmationRequiredError    policy.confirmation_required
    │   └── StoppedError                 policy.stopped
    ├── CapacityError                                the client waits
    │   ├── JobQueueFullError            job.queue_full
    │   ├── SceneBusyError               scene.busy
    │   └── ConnectionLimitError         request.too_many
    ├── HostError                                    this host cannot
    │   ├── FeatureMissingError          host.feature_missing
    │   ├── RenderingUnavailableError    host.rendering_unavailable
    │   ├── PictureBlankError            view.blank_picture
    │   ├── StorageFailedError           file.write_failed
    │   ├── OutOfMemoryError             host.out_of_memory
    │   └── OperationFailedError         host.operation_failed
    └── InternalError                    internal    our bug; an incident id, never the exception's own text

A message names the argument and the next step. It may contain node names and paths, which the identifier
policy covers before the message leaves; it never contains a traceback or the text of a foreign exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing that is wrong with one argument.

    Parameters
    ----------
    pointer
        JSON pointer (RFC 6901) into the arguments, such as ``/sigma_mm``; empty for the whole.
    problem
        What is wrong, in words.
    expected
        What would be right, in words; empty when the problem says it.
    """

    pointer: str
    problem: str
    expected: str = ""


class BridgeError(Exception):
    """Root of the tree. Abstract: only classes with a `code` of their own can be raised."""

    code: ClassVar[str] = ""
    title: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        errors: Sequence[FieldProblem] = (),
        facts: Mapping[str, object] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        """Make the error.

        Parameters
        ----------
        message
            What was wrong, where, and what to do about it.
        errors
            Problems argument by argument (422 answers).
        facts
            JSON-safe values that belong to the code, such as ``allowed_methods``; they become members of the
            problem document.
        retry_after_s
            When repeating makes sense, in seconds.
        """
        if not type(self).__dict__.get("code"):
            raise TypeError(f"{type(self).__name__} is abstract: raise one of its leaves")
        super().__init__(message)
        self.message = message
        self.errors = tuple(errors)
        self.facts: dict[str, object] = dict(facts or {})
        self.retry_after_s = retry_after_s

    @property
    def wire(self) -> Wire:
        """How this error looks on the wire."""
        return WIRE[self.code]


class CallerError(BridgeError):
    """The client has to change its request."""


class PolicyError(BridgeError):
    """The person in front of Slicer, or the way of connecting, forbids it."""


class CapacityError(BridgeError):
    """Nothing is wrong with the request; it came at the wrong time and was not executed."""


class HostError(BridgeError):
    """This Slicer cannot do it."""


class RequestMalformedError(CallerError):
    """The bytes are no HTTP request, or the body is no JSON in UTF-8."""

    code = "request.malformed"
    title = "Malformed request"


class RequestTimeoutError(CallerError):
    """The request did not arrive in time."""

    code = "request.timeout"
    title = "Request timed out"


class MediaTypeError(CallerError):
    """The body has a media type that this route does not take."""

    code = "request.media_type"
    title = "Unsupported media type"


class NotAcceptableError(CallerError):
    """The client accepts none of the representations this route has."""

    code = "request.not_acceptable"
    title = "Not acceptable"


class LengthRequiredError(CallerError):
    """A body was announced in a way whose length cannot be known."""

    code = "request.length_required"
    title = "Length required"


class RequestTooLargeError(CallerError):
    """The body is larger than the limit of the route."""

    code = "request.too_large"
    title = "Body too large"


class HeadTooLargeError(CallerError):
    """Request line and headers are larger than the limit."""

    code = "request.head_too_large"
    title = "Request head too large"


class RouteUnknownError(CallerError):
    """No route has this path."""

    code = "request.route_unknown"
    title = "Unknown route"


class MethodNotAllowedError(CallerError):
    """The route exists, not with this method; `facts["allowed_methods"]` lists those it has."""

    code = "request.method_not_allowed"
    title = "Method not allowed"


class IdempotencyConflictError(CallerError):
    """The idempotency key was used before with another request."""

    code = "request.idempotency_conflict"
    title = "Idempotency key reused"


class OperationUnknownError(CallerError):
    """The catalogue has no operation of this name."""

    code = "operation.unknown"
    title = "Unknown operation"


class ArgumentInvalidError(CallerError):
    """An argument is missing, unknown, of the wrong type or out of range."""

    code = "argument.invalid"
    title = "Invalid argument"


class NodeNotFoundError(CallerError):
    """The scene has no node with this id."""

    code = "scene.node_not_found"
    title = "Node not found"


class NodeTypeError(CallerError):
    """The node exists but is of a class that the operation cannot use."""

    code = "scene.node_type"
    title = "Wrong type of node"


class GeometryMismatchError(CallerError):
    """Two images were expected to share dimensions, spacing, origin and directions."""

    code = "scene.geometry_mismatch"
    title = "Geometries differ"


class RevisionConflictError(CallerError):
    """The node or the scene has changed since the client read it."""

    code = "scene.revision_conflict"
    title = "Changed meanwhile"


class FileMissingError(CallerError):
    """No file is at this path."""

    code = "file.not_found"
    title = "File not found"


class FileExistsAlreadyError(CallerError):
    """A file is there already and overwriting was not asked for."""

    code = "file.exists"
    title = "File exists"


class FileUnreadableError(CallerError):
    """The file is there, and no reader of this Slicer can make a node of it."""

    code = "file.unreadable"
    title = "File cannot be read"


class DataInvalidError(CallerError):
    """The bytes that were sent are not what they claim to be."""

    code = "data.invalid"
    title = "Invalid data"


class JobUnknownError(CallerError):
    """No job has this id."""

    code = "job.unknown"
    title = "Unknown job"


class JobNotFinishedError(CallerError):
    """The job has no result yet."""

    code = "job.not_finished"
    title = "Job not finished"


class JobStateConflictError(CallerError):
    """The job is in a state in which this cannot be done."""

    code = "job.state_conflict"
    title = "Job is in another state"


class JobExpiredError(CallerError):
    """The job was kept for its time; its result is gone."""

    code = "job.expired"
    title = "Result no longer kept"


class JobLostError(CallerError):
    """Slicer ended before the job did; its work is lost."""

    code = "job.lost"
    title = "Job was lost"


class JobCanceledError(CallerError):
    """The job was canceled, so it has no result."""

    code = "job.canceled"
    title = "Job was canceled"


class CheckpointUnknownError(CallerError):
    """No checkpoint has this id, or it made room for newer ones."""

    code = "checkpoint.unknown"
    title = "Unknown checkpoint"


class UndoUnavailableError(CallerError):
    """There is no step to undo, or nothing was kept from before it."""

    code = "scene.undo_unavailable"
    title = "Nothing to undo"


class AuthRequiredError(PolicyError):
    """The token is missing or wrong."""

    code = "auth.required"
    title = "Token required"


class AuthThrottledError(PolicyError):
    """This peer sent too many wrong tokens and has to wait."""

    code = "auth.throttled"
    title = "Too many wrong tokens"


class HostRejectedError(PolicyError):
    """The Host header names something other than this computer and port."""

    code = "host.rejected"
    title = "Host not allowed"


class OriginRejectedError(PolicyError):
    """A web page that is not on the allow-list asked."""

    code = "origin.rejected"
    title = "Origin not allowed"


class PeerRejectedError(PolicyError):
    """The connection comes from another computer."""

    code = "peer.rejected"
    title = "Only this computer may connect"


class CapabilityDisabledError(PolicyError):
    """The safety settings deny the capability that the operation needs."""

    code = "policy.capability_disabled"
    title = "Denied by the safety settings"


class PathOutsideRootsError(PolicyError):
    """The path is not inside an allowed folder."""

    code = "policy.path_outside_roots"
    title = "Path outside the allowed folders"


class AddressNotAllowedError(PolicyError):
    """The address is not one of a web server that the person has named."""

    code = "policy.address_not_allowed"
    title = "Server that is not named in the settings"


class ApprovalDeniedError(PolicyError):
    """The person was asked and said no."""

    code = "policy.approval_denied"
    title = "Denied by the person"


class ApprovalExpiredError(PolicyError):
    """The person was asked and did not answer in time."""

    code = "policy.approval_expired"
    title = "Nobody approved in time"


class ConfirmationRequiredError(PolicyError):
    """The operation wants an explicit `confirm: true`."""

    code = "policy.confirmation_required"
    title = "Confirmation required"


class StoppedError(PolicyError):
    """*Stop all* is in force: nothing runs until the person resumes."""

    code = "policy.stopped"
    title = "Stopped by the person"


class JobQueueFullError(CapacityError):
    """Too many jobs wait already."""

    code = "job.queue_full"
    title = "Job queue full"


class SceneBusyError(CapacityError):
    """Other work holds the scene longer than the client wanted to wait."""

    code = "scene.busy"
    title = "Slicer is busy"


class ConnectionLimitError(CapacityError):
    """Too many connections, or too many requests waiting on one."""

    code = "request.too_many"
    title = "Too many requests"


class FeatureMissingError(HostError):
    """This Slicer lacks the module, extension or library that the operation needs."""

    code = "host.feature_missing"
    title = "Feature not available here"


class RenderingUnavailableError(HostError):
    """There is no OpenGL, or no view that could be drawn."""

    code = "host.rendering_unavailable"
    title = "Rendering not available"


class PictureBlankError(HostError):
    """The picture was drawn and shows nothing."""

    code = "view.blank_picture"
    title = "The picture is blank"


class StorageFailedError(HostError):
    """Writing failed; whatever was at the target before is still there."""

    code = "file.write_failed"
    title = "Writing failed"


class OutOfMemoryError(HostError):
    """The result would not fit into memory; nothing was allocated."""

    code = "host.out_of_memory"
    title = "Not enough memory"


class OperationFailedError(HostError):
    """Slicer or VTK reported a failure; the scene is as it was."""

    code = "host.operation_failed"
    title = "Operation failed"


class InternalError(BridgeError):
    """A fault of the bridge. The client gets an incident id that Slicer's log has too."""

    code = "internal"
    title = "Internal error"


@dataclass(frozen=True, slots=True)
class Wire:
    """How one code leaves: HTTP status, JSON-RPC code (MCP), and whether repeating the same call may help."""

    status: int
    jsonrpc: int
    is_retryable: bool = False


_BAD_PARAMS, _BAD_REQUEST, _INTERNAL, _OWN = -32602, -32600, -32603, -31000

WIRE: Mapping[str, Wire] = MappingProxyType(
    {
        "request.malformed": Wire(400, _BAD_REQUEST),
        "request.timeout": Wire(408, _BAD_REQUEST, True),
        "request.media_type": Wire(415, _BAD_REQUEST),
        "request.not_acceptable": Wire(406, _BAD_REQUEST),
        "request.length_required": Wire(411, _BAD_REQUEST),
        "request.too_large": Wire(413, _BAD_REQUEST),
        "request.head_too_large": Wire(431, _BAD_REQUEST),
        "request.route_unknown": Wire(404, -32601),
        "request.method_not_allowed": Wire(405, -32601),
        "request.idempotency_conflict": Wire(409, _BAD_REQUEST),
        "operation.unknown": Wire(404, -32601),
        "argument.invalid": Wire(422, _BAD_PARAMS),
        "scene.node_not_found": Wire(404, _OWN - 1),
        "scene.node_type": Wire(409, _OWN - 2),
        "scene.geometry_mismatch": Wire(409, _OWN - 3),
        "scene.revision_conflict": Wire(412, _OWN - 4),
        "file.not_found": Wire(404, _OWN - 5),
        "file.exists": Wire(409, _OWN - 6),
        "file.unreadable": Wire(422, _OWN - 7),
        "data.invalid": Wire(422, _OWN - 8),
        "job.unknown": Wire(404, _OWN - 9),
        "job.not_finished": Wire(409, _OWN - 10, True),
        "job.state_conflict": Wire(409, _OWN - 11),
        "job.expired": Wire(410, _OWN - 12),
        "job.canceled": Wire(409, _OWN - 13),
        "job.lost": Wire(410, _OWN - 16),
        "checkpoint.unknown": Wire(404, _OWN - 14),
        "scene.undo_unavailable": Wire(409, _OWN - 15),
        "auth.required": Wire(401, _OWN - 20),
        "auth.throttled": Wire(429, _OWN - 21, True),
        "host.rejected": Wire(421, _OWN - 22),
        "origin.rejected": Wire(403, _OWN - 23),
        "peer.rejected": Wire(403, _OWN - 24),
        "policy.capability_disabled": Wire(403, _OWN - 25),
        "policy.path_outside_roots": Wire(403, _OWN - 26),
        "policy.approval_denied": Wire(403, _OWN - 27),
        "policy.approval_expired": Wire(403, _OWN - 28, True),
        "policy.confirmation_required": Wire(409, _OWN - 29),
        "policy.stopped": Wire(503, _OWN - 30, True),
        "policy.address_not_allowed": Wire(403, _OWN - 31),
        "job.queue_full": Wire(429, _OWN - 40, True),
        "scene.busy": Wire(503, _OWN - 41, True),
        "request.too_many": Wire(503, _OWN - 42, True),
        "host.feature_missing": Wire(501, _OWN - 50),
        "host.rendering_unavailable": Wire(503, _OWN - 51),
        "view.blank_picture": Wire(409, _OWN - 52),
        "file.write_failed": Wire(507, _OWN - 53),
        "host.out_of_memory": Wire(507, _OWN - 54),
        "host.operation_failed": Wire(502, _OWN - 55),
        "internal": Wire(500, _INTERNAL),
    }
)


def leaves() -> Iterator[type[BridgeError]]:
    """Walk over every class that can be raised."""
    waiting: list[type[BridgeError]] = [BridgeError]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if "code" in kind.__dict__ and kind is not BridgeError:
            yield kind
