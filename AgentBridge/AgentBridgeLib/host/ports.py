"""What the bridge needs from the application it lives in, as protocols without Slicer, Qt or VTK.

`host/` has one implementation of each over `slicer` and `qt`; tests have small ones in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from AgentBridgeLib.host.dicom_index import DicomIndex
    from AgentBridgeLib.host.file_references import FileReferences


class Watch(Protocol):
    """Interest in one direction of one descriptor."""

    def set_enabled(self, enabled: bool) -> None:
        """Pause or resume. Notifiers are level-triggered: pause one whose data nobody reads."""

    def close(self) -> None:
        """End it, before the descriptor is closed. Safe to repeat."""


class ScheduledCall(Protocol):
    """A call that waits for its time."""

    def cancel(self) -> None:
        """Forget it. Safe to repeat and after it was made."""


class EventLoop(Protocol):
    """Sockets and time on Slicer's one thread. No callback ever raises into Qt."""

    def now(self) -> float:
        """Monotonic time in seconds."""

    def watch_readable(self, descriptor: int, on_ready: Callable[[], None]) -> Watch:
        """Call `on_ready` whenever `descriptor` has something to read."""

    def watch_writable(self, descriptor: int, on_ready: Callable[[], None]) -> Watch:
        """Call `on_ready` whenever `descriptor` takes more; begins paused."""

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> ScheduledCall:
        """Call once, after at least `delay_s` seconds; 0 means the next turn of the loop."""


class Subscription(Protocol):
    """An observation that can be ended."""

    def cancel(self) -> None:
        """Stop observing. Safe to repeat."""


class SceneHost(Protocol):
    """The MRML scene, its revision and its module logics."""

    @property
    def scene(self) -> Any:
        """Slicer's one `vtkMRMLScene`."""

    @property
    def application_logic(self) -> Any:
        """`vtkMRMLApplicationLogic` (selection, interaction, propagation to views)."""

    @property
    def revision(self) -> int:
        """Number that moves with every change of the scene or of any node in it, whoever makes it."""

    def note_change(self) -> None:
        """Count a change that belongs to no node, such as a checkpoint."""

    def node_revision(self, node_id: str) -> int:
        """Scene revision at which this node last changed. Unknown ids have 0."""

    def changed_since(self, revision: int) -> Sequence[str]:
        """Give the ids of nodes that came or changed after `revision` and are still there, latest first."""

    def node(self, node_id: str, *class_names: str) -> Any:
        """Find a node by id.

        Raises
        ------
        NodeNotFoundError
            No node has this id; names are no ids.
        NodeTypeError
            The node is of none of `class_names` (`IsA`).
        """

    def logic(self, module_name: str) -> Any:
        """Give a module's logic, such as ``Volumes``.

        Raises
        ------
        FeatureMissingError
            This Slicer has no such module.
        """

    def subscribe(self, on_change: Callable[[SceneChange], None]) -> Subscription:
        """Report nodes added, removed and modified (coalesced to one report per node and turn), and clearing."""

    def record_additions(self) -> AdditionRecord:
        """Begin to note which nodes are added, until `stop`; used to undo a failed step."""

    def forget_node(self, node: Any) -> None:
        """Remove a node with the display and storage nodes that only it uses."""

    def identifiers(self) -> Mapping[str, str]:
        """Patient-identifying texts now in the scene: value to kind (DICOM keyword).

        From the subject hierarchy's patient and study items and from node attributes beginning with ``DICOM.``.
        """

    def patient(self, node_id: str) -> Patient | None:
        """Whose data a node is; None when nothing says so, or there is no such node."""


@dataclass(frozen=True, slots=True)
class Patient:
    """Whose data a node is. `key` tells patients apart (patient id, else name); `label` is for the person only."""

    key: str
    label: str


class SceneChange(Protocol):
    """One change, as it is reported to clients."""

    kind: Literal["node_added", "node_removed", "node_modified", "cleared"]
    node_id: str | None
    class_name: str | None
    revision: int


