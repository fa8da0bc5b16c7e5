"""The door to OMERO for everything above: sessions, images, containers, annotations, users.

Every method takes the viewer's session and the request's `Call`, and goes through the lane. The
work is done in `images.py`, `containers.py` and `facets.py`; writes are those of `changes.py`, and
what links need in bulk is `linkage.py`'s. No HQL stands here. Objects that the viewer may not see
are missing from the answers, which is not an error.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import SecretStr

from backends.errors import SessionExpired
from backends.fetch import Fetch
from backends.filters import ContainerFilter, ImageFilter, Page, PageRequest
from backends.lane import Call, Lane
from backends.omero import containers, decode, facets, images, queries, thumbnails
from backends.omero.asking import Ask
from backends.omero.containers import IMAGE_DATASET, IMAGE_PROJECT
from backends.omero.linkage import Linkage
from backends.omero.transport import HqlValue, OmeroIdentity, OmeroTransport
from backends.records import (
    ExperimenterRecord,
    GroupRecord,
    ImageDatasetRecord,
    ImageProjectRecord,
    ImageRecord,
    ImagingKind,
    KeyValueRecord,
    TagRecord,
    ThumbnailRecord,
)


class OmeroClient(Linkage):
    """Asks OMERO, and changes it, as its viewers.

    Args:
        transport: what carries the calls.
        lane: the way to OMERO; every call goes through it.
        chunk: ids per query at most.
    """

    def __init__(self, transport: OmeroTransport, lane: Lane, *, chunk: int = 500) -> None:
        self._transport = transport
        self._lane = lane
        self._chunk = chunk

    def _ask(self, session: SecretStr, call: Call) -> Ask:
        return Ask(self._transport, self._lane, session, call, self._chunk)

    @property
    def sessions_held(self) -> int:
        """How many OMERO sessions are kept alive from here."""
        return self._transport.sessions_held

    # --- Sessions ------------------------------------------------------------------------------

    async def login(self, user: str, password: SecretStr, call: Call) -> SecretStr:
        """Open a session; not repeated when it fails, since each try leaves a trace.

        Raises:
            AuthenticationFailed: user or password were refused.
        """
        return await self._lane.call(
            "login", lambda: self._transport.login(user, password), call, safe=False
        )

    async def identity(self, session: SecretStr, call: Call) -> OmeroIdentity:
        """Whom a session belongs to.

        Raises:
            SessionExpired: the session is over.
        """
        return await self._lane.call("identity", lambda: self._transport.identity(session), call)

    async def logout(self, session: SecretStr, call: Call) -> None:
        """End a session; one that is over already is no error."""
        try:
            await self._lane.call(
                "logout", lambda: self._transport.close(session), call, safe=False
            )
        except SessionExpired:
            return

    async def open_another(
        self, session: SecretStr, call: Call, *, life_seconds: int, idle_seconds: int
    ) -> SecretStr:
        """Open a second session of the same user, which ends by itself; never repeated.

        Args:
            session: the viewer's session.
            call: the request's meter and deadline.
            life_seconds: how long it may live; many servers set no such limit.
            idle_seconds: how long it may be idle; every server holds to this.
        """
        return await self._lane.call(
            "openAnother",
            lambda: self._transport.open_another(
                session, life_seconds=life_seconds, idle_seconds=idle_seconds
            ),
            call,
            safe=False,
        )

    async def open_for(
        self, session: SecretStr, user: str, call: Call, *, life_seconds: int, idle_seconds: int
    ) -> SecretStr:
        """Open a session of another user, as an administrator (sudo); never repeated.

        Args:
            session: the administrator's.
            user: for whom.
            call: the request's meter and deadline.
            life_seconds: how long it may live.
            idle_seconds: how long it may be idle.

        Raises:
            AccessDenied: who asks may not, or there is no such user.
        """
        return await self._lane.call(
            "openFor",
            lambda: self._transport.open_for(
                session, user, life_seconds=life_seconds, idle_seconds=idle_seconds
            ),
            call,
            safe=False,
        )

    async def version(self, session: SecretStr, call: Call) -> str:
        """The server's version."""
        return await self._lane.call("version", lambda: self._transport.version(session), call)

    # --- Projects and datasets -----------------------------------------------------------------

    async def image_projects(
        self,
        session: SecretStr,
        where: ContainerFilter | None,
        page: PageRequest,
        fetch: Fetch,
        call: Call,
    ) -> Page[ImageProjectRecord]:
        """One page of projects."""
        return await containers.search(self._ask(session, call), IMAGE_PROJECT, where, page, fetch)

    async def image_projects_by_ids(
        self, session: SecretStr, ids: Collection[int], fetch: Fetch, call: Call
    ) -> dict[int, ImageProjectRecord]:
        """Projects by id."""
        return await containers.by_ids(self._ask(session, call), IMAGE_PROJECT, ids, fetch)

    async def image_datasets(
        self,
        session: SecretStr,
        where: ContainerFilter | None,
        page: PageRequest,
        fetch: Fetch,
        call: Call,
        *,
        project: int | None = None,
    ) -> Page[ImageDatasetRecord]:
        """One page of datasets, of all or of one project."""
        return await containers.search(
            self._ask(session, call), IMAGE_DATASET, where, page, fetch, project=project
        )

    async def image_datasets_by_ids(
        self, session: SecretStr, ids: Collection[int], fetch: Fetch, call: Call
    ) -> dict[int, ImageDatasetRecord]:
        """Datasets by id; `image_count` comes in the same query."""
        return await containers.by_ids(self._ask(session, call), IMAGE_DATASET, ids, fetch)

    async def image_datasets_of_projects(
        self,
        session: SecretStr,
        ids: Collection[int],
        page: PageRequest,
        fetch: Fetch,
        call: Call,
    ) -> dict[int, Page[ImageDatasetRecord]]:
        """A page of datasets for each project."""
        return await containers.datasets_of_projects(self._ask(session, call), ids, page, fetch)

    async def image_datasets_of_images(
        self, session: SecretStr, ids: Collection[int], call: Call
    ) -> dict[int, tuple[ImageDatasetRecord, ...]]:
        """The datasets that each image lies in."""
        return await containers.of_children(
            self._ask(session, call), queries.IMAGE_DATASETS_OF_IMAGES, decode.image_dataset, ids
        )

    async def image_projects_of_datasets(
        self, session: SecretStr, ids: Collection[int], call: Call
    ) -> dict[int, tuple[ImageProjectRecord, ...]]:
        """The projects that each dataset lies in."""
        return await containers.of_children(
            self._ask(session, call), queries.IMAGE_PROJECTS_OF_DATASETS, decode.image_project, ids
        )

    async def count_image_projects(
        self, session: SecretStr, where: ContainerFilter | None, call: Call
    ) -> int:
        """How many projects."""
        return await containers.count(self._ask(session, call), IMAGE_PROJECT, where)

    async def count_image_datasets(
        self, session: SecretStr, where: ContainerFilter | None, call: Call
    ) -> int:
        """How many datasets."""
        return await containers.count(self._ask(session, call), IMAGE_DATASET, where)

    # --- Images --------------------------------------------------------------------------------

    async def images(
        self,
        session: SecretStr,
        where: ImageFilter | None,
        page: PageRequest,
        fetch: Fetch,
        call: Call,
    ) -> Page[ImageRecord]:
        """One page of images with what is fetched along."""
        return await images.search(self._ask(session, call), images.Wish(where, page, fetch))

    async def images_by_ids(
        self, session: SecretStr, ids: Collection[int], fetch: Fetch, call: Call
    ) -> dict[int, ImageRecord]:
        """Images by id with what is fetched along."""
        return await images.by_ids(self._ask(session, call), ids, fetch)

    async def image_facets(
        self, session: SecretStr, ids: Collection[int], fetch: Fetch, call: Call
    ) -> dict[int, ImageRecord]:
        """The same as `images_by_ids`: facets come with their image."""
        return await images.by_ids(self._ask(session, call), ids, fetch)

    async def images_of_datasets(
        self,
        session: SecretStr,
        ids: Collection[int],
        where: ImageFilter | None,
        page: PageRequest,
        fetch: Fetch,
        call: Call,
        *,
        counts: Mapping[int, int] | None = None,
    ) -> dict[int, Page[ImageRecord]]:
        """A page of images for each dataset, in a number of calls that rows do not change.

        Args:
            session: the viewer's session.
            ids: the datasets.
            where: which of their images.
            page: the page, the same for each dataset.
            fetch: facets to load along.
            call: the request's meter and deadline.
            counts: images per dataset where known (`image_count`): saves a call.
        """
        wish = images.Wish(where, page, fetch)
        return await images.of_datasets(self._ask(session, call), ids, wish, counts)

    async def count_images(self, session: SecretStr, where: ImageFilter | None, call: Call) -> int:
        """How many images."""
        return await images.count(self._ask(session, call), where)

    async def datasets_with_images(
        self,
        session: SecretStr,
        where: ImageFilter | None,
        call: Call,
        *,
        ids: Collection[int] | None = None,
    ) -> dict[int, int]:
        """How many matching images each dataset has: of these, or of all that have any."""
        return await images.datasets_with(self._ask(session, call), where, ids)

    async def image_values(
        self, session: SecretStr, key: str, ids: Collection[int], call: Call
    ) -> dict[int, dict[str, int]]:
        """How many images of each dataset have each value of a key-value pair's key."""
        return await images.values_of(self._ask(session, call), key, ids)

    async def thumbnails(
        self, session: SecretStr, ids: Collection[int], size: int, call: Call
    ) -> dict[int, ThumbnailRecord]:
        """Pictures of images, the longer side at most `size` pixels; invisible ones are missing."""
        return await thumbnails.of_images(self._ask(session, call), ids, size)

    # --- Annotations and users -----------------------------------------------------------------

    async def key_values(
        self, session: SecretStr, kind: ImagingKind, ids: Collection[int], call: Call
    ) -> dict[int, tuple[KeyValueRecord, ...]]:
        """Key-value pairs of projects, datasets or images; none is an empty tuple."""
        ask = self._ask(session, call)
        found = await facets.key_values(ask, kind, ask.scope(ids))
        return {number: found.get(number, ()) for number in ids}

    async def tags(
        self, session: SecretStr, kind: ImagingKind, ids: Collection[int], call: Call
    ) -> dict[int, tuple[TagRecord, ...]]:
        """Tags of projects, datasets or images; none is an empty tuple."""
        ask = self._ask(session, call)
        found = await facets.tags(ask, kind, ask.scope(ids))
        return {number: found.get(number, ()) for number in ids}

    async def images_by_hash(
        self, session: SecretStr, hashes: Collection[str], call: Call
    ) -> dict[str, tuple[int, ...]]:
        """Images that were imported from files with these checksums, oldest first."""
        if not hashes:
            return {}
        bound = {"hashes": tuple(hashes)}
        found: dict[str, tuple[int, ...]] = {}
        for digest, number in await self._ask(session, call).rows(queries.IMAGES_BY_HASH, bound):
            found[digest] = (*found.get(digest, ()), number)
        return found

    async def tags_by_text(
        self, session: SecretStr, texts: Collection[str], group: int, call: Call
    ) -> dict[str, int]:
        """The oldest tag of a group with each of these texts."""
        if not texts:
            return {}
        bound: dict[str, HqlValue] = {"texts": tuple(texts), "group": group}
        found: dict[str, int] = {}
        for text, number in await self._ask(session, call).rows(queries.TAGS_BY_TEXT, bound):
            found.setdefault(text, number)
        return found

    async def experimenters(
        self, session: SecretStr, ids: Collection[int], call: Call
    ) -> dict[int, ExperimenterRecord]:
        """OMERO users by id."""
        ask = self._ask(session, call)
        chunks = await ask.rows_in(ask.scope(ids), queries.EXPERIMENTERS)
        return decode.experimenters(row for rows in chunks for row in rows)

    async def groups(
        self, session: SecretStr, ids: Collection[int], call: Call
    ) -> dict[int, GroupRecord]:
        """OMERO groups by id."""
        ask = self._ask(session, call)
        chunks = await ask.rows_in(ask.scope(ids), queries.GROUPS)
        return decode.groups(row for rows in chunks for row in rows)

    async def aclose(self) -> None:
        """Release what the transport holds."""
        await self._transport.aclose()
