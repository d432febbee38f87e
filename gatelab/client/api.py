"""The Python client: every call of the service as a typed method."""

import secrets
from collections.abc import Generator, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Literal, TypedDict, Unpack
from urllib.parse import quote

from gatelab.client.errors import ApiError, ConnectionFailed
from gatelab.client.events import follow
from gatelab.client.models import (
    ApiKey,
    ApiKeys,
    CheckedCell,
    Checkpoint,
    Corpus,
    Event,
    Gates,
    Generation,
    Item,
    Job,
    MetricPoint,
    MixedState,
    NewKey,
    Page,
    Passage,
    Plan,
    PublishedCell,
    Recall,
    Run,
    RunCurve,
    RunCurves,
    Sample,
    Score,
    Scores,
    TreeNode,
)
from gatelab.client.transport import Transport, read_data
from gatelab.errors import InvalidRequest
from gatelab.specs import ClampSpec, InfluenceSpec, JobSpec, SyntheticSpec
from gatelab.specs.base import Spec
from gatelab.specs.generation import CheckpointWord
from gatelab.specs.texts import accepted, decode
from gatelab.spelling import did_you_mean, nearest

DEFAULT_URL = "http://127.0.0.1:8000"


ReportFormat = Literal["json", "csv", "md", "html"]
ExportFormat = Literal["safetensors", "onnx", "torch", "numpy"]


class SamplingOptions(TypedDict, total=False):
    """How text is generated; what is left out is the service's choice. See `gatelab.specs.GenerateRequest`."""

    max_tokens: int
    temperature: float
    top_k: int | None
    top_p: float | None
    min_p: float | None
    repetition_penalty: float
    logit_bias: dict[int, float]
    stop: str | list[str]
    seed: int | None
    checkpoint: int | CheckpointWord
    state: bool | str


class GateOptions(TypedDict, total=False):
    """What is looked at; see `gatelab.specs.GatesRequest`. Step 0 reads `<bos>`, step k the k-th token of the text."""

    checkpoint: int | CheckpointWord
    layers: Iterable[int]
    units: Iterable[int]
    values: bool
    clamp: Iterable[ClampSpec | Mapping[str, Any]]
    influence: InfluenceSpec | Mapping[str, Any]


