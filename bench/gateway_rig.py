"""The rig of bench/gateway.py: homes and load on one core, one gateway at a time on the other.

Contenders are started together and stand still (SIGSTOP) while another is measured, so that rounds can be
interleaved without each paying for the others' idle work.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench import gateway_built
from bench.gateway_peers import NPM, PEERS, Gateway, Place
from bench.harness import ROOT

NATIVE = ROOT / "bench" / "native"
START_SECONDS_MAX = 90.0
HOME_CORE, GATEWAY_CORE = 0, 1
WRK_TIMEOUT = "60s"


class Case(NamedTuple):
    """One thing that is measured."""

    name: str
    unit: str = "request"  # or chunk
    connections: int = 1
    chunks: int = 50
    interval_us: int = 20_000
    body_bytes: int = 0
    translated: bool = False
    in_step: bool = True  # streams begin at one moment, and so for ever; else each at its own

    @property
    def streaming(self) -> bool:
        return self.unit == "chunk"

    @property
    def apart_us(self) -> int:
        return 0 if self.in_step else self.chunks * self.interval_us // self.connections

    @property
    def offered_per_second(self) -> float:
        """Events that the homes send; plain calls are as many as there can be."""
        return self.connections * 1e6 / self.interval_us if self.streaming else 0.0


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    count: int
    per_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    errors: int


class Running(NamedTuple):
    """A started contender."""

    gateway: Gateway
    process: subprocess.Popen[str]
    port: int
    folder: Path


class Rig:
    """Built programs, running homes, running contenders."""

    def __init__(self, folder: Path, *, tls: bool = False) -> None:
        self.folder, self.tls = folder, tls
        self.ports = {"openai": free_port(), "anthropic": free_port()}
        self.front = free_port() if tls else self.ports["openai"]
        self.running: list[Running] = []
        self.left_out: list[str] = []
        for name in ("upstream", "load"):
            if not (folder / name).exists():
                source = str(NATIVE / f"{name}.c")
                subprocess.run(["gcc", "-O2", "-o", str(folder / name), source], check=True)
        self.authority = make_authority(folder) if tls else None

    @property
    def openai(self) -> str:
        return f"https://localhost:{self.front}" if self.tls else f"http://127.0.0.1:{self.front}"

    # --- homes ---

    @contextlib.contextmanager
    def homes(self, case: Case) -> Iterator[None]:
        """Both homes at the pace of the case; where homes speak TLS, nginx does so in front of the first."""
        with contextlib.ExitStack() as stack:
            for dialect, port in self.ports.items():
                words = [str(self.folder / "upstream"), str(port), dialect, str(case.chunks)]
                self._home([*words, str(case.interval_us)], stack)
            if self.tls:
                self._front(stack)
            yield

    def _home(self, words: list[str], stack: contextlib.ExitStack) -> None:
        made = subprocess.Popen([*pinned(HOME_CORE), *words], stdout=subprocess.PIPE, text=True)
        stack.callback(_stop, made)
        if made.stdout is None or "ready" not in made.stdout.readline():
            raise SystemExit("the home did not start")

    def _front(self, stack: contextlib.ExitStack) -> None:
        folder = self.folder / "front"
        folder.mkdir(exist_ok=True)
        config = folder / "nginx.conf"
        words = {"folder": folder, "port": self.front, "home": self.ports["openai"], "signed": self.folder}
        config.write_text(FRONT.format(**words))
        made = subprocess.Popen(
            [*pinned(HOME_CORE), "nginx", "-c", str(config)], stderr=subprocess.DEVNULL, text=True
        )
        stack.callback(_stop, made)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.front), 1):
                return
            time.sleep(0.05)
        raise SystemExit("the home's TLS did not start")

    # --- contenders ---

    def start_all(self, gateways: tuple[Gateway, ...]) -> None:
        for gateway in gateways:
            made = self.start(gateway)
            if made is not None:
                self.running.append(made)
                pause(made)

    def start(self, gateway: Gateway) -> Running | None:
        own = Path(tempfile.mkdtemp(dir=self.folder))
        if gateway.keyed:
            freehold_key(own)
        home = f"http://127.0.0.1:{self.ports['anthropic']}"
        place = Place(free_port(), free_port(), self.openai, home, own, self.authority)
        command = gateway.command(place)
        if shutil.which(command[0]) is None or not all(
            Path(word).exists() for word in command if word.endswith(".js")
        ):
            self.leave_out(f"{gateway.name} is not installed")
            return None
        why = gateway_built.why_not(gateway.python) if gateway.python else ""
        if why:
            self.leave_out(f"{gateway.name}: {why}")
            return None
        process = subprocess.Popen(
            [*pinned(GATEWAY_CORE), *command], cwd=ROOT, env=self._variables(gateway, own), text=True,
            start_new_session=True, stdout=subprocess.PIPE if gateway.prints_port else subprocess.DEVNULL,
            stderr=(own / "stderr").open("w"),
        )  # fmt: skip
        made = Running(gateway, process, self.front if gateway.direct else place.port, own)
        try:
            if gateway.prints_port:
                made = made._replace(port=printed_port(process))
            why = self.why_not(made, Case("start"), START_SECONDS_MAX) if made.port else "it named no port"
        except BaseException:
            end(made)
            raise
        if not why:
            return made
        said = [line for line in (own / "stderr").read_text().splitlines() if line.strip()][-1:]
        self.leave_out(f"{gateway.name} did not start: {why}{f'; {said[0][-200:]}' if said else ''}")
        end(made)
        return None

    def _variables(self, gateway: Gateway, own: Path) -> dict[str, str]:
        found = {**os.environ, **dict(gateway.environment), "FREEHOLD_HOME": str(own / "state")}
        if self.authority is not None and not gateway.keyed:
            for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
                found[name] = str(self.authority)
        return found

    def leave_out(self, why: str) -> None:
        """Pages name no folders of the machine they were made on."""
        for folder in (self.folder, PEERS.parent, NPM, ROOT):
            why = why.replace(str(folder), folder.name)
        self.left_out.append(" ".join(why.split()))

    def end_all(self) -> None:
        for one in self.running:
            resume(one)
            end(one)
        self.running.clear()

    # --- calls ---

    def why_not(self, one: Running, case: Case, seconds: float = 20.0) -> str:
        """Does it answer a call as it will be called? Empty if so, else what came instead."""
        body = body_of(case, one.gateway)
        head = "\r\n".join(self.headers(one))
        request = (
            f"POST {one.gateway.path} HTTP/1.1\r\nHost: 127.0.0.1:{one.port}\r\nConnection: close\r\n{head}"
            f"\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        until, said = time.monotonic() + seconds, "nothing came"
        while time.monotonic() < until and one.process.poll() is None:
            try:
                came = exchange(one, request, tls=self.tls and one.gateway.direct)
            except OSError as error:
                said = str(error)
            else:
                if b" 200 " in came[:20] and (not case.streaming or b"@T" in came):
                    return ""
                said = f"it said {came[:15].decode('latin-1')!r} ... {came[-120:].decode('latin-1')!r}"
                if case.name != "start":
                    return said
            time.sleep(0.2)
        return said if one.process.poll() is None else f"it ended with status {one.process.returncode}"

    def headers(self, one: Running) -> list[str]:
        found = ["Content-Type: application/json"]
        found += [line.replace("{home}", self.openai) for line in one.gateway.headers]
        if one.gateway.keyed:
            found.append(f"Authorization: Bearer {(one.folder / 'key').read_text()}")
        return found

    def run(self, case: Case, one: Running, seconds: float) -> Figure:
        """One run of one contender, the others standing still."""
        resume(one)
        try:
            before = cpu_seconds(one.process.pid)
            count, per_second, p50_ms, p99_ms, errors = (
                self._load(case, one, seconds) if case.streaming else self._wrk(case, one, seconds)
            )
            used = cpu_seconds(one.process.pid) - before
        finally:
            pause(one)
        return Figure(
            count=count, per_second=per_second, cpu_us=used / max(count, 1) * 1e6, p50_ms=p50_ms,
            p99_ms=p99_ms, errors=errors,
        )  # fmt: skip

    def _wrk(self, case: Case, one: Running, seconds: float) -> tuple[int, float, float, float, int]:
        script = one.folder / "post.lua"
        lines = ['wrk.method = "POST"', f"wrk.body = [==[{body_of(case, one.gateway)}]==]"]
        for header in self.headers(one):
            name, _, value = header.partition(": ")
            lines.append(f'wrk.headers["{name}"] = [==[{value}]==]')
        script.write_text("\n".join(lines))
        scheme = "https" if self.tls and one.gateway.direct else "http"
        out = subprocess.run(
            [*pinned(HOME_CORE), "wrk", "-t1", f"-c{case.connections}", f"-d{seconds:g}s", "--latency",
             "--timeout", WRK_TIMEOUT, "-s", str(script),
             f"{scheme}://127.0.0.1:{one.port}{one.gateway.path}"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        count = int(find(r"(\d+) requests in", out))
        bad = int(find(r"Non-2xx or 3xx responses: (\d+)", out)) + sum(
            int(word) for word in re.findall(r"(?:connect|read|write|timeout) (\d+)", out)
        )
        per_second = float(find(r"Requests/sec:\s+([\d.]+)", out))
        return count, per_second, latency(out, "50%"), latency(out, "99%"), bad

    def _load(self, case: Case, one: Running, seconds: float) -> tuple[int, float, float, float, int]:
        model = one.gateway.translated if case.translated else one.gateway.model
        port, path = str(one.port), one.gateway.path
        words = [str(self.folder / "load"), port, path, str(case.connections), f"{seconds:g}", model or "-"]
        words += [str(case.apart_us)]
        bearer = [line for line in self.headers(one) if line.startswith("Authorization: Bearer ")]
        words += [line.rpartition(" ")[2] for line in bearer]
        out = subprocess.run([*pinned(HOME_CORE), *words], capture_output=True, text=True, check=True).stdout
        told = msgspec.json.decode(out)
        return (
            told["events"], told["events"] / told["seconds"], told["first_us"]["p50"] / 1000,
            told["event_us"]["p99"] / 1000, told["errors"],
        )  # fmt: skip


FRONT = """\
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 8192; }}
http {{
  access_log off; client_body_buffer_size 128k; keepalive_requests 100000000;
  client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2; fastcgi_temp_path {folder}/n3;
  uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
  ssl_certificate {signed}/home.pem; ssl_certificate_key {signed}/home.key; ssl_protocols TLSv1.3;
  upstream home {{ server 127.0.0.1:{home}; keepalive 256; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port} ssl backlog=4096; location / {{
    proxy_pass http://home; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
  }} }}
}}
"""


def make_authority(folder: Path) -> Path:
    """A throwaway authority, and a certificate of it for the home."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    signer = ["openssl", "req", "-x509", *key, "-subj", "/CN=bench authority"]
    signer += ["-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.pem")]
    names = folder / "names"
    names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    asks = ["openssl", "req", *key[:-2], "-subj", "/CN=localhost", "-keyout", str(folder / "home.key")]
    asks += ["-out", str(folder / "home.csr")]
    signs = ["openssl", "x509", "-req", "-in", str(folder / "home.csr"), "-CA", str(folder / "ca.pem")]
    signs += ["-CAkey", str(folder / "ca.key"), "-CAcreateserial", "-days", "2", "-extfile", str(names)]
    signs += ["-out", str(folder / "home.pem")]
    for words in (signer, asks, signs):
        subprocess.run(words, check=True, capture_output=True)
    return folder / "ca.pem"


