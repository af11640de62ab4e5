"""`--deidentify`: what is masked is stored nowhere, and the run says how it was done."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows.cache_explain import job_of_run
from flows.mine import mine_reports
from flows.road import Job, job_prints
from mining.deidentifying import deidentifier_id
from mining.engine import Engine
from mining.ingest.marks import FILES, Watermark
from mining.privacy import Privacy
from mining.settings import MiningSettings

pytest.importorskip("presidio_analyzer", reason="not there: pip install 'cxrmine[deid]'")

PLANTED = ("Zanzibarquux", "03/17/2019", "4471882", "PX-20931")
TEXT = (
    "FINDINGS: Compared with 03/17/2019, no effusion. Told Dr. Zanzibarquux of the nodule. "
    "MRN: 4471882. Film PX-20931."
)


@pytest.mark.parametrize("shards", [0, 2])
def test_what_is_masked_is_stored_nowhere(shards, tmp_path, monkeypatch):
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    rows = [{"report_id": f"R{n}", "study_id": "PX-20931", "text": TEXT} for n in range(3)]
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, rows)))
    job = Job(
        str(tmp_path / "r.jsonl"), MiningSettings(shards=shards), privacy=Privacy(deidentify=True)
    )
    mine_reports(job, tmp_path / "out", engine=Engine(workers=1))
    for folder in ("cache", "out"):
        said = _said(tmp_path / folder)
        # An id that joins images stays in its own column; in the text it does not.
        assert [word for word in PLANTED[:3] if word in said] == []
        assert "Film PX-20931" not in said
        assert "Film XXXX" in said
    labels = pq.read_table(tmp_path / "out" / "labels.parquet").to_pylist()
    assert {(row["Effusion"], row["Nodule"]) for row in labels} == {("absent", "present")}
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["privacy"]["deidentify"] is True
    assert job_of_run(tmp_path / "out").privacy == job.privacy
    assert record["stages"]["ingest"]["fingerprint"]["deidentified"] == deidentifier_id()


def test_what_nights_keep_is_masked(tmp_path, monkeypatch):
    monkeypatch.setenv("CXRMINE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "in").mkdir()
    job = Job(
        str(tmp_path / "in"), MiningSettings(), privacy=Privacy(deidentify=True),
        watermark=Watermark(FILES),
    )  # fmt: skip
    for night in range(2):
        row = {"report_id": f"R{night}", "study_id": "PX-20931", "text": TEXT}
        (tmp_path / "in" / f"n{night}.jsonl").write_text(json.dumps(row))
        mine_reports(job, tmp_path / "out", engine=Engine(workers=1))
    said = _said(tmp_path / "cache") + _said(tmp_path / "out")
    assert [word for word in PLANTED[:3] if word in said] == []
    assert pq.read_table(tmp_path / "out" / "labels.parquet").num_rows == 2


def test_it_is_part_of_the_address(tmp_path):
    (tmp_path / "r.csv").write_text("report_id,text\nR1,Clear.\n")
    job = Job(str(tmp_path / "r.csv"), MiningSettings())
    plain = job_prints(job).stages["ingest"]
    masked = job_prints(replace(job, privacy=Privacy(deidentify=True))).stages["ingest"]
    assert masked == {**plain, "deidentified": deidentifier_id()}


def _said(folder: Path) -> str:
    said = []
    for path in folder.rglob("*"):
        if path.is_file():
            said.append(path.read_bytes().decode("latin-1"))
            if path.suffix == ".parquet":
                said.append(str(pq.read_table(path).to_pylist()))
    return "\n".join(said)
