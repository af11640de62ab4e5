"""The build context holds what the Dockerfile copies, and nothing in it runs as root."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return dict(content["services"])


def copied() -> list[str]:
    """What the build stage copies from the context."""
    lines = re.findall(r"^COPY (?!--)(.+)$", DOCKERFILE, flags=re.M)
    return [source for line in lines for source in line.split()[:-1]]


@pytest.mark.parametrize("source", copied())
def test_what_is_copied_is_there_and_in_the_context(source: str) -> None:
    assert (ROOT / source).exists()
    assert f"!{source}" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_the_wheel_s_packages_are_copied() -> None:
    assert {"data_contracts", "flows", "mining", "modeling"} <= set(copied())


def test_the_image_s_last_user_is_not_root() -> None:
    user = re.findall(r"^USER (\S+)$", DOCKERFILE, flags=re.M)[-1]
    assert f"--uid {user} " in DOCKERFILE and int(user) > 0


def test_what_prefect_writes_its_pages_to_is_made_for_that_user() -> None:
    (folder,) = re.findall(r"PREFECT_UI_STATIC_DIRECTORY=(\S+)", DOCKERFILE)
    made = re.findall(r"install --directory .*--owner cxrmine (.+)$", DOCKERFILE, flags=re.M)[0]
    assert folder in made.split()


def test_reports_are_mounted_where_no_way_leads_out(services: dict[str, Any]) -> None:
    worker = services["worker"]
    content = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    assert all(content["networks"][name]["internal"] for name in worker["networks"])
    mounting = [name for name, one in services.items() if "/data" in str(one.get("volumes"))]
    assert mounting == ["database", "worker"]  # the database's /data is its own volume
    assert worker["read_only"] and worker["cap_drop"] == ["ALL"]


def test_pages_are_for_this_machine_only(services: dict[str, Any]) -> None:
    ports = [port for one in services.values() for port in one.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)
