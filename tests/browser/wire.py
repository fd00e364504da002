"""A way to the server that can be cut, whatever a browser that is told to be offline does with open sockets."""

import socket
import threading
from contextlib import suppress


class Wire:
    """A port of this machine that leads to another one.

    Args:
        port: Where it leads.

    Attributes:
        url: What a browser is given in place of the server's address.
    """

    def __init__(self, port):
        self._port = port
        self._whole = threading.Event()
        self._whole.set()
        self._is_silent = self._is_closed = False
        self._ends = []
        self._changing = threading.Lock()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._let_in, daemon=True).start()

    def cut(self, *, silent):
        """Let nothing through: with `silent` sockets stay open and hear nothing, else they close and none opens."""
        self._is_silent = silent
        self._whole.clear()
        if not silent:
            self._close_all()

    def mend(self):
        """Let everything through again, also what was said meanwhile into sockets that stayed open."""
        self._whole.set()

    def close(self):
        self._is_closed = True
        self._whole.set()
        self._door.close()
        self._close_all()

    def _let_in(self):
        with suppress(OSError):
            while True:
                near, far = self._door.accept()[0], socket.socket()
                with self._changing:
                    self._ends += [near, far]
                if not self._is_cut:
                    with suppress(OSError):  # closed meanwhile
                        far.connect(("127.0.0.1", self._port))
                if self._is_cut:
                    self._close_all()
                    continue
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=[source, sink], daemon=True).start()

    @property
    def _is_cut(self):
        return self._is_closed or (not self._whole.is_set() and not self._is_silent)

    def _carry(self, source, sink):
        with suppress(OSError):
            while said := source.recv(65536):
                self._whole.wait()
                sink.sendall(said)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _close_all(self):
        with self._changing:
            for end in self._ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
            self._ends.clear()