def freehold_key(folder: Path) -> None:
    """A key like a caller's, so that looking it up is part of what is measured."""
    words = ["freehold", "key", "create", "bench", "--workload", "chat", "--workload", "tr"]
    words += ["--requests-per-min", "1000000000", "--concurrency", "100000"]
    import sys

    made = subprocess.run(
        [sys.executable, "-m", *words], check=True, capture_output=True, text=True,
        env={**os.environ, "FREEHOLD_HOME": str(folder / "state")},
    )  # fmt: skip
    (folder / "key").write_text(made.stdout.strip())


def printed_port(process: subprocess.Popen[str]) -> int:
    for line in process.stdout or ():
        found = re.search(r"http://[\d.]+:(\d+)", line)
        if found:
            return int(found[1])
    return 0


def exchange(one: Running, request: bytes, *, tls: bool) -> bytes:
    """One request on a connection of its own; all that came back within ten seconds."""
    with socket.create_connection(("127.0.0.1", one.port), 5) as plain:
        connection: socket.socket = plain
        if tls:
            import ssl

            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # our own home, by its port
            connection = context.wrap_socket(plain)
        connection.settimeout(10)
        connection.sendall(request)
        came = b""
        while piece := connection.recv(65536):
            came += piece
            if complete(came) or b"@T" in came:  # a stream that gives an event: the load counts how it ends
                break
        return came


