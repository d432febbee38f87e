"""/v1/corpora: immutable texts, known by name and sha256."""

from collections import Counter
from functools import partial
from pathlib import PurePath
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Query, Request, Response
from pydantic import Field
from starlette.datastructures import UploadFile

from gatelab.errors import InvalidRequest, InvalidSpec, TooLarge
from gatelab.specs.base import AnySpec, Spec, parse
from gatelab.specs.integers import Count
from gatelab.specs.job import Name
from gatelab.specs.synthetic import SyntheticSpec
from gatelab.specs.texts import accepted, decode
from gatelab.store import Corpus as Stored
from gatelab.text import memory_tasks
from gatelab.text.alphabet import alphabet
from gatelab.text.corpus import check_size
from gatelab.text.tokenizers import normalized
from gatelab.wire.base import Page
from gatelab.wire.corpora import Alphabet, Corpus, Letter, Normalization, Passage
from service.authorization import Asking
from service.computing import computing
from service.context import Context, Cursor, Limit, Service
from service.corpora.views import corpus_of
from service.jobs.submission import check_room
from service.problems import UNREADABLE, not_json
from service.routing import Router
from service.views import page

router = Router(prefix="/v1/corpora", tags=["corpora"])


MOST_CHARACTERS = 1_000_000
"""The most characters of a text in one answer."""


class CorpusBody(Spec):
    """A corpus to add."""

    name: Name
    text: Annotated[str, Field(description="the whole text")]


class SyntheticBody(Spec):
    """A corpus for the service to make: a memory task."""

    name: Name
    synthetic: SyntheticSpec


class _FileName(Spec):
    name: Name


def _schema(body: type[Spec]) -> dict[str, Any]:
    """The body's schema with inlined references, since no other part of the document defines them."""
    schema = body.model_json_schema()
    parts = schema.pop("$defs", {})

    def resolved(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return resolved(parts[node["$ref"].rpartition("/")[2]])
            # The discriminator refers to the kinds by address; `anyOf` and their constants say the same.
            return {key: resolved(value) for key, value in node.items() if key != "discriminator"}
        return [resolved(value) for value in node] if isinstance(node, list) else node

    resolved_schema: dict[str, Any] = resolved(schema)
    return resolved_schema


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"anyOf": [_schema(CorpusBody), _schema(SyntheticBody)]}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "UTF-8 text"},
                        "name": {"type": "string", "description": "by default the file's name without its ending"},
                    },
                }
            },
        },
    }
}


@router.post(
    "",
    status_code=201,
    openapi_extra=_BODY,
    responses={200: {"model": Corpus, "description": "A corpus with this name and text existed already"}},
)
async def add_corpus(request: Request, response: Response, service: Service, asking: Asking) -> Corpus:
    """Add a text as JSON or as a file, or let the service make one. A name that has another text is refused (409).

    Byte-order marks at its beginning are dropped. `notes` describes the other invisible properties of the text.
    """
    name, text = await _body(request, service, asking.account)
    add = partial(_add, service, name, text, asking.account)
    corpus, created = await service.computations.run(request, asking.account, add)
    response.status_code = 201 if created else 200
    response.headers["Location"] = f"/v1/corpora/{corpus.id}"
    return corpus_of(corpus)


@router.get("")
def list_corpora(service: Service, asking: Asking, cursor: Cursor = None, limit: Limit = 100) -> Page[Corpus]:
    """List the account's corpora, newest first."""
    return page(service.store.corpora.list(asking.account, cursor=cursor, limit=limit), corpus_of)


@router.get("/{corpus}")
def get_corpus(service: Service, asking: Asking, corpus: str) -> Corpus:
    """Get a corpus by its name or id."""
    return corpus_of(service.store.corpora.get(corpus, asking.account))


@router.get("/{corpus}/text")
@computing
def corpus_text(
    service: Service,
    asking: Asking,
    corpus: str,
    start: Annotated[Count, Query(description="the first character, counted from 0")] = 0,
    characters: Annotated[int, Query(ge=1, le=MOST_CHARACTERS, description="at most this many characters")] = 10_000,
) -> Passage:
    """Read a piece of the text. A piece beyond its end is empty."""
    found = service.store.corpora.get(corpus, asking.account)
    text = service.store.corpora.text(found.id)[start : start + characters]
    return Passage(start=start, text=text, characters=found.characters)


@router.get("/{corpus}/alphabet")
@computing
def corpus_alphabet(
    service: Service,
    asking: Asking,
    corpus: str,
    normalize: Annotated[Normalization, Query(description="like `tokenizer.normalize` in a spec")] = "none",
) -> Alphabet:
    """List the characters that a model of this text distinguishes, the most frequent first."""
    text = normalized(service.store.corpora.text(service.store.corpora.get(corpus, asking.account).id), normalize)
    letters = [Letter(character=letter.character, count=letter.count) for letter in alphabet(text)]
    return Alphabet(normalize=normalize, characters=len(text), data=letters)


@router.delete("/{corpus}", status_code=204)
def delete_corpus(service: Service, asking: Asking, corpus: str) -> None:
    """Delete a corpus. Refused (409) while a job refers to it."""
    service.store.corpora.delete(corpus, asking.account)


def _add(service: Context, name: str, given: str, account: str) -> tuple[Stored, bool]:
    text, limits = accepted(given), service.settings.limits
    check_size(text, limits.corpus_bytes)
    if not service.store.corpora.has(name, account):
        check_room(service.store, limits, account, len(text.encode()), "the text has")
    return service.store.corpora.add(name, given, account)


async def _body(request: Request, service: Context, account: str) -> tuple[str, str]:
    """Name and text, from JSON, from an uploaded file, or from a memory task."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _upload(request)
    if kind != "application/json":
        raise InvalidRequest.at("", "send application/json with name and text, or multipart/form-data with a file")
    try:
        data = await request.json()
    except UNREADABLE:
        raise not_json() from None
    if isinstance(data, dict) and "synthetic" in data:
        made = _parse(SyntheticBody, data)
        make = partial(_make, made.synthetic, service.settings.limits.corpus_bytes)
        return made.name, await service.computations.run(request, account, make)
    body = _parse(CorpusBody, data)
    return body.name, body.text


def _make(spec: SyntheticSpec, max_bytes: int) -> str:
    """
    Raises:
        TooLarge: the text would have more than `max_bytes` bytes.
    """
    if (size := spec.examples * memory_tasks.line_length(spec)) > max_bytes:
        raise TooLarge(f"the text would have {size} bytes; this installation takes at most {max_bytes}")
    return memory_tasks.corpus_text(spec)


async def _upload(request: Request) -> tuple[str, str]:
    async with request.form(max_files=1, max_fields=2) as form:
        file, name = form.get("file"), form.get("name")
        if not isinstance(file, UploadFile):
            raise InvalidRequest.at("file", "this field is required, and must be a file")
        for field, count in Counter(field for field, _ in form.multi_items()).items():
            if field not in ("file", "name") or count > 1:
                message = f"is given {count} times" if count > 1 else "unknown field; use file and name"
                raise InvalidRequest.at(field[:100], message)
        text = await to_thread.run_sync(decode, await file.read())
        return _parse(_FileName, {"name": name or PurePath(file.filename or "").stem}).name, text


def _parse(kind: type[AnySpec], data: object) -> AnySpec:
    """A corpus is not a spec, so its faults are faults of the request."""
    try:
        return parse(kind, data)
    except InvalidSpec as error:
        raise InvalidRequest(error.problems) from None
