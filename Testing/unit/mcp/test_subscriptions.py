"""Who listens for changed lists."""

from types import SimpleNamespace

from AgentBridgeLib.mcp.subscriptions import KEEP_ALIVE_S, Subscriptions
from doubles.memory_host import ManualLoop


class Stream:
    """An open answer that keeps what was sent."""

    def __init__(self):
        self.sent, self.raw = [], []
        self.send, self.write = self.sent.append, self.raw.append
        self.finish = self.sent.append


def listen(subscriptions, wish):
    stream, leave = Stream(), []
    exchange = SimpleNamespace(on_disconnect=leave.append)
    subscriptions.listen(exchange, stream, 1, {"notifications": wish})
    return stream, leave[0]


def test_somebody_looks_for_changes_while_somebody_listens_and_no_longer():
    """issue:#5 nothing tells when a toolset is chosen in the settings, so the beat looks."""
    loop, looks = ManualLoop(), []
    subscriptions = Subscriptions(loop, lambda: looks.append(loop.now()))
    stream, leave = listen(subscriptions, {"toolsListChanged": True})
    loop.advance(2 * KEEP_ALIVE_S)
    assert (len(looks), len(stream.raw)) == (2, 2)
    leave()
    loop.advance(10 * KEEP_ALIVE_S)
    assert len(looks) == 2


def test_only_who_asked_for_it_is_told():
    """mcp: subscriptions/listen, the honored subset."""
    subscriptions = Subscriptions(ManualLoop(), lambda: None)
    asked, _ = listen(subscriptions, {"toolsListChanged": True})
    other, _ = listen(subscriptions, {"promptsListChanged": True, "toolsListChanged": "yes"})
    subscriptions.tell("toolsListChanged")
    assert [message["method"] for message in asked.sent][1:] == ["notifications/tools/list_changed"]
    assert len(other.sent) == 1
