# SPDX-License-Identifier: Apache-2.0
"""What a bot and a person do, through an unmodified matrix-nio with encryption.

The server is the one that ESTAFETTE_TEST_URL names.
"""

import asyncio
import io
import logging
import os
import shutil
import tempfile
import unittest
import uuid

from nio import (
    AsyncClient,
    AsyncClientConfig,
    DownloadResponse,
    JoinResponse,
    LoginResponse,
    MatrixRoom,
    RegisterResponse,
    RoomCreateResponse,
    RoomEncryptedFile,
    RoomMessageText,
    RoomSendResponse,
    SyncResponse,
    UploadResponse,
)
from nio.api import RoomPreset
from nio.crypto.attachments import decrypt_attachment

# The test case turns on asyncio's own complaints about slow steps; cryptography is one.
logging.getLogger("asyncio").setLevel(logging.ERROR)
logging.getLogger("nio").setLevel(logging.ERROR)

PASSWORD = "correct horse battery staple"
WITHIN_S = 120
ENCRYPTION = {
    "type": "m.room.encryption",
    "state_key": "",
    "content": {"algorithm": "m.megolm.v1.aes-sha2"},
}


class Person:
    """One account on one device, with its store in a folder."""

    def __init__(self, name, folder):
        self.url = os.environ["ESTAFETTE_TEST_URL"]
        self.name = name
        self.folder = folder
        self.client = None
        self.shown = []
        self.syncing = None

    async def login(self):
        """Registers, then logs in with the password as a new device."""
        maker = AsyncClient(self.url, self.name)
        answer = await maker.register(self.name, PASSWORD)
        await maker.close()
        assert isinstance(answer, RegisterResponse), answer
        self.client = self._new_client(answer.user_id)
        answer = await self.client.login(PASSWORD, device_name="A test")
        assert isinstance(answer, LoginResponse), answer
        self._start()

    def _new_client(self, user_id):
        config = AsyncClientConfig(encryption_enabled=True, store_sync_tokens=True)
        return AsyncClient(self.url, user_id, store_path=self.folder, config=config)

    def _start(self):
        self.client.add_event_callback(
            self._show, (RoomMessageText, RoomEncryptedFile)
        )
        self.syncing = asyncio.create_task(self._sync())

    async def _sync(self):
        while True:
            answer = await self.client.sync(timeout=2_000, full_state=False)
            assert isinstance(answer, SyncResponse), answer
            await self.client.run_response_callbacks([answer])
            if self.client.should_upload_keys:
                await self.client.keys_upload()
            if self.client.should_query_keys:
                await self.client.keys_query()
            if self.client.should_claim_keys:
                await self.client.keys_claim(self.client.get_users_for_key_claiming())
            await self.client.send_to_device_messages()

    def _show(self, _room: MatrixRoom, event):
        if event.sender != self.client.user_id:
            self.shown.append(event)

    async def restart(self, meanwhile):
        """Stops; something happens; goes on with the same store and session."""
        session = self.client.user_id, self.client.device_id, self.client.access_token
        await self.close()
        await meanwhile
        self.client = self._new_client(session[0])
        self.client.restore_login(*session)
        self._start()

    async def close(self):
        if self.syncing:
            self.syncing.cancel()
            await asyncio.gather(self.syncing, return_exceptions=True)
        if self.client:
            await self.client.close()

    async def eventually(self, what, ask):
        """The first true answer, asked until the bound; fails early when the sync failed."""
        async with asyncio.timeout(WITHIN_S):
            while not (answer := ask()):
                if self.syncing.done():
                    self.syncing.result()
                await asyncio.sleep(0.05)
        assert answer, what
        return answer

    async def expect(self, text):
        """The event with this text, which must have been decrypted."""

        def find():
            return next((e for e in self.shown if getattr(e, "body", None) == text), None)

        event = await self.eventually(f"{self.name} is shown {text}", find)
        assert event.decrypted, event
        return event

    async def say(self, room_id, content):
        """Sends into an encrypted room; nio has no notion of trust on first use."""
        answer = await self.client.room_send(
            room_id, "m.room.message", content, ignore_unverified_devices=True
        )
        assert isinstance(answer, RoomSendResponse), answer
        return answer.event_id


def text(body):
    return {"msgtype": "m.text", "body": body}


class Journey(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.people = []
        for stem in ("alice", "bob"):
            folder = tempfile.mkdtemp()
            self.addCleanup(shutil.rmtree, folder, True)
            person = Person(f"{stem}{uuid.uuid4().hex[:10]}", folder)
            self.people.append(person)
            await person.login()

    async def asyncTearDown(self):
        for person in self.people:
            await person.close()

    async def encrypted_room(self):
        alice, bob = self.people
        answer = await alice.client.room_create(
            preset=RoomPreset.private_chat,
            name="Two people",
            invite=[bob.client.user_id],
            initial_state=[ENCRYPTION],
        )
        assert isinstance(answer, RoomCreateResponse), answer
        room_id = answer.room_id
        await bob.eventually("bob is invited", lambda: room_id in bob.client.invited_rooms)
        answer = await bob.client.join(room_id)
        assert isinstance(answer, JoinResponse), answer
        for person, other in ((alice, bob), (bob, alice)):
            await person.eventually(
                "both are in the room",
                lambda: (room := person.client.rooms.get(room_id))
                and room.encrypted
                and other.client.user_id in room.users
                and other.client.user_id not in room.invited_users,
            )
            # The other's device must be known before anything is encrypted for it.
            await person.eventually(
                "the other's device is known",
                lambda: list(person.client.device_store.active_user_devices(other.client.user_id)),
            )
        return room_id

    async def test_messages_a_file_and_a_restart(self):
        """Without it bots and bridges on matrix-nio could not use the server."""
        alice, bob = self.people
        room_id = await self.encrypted_room()
        await alice.say(room_id, text("Bonjour Bob"))
        await bob.expect("Bonjour Bob")
        await bob.say(room_id, text("Bonjour Alice"))
        await alice.expect("Bonjour Alice")

        plain = os.urandom(200_000)
        answer, keys = await bob.client.upload(
            io.BytesIO(plain), content_type="application/octet-stream",
            filename="plans.bin", encrypt=True, filesize=len(plain),
        )
        assert isinstance(answer, UploadResponse), answer
        file = {**keys, "url": answer.content_uri}
        await bob.say(room_id, {"msgtype": "m.file", "body": "plans.bin", "file": file})
        event = await alice.expect("plans.bin")
        answer = await alice.client.download(event.url)
        assert isinstance(answer, DownloadResponse), answer
        received = decrypt_attachment(
            answer.body, event.key["k"], event.hashes["sha256"], event.iv
        )
        self.assertEqual(received, plain)

        await bob.restart(alice.say(room_id, text("Written while Bob was away")))
        await bob.expect("Written while Bob was away")
        await bob.say(room_id, text("I am back"))
        await alice.expect("I am back")
        bodies = [event.body for event in bob.shown]
        self.assertEqual(len(bodies), len(set(bodies)), "nothing is shown twice")


if __name__ == "__main__":
    unittest.main()
