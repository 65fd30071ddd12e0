"""The state in PostgreSQL, for gateways on several machines. Needs freehold[postgres].

Every exchange is one transaction that locks the windows it names in one order, so none waits for another in
a circle, and what is lent is decided on what is committed. Time is the database's, not the gateways'.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import msgspec

from freehold.errors import MissingExtraError
from freehold.gateway.meters import (
    COMES_BACK,
    CONCURRENCY,
    REQUESTS,
    TOKENS,
    Ask,
    Grant,
    Place,
    Sums,
    granted,
)
from freehold.gateway.state.base import KeyRow, Left, Standing, StateAway
from freehold.gateway.state.rows import read_row, standing

try:
    import psycopg
except ModuleNotFoundError as missing:
    raise MissingExtraError("postgres", "a state in PostgreSQL") from missing

CONNECT_SECONDS_MAX: Final = 3
SILENT_SECONDS_MAX: Final = 3
STATEMENT_SECONDS_MAX: Final = 3
KEPT_MINUTES: Final = 60  # how long a closed minute may still be told of
SWEEP_EVERY: Final = 512  # calls of an owner
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS freehold_meta (name text PRIMARY KEY, value text NOT NULL);
CREATE TABLE IF NOT EXISTS freehold_callers (
    id text PRIMARY KEY, hash bytea NOT NULL, prior bytea, prior_until_ns bigint NOT NULL,
    body bytea NOT NULL, version bigint NOT NULL);
CREATE INDEX IF NOT EXISTS freehold_callers_by_version ON freehold_callers (version);
CREATE TABLE IF NOT EXISTS freehold_owners (
    owner text PRIMARY KEY, sequence bigint NOT NULL, expires timestamptz NOT NULL);
CREATE TABLE IF NOT EXISTS freehold_meters (
    key text NOT NULL, kind int NOT NULL, span bigint NOT NULL, spent bigint NOT NULL DEFAULT 0,
    uncertain bigint NOT NULL DEFAULT 0, PRIMARY KEY (key, kind, span));
CREATE TABLE IF NOT EXISTS freehold_leases (
    key text NOT NULL, kind int NOT NULL, span bigint NOT NULL, owner text NOT NULL, used bigint NOT NULL,
    ceiling bigint NOT NULL, PRIMARY KEY (key, kind, span, owner));
CREATE INDEX IF NOT EXISTS freehold_leases_by_owner ON freehold_leases (owner);
CREATE TABLE IF NOT EXISTS freehold_news (
    kind text NOT NULL, name text NOT NULL, value bytea NOT NULL, expires timestamptz NOT NULL,
    PRIMARY KEY (kind, name));
"""
_TABLES_LOCK: Final = 0x667265656B657973
_GIVEN: Final = "unnest(%s::text[], %s::int[], %s::bigint[]) AS g (key, kind, span)"
_SAME: Final = "g.key = {0}.key AND g.kind = {0}.kind AND g.span = {0}.span"
_GONE: Final = "SELECT owner FROM freehold_owners WHERE expires <= clock_timestamp()"
_SOON: Final = "clock_timestamp() + make_interval(secs => %s)"


