"""What the bridge needs of views: pictures, cameras, layout."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BlankReason = Literal["nothing_shown", "outside_field_of_view", "uniform"]
ViewKind = Literal["slice", "3D"]


class NamedView(NamedTuple):
    """A view and what it is called. `name` is that of the layout, such as ``Red`` or ``1``."""

    kind: ViewKind
    name: str
    node_id: str
    node_name: str


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
    taken
        What was really drawn: of a slice its `orientation`, `offset_mm` and `pixel_to_ras`; of a 3D view the camera,
        RAS, mm.
    """

    pixels: Any
    is_blank: bool
    blank_reason: BlankReason | None = None
    blank_words: str = ""
    taken: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SliceRequest:
    """What a slice picture shall show. None leaves what the view shows now; everything is restored after.

    `cover` is applied to the texts that are drawn.
    """

    width_px: int
    height_px: int
    orientation: str | None = None
    offset_mm: float | None = None
    background_id: str | None = None
    foreground_id: str | None = None
    foreground_opacity: float | None = None
    label_id: str | None = None
    fit: bool = True
    cover: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class CameraRequest:
    """What a 3D picture shall show: a named direction, or a camera, all in RAS and mm; `cover` as for slices."""

    width_px: int
    height_px: int
    look_from: str | None = None
    position_ras: tuple[float, float, float] | None = None
    focal_point_ras: tuple[float, float, float] | None = None
    view_up_ras: tuple[float, float, float] | None = None
    view_angle_deg: float | None = None
    parallel_scale_mm: float | None = None
    fit: bool = True
    cover: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """An arrangement of views: Slicer's number and name (without ``SlicerLayout``), and the views it shows."""

    number: int
    name: str | None
    slices: tuple[str, ...]
    threed: tuple[str, ...]


class ViewHost(Protocol):
    """Slice and 3D views. Reading a picture leaves the views as they were.

    A `name` is that of the layout (``Red``, ``1``), or the id or the name of the view's node.
    """

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

    def named_views(self) -> Sequence[NamedView]:
        """Every slice and 3D view with its names."""

    def find(self, said: str, kind: ViewKind | None = None, argument: str = "name") -> NamedView:
        """Find a view by layout name, node id or node name; ArgumentInvalidError when there is none."""

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
