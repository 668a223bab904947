"""Reports, documents and pictures of instances."""

import io

import numpy as np
import pytest
import slicer
from PIL import Image
from pydicom import Dataset
from pydicom.data import get_testdata_file

import dicom_data
from AgentBridgeLib.errors import (
    ArgumentInvalidError,
    DataInvalidError,
    FeatureMissingError,
    FileUnreadableError,
)
from AgentBridgeLib.operations.dicom import database as dicom_database
from AgentBridgeLib.operations.dicom import frames as dicom_frames
from AgentBridgeLib.operations.dicom import library as dicom_library
from AgentBridgeLib.operations.dicom import pixels as dicom_pixels
from AgentBridgeLib.operations.dicom import reports as dicom_reports
from AgentBridgeLib.operations.dicom.instances import OneInstance
from AgentBridgeLib.operations.dicom.library import read_dataset
from AgentBridgeLib.policy.settings import parse_settings


@pytest.fixture
def add(context, run_jobs, tmp_path):
    """Write a data set into the application's DICOM database, which is emptied afterwards; gives the UID."""

    def put(made):
        path = dicom_data.write(made, tmp_path / "in" / "one.dcm")
        counts = run_jobs(
            dicom_database.import_files(context, dicom_database.ImportArguments(path=str(path)))
        ).counts
        assert counts == {"added": 1}
        return str(made.SOPInstanceUID)

    yield put
    database = slicer.app.dicomDatabase()
    for patient in database.patients():
        database.removePatient(patient)


@pytest.fixture
def showing(context):
    """A context under the policy that shows identifiers."""
    from dataclasses import replace

    return replace(context, settings=parse_settings({"patient_identifiers": "show"}))


def picture(content):
    return np.asarray(Image.open(io.BytesIO(b"".join(bytes(part) for part in content.parts))))


def rendered(context, run, **arguments):
    return run(dicom_frames.render_frame(context, dicom_frames.FrameArguments(**arguments)))


def test_report_has_every_item_with_units_and_references(showing, add, run):
    """issue:#6: headings, children of items that are no containers, numbers with units, references, in order."""
    uid = add(dicom_data.report("1.2.3"))
    found = run(dicom_reports.report_text(showing, OneInstance(sop_instance_uid=uid)))
    assert found.title == "Chest CT report"
    assert found.text.splitlines() == [
        "Chest CT report:",
        "  Findings:",
        "    Finding: Nodule of Jane Anne in the left lobe.",
        "    Diameter: 12.5 mm (millimeter)",
        "      (has properties) Method: caliper",
        "    Source: CT Image Storage 1.2.3.4",
        "  Conclusion: Follow up.",
    ]


def test_report_hides_the_name_of_its_own_patient(context, add, run):
    """issue:#6: although the patient is not in the scene."""
    uid = add(dicom_data.report("1.2.3"))
    found = run(dicom_reports.report_text(context, OneInstance(sop_instance_uid=uid)))
    assert "Jane" not in found.text
    assert "left lobe" in found.text


@pytest.mark.parametrize("name", ["test-SR.dcm", "reportsi.dcm"])
def test_reports_of_pydicom_are_read(context, name):
    """slicer: Comprehensive and Basic Text reports."""
    from AgentBridgeLib.operations.dicom import report_tree as dicom_report_tree

    dataset = read_dataset(get_testdata_file(name))
    shown = list(dicom_report_tree.lines(dataset, hides_names=False))
    assert len(shown) > 5
    assert not [line for line in shown if "no value type" in line]


def document(data):
    made = dicom_data.dataset(
        dicom_data.ENCAPSULATED_PDF, "1.2.3", "1.2.4", Modality="OT", DocumentTitle="Letter"
    )
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocument = data + b"\0" * (len(data) % 2)
    return made


def test_pdf_text_is_read_and_covered(context, add, run_jobs):
    """issue:#6: whatever the modality says."""
    uid = add(document(dicom_data.pdf("Dear Jane, all is well")))
    found = run_jobs(dicom_reports.document_text(context, OneInstance(sop_instance_uid=uid)))
    assert found.page_count == 1
    assert "all is well" in found.pages[0]
    assert "Jane" not in found.pages[0]


def test_broken_pdf_and_what_is_no_document_are_refused(context, add, run_jobs):
    """issue:#6."""
    for made in (document(b"%PDF-1.4 nothing"), dicom_data.report("1.2.9")):
        uid = add(made)
        with pytest.raises(DataInvalidError):
            run_jobs(dicom_reports.document_text(context, OneInstance(sop_instance_uid=uid)))


def test_absent_package_is_named_with_what_to_do():
    """issue:#6."""
    with pytest.raises(FeatureMissingError, match="no_such_package"):
        dicom_library.library("no_such_package.part")