class PostgresState:
    """Implements `base.State`. Reconnects by itself; a commit is on disk before it is answered."""

    shared = True

    def __init__(self, where: str) -> None:
        self._where = where
        self._database: psycopg.Connection[Any] | None = None

    def __repr__(self) -> str:
        return "PostgresState()"  # its address holds a password

    def _connected(self) -> psycopg.Connection[Any]:
        if self._database is None or self._database.closed:
            database = psycopg.connect(
                self._where, autocommit=True, connect_timeout=CONNECT_SECONDS_MAX,
                keepalives_idle=SILENT_SECONDS_MAX, tcp_user_timeout=SILENT_SECONDS_MAX * 1000,
            )  # fmt: skip
            self._database = database
            database.execute(f"SET statement_timeout = '{STATEMENT_SECONDS_MAX}s'")
            database.execute(
                "SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') = 'off'"
            )
            if database.execute("SELECT to_regclass('freehold_news')").fetchone() == (None,):
                self._make(database)
        return self._database

    def _make(self, database: psycopg.Connection[Any]) -> None:
        with database.transaction():
            database.execute("SELECT pg_advisory_xact_lock(%s)", (_TABLES_LOCK,))
            database.execute(_TABLES)
            database.execute(
                "INSERT INTO freehold_meta VALUES ('born', %s), ('version', '0') ON CONFLICT DO NOTHING",
                (secrets.token_hex(8),),
            )

    @contextmanager
    def _change(self) -> Iterator[psycopg.Connection[Any]]:
        """One transaction. Whatever goes wrong with the database, it is away."""
        try:
            database = self._connected()
            with database.transaction():
                yield database
        except psycopg.Error as error:
            self._drop()
            raise away(error) from None  # the driver's words may repeat the address

    def _rows(self, query: str, *values: Any) -> list[Any]:
        try:
            return self._connected().execute(query, values).fetchall()
        except psycopg.Error as error:
            self._drop()
            raise away(error) from None

    def _drop(self) -> None:
        if self._database is not None:
            with suppress(psycopg.Error):  # it is gone already
                self._database.close()
        self._database = None

    # --- keys ---

    def born(self) -> str:
        return str(self._rows("SELECT value FROM freehold_meta WHERE name = 'born'")[0][0])

    def doubts(self) -> str:
        off = self._rows("SELECT current_setting('fsync')")[0][0] == "off"
        return "PostgreSQL runs with fsync off: a crash of its machine may lose commits" if off else ""

    def keys(self, since: int) -> tuple[int, list[KeyRow]]:
        version = int(self._rows("SELECT value FROM freehold_meta WHERE name = 'version'")[0][0])
        if version == since:
            return version, []
        found = self._rows(
            "SELECT hash, prior, prior_until_ns, body FROM freehold_callers WHERE version > %s"
            " ORDER BY version",
            since,
        )
        return version, [read_row(row) for row in found]

    def key(self, id: str) -> KeyRow | None:
        found = self._rows("SELECT hash, prior, prior_until_ns, body FROM freehold_callers WHERE id = %s", id)
        return read_row(found[0]) if found else None

    def put_key(self, row: KeyRow) -> None:
        with self._change() as database:
            # The row of the version is locked until the commit, so versions are seen in their order.
            version = database.execute(
                "UPDATE freehold_meta SET value = (value::bigint + 1)::text WHERE name = 'version'"
                " RETURNING value::bigint"
            ).fetchone()
            database.execute(
                "INSERT INTO freehold_callers VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET"
                " hash = excluded.hash, prior = excluded.prior, prior_until_ns = excluded.prior_until_ns,"
                " body = excluded.body, version = excluded.version",
                (
                    row.key.id, row.hash, row.prior, row.prior_until_ns, msgspec.json.encode(row.key),
                    version[0] if version else 0,
                ),
            )  # fmt: skip

    # --- limits ---

    def sync(self, owner: str, sequence: int, lease_s: float, asks: Sequence[Ask]) -> list[Grant]:
        with self._change() as database:
            changed = database.execute(
                f"INSERT INTO freehold_owners VALUES (%s, %s, {_SOON}) ON CONFLICT (owner) DO UPDATE SET"
                " sequence = excluded.sequence, expires = excluded.expires"
                " WHERE excluded.sequence > freehold_owners.sequence",
                (owner, sequence, lease_s),
            )
            if changed.rowcount != 1:
                return []
            if sequence % SWEEP_EVERY == 0:
                _sweep(database)
            return self._serve(database, owner, asks) if asks else []

    def _serve(self, database: psycopg.Connection[Any], owner: str, asks: Sequence[Ask]) -> list[Grant]:
        meters = _locked(database, sorted({ask.place for ask in asks}))
        held = [ask.place for ask in asks if ask.place.kind in COMES_BACK]
        if held:
            database.execute(
                f"DELETE FROM freehold_leases l USING {_GIVEN}"
                f" WHERE {_SAME.format('l')} AND l.owner IN ({_GONE})",
                _columns(held),
            )
        self._fold(database, owner, [ask for ask in asks if ask.done])
        others = {
            Place(*row[:3]): row[3:]
            for row in database.execute(
                "SELECT l.key, l.kind, l.span, sum(l.used)::bigint, sum(l.ceiling)::bigint, count(*)"
                f" FROM freehold_leases l JOIN {_GIVEN} ON {_SAME.format('l')} WHERE l.owner <> %s"
                " GROUP BY l.key, l.kind, l.span",
                (*_columns([ask.place for ask in asks]), owner),
            )
        }
        grants = [
            Grant(place=ask.place, ceiling=0, left=0, fair=0)
            if ask.done
            else granted(ask, Sums(*meters[ask.place], *others.get(ask.place, (0, 0, 0))))
            for ask in asks
        ]
        lent = [(ask, grant) for ask, grant in zip(asks, grants, strict=True) if not ask.done]
        database.execute(
            "INSERT INTO freehold_leases (key, kind, span, owner, used, ceiling)"
            " SELECT key, kind, span, %s, used, ceiling FROM"
            " unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[])"
            " AS g (key, kind, span, used, ceiling)"
            " ON CONFLICT (key, kind, span, owner) DO UPDATE SET used = excluded.used,"
            " ceiling = excluded.ceiling",
            (
                owner, *_columns([ask.place for ask, _ in lent]), [ask.used for ask, _ in lent],
                [grant.ceiling for _, grant in lent],
            ),
        )  # fmt: skip
        return grants

    def _fold(self, database: psycopg.Connection[Any], owner: str, done: list[Ask]) -> None:
        """The owner is done with these: what it used is spent. Told again, it has no part any more."""
        if not done:
            return
        used = {ask.place: ask.used for ask in done}
        gone = database.execute(
            f"DELETE FROM freehold_leases l USING {_GIVEN} WHERE {_SAME.format('l')} AND l.owner = %s"
            " RETURNING l.key, l.kind, l.span",
            (*_columns(list(used)), owner),
        ).fetchall()
        _add(database, [(Place(*row), used[Place(*row)], 0) for row in gone])

    def recover(self, owner: str, left: Sequence[Left]) -> None:
        with self._change() as database:
            _locked(database, sorted({one.place for one in left}))
            had = {one.place: one for one in left}
            gone = database.execute(
                "DELETE FROM freehold_leases l WHERE l.owner = %s AND (l.kind = %s OR EXISTS"
                f" (SELECT FROM {_GIVEN} WHERE {_SAME.format('l')})) RETURNING l.key, l.kind, l.span",
                (owner, CONCURRENCY, *_columns(list(had))),
            ).fetchall()
            settled = [had[Place(*row)] for row in gone if row[1] not in COMES_BACK]
            _add(database, [(one.place, one.used, one.reserved) for one in settled])
            database.execute(
                "DELETE FROM freehold_owners o WHERE o.owner = %s"
                " AND NOT EXISTS (SELECT FROM freehold_leases l WHERE l.owner = o.owner)",
                (owner,),
            )

    def forgive(self, key: str) -> int:
        with self._change() as database:
            closed = database.execute(
                "SELECT uncertain FROM freehold_meters WHERE key = %s ORDER BY key, kind, span FOR UPDATE",
                (key,),
            ).fetchall()
            database.execute("UPDATE freehold_meters SET uncertain = 0 WHERE key = %s", (key,))
            lost = database.execute(
                f"DELETE FROM freehold_leases WHERE key = %s AND owner IN ({_GONE})"
                " RETURNING key, kind, span, used, ceiling",
                (key,),
            ).fetchall()
            _add(database, [(Place(*row[:3]), row[3], 0) for row in lost])
        return sum(int(row[0]) for row in closed) + sum(int(row[4]) - int(row[3]) for row in lost)

    def standings(self, places: Sequence[Place]) -> list[Standing]:
        found = {
            Place(*row[:3]): [int(value) for value in row[3:]]
            for row in self._rows(
                "SELECT g.key, g.kind, g.span, coalesce(max(m.spent), 0), coalesce(max(m.uncertain), 0),"
                " coalesce(sum(l.used), 0), coalesce(sum(l.ceiling - l.used), 0),"
                f" coalesce(sum(l.ceiling - l.used) FILTER (WHERE l.owner IN ({_GONE})), 0)"
                f" FROM {_GIVEN} LEFT JOIN freehold_meters m ON {_SAME.format('m')}"
                f" LEFT JOIN freehold_leases l ON {_SAME.format('l')} GROUP BY g.key, g.kind, g.span",
                *_columns(list(places)),
            )
        }
        return [standing(place, *found[place]) for place in places]

    # --- news, meta, end ---

    def publish(self, kind: str, name: str, value: bytes, seconds: float) -> None:
        with self._change() as database:
            database.execute("DELETE FROM freehold_news WHERE expires <= clock_timestamp()")
            database.execute(
                f"INSERT INTO freehold_news VALUES (%s, %s, %s, {_SOON}) ON CONFLICT (kind, name)"
                " DO UPDATE SET value = excluded.value, expires = excluded.expires",
                (kind, name, value, seconds),
            )

    def gather(self, kind: str) -> Mapping[str, bytes]:
        rows = self._rows(
            "SELECT name, value FROM freehold_news WHERE kind = %s AND expires > clock_timestamp()", kind
        )
        return {name: bytes(value) for name, value in rows}

    def get_meta(self, name: str) -> str | None:
        found = self._rows("SELECT value FROM freehold_meta WHERE name = %s", name)
        return str(found[0][0]) if found else None

    def put_meta(self, name: str, value: str) -> None:
        with self._change() as database:
            database.execute(
                "INSERT INTO freehold_meta VALUES (%s, %s) ON CONFLICT (name)"
                " DO UPDATE SET value = excluded.value",
                (name, value),
            )

    def close(self) -> None:
        self._drop()


