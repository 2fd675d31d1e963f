"""nginx as it is shipped, in front of a running service: addresses, folders and, for a test's sake, times replaced."""

import os
import shutil
import socket
import ssl
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from service import wait_until

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = (ROOT / "deploy/nginx.conf").read_text(encoding="utf-8")
#: Where the times are short, so that a test need not wait for those that are shipped.
SHORT = {
    "client_header_timeout 10s;": "client_header_timeout 1s;",
    "client_body_timeout 15s;": "client_body_timeout 1s;",
    "send_timeout 15s;": "send_timeout 1s;",
    "proxy_read_timeout 60s;": "proxy_read_timeout 1s;",
}


def program():
    """Find nginx: the system's, or the one that setup unpacked."""
    places = [shutil.which("nginx"), "/usr/sbin/nginx", ROOT / ".venv/nginx/usr/sbin/nginx"]
    return next((str(place) for place in places if place and os.access(place, os.X_OK)), None)


@dataclass(frozen=True)
class Front:
    """A running nginx."""

    folder: Path
    port: int

    @property
    def base(self):
        return f"https://127.0.0.1:{self.port}"

    def tls(self):
        return ssl.create_default_context(cafile=str(self.folder / "tls/fullchain.pem"))

    def client(self, **rest):
        return httpx.Client(base_url=self.base, verify=self.tls(), timeout=20, **rest)

    def connection(self, *, shaken=True):
        """Open a connection, by default with TLS spoken."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return self.tls().wrap_socket(plain, server_hostname="127.0.0.1") if shaken else plain

    def logs(self):
        return "".join(path.read_text() for path in self.folder.glob("*.log"))


def replaced(text, changes):
    """Replace each text, which has to be there."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def configuration(folder, port, upstream, changes):
    """Give what is shipped, for this folder, port and service."""
    # Whole words: the shorter name of a time is the end of a longer one.
    text = replaced(
        SHIPPED,
        {
            "pid /run/nginx.pid": f"pid {folder}/pid",
            "/var/log/nginx/": f"{folder}/",
            "temp_path /run/": f"temp_path {folder}/",
            "/etc/flashpoint/tls/": f"{folder}/tls/",
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "        listen [::]:443 ssl default_server; ": "#",
            "server 127.0.0.1:8000;": f"server {upstream};",
        },
    )
    return replaced(text, {f"    {old}": f"    {new}" for old, new in changes.items()})


def certify(folder):
    """Make a certificate for the loopback address."""
    folder.mkdir(parents=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM
    (folder / "fullchain.pem").write_bytes(made.public_bytes(form))
    private = key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "privkey.pem").write_bytes(private)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def tested(folder):
    """Have nginx look at a configuration; give what it says."""
    command = [program(), "-t", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def fronting(base_url, folder, **changes):
    """Run nginx before a service until the block ends. ``changes`` holds further replacements."""
    certify(folder / "tls")
    port = free_port()
    upstream = urlsplit(base_url).netloc
    (folder / "nginx.conf").write_text(configuration(folder, port, upstream, {**SHORT, **changes.get("changes", {})}))
    # A worker of another user could not enter a test's folder.
    more = "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"
    command = [program(), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", more]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    front = Front(folder, port)
    try:
        wait_until(lambda: _listens(front, process))
        yield front
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _listens(front, process):
    assert process.poll() is None, process.stderr.read()
    try:
        front.connection(shaken=False).close()
    except OSError:
        return False
    return True
