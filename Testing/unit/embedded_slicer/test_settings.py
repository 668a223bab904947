"""Settings: text only, private, and the same for everyone who opens them."""

from __future__ import annotations

import json

import pytest
import qt
import slicer


@pytest.fixture
def settings():
    """The user's settings without the test's key."""
    store = slicer.app.userSettings()
    store.remove("Test")
    yield store
    store.remove("Test")


def test_plain_settings_are_the_users(settings):
    """slicer: userSettings() is what QSettings() opens."""
    settings.setValue("Test/a", "1")
    assert qt.QSettings().value("Test/a") == "1"
    assert slicer.util.settingsValue("Test/a", "", converter=str) == "1"


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (3, "3"), (0.5, "0.5")])
def test_what_is_no_text_becomes_text(settings, value, text):
    """slicer: after a restart everything but text has changed its type."""
    settings.setValue("Test/a", value)
    assert settings.value("Test/a") == text


@pytest.mark.parametrize("value", [[1], {"a": 1}, b"bytes"])
def test_structures_are_refused(settings, value):
    """house: store JSON as text."""
    with pytest.raises(TypeError, match="JSON"):
        settings.setValue("Test/a", value)


def test_a_missing_key_gives_the_default(settings):
    """slicer: QSettings.value."""
    assert settings.value("Test/none") is None
    assert settings.value("Test/none", "x") == "x"


def test_settings_live_in_the_given_folder_and_outlive_the_process(run_child, tmp_path):
    """slicer: settings are read again at the next start."""
    script = (
        "app = EmbeddedSlicer.start(sys.argv[1], views=False, web_server=False)\n"
        "import json\n"
        "before = app.userSettings().value('Test/list')\n"
        "app.userSettings().setValue('Test/list', json.dumps([1, 'ü']))\n"
        "app.exit(0)\n"
        "print(json.dumps([before, app.slicerUserSettingsFilePath]))\n"
        "EmbeddedSlicer.run()\n"
    )
    first, second = (run_child(script, str(tmp_path)) for _ in range(2))
    assert second.stdout, first.stderr + second.stderr
    value, path = json.loads(second.stdout)
    assert json.loads(first.stdout)[0] is None
    assert json.loads(value) == [1, "ü"]
    assert path.startswith(str(tmp_path))
