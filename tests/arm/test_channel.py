"""Messages, those that a method forged among them."""

import json
import socket
import struct

import pytest
import torch

from collapsebench.arm.channel import Channel, Closed, Malformed

MOST = 1000


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    with ours, theirs:
        yield Channel(ours, MOST), theirs


def sent(theirs, message, content=b""):
    text = message if isinstance(message, bytes) else json.dumps(message).encode()
    theirs.sendall(struct.pack("!QQ", len(text), len(content)) + text + content)


def test_plain_data_and_tensors_arrive_as_they_are(ends):
    channel, theirs = ends
    message = {
        "a": [1, None, "x", float("inf")],
        "x": torch.tensor([[1.5, -0.0], [float("nan"), 2.0]], dtype=torch.float64),
        "y": [torch.tensor([True, False]), torch.arange(3, dtype=torch.int16), torch.empty(0, 4), torch.tensor(7)],
        "z": torch.arange(6).reshape(2, 3).T,
    }
    Channel(theirs, MOST).send(message)
    found = channel.receive()
    assert found["a"] == message["a"]
    for one, other in zip(
        [found["x"], *found["y"], found["z"]], [message["x"], *message["y"], message["z"]], strict=True
    ):
        assert one.dtype == other.dtype
        assert torch.equal(torch.nan_to_num(one.double(), 99), torch.nan_to_num(other.double(), 99))


def test_what_arrives_shares_no_memory(ends):
    channel, theirs = ends
    Channel(theirs, MOST).send([torch.zeros(2), torch.zeros(2)])
    first, second = channel.receive()
    first[0] = 1
    assert second.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("message", "content"),
    [
        (b"no JSON", b""),
        (b"[" * 100_000, b""),
        (b"\xff", b""),
        ({"$tensor": [0, "object", 1]}, b"12345678"),
        ({"$tensor": [0, "float32", 2]}, b"1234"),
        ({"$tensor": [0, "float32", -1]}, b"1234"),
        ({"$tensor": [0, "float32", 1.0]}, b"1234"),
        ({"$tensor": [0, "float32", True]}, b"1234"),
        ({"$tensor": [0, "float32", 1]}, b"12345"),
        ({"$tensor": [0, "float32", *[1] * 9]}, b"1234"),
        ({"$tensor": [0, "float32", 2**40, 2**40]}, b"1234"),
        ({"$tensor": [0, "bool", 1]}, b"\x02"),
        ({"$tensor": "x"}, b""),
        ({"$tensor": [0, ["float32"], 1]}, b""),
        ({}, b"1"),
    ],
)
def test_what_is_no_message_is_refused(ends, message, content):
    channel, theirs = ends
    sent(theirs, message, content)
    with pytest.raises(Malformed):
        channel.receive()


@pytest.mark.parametrize("sizes", [(2**60, 0), (2, 2**60), (2**24 + 1, 0), (2, MOST + 1)])
def test_no_memory_is_taken_for_what_is_only_announced(ends, sizes):
    channel, theirs = ends
    theirs.sendall(struct.pack("!QQ", *sizes))
    with pytest.raises(Malformed, match="more than is allowed"):
        channel.receive()


@pytest.mark.parametrize("part", [b"", b"\0", struct.pack("!QQ", 10, 0) + b"short"])
def test_a_channel_that_ends_early_is_closed(ends, part):
    channel, theirs = ends
    theirs.sendall(part)
    theirs.close()
    with pytest.raises(Closed):
        channel.receive()


def test_a_channel_that_says_nothing_is_left_in_time(ends):
    channel, _ = ends
    channel.socket.settimeout(0.01)
    with pytest.raises(TimeoutError):
        channel.receive()


def test_an_object_does_not_travel(ends):
    channel, _ = ends
    with pytest.raises(TypeError, match="object does not travel"):
        channel.send({"x": object()})
