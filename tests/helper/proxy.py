# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy with faults: one listening port of 127.0.0.1 in front of one server, for what a machine without
netem cannot do to a connection: cut, reset, refused, held like packets in a black hole (in both directions or in
one), forgotten (half open), slow, sliced. All proxies share one thread with an event loop; every method may be called
from any thread. What a fault did is counted, so that a test can say that it happened."""

import asyncio
import random
import socket
import struct
import threading

UP, DOWN = "up", "down"  # from the client to the server, and back
CHUNK = 64 * 1024


class _Loop:
    """The thread that all proxies live on."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def call(self, function, *arguments):
        async def run():
            return function(*arguments)
        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def wait(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)


_shared = None


def _loop():
    global _shared
    if _shared is None:
        _shared = _Loop()
    return _shared


def api_of(data):
    """Of the Kafka request that begins here: one that nothing else is sent with begins a piece."""
    return struct.unpack(">h", data[4:6])[0] if len(data) >= 8 else None


class _Connection:
    def __init__(self, proxy, client, server):
        self.proxy = proxy
        self.writers = {UP: server, DOWN: client}
        self.lost = False  # half open: nothing passes any more, whatever becomes of the others

    async def pump(self, direction, reader):
        proxy, writer = self.proxy, self.writers[direction]
        try:
            while True:
                data = await reader.read(CHUNK)
                if direction == UP and proxy.captures is not None and api_of(data) == proxy.captures:
                    proxy.captures, proxy.captured, self.lost = None, (writer, data), True
                if self.lost or direction in proxy.held:
                    proxy.held_bytes += len(data)
                while self.lost or direction in proxy.held:
                    await proxy.changed.wait()
                if not data:
                    break
                await self.send(direction, writer, data)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.close()

    async def send(self, direction, writer, data):
        proxy = self.proxy
        if proxy.latency_s or proxy.jitter_s:
            await asyncio.sleep(proxy.latency_s + random.random() * proxy.jitter_s)
        step = proxy.slice_bytes or len(data)
        for at in range(0, len(data), step):
            piece = data[at:at + step]
            writer.write(piece)
            await writer.drain()
            proxy.passed[direction] += len(piece)
            if proxy.slice_bytes:
                proxy.slices += 1
                await asyncio.sleep(0)
            if proxy.rate:
                await asyncio.sleep(len(piece) / proxy.rate)

    def close(self):
        for writer in self.writers.values():
            writer.close()
        self.proxy.connections.discard(self)

    def reset(self):
        for writer in self.writers.values():
            found = writer.get_extra_info("socket")
            if found is not None:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self.proxy.connections.discard(self)


class Proxy:
    def __init__(self, port):
        """Listens on self.port, which stays, and connects to port."""
        self.target = port
        self.connections = set()
        self.passed = {UP: 0, DOWN: 0}
        self.accepted = self.refused = self.held_bytes = self.slices = 0
        self.refusing = False
        self.captures = self.captured = None
        self._plain()
        self.changed = None
        self.port = _loop().wait(self._listen())

    def _plain(self):
        self.held = frozenset()
        self.latency_s = self.jitter_s = 0.0
        self.rate = self.slice_bytes = 0

    async def _listen(self):
        self.changed = _Changed()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    async def _accept(self, reader, writer):
        if self.refusing:
            self.refused += 1
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        for one in writer, server_writer:
            one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.accepted += 1
        connection = _Connection(self, writer, server_writer)
        self.connections.add(connection)
        await asyncio.gather(connection.pump(UP, reader), connection.pump(DOWN, server_reader))

    def _set(self, **values):
        def change():
            for name, value in values.items():
                setattr(self, name, value)
            self.changed.set()
        _loop().call(change)

    def _each(self, what):
        def change():
            connections = list(self.connections)
            for connection in connections:
                what(connection)
            self.changed.set()
            return len(connections)
        return _loop().call(change)

    def cut(self):
        """End each connection as a peer would that closes it; how many there were."""
        return self._each(_Connection.close)

    def reset(self):
        """The same with RST: what is on its way is lost."""
        return self._each(_Connection.reset)

    def refuse(self, on=True):
        self._set(refusing=on)

    def hold(self, *directions):
        """Nothing passes, in one direction or in both; it comes later, as TCP sends again."""
        self._set(held=frozenset(directions or (UP, DOWN)))

    def forget(self):
        """Connections of now hang for ever, without a word to either end; new ones are well."""
        def lose(connection):
            connection.lost = True
        return self._each(lose)

    def capture(self, api):
        """The next request of this api of Kafka's stays here, and its connection is forgotten."""
        self._set(captures=api, captured=None)

    def release(self):
        """What was captured comes to the server, late."""
        writer, data = self.captured
        _loop().call(writer.write, data)

    def slow(self, latency_s=0.0, jitter_s=0.0, rate=0):
        """Each piece comes later; rate in bytes a second."""
        self._set(latency_s=latency_s, jitter_s=jitter_s, rate=rate)

    def slice(self, size):
        self._set(slice_bytes=size)

    def heal(self):
        """All as at first; what was forgotten stays so."""
        def change():
            self.refusing = False
            self._plain()
            self.changed.set()
        _loop().call(change)


class _Changed:
    """Wakes all who wait, each time."""

    def __init__(self):
        self.event = asyncio.Event()

    def set(self):
        self.event.set()
        self.event = asyncio.Event()

    async def wait(self):
        await self.event.wait()
