"""What the wheel needs, for those who must know: an SBOM (CycloneDX 1.6, JSON) beside it, and its packages' hashes.

The bill is read from the environment that the tests run in: each package with its exact version, licence, what it
needs itself, and the SHA-256 of the archive where `requirements.lock` names that version. No service is asked.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from packaging.requirements import Requirement

from offbeat.errors import UsageError
from offbeat.runtime.jars import delta_jars

EXTRAS = ("local", "reports", "serve")  # what a machine that runs all of it installs
LOCK = "requirements.lock"
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+) --hash=sha256:([0-9a-f]{64})$", re.MULTILINE)


def write_bill(dist: Path, lock: Path) -> None:
    """Write sbom.cdx.json and SHA256SUMS beside the wheel, and copy the lock there.

    Raises:
        UsageError: there is no wheel.
    """
    wheels = sorted(dist.glob("offbeat-*.whl"))
    if not wheels:
        raise UsageError(f"{dist}: no wheel there; run `make wheel`")
    hashes = {
        (_key(name), version): sha256 for name, version, sha256 in _LOCKED.findall(lock.read_text("utf-8"))
    }
    bill = make_bill(_sha256(wheels[0]), hashes)
    (dist / "sbom.cdx.json").write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    shutil.copy(lock, dist / LOCK)
    named = [*wheels, dist / "sbom.cdx.json", dist / LOCK]
    sums = "".join(f"{_sha256(file)}  {file.name}\n" for file in named)
    (dist / "SHA256SUMS").write_text(sums, encoding="utf-8")


def make_bill(wheel_sha256: str, hashes: dict[tuple[str, str], str]) -> dict[str, Any]:
    """The bill of what is installed here and needed by offbeat with EXTRAS; the same for the same packages.

    Args:
        hashes: SHA-256 of archives, by package and version; a package that is not in it stands there without.
    """
    needs = _needed()
    there = {name: metadata.distribution(name) for name in needs}
    kept = {name: hashes.get((name, there[name].version)) for name in needs} | {"offbeat": wheel_sha256}
    components = [_component(there[name], kept[name]) for name in needs if name != "offbeat"]
    offbeat = _component(there["offbeat"], wheel_sha256) | {"type": "application"}
    refs = {name: _purl(there[name]) for name in needs}
    edges = [
        {"ref": refs[name], "dependsOn": sorted(refs[each] for each in sorted(of))}
        for name, of in needs.items()
    ]
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": offbeat},
        "components": components + [_jar(path) for path in delta_jars()],
        "dependencies": edges,
    }
    serial = uuid5(NAMESPACE_URL, hashlib.sha256(json.dumps(bill, sort_keys=True).encode()).hexdigest())
    return bill | {"serialNumber": f"urn:uuid:{serial}"}


def _needed() -> dict[str, set[str]]:
    """Packages that offbeat needs, directly or not, each with those that it needs itself; by their plain names."""
    found: dict[str, set[str]] = {}
    left: list[tuple[str, tuple[str, ...]]] = [("offbeat", EXTRAS)]
    while left:
        name, extras = left.pop()
        needs = found.setdefault(name, set())
        for text in metadata.distribution(name).requires or ():
            wanted = Requirement(text)
            if wanted.marker and not any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                continue
            other = _key(wanted.name)
            needs.add(other)
            if other not in found or wanted.extras:
                left.append((other, tuple(sorted(wanted.extras))))
                found.setdefault(other, set())
    return dict(sorted(found.items()))


def _component(package: metadata.Distribution, sha256: str | None) -> dict[str, Any]:
    """A package as CycloneDX has it."""
    about = package.metadata
    purl = _purl(package)
    licence = _said(about, "License-Expression")
    named = [
        text.rpartition(" :: ")[2]
        for text in about.get_all("Classifier", [])
        if text.startswith("License ::")
    ]
    licences = [{"expression": licence}] if licence else [{"license": {"name": text}} for text in named]
    plain = _said(about, "License").strip().splitlines()
    if not licences and plain:
        licences = [{"license": {"name": plain[0][:100]}}]
    return {
        "type": "library",
        "bom-ref": purl,
        "name": _key(about["Name"]),
        "version": package.version,
        "purl": purl,
        "licenses": licences,
        "hashes": [{"alg": "SHA-256", "content": sha256}] if sha256 else [],
    }


def _said(about: Any, key: str) -> str:
    """A field of a package's metadata; empty where it says nothing."""
    return str(about[key]) if key in about else ""


def _jar(path: Path) -> dict[str, Any]:
    """A JAR of Delta's, whose name says its version."""
    name, _, version = path.stem.rpartition("-")
    artifact = name.rpartition("io.delta_")[2]
    purl = f"pkg:maven/io.delta/{artifact}@{version}"
    hashes = [{"alg": "SHA-256", "content": _sha256(path)}]
    licences = [{"expression": "Apache-2.0"}]
    kept = {"type": "library", "bom-ref": purl, "name": artifact, "version": version, "purl": purl}
    return kept | {"group": "io.delta", "licenses": licences, "hashes": hashes}


def _purl(package: metadata.Distribution) -> str:
    return f"pkg:pypi/{_key(package.metadata['Name'])}@{package.version}"


def _key(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lock_of(report: Path) -> str:
    """The lock: each package that pip's installation report names, with version and hash of its archive."""
    items = json.loads(report.read_text(encoding="utf-8"))["install"]
    lines = []
    for item in items:
        hashes = item["download_info"].get("archive_info", {}).get("hashes", {})
        if "sha256" in hashes:  # all but offbeat itself
            name, version = item["metadata"]["name"], item["metadata"]["version"]
            lines.append(f"{_key(name)}=={version} --hash=sha256:{hashes['sha256']}")
    head = "# Packages of offbeat[local,reports,serve], Python 3.11, Linux x86-64; made by `make lock`. Install with\n"
    head += "# pip install --require-hashes --no-deps -r requirements.lock\n"
    return head + "\n".join(sorted(lines)) + "\n"