def _columns(places: Sequence[Place]) -> tuple[list[str], list[int], list[int]]:
    return [one.key for one in places], [one.kind for one in places], [one.window for one in places]


def _locked(database: psycopg.Connection[Any], places: list[Place]) -> dict[Place, tuple[int, int]]:
    """The windows, made where they were not yet, each for this transaction alone; in the order given."""
    if not places:
        return {}
    given = _columns(places)
    database.execute(
        f"INSERT INTO freehold_meters (key, kind, span) SELECT g.key, g.kind, g.span FROM {_GIVEN}"
        " ORDER BY g.key, g.kind, g.span ON CONFLICT DO NOTHING",
        given,
    )
    rows = database.execute(
        "SELECT m.key, m.kind, m.span, m.spent, m.uncertain FROM freehold_meters m"
        f" JOIN {_GIVEN} ON {_SAME.format('m')} ORDER BY m.key, m.kind, m.span FOR UPDATE OF m",
        given,
    )
    return {Place(*row[:3]): (row[3], row[4]) for row in rows}


def _add(database: psycopg.Connection[Any], sums: list[tuple[Place, int, int]]) -> None:
    if sums:
        database.execute(
            "UPDATE freehold_meters m SET spent = m.spent + g.spent, uncertain = m.uncertain + g.uncertain"
            " FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[])"
            f" AS g (key, kind, span, spent, uncertain) WHERE {_SAME.format('m')}",
            (*_columns([one[0] for one in sums]), [one[1] for one in sums], [one[2] for one in sums]),
        )


def _sweep(database: psycopg.Connection[Any]) -> None:
    """Minutes long past, and owners that are gone and have nothing any more."""
    old = f"extract(epoch FROM clock_timestamp())::bigint / 60 - {KEPT_MINUTES}"
    for table in ("freehold_meters", "freehold_leases"):
        database.execute(f"DELETE FROM {table} WHERE kind IN ({REQUESTS}, {TOKENS}) AND span < {old}")
    database.execute(
        "DELETE FROM freehold_owners o WHERE o.expires <= clock_timestamp()"
        " AND NOT EXISTS (SELECT FROM freehold_leases l WHERE l.owner = o.owner)"
    )


def away(error: psycopg.Error) -> StateAway:
    return StateAway(
        "the shared state does not answer", why=f"PostgreSQL: {error.sqlstate or type(error).__name__}",
        fix="start PostgreSQL, or correct [state] postgres", code="gateway.state-away",
    )  # fmt: skip