class AdditionRecord(Protocol):
    """The nodes that came into the scene while it was running."""

    def so_far(self) -> Sequence[str]:
        """Give the ids of the nodes recorded until now that are still there, oldest first."""

    def stop(self) -> Sequence[str]:
        """End the record; give the ids of the recorded nodes that are still there, oldest first."""


class NodeCopyPart(Protocol):
    """A copy of one node, in memory or on disk."""

    @property
    def memory_bytes(self) -> int:
        """What it takes in memory now."""

    @property
    def disk_bytes(self) -> int:
        """What it takes on disk now."""

    def move_to_disk(self, folder: str) -> int:
        """Write its large arrays to files and free their memory; gives the bytes that were freed.

        Raises
        ------
        StorageFailedError
            The disk is full.
        """

    def drop(self) -> None:
        """Remove its files."""


class SceneCopy(Protocol):
    """The scene, or some of its nodes, as they were."""

    @property
    def parts(self) -> Sequence[NodeCopyPart]:
        """Copies of nodes; those that did not change are shared between copies of the scene."""


class SceneCopier(Protocol):
    """Copies the scene with all data, and brings it back; ids of nodes stay, views stay."""

    def copy_scene(self, earlier: Any = None) -> SceneCopy:
        """Copy everything; what is as in `earlier` is shared with it."""

    def copy_nodes(self, node_ids: Sequence[str], most_bytes: int) -> SceneCopy | None:
        """Copy some nodes with their display nodes; None when that takes more than `most_bytes`."""

    def content_bytes(self) -> int:
        """How many bytes the arrays of the scene's nodes take."""

    def restore(self, copy: Any) -> None:
        """Bring the scene (or the nodes of a copy of some) to the state of a copy.

        Raises
        ------
        StorageFailedError
            A part of the copy cannot be read back from disk; the scene is as it was.
        """

    def remove_nodes(self, node_ids: Sequence[str]) -> None:
        """Remove nodes that are still there."""


class FileHost(Protocol):
    """Reading and writing through Slicer's own readers and writers."""

    def file_type(self, path: str) -> str:
        """Slicer's name for the type of the file, such as ``VolumeFile``; empty when nothing reads it."""

    def writer_extensions(self, node: Any) -> Sequence[str]:
        """Endings (``.nrrd``) that Slicer can write this node to, the default first."""

    def load(self, path: str, file_type: str, properties: Mapping[str, object]) -> Sequence[Any]:
        """Read a file into the scene and give the nodes that were made.

        Raises
        ------
        FileUnreadableError
            No reader could make a node of it; the message has what the reader said. The scene is unchanged.
        """

    def save(self, node: Any, path: str, properties: Mapping[str, object]) -> None:
        """Write a node to `path`, through a file beside it that is renamed when complete.

        The node's own storage node keeps its file name.

        Raises
        ------
        StorageFailedError
            Writing failed, for example because the disk is full. What was at `path` is still there.
        """

    def references(self, path: str) -> FileReferences:
        """Find out which other files, and web addresses, Slicer would read along with a file."""

    def own_files(self, node: Any) -> Sequence[str]:
        """Absolute paths of the files that a node was read from or saved to; empty without any."""

    def reload(self, node: Any) -> None:
        """Read a node's own files into it again.

        Raises
        ------
        FileMissingError
            A file is not there any more; the node is as it was.
        FileUnreadableError
            It could not be read; the node may have lost its content.
        """

    def save_scene(
        self, path: str, clean: Callable[[str], str] | None = None, forms: Sequence[str] = ()
    ) -> None:
        """Write the scene as ``.mrb`` or ``.mrml``, through a file or folder beside it; errors as in `save`.

        `clean` replaces identifying texts in what is written, whose forms are `forms`; the open scene keeps them.
        """

    def load_scene(self, path: str, *, clear: bool) -> None:
        """Read an ``.mrb`` or ``.mrml``; into the present scene, or in its place when `clear`."""