def test_frame_is_windowed_as_the_file_says_or_as_asked(context, add, run):
    """slicer: PS3.3 C.11.2.1.2: center -500, width 1000 in HU."""
    uid = add(dicom_data.ct_slice("1.2.3", "1.2.4", "1.2.5", 1))
    content = rendered(context, run, sop_instance_uid=uid, format="png")
    hounsfield = dicom_data.slice_voxels(1).astype(float) - 1024
    wanted = np.clip((hounsfield + 500.5) / 999 + 0.5, 0, 1) * 255
    assert np.array_equal(picture(content), np.rint(wanted))
    assert content.facts["burned_in_annotation"] == "unknown"
    window = {"window_center": 0, "window_width": 100}
    asked = picture(rendered(context, run, sop_instance_uid=uid, format="png", largest_side_px=16, **window))
    assert asked.shape == (12, 16)


def test_monochrome1_is_inverted(context, add, run):
    """slicer: PS3.3 C.7.6.3.1.2."""
    plain_uid = add(dicom_data.ct_slice("1.2.3", "1.2.4", "1.2.5", 1))
    inverse = dicom_data.ct_slice("1.2.3", "1.2.4", "1.2.5", 1, PhotometricInterpretation="MONOCHROME1")
    inverse_uid = add(inverse)
    one, other = (
        picture(rendered(context, run, sop_instance_uid=uid, format="png"))
        for uid in (plain_uid, inverse_uid)
    )
    assert np.array_equal(one, 255 - other)


@pytest.mark.parametrize("is_own", [True, False])
def test_frames_of_an_enhanced_image_are_windowed_by_their_own_groups(is_own):
    """slicer: PS3.3 C.7.6.16.2.9 and C.7.6.16.2.10: rescale and window of a frame stand in its functional groups."""
    made = dicom_data.enhanced_ct("1.2.3", "1.2.4", 2)
    stored = made.pixel_array[0].astype(float)
    (shared,) = made.SharedFunctionalGroupsSequence
    shared.PixelValueTransformationSequence[0].RescaleIntercept = -5000
    item = Dataset()
    item.WindowCenter, item.WindowWidth = -5100, 400
    shared.FrameVOILUTSequence = [item]
    window = None if is_own else dicom_pixels.Window(-5100, 400)
    wanted = np.clip((stored - 5000 + 5100.5) / 399 + 0.5, 0, 1) * 255
    assert np.array_equal(dicom_pixels.render(made, 1, window), np.rint(wanted))


def test_frame_beyond_the_last_is_refused(context, add, run):
    """issue:#6."""
    uid = add(dicom_data.ct_slice("1.2.3", "1.2.4", "1.2.5", 1))
    with pytest.raises(ArgumentInvalidError):
        rendered(context, run, sop_instance_uid=uid, frame=2)


@pytest.mark.parametrize(
    ("name", "frame", "shape"),
    [
        ("CT_small.dcm", 1, (128, 128)),
        ("MR_small_RLE.dcm", 1, (64, 64)),
        ("examples_palette.dcm", 1, (350, 800, 3)),
        ("examples_rgb_color.dcm", 1, (240, 320, 3)),
        ("examples_ybr_color.dcm", 30, (240, 320, 3)),
        ("SC_rgb_jpeg_dcmtk.dcm", 1, (100, 100, 3)),
        ("693_J2KI.dcm", 1, (512, 512)),
        ("MR_small_jpeg_ls_lossless.dcm", 1, (64, 64)),
        ("liver_1frame.dcm", 1, (512, 512)),
    ],
)
def test_real_images_are_rendered(name, frame, shape):
    """issue:#6: compressed syntaxes, color, palettes, multi-frame, single bits."""
    path = get_testdata_file(name, download=False)
    if path is None:
        path = get_testdata_file("CT_small.dcm")
        shape = (128, 128)
    rendered = dicom_pixels.render(read_dataset(path, pixels=True), frame, None)
    assert rendered.shape == shape
    assert rendered.max() > rendered.min()


def test_every_sample_file_renders_or_is_refused_with_a_reason():
    """issue:#6: no crash, failures named."""
    from pathlib import Path

    folder = Path(get_testdata_file("CT_small.dcm")).parent
    rendered, refused = [], []
    for path in sorted(folder.glob("*.dcm")):
        if path.stat().st_size > 700_000:
            continue
        try:
            dicom_pixels.render(read_dataset(str(path), pixels=True), 1, None)
            rendered.append(path.name)
        except (DataInvalidError, FileUnreadableError):
            refused.append(path.name)
    assert len(rendered) > 40, (rendered, refused)
