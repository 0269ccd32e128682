# SPDX-License-Identifier: Apache-2.0
"""How long the first start of a newer binary takes on a database with many events and people.

    python3 tests/upgrade/upgrade.py EVENTS FOLDER BINARY

Fills FOLDER/estafette.db as a binary before step 065 left it, with EVENTS events and a tenth as many
people, starts BINARY on it, and prints when each number of the schema is reached (docs/performance.md).
"""

import os
import pathlib
import re
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request

SQLITE = pathlib.Path(__file__).resolve().parents[2] / "crates/store/src/sqlite"
FIRST_STEP = "065_directory_by_organisation.sql"
LONGEST_S = 3600

EVENTS = """
INSERT INTO event (nid, room_nid, event_id, flags, json)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
SELECT i, i % 500 + 1, '$' || hex(randomblob(32)), 0, json_object(
    'auth_events', json_array(hex(randomblob(32)), hex(randomblob(32))),
    'content', json_object('body', hex(randomblob(512)), 'msgtype', 'm.text'),
    'depth', i, 'hashes', json_object('sha256', hex(randomblob(32))),
    'origin_server_ts', 1800000000000 + 100 * i - abs(random() % 200000),
    'prev_events', json_array(hex(randomblob(32))), 'sender', '@u' || (i % 1000) || ':x.fr',
    'signatures', json_object('x.fr', json_object('ed25519:1', hex(randomblob(64)))),
    'type', 'm.room.message')
FROM n"""
PEOPLE = """
INSERT INTO account (nid, user_id, created_ts)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
SELECT i, '@u' || i || ':x.fr', 1 FROM n"""
NAMES = """
INSERT INTO profile_field SELECT nid, 'displayname',
    '"Prénom' || (nid % 2000) || ' Nom' || (nid % 30000) || '"' FROM account"""


def steps():
    """The steps of the schema in their order."""
    return re.findall(r'include_str!\("schema/([^"]+)"\)', (SQLITE / "schema.rs").read_text())


def fill(path, events):
    names = steps()
    before = names.index(FIRST_STEP)
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-200000")
    for name in names[:before]:
        database.executescript((SQLITE / "schema" / name).read_text())
    database.execute(f"PRAGMA user_version={before}")
    database.execute("UPDATE head SET pos = ?", (events,))
    (index,) = database.execute("SELECT sql FROM sqlite_schema WHERE name = 'event_by_time'").fetchone()
    database.execute("DROP INDEX event_by_time")
    database.execute(EVENTS, (events,))
    database.execute("INSERT INTO timeline SELECT room_nid, nid, 0 FROM event")
    database.execute(index)
    database.execute(PEOPLE, (events // 10,))
    database.execute(NAMES)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    print(f"{events} events, {events // 10} people, {path.stat().st_size >> 20} MiB, schema {before}")


def processor_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_ready(port):
    try:
        url = f"http://127.0.0.1:{port}/_matrix/client/versions"
        return urllib.request.urlopen(url, timeout=5).status == 200
    except OSError:
        return False


def watch(folder, path, binary):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = dict(
        os.environ,
        ESTAFETTE__SERVER_NAME="x.fr",
        ESTAFETTE__DATA_DIR=str(folder),
        ESTAFETTE__LISTENER__ADDRESS=f"127.0.0.1:{port}",
    )
    log = (folder / "server.log").open("w")
    began = time.monotonic()
    server = subprocess.Popen([binary, "serve"], env=environment, stdout=log, stderr=log)
    database = sqlite3.connect(path, timeout=60)
    reached, largest = None, 0
    while server.poll() is None and time.monotonic() - began < LONGEST_S:
        try:
            (version,) = database.execute("PRAGMA user_version").fetchone()
        except sqlite3.OperationalError:
            version = reached
        wal = path.with_name(path.name + "-wal")
        largest = max(largest, wal.stat().st_size if wal.exists() else 0)
        passed = f"{time.monotonic() - began:.2f} s, processor {processor_s(server.pid):.2f} s"
        if version != reached:
            print(f"schema {version} after {passed}, log {largest >> 20} MiB")
            reached = version
        if reached == len(steps()) and is_ready(port):
            print(f"ready after {passed}")
            break
        time.sleep(0.05)
    server.terminate()
    return server.wait(60)


def main():
    events, folder, binary = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "estafette.db"
    fill(path, events)
    sys.exit(watch(folder, path, binary))


main()