def complete(came: bytes) -> bool:
    """A home may keep the connection open after its answer."""
    head, _, body = came.partition(b"\r\n\r\n")
    said = re.search(rb"(?i)content-length: *(\d+)", head)
    if said is not None:
        return len(body) >= int(said[1])
    return b"[DONE]" in came or b"message_stop" in came or came.endswith(b"0\r\n\r\n")


def body_of(case: Case, gateway: Gateway) -> str:
    model = gateway.translated if case.translated else gateway.model
    system = "You are a helpful assistant who answers in a few words." + " word" * (case.body_bytes // 5)
    user = (
        "Tell me what there is to know about this, in a few words and with care, please, and do not leave "
        "out what matters most to people who build."
    )
    message = {"max_tokens": 200, "messages": [
        {"role": "system", "content": system}, {"role": "user", "content": user},
    ], "temperature": 0.7}  # fmt: skip
    fields = {"model": model, **message} if model else message
    return msgspec.json.encode({**fields, "stream": True} if case.streaming else fields).decode()


def find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else "0"


def latency(text: str, share: str) -> float:
    found = re.search(rf"{share}\s+([\d.]+)(us|ms|s|m)\b", text)
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1e3, "m": 6e4}[found[2]] if found else 0.0


def pinned(core: int) -> list[str]:
    return ["taskset", "-c", str(core)]


# --- processes ---


def pause(one: Running) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(one.process.pid, signal.SIGSTOP)


def resume(one: Running) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(one.process.pid, signal.SIGCONT)


def tree(pid: int) -> list[int]:
    """A process and everything it started."""
    found, at = [pid], 0
    while at < len(found):
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{found[at]}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        at += 1
    return found


def cpu_seconds(pid: int) -> float:
    """To the nanosecond, of every thread that is there: /proc/PID/stat counts in hundredths of a second."""
    total = 0
    for one in tree(pid):
        for task in Path(f"/proc/{one}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                total += int(task.read_text().split()[0])
    return total / 1e9


def memory_mb(pid: int, field: str) -> float:
    """VmHWM: the most there ever was. VmRSS: what there is now."""
    total = 0.0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            total += float(find(rf"{field}:\s+(\d+)", Path(f"/proc/{one}/status").read_text())) / 1024
    return total


def end(one: Running) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(one.process.pid, signal.SIGTERM)
    try:
        one.process.wait(5)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait()
    if one.process.stdout is not None:
        one.process.stdout.close()


def _stop(made: subprocess.Popen[str]) -> None:
    made.terminate()
    made.wait()
    if made.stdout is not None:
        made.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
