// One device with matrix-js-sdk, told what to do by lines of JSON: {"id": 1, "method": "send", "params": {...}}. Each is
// answered with a line that has the same id, and a result or an error.

import { createInterface } from "node:readline";

// What the SDK has to say is of interest only when a story fails.
for (const level of ["trace", "debug", "info", "log"]) console[level] = () => {};
Math.random = () => 0; // The SDK waits for up to ten seconds before it backs up keys, lest all clients do so at once.
const sdk = await import("matrix-js-sdk");
const { CryptoEvent, VerificationPhase, VerifierEvent } = await import("matrix-js-sdk/lib/crypto-api/index.js");
const { decodeRecoveryKey } = await import("matrix-js-sdk/lib/crypto-api/recovery-key.js");

const PATIENCE = 50_000;
const NEWS = ["sync", "Room.timeline", "Event.decrypted", "RoomState.members", ...Object.values(CryptoEvent)];

let client, crypto;
let secretStorageKey = null;
let verification = null;
const happened = new Set();

/** What `look` finds, as soon as it finds something; it looks again whenever there is news. */
async function until(what, look) {
    let timer, hear;
    const found = await new Promise((resolve, reject) => {
        hear = async () => {
            try {
                const seen = await look();
                if (seen) resolve(seen);
            } catch (error) {
                reject(error);
            }
        };
        timer = setTimeout(() => reject(new Error(`waited too long for ${what}`)), PATIENCE);
        NEWS.forEach((event) => client.on(event, hear));
        hear();
    }).finally(() => {
        clearTimeout(timer);
        NEWS.forEach((event) => client.off(event, hear));
    });
    return found;
}

function message(roomId, body) {
    const events = client.getRoom(roomId)?.getLiveTimeline().getEvents() ?? [];
    return events.find((event) => event.getContent().body === body && !event.isDecryptionFailure());
}

function request() {
    verification ??= client.waiting?.shift();
    return verification;
}