class Gatelab:
    """A Gatelab service.

    Every method raises `ApiError` where the service refuses, `ConnectionFailed` where it cannot be reached, and
    `UnexpectedAnswer` where something else answers. Corpora are named by name or id. Not to be shared by threads.
    """

    def __init__(self, url: str = DEFAULT_URL, timeout: float = 60.0, key: str | None = None) -> None:
        """
        Args:
            url: the address that `gatelab up` prints.
            timeout: seconds of silence after which a request is given up.
            key: the API key; default `GATELAB_API_KEY`, else that of a `gatelab up` of this user on this machine.
        """
        self._transport = Transport(url, timeout, key)

    def __enter__(self) -> "Gatelab":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    @property
    def url(self) -> str:
        return self._transport.url

    # Keys

    def create_key(self, account: str, scope: str = "submit", name: str = "key") -> NewKey:
        """Make a key for an account: `read`, `submit` or `admin`. The service shows its secret only this once."""
        return self._transport.post("/v1/keys", NewKey, {"account": account, "scope": scope, "name": name})

    def keys(self) -> list[ApiKey]:
        """All keys, the revoked ones too, without their secrets."""
        return self._transport.get("/v1/keys", ApiKeys).data

    def rotate_key(self, key: str) -> NewKey:
        """A new key in place of this one, which is revoked."""
        return self._transport.post(_path("keys", key, "rotate"), NewKey)

    def revoke_key(self, key: str) -> None:
        self._transport.delete(_path("keys", key))

    # Corpora

    def add_corpus(self, name: str, text: str | bytes) -> Corpus:
        """Add a text, or the bytes of a file in UTF-8, under a name. Adding the same again changes nothing.

        Raises:
            InvalidCorpus: it is not UTF-8, has a character that no text may have, or nothing to learn.
        """
        given = decode(text) if isinstance(text, bytes) else text
        accepted(given)
        # Sent with its byte-order mark: the service drops it, and notes that it did.
        return self._transport.post("/v1/corpora", Corpus, {"name": name, "text": given})

    def make_corpus(self, name: str, task: SyntheticSpec | Mapping[str, Any]) -> Corpus:
        """Let the service make up a text that asks for memory. The same task is always the same text."""
        return self._transport.post("/v1/corpora", Corpus, {"name": name, "synthetic": _data(task)})

    def corpora(self) -> Iterator[Corpus]:
        return self._pages("/v1/corpora", Page[Corpus])

    def corpus(self, corpus: str) -> Corpus:
        """The corpus with this name or id."""
        return self._transport.get(_path("corpora", corpus), Corpus)

    def corpus_text(self, corpus: str, start: int = 0, characters: int | None = None) -> Passage:
        """A piece of a corpus. The service chooses its length where `characters` is None."""
        wanted = {"start": start} | ({} if characters is None else {"characters": characters})
        return self._transport.get(_path("corpora", corpus, "text"), Passage, wanted)

    def delete_corpus(self, corpus: str) -> None:
        self._transport.delete(_path("corpora", corpus))

    # Cells

    def cells(self) -> Iterator[PublishedCell]:
        """The published cells that come with Gatelab."""
        return self._pages("/v1/cells", Page[PublishedCell])

    def cell(self, name: str) -> PublishedCell:
        """A published cell by its name.

        Raises:
            InvalidRequest: no published cell has this name.
        """
        cells = {cell.name: cell for cell in self.cells()}
        if name not in cells:
            raise InvalidRequest.at("", f"there is no published cell {name!r}{did_you_mean(nearest(name, cells))}")
        return cells[name]

    def check_cell(self, equations: str, hidden: int = 32, inputs: int = 28) -> CheckedCell:
        """What equations come to: parameters, gates, costs, and what their author may not have meant.

        Args:
            inputs: the size of the input: the vocabulary of a one-hot input, or the embedding.

        Raises:
            ApiError: the equations have a mistake; the message says where.
        """
        body = {"equations": equations, "hidden": hidden, "inputs": inputs}
        return self._transport.post("/v1/cells/check", CheckedCell, body)

    # Jobs

    def submit(self, spec: JobSpec | Mapping[str, Any], idempotency_key: str | None = None) -> Job:
        """Ask for a job. It is queued when this returns.

        A request whose connection is lost is sent again, and makes no second job.

        Args:
            idempotency_key: stands for this job for 24 hours, also where this is called again; by default a new one.
        """
        return self._transport.post_once("/v1/jobs", Job, _body(spec), idempotency_key or secrets.token_urlsafe())

    def plan(self, spec: JobSpec | Mapping[str, Any]) -> Plan:
        """What a job would cost. It is checked as by `submit`, and nothing is queued."""
        return self._transport.post("/v1/jobs", Plan, _body(spec), {"dry_run": True})

    def job(self, job: str) -> Job:
        return self._transport.get(_path("jobs", job), Job)

    def jobs(self) -> Iterator[Job]:
        return self._pages("/v1/jobs", Page[Job])

    def cancel(self, job: str) -> Job:
        return self._transport.post(_path("jobs", job, "cancel"), Job)

    def pause(self, job: str) -> Job:
        return self._transport.post(_path("jobs", job, "pause"), Job)

    def resume(self, job: str) -> Job:
        return self._transport.post(_path("jobs", job, "resume"), Job)

    def curves(self, job: str, points: int | None = None) -> list[RunCurve]:
        """The learning curves of all runs of a job, in their order, thinned to about `points` evaluations of each."""
        wanted = {} if points is None else {"points": points}
        return self._transport.get(_path("jobs", job, "metrics"), RunCurves, wanted).data

    def report(self, job: str, format: ReportFormat = "md", tuned: Iterable[str] = ()) -> str:
        """What the job's runs say together.

        Args:
            tuned: paths of the grid of which each variant is reported at its best value on validation alone.
        """
        parameters = {"format": format, "tuned": list(tuned)}
        return self._transport.get_bytes(_path("jobs", job, "report"), parameters).decode()

    def compare(self, runs: Iterable[str], format: ReportFormat = "md") -> str:
        """The report of runs of any jobs, with a warning for all that keeps them from being compared."""
        return self._transport.get_bytes("/v1/compare", {"runs": ",".join(runs), "format": format}).decode()

    def delete_job(self, job: str) -> None:
        self._transport.delete(_path("jobs", job))

    def events(self, job: str, after: int = 0, patience: float = 60.0) -> Iterator[Event]:
        """What the job reports, from the event after number `after` to the job's end.

        Lost connections are opened again without a gap, also when the service is away for up to `patience` seconds.
        """

        def is_over(seen: int) -> bool:
            found = self.job(job)
            return found.finished and found.event <= seen

        return follow(self._transport, _path("jobs", job, "events"), is_over, after, patience)

    def wait(self, job: str, patience: float = 60.0) -> Job:
        """Wait for the job's end, whatever it is."""
        for _ in self.events(job, patience=patience):
            pass
        return self.job(job)

    # Runs

    def runs(self, job: str | None = None) -> Iterator[Run]:
        """All runs, or those of one job."""
        return self._pages("/v1/runs", Page[Run], {"job": job} if job else {})

    def run(self, run: str) -> Run:
        return self._transport.get(_path("runs", run), Run)

    def tree(self, run: str) -> list[TreeNode]:
        """The runs that began from one another: the root first, and every run after the one that it began from."""
        return self._transport.get(_path("runs", run, "tree"), Page[TreeNode]).data

    def metrics(self, run: str) -> Iterator[MetricPoint]:
        return self._pages(_path("runs", run, "metrics"), Page[MetricPoint])

    def samples(self, run: str) -> Iterator[Sample]:
        return self._pages(_path("runs", run, "samples"), Page[Sample])

    def checkpoints(self, run: str) -> Iterator[Checkpoint]:
        return self._pages(_path("runs", run, "checkpoints"), Page[Checkpoint])

    def download_checkpoint(self, run: str, step: int) -> bytes:
        """A checkpoint as a safetensors file."""
        return self._transport.get_bytes(_path("runs", run, "checkpoints", str(step)))

    def export(
        self, run: str, format: ExportFormat = "safetensors", checkpoint: int | CheckpointWord = "latest"
    ) -> bytes:
        """The trained model as a file for other programs."""
        return self._transport.get_bytes(_path("runs", run, "export"), {"format": format, "checkpoint": checkpoint})

    # Generation

    def generate(self, run: str, prompt: str = "", **sampling: Unpack[SamplingOptions]) -> Generation:
        """Text that continues `prompt`."""
        return self._transport.post(_path("runs", run, "generate"), Generation, {"prompt": prompt, **sampling})

    def stream(
        self, run: str, prompt: str = "", **sampling: Unpack[SamplingOptions]
    ) -> Generator[str, None, Generation]:
        """The pieces of the text as they are generated. The generator's value (`yield from`) is the whole."""
        body = {"prompt": prompt, **sampling, "stream": True}
        pieces: list[str] = []
        with self._transport.events(_path("runs", run, "generate"), body=body) as messages:
            for message in messages:
                data = read_data(message)
                if message.event == "error":
                    raise ApiError.from_problem(data, int(data.get("status") or 500))
                if message.event == "done":
                    return Generation.model_validate({**data, "text": "".join(pieces)})
                pieces.append(str(data.get("text", "")))
                yield pieces[-1]
        raise ConnectionFailed(f"{self.url} closed the connection before the end of the text")

    def mix(self, run: str, state: str, other: str, share: float = 0.5) -> str:
        """The state that lies this share of the way from `state` to `other`. Both are from `generate(..., state=True)`.

        Text that continues from it begins behind the last token of `state`.
        """
        body = {"state": state, "other": other, "share": share}
        return self._transport.post(_path("runs", run, "states", "mix"), MixedState, body).state

    def score(self, run: str, *texts: str, checkpoint: int | CheckpointWord = "latest") -> list[Score]:
        """How likely the model finds each text."""
        body = {"texts": list(texts), "checkpoint": checkpoint}
        return self._transport.post(_path("runs", run, "score"), Scores, body).data

    # Gates

    def gates(self, run: str, text: str, **options: Unpack[GateOptions]) -> Gates:
        """What every gate and every hidden unit does while the run reads a text, with gates held as `clamp` says."""
        return self._transport.post(_path("runs", run, "gates"), Gates, _gates_body(text, options))

    def gate_arrays(self, run: str, text: str, **options: Unpack[GateOptions]) -> bytes:
        """The same as an .npz file for numpy.load, for what would be long as JSON."""
        body = _gates_body(text, options) | {"format": "npz"}
        return self._transport.post_bytes(_path("runs", run, "gates"), body)

    def recall(
        self,
        run: str,
        task: SyntheticSpec | Mapping[str, Any],
        examples: int = 1000,
        checkpoint: int | CheckpointWord = "latest",
    ) -> Recall:
        """How many symbols of a memory task the run names after the lag, on freshly drawn lines."""
        body = {"task": _data(task), "examples": examples, "checkpoint": checkpoint}
        return self._transport.post(_path("runs", run, "recall"), Recall, body)

    def _pages(self, path: str, page: type[Page[Item]], params: Mapping[str, Any] | None = None) -> Iterator[Item]:
        cursor: str | None = None
        while True:
            answer = self._transport.get(path, page, {**(params or {}), **({"cursor": cursor} if cursor else {})})
            yield from answer.data
            if (cursor := answer.next) is None:
                return


def _body(spec: JobSpec | Mapping[str, Any]) -> dict[str, Any]:
    """What the spec leaves out stays left out: its default is the service's to choose."""
    return spec.model_dump(mode="json", exclude_unset=True) if isinstance(spec, JobSpec) else dict(spec)


def _data(spec: Spec | Mapping[str, Any]) -> dict[str, Any]:
    return spec.model_dump(mode="json", exclude_unset=True) if isinstance(spec, Spec) else dict(spec)


def _gates_body(text: str, options: GateOptions) -> dict[str, Any]:
    body: dict[str, Any] = {"text": text, **options}
    body |= {name: list(body[name]) for name in ("layers", "units") if name in body}
    if "clamp" in body:
        body["clamp"] = [_data(clamp) for clamp in body["clamp"]]
    if "influence" in body:
        body["influence"] = _data(body["influence"])
    return body


def _path(*segments: str) -> str:
    # A command line may hold what is not Unicode. No id does: the service says that there is none such.
    return "/v1/" + "/".join(quote(segment, safe="", errors="backslashreplace") for segment in segments)
