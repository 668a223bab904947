# ruff: noqa: ANN001, ANN201, ANN204, N802, N803 - written as Slicer modules are
"""An extension that teaches the bridge two operations. `docs/extending.md` explains it."""

import slicer
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleLogic


class ExampleAgentOperations(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "Example agent operations"
        parent.categories = ["Examples"]
        parent.dependencies = ["AgentBridge"]
        parent.contributors = ["The AgentBridge developers"]


# [plain]
def countNodes(className, withHidden=False):
    """Count the nodes of a class."""
    nodes = slicer.util.getNodesByClass(className)
    return {"count": len([node for node in nodes if withHidden or not node.GetHideFromEditors()])}


COUNT_NODES = {
    "function": countNodes,
    "name": "example.count_nodes",
    "capability": "scene.read",
    "read_only": True,
    "arguments": {
        "type": "object",
        "properties": {
            "className": {"type": "string", "pattern": "^vtkMRML", "description": "MRML class."},
            "withHidden": {"type": "boolean", "description": "Whether hidden nodes count."},
        },
        "required": ["className"],
    },
}
# [plain end]


# [typed]
def typedOperations():
    """Declare an operation with models; in a function, since the packages may not be installed yet."""
    from pydantic import Field

    from AgentBridgeLib.model.base import Arguments, SceneResult
    from AgentBridgeLib.model.fields import VolumeId
    from AgentBridgeLib.registry.operation import operation

    class FlipArguments(Arguments):
        """Which volume to negate."""

        volume_id: VolumeId = Field(description="Volume to negate.")

    class Negated(SceneResult):
        """What was done."""

        volume_id: str
        voxel_count: int

    @operation(
        name="example.negate",
        capability="scene.edit",
        route="POST /example/volumes/{volume_id}/negate",
        destructive=True,
        keywords="invert contrast",
    )
    def negate(context, arguments: FlipArguments) -> Negated:
        """Negate every voxel of a volume, in place.

        Raises
        ------
        NodeNotFoundError, NodeTypeError
            There is no such volume.
        """
        node = context.host.scene.node(arguments.volume_id, "vtkMRMLScalarVolumeNode")
        voxels = slicer.util.arrayFromVolume(node)
        voxels *= -1
        slicer.util.arrayFromVolumeModified(node)
        return Negated(volume_id=node.GetID(), voxel_count=voxels.size)

    return [negate]


# [typed end]


# [register]
class ExampleAgentOperationsLogic(ScriptedLoadableModuleLogic):
    """Brings the operations to the bridge, and takes them away."""

    registration = None

    def register(self):
        """Bring them."""
        bridge = slicer.util.getModuleLogic("AgentBridge")
        ExampleAgentOperationsLogic.registration = bridge.registerOperations(
            [COUNT_NODES, *typedOperations()]
        )

    def unregister(self):
        """Take them away."""
        bridge = slicer.util.getModuleLogic("AgentBridge")
        bridge.unregisterOperations(ExampleAgentOperationsLogic.registration)


# [register end]
