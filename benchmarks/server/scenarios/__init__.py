"""What is measured, in the order in which it is run and reported."""

from benchmarks.server.bench import Scenario
from benchmarks.server.scenarios import fanout, lasting, requests, sending, syncing

SCENARIOS = (
    Scenario("versions", requests.versions),
    Scenario("send-one-room", sending.send_one_room),
    Scenario("send-50-rooms", sending.send_50_rooms),
    Scenario("send-steadily", sending.send_steadily),
    Scenario("state-new-keys", sending.state_new_keys),
    Scenario("delivery", fanout.delivery),
    Scenario("incremental-sync", syncing.incremental_sync),
    Scenario("initial-sync-100-rooms", syncing.initial_sync_100_rooms),
    Scenario("join-public-room", requests.join_public_room),
    Scenario("create-room", requests.create_room),
    Scenario("messages-page", requests.messages_page),
    Scenario("login-password", requests.login_password),
    Scenario("typing-fanout", fanout.typing_fanout),
    Scenario("receipt-fanout", fanout.receipt_fanout),
    Scenario("presence-load", sending.presence_load),
    Scenario("initial-sync-2000-members", syncing.initial_sync_2000_members, large=True),
    Scenario("user-in-2000-rooms", syncing.user_in_2000_rooms, large=True),
    Scenario("flatness", lasting.flatness, large=True),
    Scenario("memory-after", lasting.memory_after, large=True),
)