BlankReason = Literal["nothing_shown", "outside_field_of_view", "uniform"]


@dataclass(frozen=True, slots=True)
class Picture:
    """A rendered picture.

    Attributes
    ----------
    pixels
        uint8 NumPy array, shape (height, width, 3), RGB, first row at the top.
    is_blank
        Whether nothing but the background was drawn.
    blank_reason
        Why; None when it is not blank.
    blank_words
        The same for a person, with places in mm.
    """

    pixels: Any
    is_blank: bool
    blank_reason: BlankReason | None = None
    blank_words: str = ""


@dataclass(frozen=True, slots=True)
class SliceRequest:
    """What a slice picture shall show. None leaves what the view shows now; everything is restored after."""

    width_px: int
    height_px: int
    orientation: str | None = None
    offset_mm: float | None = None
    background_id: str | None = None
    foreground_id: str | None = None
    foreground_opacity: float | None = None
    label_id: str | None = None
    fit: bool = True


@dataclass(frozen=True, slots=True)
class CameraRequest:
    """What a 3D picture shall show: a named direction, or a camera, all in RAS and mm."""

    width_px: int
    height_px: int
    look_from: str | None = None
    position_ras: tuple[float, float, float] | None = None
    focal_point_ras: tuple[float, float, float] | None = None
    view_up_ras: tuple[float, float, float] | None = None
    view_angle_deg: float | None = None
    parallel_scale_mm: float | None = None
    fit: bool = True


@dataclass(frozen=True, slots=True)
class Layout:
    """An arrangement of views: Slicer's number and name (without ``SlicerLayout``), and the views it shows."""

    number: int
    name: str | None
    slices: tuple[str, ...]
    threed: tuple[str, ...]


class ViewHost(Protocol):
    """Slice and 3D views. Reading a picture leaves the views as they were."""

    def layout(self) -> Layout:
        """Describe the present arrangement."""

    def set_layout(self, name: str) -> None:
        """Arrange the views; ArgumentInvalidError when Slicer knows no such layout."""

    def camera_node(self, name: str) -> Any:
        """`vtkMRMLCameraNode` of a 3D view; ArgumentInvalidError when there is no such view."""

    def slice_logic(self, name: str) -> Any:
        """`vtkMRMLSliceLogic` of a slice view; ArgumentInvalidError when there is no such view."""

    def fit_slice(self, name: str) -> None:
        """Let a slice view show all of its volumes."""

    def fit_camera(self, name: str) -> None:
        """Let the camera of a 3D view look at all that it shows, from the direction it has."""

    def gltf(self, name: str) -> bytes | None:
        """Give the surfaces of a 3D view as glTF 2.0 (JSON with its data), RAS, mm; None when it shows none."""

    @property
    def is_available(self) -> bool:
        """Whether there are views and OpenGL to draw them."""

    @property
    def what_is_missing(self) -> str:
        """What pictures would need and this Slicer has not, in words; empty when it has all."""

    def slice_names(self) -> Sequence[str]:
        """Names of the slice views, such as ``Red``."""

    def threed_names(self) -> Sequence[str]:
        """Names of the 3D views, such as ``1``."""

    def slice_node(self, name: str) -> Any:
        """`vtkMRMLSliceNode` of a view; ArgumentInvalidError when there is none."""

    def slice_picture(self, name: str, request: SliceRequest) -> Picture:
        """Draw one slice view offscreen at the asked size.

        Raises
        ------
        RenderingUnavailableError
            No main window or no OpenGL.
        """

    def threed_picture(self, name: str, request: CameraRequest) -> Picture:
        """Draw one 3D view offscreen at the asked size; errors as in `slice_picture`."""


class RunningImport(Protocol):
    """Files on their way into the DICOM database."""

    @property
    def is_running(self) -> bool:
        """Whether files are still being added."""

    def cancel(self) -> None:
        """Stop; what is in the database stays there. Safe to repeat."""


