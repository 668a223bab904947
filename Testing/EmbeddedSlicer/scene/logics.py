"""The real module logics of the slicer-core wheel, connected as Slicer's module factory connects them.

Follows `Base/QTCore/qSlicerCoreApplication.cxx` (init, setMRMLScene, initDataIO) and
`qSlicerModuleFactoryManager.cxx` (loadModule: SetModuleLogic, then the scene).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
import vtk

#: Files that modules install, which the wheel lacks; the volume rendering logic ends the process without its presets.
SHARE = Path(__file__).resolve().parent.parent / "share"

#: Module name to class of its logic; the order is the order of loading.
LOGIC_CLASSES = {
    "Annotations": "vtkSlicerAnnotationModuleLogic",
    "Cameras": "vtkSlicerCamerasModuleLogic",
    "Colors": "vtkSlicerColorLogic",
    "Units": "vtkSlicerUnitsLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Data": "vtkSlicerDataModuleLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Models": "vtkSlicerModelsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Reformat": "vtkSlicerReformatLogic",
    "SceneViews": "vtkSlicerSceneViewsModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "ViewControllers": "vtkSlicerViewControllersLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
    "Volumes": "vtkSlicerVolumesLogic",
}


def make_scene() -> tuple[Any, Any]:
    """Make the scene and the application logic: (vtkMRMLScene, vtkSlicerApplicationLogic)."""
    application_logic = slicer.vtkSlicerApplicationLogic()
    scene = slicer.vtkMRMLScene()
    application_logic.SetMRMLScene(scene)
    application_logic.SetHomeDirectory(str(SHARE.parent))
    application_logic.SetShareDirectory(SHARE.name)  # below the home
    application_logic.SetSliceLogics(vtk.vtkCollection())
    application_logic.SetViewLogics(vtk.vtkCollection())
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    scene.RegisterNodeClass(slicer.vtkMRMLCommandLineModuleNode())
    return scene, application_logic


def make_logics(scene: Any, application_logic: Any) -> dict[str, Any]:
    """Make the logics of all loadable modules by module name."""
    colors = slicer.vtkSlicerColorLogic()  # as Slicer's own; the base class knows no color files
    colors.SetMRMLApplicationLogic(application_logic)
    application_logic.SetColorLogic(colors)
    logics = {}
    for name, class_name in LOGIC_CLASSES.items():
        logic = colors if name == "Colors" else getattr(slicer, class_name)()
        logic.SetMRMLApplicationLogic(application_logic)
        if (SHARE / name).is_dir():
            logic.SetModuleShareDirectory(str(SHARE / name))
        application_logic.SetModuleLogic(name, logic)
        logic.SetMRMLScene(scene)
        logics[name] = logic
    return logics


def make_file_manager(scene: Any, application_logic: Any, cache_folder: str) -> tuple[Any, Any]:
    """Connect the scene to the remote cache and the data manager; without them no .mrb file can be read."""
    remote = slicer.vtkMRMLRemoteIOLogic()
    remote.SetMRMLScene(scene)
    remote.SetMRMLApplicationLogic(application_logic)
    remote.GetCacheManager().SetRemoteCacheDirectory(cache_folder)
    manager = slicer.vtkDataIOManagerLogic()
    manager.SetMRMLScene(scene)
    manager.SetMRMLApplicationLogic(application_logic)
    manager.SetAndObserveDataIOManager(remote.GetDataIOManager())
    remote.AddDataIOToScene()
    return remote, manager
