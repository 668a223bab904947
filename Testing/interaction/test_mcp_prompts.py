"""The prompts can be followed: each is filled in, and every tool that it names is called with what it says."""

import re
from pathlib import Path

import pytest

from AgentBridgeLib.mcp.guide import PROMPTS
from mcp_calls import DATA
from mcp_client import McpHost

MANUAL = (Path(__file__).resolve().parents[2] / "docs" / "mcp.md").read_text(encoding="utf-8")
TABLE = MANUAL.partition("<!-- prompts: begin -->")[2].partition("<!-- prompts: end -->")[0]
BRAIN = DATA / "brain1_image.nrrd"
LESION = DATA / "brain1_label.nrrd"


class Agent:
    """Follows a prompt, and notes which tools it has called."""

    def __init__(self, host, prompt, **arguments):
        self.host, self.client = host, host.client()
        filled = self.client.request("prompts/get", {"name": prompt, "arguments": arguments}).result
        self.text = filled["messages"][0]["content"]["text"]
        listed = {tool["name"] for tool in self.client.request("tools/list").result["tools"]}
        self.named = listed & set(re.findall(r"\w+", self.text))
        self.called = set()

    def call(self, tool, **arguments):
        self.called.add(tool)
        result = self.client.call(tool, arguments).result
        while not result.get("isError") and "job" in result.get("structuredContent", {}):
            self.called.add("jobs_get")
            job_id = result["structuredContent"]["job"]["id"]
            self.client.value("jobs_get", {"job_id": job_id, "wait_s": 20})
            result = self.client.call("jobs_result", {"job_id": job_id}).result
        assert not result.get("isError"), result
        return result.get("structuredContent", result)

    def run(self, operation, **arguments):
        return self.call("operations_run", operation=operation, arguments=arguments)

    def picture(self, volume, **arguments):
        result = self.call("views_slice_image", name="Red", background=volume, **arguments)
        assert any(block["type"] == "image" for block in result["content"])


@pytest.fixture(scope="module")
def a_host(tmp_path_factory):
    with McpHost(tmp_path_factory.mktemp("mcp"), "--views", "--allow-folder", str(DATA)) as host:
        yield host


@pytest.fixture(scope="module")
def a_volume(a_host):
    return a_host.client().value("files_load", {"path": str(BRAIN)})["nodes"][0]["id"]


def describe_scene(host, volume):
    agent = Agent(host, "describe_scene")
    assert agent.call("scene_summary")["node_count"] > 0
    assert agent.call("volumes_get", volume_id=volume)["dimensions_ijk"] == [256, 256, 25]
    agent.picture(volume, orientation="Axial")
    return agent


def load_and_look(host, volume):
    agent = Agent(host, "load_and_look", path=str(BRAIN))
    assert str(BRAIN) in agent.text
    loaded = agent.call("files_load", path=str(BRAIN))["nodes"][0]["id"]
    bounds = agent.call("volumes_get", volume_id=loaded)["bounds_ras"]
    middle = [(bounds[at] + bounds[at + 1]) / 2 for at in (0, 2, 4)]
    for orientation, offset in zip(
        ("Sagittal", "Coronal", "Axial"), (-middle[0], middle[1], middle[2]), strict=True
    ):
        agent.picture(loaded, orientation=orientation, offset_mm=offset)
    assert agent.call("volumes_histogram", volume_id=loaded)["edges"]
    return agent


def segment_and_measure(host, volume):
    agent = Agent(host, "segment_and_measure", volume_id=volume, structure="the head")
    described = agent.call("volumes_get", volume_id=volume)
    assert described["scalar_type"] == "int16"
    values = agent.call("volumes_histogram", volume_id=volume, bins=32)["edges"]
    threshold = {"minimum": 300, "maximum": values[-1]}
    made = agent.call("segmentations_create", source_volume_id=volume, threshold=threshold)["id"]
    segment = agent.run("segmentations.get", segmentation_id=made)["segments"][0]["id"]
    agent.run("segmentations.edit", segmentation_id=made, segment_id=segment, effect="keep_largest")
    measured = agent.call("segmentations_statistics", segmentation_id=made, surface="always")["segments"][0]
    assert 500 < measured["volume_ml"] < 6000
    assert measured["surface_mm2"] > 0
    agent.picture(volume)
    return agent