@dataclass(frozen=True, slots=True)
class DicomOrigin:
    """What a node was loaded from."""

    study_uid: str
    series_uid: str
    instance_uids: tuple[str, ...]


class DicomOffer(Protocol):
    """One way in which a DICOM plugin of Slicer would load some files."""

    @property
    def plugin_name(self) -> str:
        """Class of the plugin."""

    @property
    def warning(self) -> str:
        """What the person should know before it is loaded; empty for nothing."""

    @property
    def confidence(self) -> float:
        """From 0 to 1: how sure the plugin is that this is how the files are meant."""

    @property
    def paths(self) -> Sequence[str]:
        """The files that it would load."""

    @property
    def derived_files(self) -> Sequence[str]:
        """Files that the plugin has written while it loaded, for the database."""

    def load(self, scene: SceneHost) -> Sequence[Any]:
        """Load it in one go; give the nodes that came. OperationFailedError: nothing stays of what it made."""


class DicomPluginHost(Protocol):
    """Slicer's DICOM plugins."""

    def names(self) -> Sequence[str]:
        """Names of those that the person has not disabled; empty in a Slicer without the DICOM module."""

    def examine(self, name: str, paths: Sequence[str]) -> Sequence[DicomOffer]:
        """Ask one plugin what it would make of the files of a series."""


class DicomListenerHost(Protocol):
    """Slicer's DICOM listener (C-STORE), one per application."""

    @property
    def is_running(self) -> bool:
        """Whether it receives, whoever has started it."""

    @property
    def port(self) -> int | None:
        """Where it listens; None when it does not."""

    @property
    def received_count(self) -> int | None:
        """Files received since the bridge started it; None when the bridge did not."""

    def stop(self) -> None:
        """End it, whoever has started it. Safe to repeat."""


class DicomHost(Protocol):
    """Slicer's DICOM database. Each call raises FeatureMissingError when none is open."""

    @property
    def plugins(self) -> DicomPluginHost:
        """What loads DICOM objects in Slicer."""

    @property
    def listener(self) -> DicomListenerHost:
        """What receives from other programs."""

    def start_listener(self, port: int | None) -> None:
        """Start it on a port, or on that of Slicer's settings; it runs when it says so.

        Raises
        ------
        FeatureMissingError
            This Slicer has no listener.
        OperationFailedError
            The port is taken, or it did not start.
        """

    @property
    def index(self) -> DicomIndex:
        """What is in the database."""

    def add_files(
        self,
        paths: Sequence[str],
        *,
        copies: bool,
        on_progress: Callable[[float], None],
        on_end: Callable[[], None],
    ) -> RunningImport:
        """Begin to add files beside the event loop; `on_progress` gets 0 to 1, `on_end` comes once."""

    def remove_series(self, series_uid: str) -> None:
        """Remove a series with its stored files and its cached values; linked files stay."""

    def origins(self) -> Mapping[str, DicomOrigin]:
        """Node id to where it came from, of all nodes in the scene that the subject hierarchy says so of."""

    def place(self, node: Any, values: Mapping[str, str], instance_uids: Sequence[str]) -> None:
        """Put a node under its patient and study in the subject hierarchy; `values` by DICOM keyword."""


class SettingsStore(Protocol):
    """Slicer's user settings, as text."""

    def read(self, key: str) -> str | None:
        """Text stored under ``AgentBridge/<key>``; None when there is none."""

    def write(self, key: str, text: str | None) -> None:
        """Store, or remove with None."""


class RunningProcess(Protocol):
    """A child process."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when it was killed or crashed."""

    @property
    def errors(self) -> str:
        """The last part of what it wrote to standard error (at most 8 KiB)."""

    def kill(self) -> None:
        """End it at once. Safe to repeat."""