const methods = {
    /** Log in as a new device with keys of its own, and begin to sync. */
    async login({ url, user, password }) {
        const session = await sdk.createClient({ baseUrl: url }).loginRequest({
            type: "m.login.password",
            identifier: { type: "m.id.user", user },
            password,
        });
        client = sdk.createClient({
            baseUrl: url,
            userId: session.user_id,
            deviceId: session.device_id,
            accessToken: session.access_token,
            cryptoCallbacks: {
                getSecretStorageKey: async ({ keys }) => [Object.keys(keys)[0], secretStorageKey],
                cacheSecretStorageKey: (_id, _info, key) => (secretStorageKey = key),
            },
        });
        await client.initRustCrypto({ useIndexedDB: false });
        crypto = client.getCrypto();
        client.on(CryptoEvent.VerificationRequestReceived, (received) => (verification = received));
        Object.values(CryptoEvent).forEach((event) => client.on(event, () => happened.add(event)));
        await client.startClient({ initialSyncLimit: 50 });
        await until("the first sync", () => client.isInitialSyncComplete());
        return { device_id: session.device_id, user_id: session.user_id };
    },

    async stop() {
        client.stopClient();
    },

    async logout() {
        await client.logout(true);
    },

    async createEncryptedRoom({ invite }) {
        const encryption = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
        const { room_id } = await client.createRoom({ invite, initial_state: [encryption] });
        await until("the room", () => client.getRoom(room_id)?.hasEncryptionStateEvent());
        return room_id;
    },

    async join({ room }) {
        await client.joinRoom(room);
        await until("the room", () => client.getRoom(room)?.getMyMembership() === "join");
    },

    async waitForMember({ room, user }) {
        await until("a member", () => client.getRoom(room)?.getMember(user)?.membership === "join");
    },

    async send({ room, body }) {
        return (await client.sendTextMessage(room, body)).event_id;
    },

    /** The URI of a file, given in base64, that is the user's avatar from now on. */
    async uploadAvatar({ file, type, name }) {
        const { content_uri } = await client.uploadContent(new Blob([Buffer.from(file, "base64")]), { type, name });
        await client.setAvatarUrl(content_uri);
        return content_uri;
    },

    /** A thumbnail of a member's avatar, from where the SDK says that it is for servers of this version. */
    async avatarOf({ room, user, side }) {
        const uri = await until("an avatar", () => client.getRoom(room)?.getMember(user)?.getMxcAvatarUrl());
        const authenticated = await client.isVersionSupported("v1.11");
        const url = client.mxcUrlToHttp(uri, side, side, "crop", false, true, authenticated);
        const answer = await fetch(url, { headers: { Authorization: `Bearer ${client.getAccessToken()}` } });
        const body = Buffer.from(await answer.arrayBuffer()).toString("base64");
        return { uri, url, status: answer.status, type: answer.headers.get("content-type"), body };
    },

    /** A message that could be decrypted, with what its shield says. */
    async waitForMessage({ room, body }) {
        const event = await until(`the message ${body}`, () => message(room, body));
        const shield = await crypto.getEncryptionInfoForEvent(event);
        return { event_id: event.getId(), sender: event.getSender(), encrypted: event.isEncrypted(), shield };
    },

    /** Make cross-signing keys, secret storage and a key backup, all at once, as clients do at the first login. */
    async setUpEncryption({ password }) {
        await crypto.bootstrapCrossSigning({
            authUploadDeviceSigningKeys: (request) =>
                request({
                    type: "m.login.password",
                    identifier: { type: "m.id.user", user: client.getUserId() },
                    password,
                }),
        });
        const key = await crypto.createRecoveryKeyFromPassphrase();
        await crypto.bootstrapSecretStorage({ createSecretStorageKey: async () => key, setupNewKeyBackup: true });
        await crypto.checkKeyBackupAndEnable();
        return key.encodedPrivateKey;
    },

    /** Until that many room keys are in the backup. */
    async waitForBackup({ keys }) {
        // The SDK asks for the count only once.
        const count = async () => (await client.http.authedRequest("GET", "/room_keys/version")).count;
        await until("the backup", async () => (await count()) >= keys);
    },

    /** The private key of the backup, in base64. */
    async backupKey() {
        return Buffer.from(await crypto.getSessionBackupPrivateKey()).toString("base64");
    },

    /** Become a device of the user's with nothing but the recovery key; how many room keys came back. */
    async recover({ recoveryKey }) {
        secretStorageKey = decodeRecoveryKey(recoveryKey);
        await crypto.userHasCrossSigningKeys(client.getUserId(), true); // asks the server for them
        await crypto.bootstrapCrossSigning({});
        await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
        await crypto.checkKeyBackupAndEnable();
        return (await crypto.restoreKeyBackup()).imported;
    },

    /** Until we know a user's devices, of which a sync told us. */
    async waitForDevices({ user }) {
        await until("devices", async () => (await crypto.getUserDeviceInfo([user])).get(user)?.size);
    },

    /** Until a device is signed by its owner. */
    async waitForSigned({ user, device }) {
        await until("a signature", async () => (await crypto.getDeviceVerificationStatus(user, device))?.signedByOwner);
    },

    /** Until we have verified a user. */
    async waitForVerified({ user }) {
        await until("trust", async () => (await crypto.getUserVerificationStatus(user)).isCrossSigningVerified());
    },

    /** Whether we have verified a device, itself or by its owner's keys. */
    async isVerifiedDevice({ user, device }) {
        return (await crypto.getDeviceVerificationStatus(user, device)).isVerified();
    },

    /** From now on, others' devices have to be verified before they can read what we send. */
    async trustVerifiedOnly() {
        crypto.globalBlacklistUnverifiedDevices = true;
    },

    async askToVerify({ user, room }) {
        await crypto.getUserDeviceInfo([user], true);
        verification = await crypto.requestVerificationDM(user, room);
    },

    async askToVerifyDevice({ user, device }) {
        await crypto.getUserDeviceInfo([user], true);
        verification = await crypto.requestDeviceVerification(user, device);
    },

    async acceptVerification() {
        (await until("a request", request)).accept();
    },

    /** What the user has to compare; both sides must call this, one of them with `begins`. */
    async showEmoji({ begins }) {
        const request = verification;
        await change(request, "ready", () => request.phase >= VerificationPhase.Ready);
        if (begins) await request.startVerification("m.sas.v1");
        await change(request, "started", () => request.verifier);
        const { verifier } = request;
        const shown = new Promise((resolve) => verifier.once(VerifierEvent.ShowSas, resolve));
        verification.finished = verifier.verify();
        verification.finished.catch(() => {}); // a story that wants it to end well waits for it
        verification.sas = verifier.getShowSasCallbacks() ?? (await shown);
        const { emoji, decimal } = verification.sas.sas;
        return { emoji: emoji.map(([symbol]) => symbol), decimal };
    },

    async confirmEmoji() {
        await verification.sas.confirm();
        await verification.finished;
        await change(verification, "done", () => verification.phase === VerificationPhase.Done);
    },

    async rejectEmoji() {
        verification.sas.mismatch();
    },

    /** The code with which the verification was cancelled. */
    async waitForCancelled() {
        await change(verification, "cancelled", () => verification.phase === VerificationPhase.Cancelled);
        return verification.cancellationCode;
    },

    async dehydrate() {
        await crypto.startDehydration();
    },

    async waitForHappening({ event }) {
        await until(event, () => happened.has(CryptoEvent[event]));
    },

    async sendLater({ room, body, delay }) {
        const content = { msgtype: "m.text", body };
        return (await client._unstable_sendDelayedEvent(room, { delay }, null, "m.room.message", content)).delay_id;
    },

    /** Those that are not finalised. */
    async delayed() {
        const { delayed_events } = await client._unstable_getDelayedEvents();
        return delayed_events.filter((event) => !event.origin_server_ts).map((event) => event.delay_id);
    },

    async updateDelayed({ delayId, action }) {
        await client._unstable_updateDelayedEvent(delayId, action);
    },
};

/** Wait until a verification request is as it should be. */
async function change(request, what, look) {
    let timer, hear;
    await new Promise((resolve, reject) => {
        hear = () => {
            if (look()) resolve();
            if (request.phase === VerificationPhase.Cancelled) reject(new Error(`cancelled: ${request.cancellationCode}`));
        };
        timer = setTimeout(() => reject(new Error(`waited too long for a verification to be ${what}`)), PATIENCE);
        request.on("change", hear);
        hear();
    }).finally(() => {
        clearTimeout(timer);
        request.off("change", hear);
    });
}

for await (const line of createInterface({ input: process.stdin })) {
    const { id, method, params } = JSON.parse(line);
    methods[method](params)
        .then((result) => ({ id, result: result ?? null }))
        .catch((error) => ({ id, error: `${method}: ${error?.stack ?? error}` }))
        .then((answer) => process.stdout.write(JSON.stringify(answer) + "\n"));
}
process.exit(0);