def measure_distance(host, volume):
    agent = Agent(host, "measure_distance", start_ras="0,0,0", end_ras="30,40,0")
    line = agent.call("markups_create", type="line", points_ras=[[0, 0, 0], [30, 40, 0]])["id"]
    assert agent.call("markups_get", markups_id=line)["length_mm"] == pytest.approx(50)
    agent.picture(volume, orientation="Axial", offset_mm=0)
    return agent


def measure_lesion(host, volume):
    lesion = host.client().value("files_load", {"path": str(LESION), "type": "segmentation"})["nodes"][0][
        "id"
    ]
    agent = Agent(host, "measure_lesion", segmentation_id=lesion, volume_id=volume)
    found = agent.call("segmentations_statistics", segmentation_id=lesion, volume_id=volume)["segments"][0]
    longest = found["longest_slice_diameter"]
    ends = [longest["start_ras"], longest["end_ras"]]
    line = agent.call("markups_create", type="line", points_ras=ends)
    assert line["length_mm"] == pytest.approx(longest["length_mm"])
    assert longest["length_mm"] <= found["longest_diameter"]["length_mm"]
    assert longest["start_ras"][2] == pytest.approx(longest["end_ras"][2])
    agent.picture(volume, orientation="Axial", offset_mm=longest["start_ras"][2])
    return agent


def smooth_and_compare(host, volume):
    agent = Agent(host, "smooth_and_compare", volume_id=volume, sigma_mm="1.5")
    smooth = agent.call("volumes_smooth", volume_id=volume, sigma_mm=1.5)["id"]
    agent.called.add("jobs_get")  # it was over within 20 s, so there was no job to follow
    for one in (volume, smooth):
        agent.picture(one)
        agent.call("volumes_histogram", volume_id=one)
    return agent


def tidy_up(host, volume):
    agent = Agent(host, "tidy_up")
    spare = agent.call("markups_create", points_ras=[[0, 0, 0]], type="fiducial")["id"]
    assert spare in [item["id"] for item in agent.call("nodes_list", limit=100)["items"]]
    asked = agent.client.call("nodes_delete", {"node_id": spare}).result
    agent.called.add("nodes_delete")
    assert asked["isError"]
    host.person("approve")
    agent.client.value("jobs_get", {"job_id": asked["structuredContent"]["job"]["id"], "wait_s": 20})
    assert spare not in [item["id"] for item in agent.call("nodes_list", limit=100)["items"]]
    return agent


TASKS = (
    describe_scene,
    load_and_look,
    segment_and_measure,
    measure_distance,
    measure_lesion,
    smooth_and_compare,
    tidy_up,
)


@pytest.mark.parametrize("follow", TASKS, ids=lambda task: task.__name__)
def test_a_prompt_can_be_followed_with_the_tools_that_it_names(a_host, a_volume, follow):
    """issue:#5 prompts for whole tasks, each executed."""
    agent = follow(a_host, a_volume)
    assert agent.named
    assert agent.named <= agent.called, agent.named - agent.called


def test_every_prompt_is_followed_here_and_stands_in_the_manual():
    """house: the manual and the server tell the same."""
    assert [task.__name__ for task in TASKS] == list(PROMPTS)
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]*)\| ([^|]+) \|$", TABLE, re.MULTILINE)
    told = [
        (name, ", ".join(argument for argument, _ in prompt.arguments), prompt.summary)
        for name, prompt in PROMPTS.items()
    ]
    assert [(name, asks.strip(), does) for name, asks, does in rows] == told