class ProcessRunner(Protocol):
    """Child processes (QProcess): they run freely, whatever Slicer does."""

    def run_python(
        self,
        script: str,
        arguments: Sequence[str],
        on_line: Callable[[str], None],
        on_end: Callable[[], None],
    ) -> RunningProcess:
        """Run a Python script with Slicer's own interpreter (PythonSlicer), with its packages.

        `on_line` gets each line of standard output; `on_end` comes once, after the last line.

        Raises
        ------
        FeatureMissingError
            The interpreter was not found or did not start.
        """


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One message of Slicer or VTK. `time` is ISO 8601 in UTC; level is error, warning or info."""

    number: int
    time: str
    level: str
    origin: str
    text: str


class CliRun(Protocol):
    """One execution of a command line module."""

    @property
    def is_busy(self) -> bool:
        """Whether it goes on."""

    @property
    def has_succeeded(self) -> bool:
        """Whether it ended without errors."""

    @property
    def fraction(self) -> float:
        """How far it is, from 0 to 1."""

    @property
    def output_text(self) -> str:
        """What it printed."""

    @property
    def error_text(self) -> str:
        """What it printed as errors."""

    def close(self) -> None:
        """Cancel it if it goes on, and remove its node. Safe to repeat."""


class CliHost(Protocol):
    """Command line modules (Slicer execution model)."""

    def names(self) -> Sequence[str]:
        """Names of the modules, sorted."""

    def description(self, name: str) -> str:
        """Give the XML by which a module describes itself.

        Raises
        ------
        ArgumentInvalidError
            There is no such command line module.
        FeatureMissingError
            Its program cannot be run to describe itself.
        """

    def start(self, name: str, parameters: Mapping[str, object], on_change: Callable[[], None]) -> CliRun:
        """Run a module with nodes and values as parameters; `on_change` is called when status or progress change."""


@dataclass(frozen=True, slots=True)
class ModuleInfo:
    """A loaded module. `kind` is loadable (C++), scripted (Python) or command_line."""

    name: str
    title: str
    kind: Literal["loadable", "scripted", "command_line"]
    categories: tuple[str, ...]
    dependencies: tuple[str, ...]
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One file of a sample. Empty texts where the module says nothing."""

    uri: str
    name: str
    node_name: str
    file_type: str
    sha256: str
    is_loaded: bool


@dataclass(frozen=True, slots=True)
class SampleSource:
    """A sample that a module registered. `is_custom`: it has a downloader of its own."""

    name: str
    title: str
    category: str
    files: tuple[SampleFile, ...]
    properties: Mapping[str, object]
    is_custom: bool


class SampleDataHost(Protocol):
    """The samples that modules of Slicer have registered."""

    @property
    def cache_folder(self) -> str:
        """Slicer's folder of downloaded files."""

    def sources(self) -> Sequence[SampleSource]:
        """List them, those that come with Slicer first; FeatureMissingError when Slicer cannot say."""


class ApplicationHost(Protocol):
    """The application itself."""

    name: str
    version: str
    revision: str
    operating_system: str
    architecture: str

    @property
    def has_main_window(self) -> bool:
        """False with ``--no-main-window``: no views, no panel."""

    @property
    def temporary_folder(self) -> str:
        """Slicer's temporary folder; ours is a private one inside."""

    @property
    def data_folder(self) -> str:
        """The user's AgentBridge folder: token, instance files. Created with mode 0700."""

    def module_names(self) -> Sequence[str]:
        """Loaded modules."""

    def modules(self) -> Sequence[ModuleInfo]:
        """Describe the loaded modules, by name."""

    def available_memory_bytes(self) -> int | None:
        """Memory that can still be had; None when the system does not tell."""

    def log_entries(self) -> Sequence[LogEntry]:
        """Recent warnings and errors of Slicer and VTK, oldest first, at most 1,000."""


class Host(Protocol):
    """All of the above, as composition hands it to dispatch and to operations."""

    loop: EventLoop
    scene: SceneHost
    copier: SceneCopier
    cli: CliHost
    files: FileHost
    views: ViewHost
    dicom: DicomHost
    settings: SettingsStore
    processes: ProcessRunner
    samples: SampleDataHost
    application: ApplicationHost
