// SPDX-License-Identifier: Apache-2.0
//! Every limit of the system, in one table (I11). Units are the last word of each name.

// The Matrix specification's own limits.

/// A whole event in federation format, signatures included (Client-Server API, "Size limits").
pub const EVENT_BYTES_MAX: usize = 65_536;
/// `sender`, `room_id`, `event_id`, `type` and `state_key`, each, and every identifier.
pub const ID_BYTES_MAX: usize = 255;
/// Entries of `prev_events` (Server-Server API, "PDUs").
pub const PREV_EVENTS_MAX: usize = 20;
/// Entries of `auth_events`.
pub const AUTH_EVENTS_MAX: usize = 10;
/// The greatest integer of canonical JSON, and the greatest `depth`: 2⁵³ − 1.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;
/// How deeply JSON may be nested, objects and lists together: as deeply as serde_json reads, so
/// that an event that passes here can be read by every server built on it.
pub const JSON_DEPTH_MAX: usize = 127;

// Federation.

/// Events of one transaction (Server-Server API, "Transactions").
pub const TRANSACTION_PDUS_MAX: usize = 50;
/// Ephemeral messages of one transaction.
pub const TRANSACTION_EDUS_MAX: usize = 100;
/// Keys in one answer about a server's keys, old ones included.
pub const SERVER_KEYS_MAX: usize = 64;
/// How long after it was fetched another server's key counts at most: seven days (room version 5,
/// "Signing key validity period").
pub const SERVER_KEY_VALIDITY_MS_MAX: i64 = 7 * 24 * 60 * 60 * 1000;

// HTTP.

/// A JSON request body.
pub const JSON_BODY_BYTES_MAX: usize = 1 << 20;
/// How long a JSON request body may take to arrive.
pub const BODY_READ_TIMEOUT_S: u64 = 30;
/// How long an upload of media may pause.
pub const UPLOAD_SILENCE_S: u64 = 60;
/// How long a request's head may take to arrive, and a TLS handshake.
pub const HEADER_READ_TIMEOUT_S: u64 = 10;
/// How long requests under way may go on after a stop was asked for.
pub const SHUTDOWN_GRACE_S: u64 = 10;
/// Networks that are remembered because devices of this server were used from there.
pub const HOUSES_MAX: usize = 100_000;
/// How long.
pub const HOUSE_S: u64 = 30 * 24 * 60 * 60;
/// Accounts that one browser is known for.
pub const KNOWN_BROWSER_ACCOUNTS_MAX: usize = 8;
/// How long a browser is known after somebody signed in with it: thirteen months.
pub const KNOWN_BROWSER_S: u64 = 395 * 24 * 60 * 60;
/// Buckets that the rate limiter remembers.
pub const RATE_LIMIT_KEYS_MAX: usize = 100_000;

// Push rules and globs.

/// Rules that a user may add.
pub const PUSH_RULES_MAX: usize = 10_000;
/// Conditions of one push rule.
pub const PUSH_RULE_CONDITIONS_MAX: usize = 64;
/// The id of a push rule.
pub const PUSH_RULE_ID_BYTES_MAX: usize = 1_024;
/// A pattern of a push rule.
pub const PUSH_PATTERN_CHARS_MAX: usize = 1_024;
/// The conditions, or the actions, of one push rule as JSON.
pub const PUSH_RULE_PART_BYTES_MAX: usize = 16 * 1_024;

// The graph of a room.

/// Relations that are followed to find the thread of an event (Client-Server API, "Receiving
/// notifications").
pub const THREAD_HOPS_MAX: usize = 3;

// The store.

/// Writes that wait for the writer; beyond it the caller is told to come back.
pub const STORE_QUEUE_MAX: usize = 4_096;
/// Writes that share one transaction and one flush.
pub const STORE_GROUP_MAX: usize = 256;
/// Children of one event that are read to bundle them.
pub const RELATIONS_PER_PARENT_MAX: usize = 500;

// Rooms in memory, sync.

/// Lines of what changed for one hot user; beyond it the oldest go and a sync asks the store.
pub const USER_LOG_MAX: usize = 512;
/// Device list changes kept in memory for all users together.
pub const DEVICE_LIST_LOG_MAX: usize = 65_536;
/// Rooms held in memory.
pub const HOT_ROOMS_MAX: usize = 20_000;
/// How often users who ceased to sync are looked for, in seconds.
pub const HOT_USER_ROUND_S: u64 = 60;
/// After how many such rounds without a request a user is forgotten in memory.
pub const HOT_USER_IDLE_ROUNDS: u64 = 30;
/// Rooms read in one visit to the store; more take several.
pub const ROOMS_PER_LOAD_MAX: usize = 64;
/// Latest events held in memory for each of them.
pub const RECENT_EVENTS_MAX: usize = 64;
/// Commands that wait for one room; beyond it the caller is told to come back.
pub const ROOM_QUEUE_MAX: usize = 512;
/// Commands that one room decides before it commits.
pub const ROOM_BATCH_MAX: usize = 64;
/// Transactions of its latest events that a room remembers besides the store.
pub const ROOM_TXNS_MAX: usize = 256;
/// Users whom the mentions of one event are looked at for.
pub const MENTIONS_MAX: usize = 50;
/// Facts that wait for the work after a commit (push, application services, waking).
pub const HINTS_MAX: usize = 16_384;

/// Rooms of a user for which it is remembered what the user may see.
pub const HISTORIES_PER_USER_MAX: usize = 1_000;
/// Answers of one device from which it may go on without being sent all members again.
pub const LAZY_ANSWERS_MAX: usize = 16;
/// Members that one device's lazy loading remembers as sent.
pub const LAZY_MEMBERS_MAX: usize = 20_000;
/// People whom one meets at once and of whom nothing is known, and who are told to be offline.
pub const PRESENCE_MET_MAX: usize = 50;
/// Events that are looked at to count what is unread by rules of one's own.
pub const UNREAD_SCAN_MAX: usize = 1_000;
/// Rows of a timeline that are looked at for events that are in the order of time.
pub const EVENT_TIME_SCAN_MAX: usize = 10_000;
/// Steps of halving that find a place in a timeline: the bits of a position.
pub const ROOM_PLACE_STEPS_MAX: usize = 64;
/// Entries of one page of `/notifications` when the request says nothing.
pub const NOTIFICATIONS_DEFAULT: usize = 50;
/// Entries of one page of `/notifications` at most.
pub const NOTIFICATIONS_MAX: usize = 200;
/// Events that one page of `/notifications` looks at.
pub const NOTIFICATIONS_SCAN_MAX: usize = 5_000;
/// Events of one room in one answer of a sync.
pub const SYNC_TIMELINE_MAX: usize = 200;
/// To-device messages in one answer (E3).
pub const SYNC_TO_DEVICE_MAX: usize = 100;
/// How long a sync may wait.
pub const SYNC_TIMEOUT_MS_MAX: u64 = 300_000;
/// Users named in a room's summary.
pub const HEROES_MAX: usize = 5;
/// Members of a room without a name among whom its heroes are looked for.
pub const HEROES_OF_MAX: usize = 1_000;
/// Events that a sync looks through for those that its reader may see: at a time, and in all.
pub const TIMELINE_PAGE: usize = 200;
/// See [`TIMELINE_PAGE`].
pub const TIMELINE_SCAN_MAX: usize = 1_000;

// Requests about rooms.

/// A client's transaction id.
pub const TXN_ID_BYTES_MAX: usize = 255;
/// Users who are invited when a room is made.
pub const CREATE_ROOM_INVITES_MAX: usize = 200;
/// Bans that go over to the room that replaces another one.
pub const UPGRADE_BANS_MAX: usize = 1_000;
/// State events that the maker of a room gives it.
pub const CREATE_ROOM_STATE_MAX: usize = 200;
/// Rooms that are told at once of a change of one account.
pub const ACCOUNT_CHANGE_ROOMS_AT_ONCE: usize = 8;
/// Rooms whose typing is remembered.
pub const TYPING_ROOMS_MAX: usize = 50_000;
/// Users who are shown as typing in one room.
pub const TYPING_USERS_PER_ROOM_MAX: usize = 500;
/// The longest and the usual time that a typing notice holds.
pub const TYPING_TIMEOUT_MS_MAX: u64 = 120_000;
/// See [`TYPING_TIMEOUT_MS_MAX`].
pub const TYPING_TIMEOUT_MS_DEFAULT: u64 = 30_000;
/// Events in one page of history.
pub const PAGE_EVENTS_MAX: usize = 1_000;
/// Events in one page when the client does not say how many.
pub const PAGE_EVENTS_DEFAULT: usize = 10;
/// Events that are looked at to fill one page; beyond it the client asks again.
pub const PAGE_SCAN_MAX: usize = 5_000;
/// Generations of relations that `recurse` follows (Client-Server API, "Querying relations").
pub const RELATIONS_RECURSION_MAX: usize = 3;
/// Events that one search looks at.
pub const SEARCH_SCAN_MAX: usize = 20_000;
/// Results of one search.
pub const SEARCH_RESULTS_MAX: usize = 50;
/// Events around a result of a search, and around an event in `/context`.
pub const CONTEXT_EVENTS_MAX: usize = 100;
/// Rooms in one page of a space's hierarchy, and how deep it goes.
pub const HIERARCHY_ROOMS_MAX: usize = 50;
/// See [`HIERARCHY_ROOMS_MAX`].
pub const HIERARCHY_DEPTH_MAX: usize = 10;
/// Rooms of one hierarchy in all its pages.
pub const HIERARCHY_WALK_MAX: usize = 1_000;
/// Words of one search.
pub const SEARCH_WORDS_MAX: usize = 20;
/// Users whose presence is remembered.
pub const PRESENCE_USERS_MAX: usize = 100_000;
/// How long ago somebody may have acted to be called currently active, in ms.
pub const PRESENCE_ACTIVE_MS: i64 = 60_000;
/// How long after the last sync a user is offline, in ms.
pub const PRESENCE_OFFLINE_MS: i64 = 30_000;
/// A status message of presence.
pub const STATUS_MSG_BYTES_MAX: usize = 1_024;
/// Rooms in one page of the public directory.
pub const DIRECTORY_PAGE_MAX: usize = 500;
/// A `reason` for a change of membership, a redaction or a report.
pub const REASON_BYTES_MAX: usize = 4_096;

/// Lists of one sliding sync request, and subscriptions to rooms (MSC4186).
pub const SLIDING_LISTS_MAX: usize = 100;
/// See [`SLIDING_LISTS_MAX`].
pub const SLIDING_SUBSCRIPTIONS_MAX: usize = 100;
/// Entries of `required_state` for one list or room.
pub const SLIDING_REQUIRED_STATE_MAX: usize = 200;
/// Sliding sync connections of one user; beyond it the one longest unused starts afresh.
pub const SLIDING_CONNECTIONS_MAX: usize = 50;

// Delayed events (MSC4140).

/// Events of one user that wait to be sent.
pub const DELAYED_EVENTS_PER_USER_MAX: u64 = 100;
/// Due events that are taken at once.
pub const DELAYED_EVENTS_BATCH_MAX: usize = 100;
/// How long an event that was sent or given up is remembered after it was due.
pub const DELAYED_EVENT_KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

// Filters.

/// Filters of all users that are kept parsed.
pub const FILTERS_IN_MEMORY_MAX: usize = 10_000;

/// A filter as a client sends it.
pub const FILTER_BYTES_MAX: usize = 64 * 1024;
/// Entries of one list in a filter.
pub const FILTER_LIST_MAX: usize = 1_000;
/// Filters that one account may save.
pub const FILTERS_PER_USER_MAX: u64 = 2_000;

// Account data.

/// Pieces of account data of one account, over all its rooms, deleted ones included.
pub const ACCOUNT_DATA_ENTRIES_MAX: u64 = 50_000;
/// The type of a piece of account data.
pub const ACCOUNT_DATA_TYPE_BYTES_MAX: usize = 255;
/// The name of a tag (Client-Server API, "Room Tagging").
pub const TAG_BYTES_MAX: usize = 255;
/// Tags of one room for one account.
pub const TAGS_PER_ROOM_MAX: usize = 100;

// Media.

/// Media ids that one account has reserved and not yet used (MSC2246).
pub const MEDIA_PENDING_PER_USER_MAX: u64 = 50;
/// The type that an uploader gives.
pub const MEDIA_CONTENT_TYPE_BYTES_MAX: usize = 255;
/// The file name that an uploader or downloader gives.
pub const MEDIA_FILENAME_BYTES_MAX: usize = 255;
/// How long a download may wait for an upload that is announced, and what is waited by default.
pub const MEDIA_WAIT_MS_MAX: u64 = 60_000;
/// See [`MEDIA_WAIT_MS_MAX`].
pub const MEDIA_WAIT_MS_DEFAULT: u64 = 20_000;
/// Pictures that are decoded at once.
pub const MEDIA_THUMBNAILERS_MAX: usize = 2;
/// Pixels of a picture that is decoded.
pub const MEDIA_IMAGE_PIXELS_MAX: u64 = 50_000_000;
/// Memory that decoding one picture may take.
pub const MEDIA_IMAGE_ALLOC_BYTES_MAX: u64 = 256 << 20;
/// A moving picture up to this size serves as its own thumbnail.
pub const MEDIA_ANIMATED_THUMBNAIL_BYTES_MAX: u64 = 4 << 20;

// Push.

/// Pushers of one account.
pub const PUSHERS_PER_USER_MAX: u64 = 100;
/// A pusher's `pushkey` (Client-Server API, `POST /pushers/set`).
pub const PUSHKEY_BYTES_MAX: usize = 512;
/// A pusher's `app_id`, in characters.
pub const PUSHER_APP_ID_CHARS_MAX: usize = 64;
/// Any other text of a pusher, and its `data` as JSON.
pub const PUSHER_TEXT_BYTES_MAX: usize = 4_096;
/// Notifications that wait for one pusher; beyond it the oldest go.
pub const PUSH_QUEUE_MAX: usize = 1_000;
/// Requests to gateways at once.
pub const PUSH_REQUESTS_MAX: usize = 64;
/// Web push pushers that wait for their activation; beyond it new ones are refused for a while.
pub const PUSH_ACKS_MAX: usize = 10_000;
/// How long a web push pusher's activation token is good for (MSC4174).
pub const PUSH_ACK_LIFETIME_MS: i64 = 5 * 60 * 1_000;
/// How old an event may be and still be pushed.
pub const PUSH_AGE_MS_MAX: i64 = 24 * 60 * 60 * 1_000;
/// Facts that wait for the sender of notifications; beyond it the store is asked.
pub const PUSH_HEARD_MAX: usize = 16_384;
/// Events read at once by those who follow the whole log.
pub const LOG_BATCH_MAX: usize = 256;

// Keys and to-device messages.

/// One-time keys of one algorithm that may wait for one device.
pub const ONE_TIME_KEYS_MAX: usize = 500;
/// One-time and fallback keys in one upload.
pub const KEYS_PER_UPLOAD_MAX: usize = 1_000;
/// An object of device keys or a cross-signing key, in canonical form.
pub const DEVICE_KEYS_BYTES_MAX: usize = 65_536;
/// A one-time or fallback key, in canonical form.
pub const ONE_TIME_KEY_BYTES_MAX: usize = 4_096;
/// Keys claimed in one write; a greater request takes several.
pub const CLAIMS_PER_WRITE_MAX: usize = 500;
/// The encrypted data of a dehydrated device.
pub const DEHYDRATED_DEVICE_BYTES_MAX: usize = 262_144;
/// Published keys and counts kept in memory, for all users together.
pub const KEY_CACHE_BYTES_MAX: usize = 64 << 20;
/// Sessions of a deleted key backup that one write removes.
pub const BACKUP_DELETE_ROWS_MAX: usize = 1_000;

// Accounts.

/// A password. Longer ones are refused rather than cut.
pub const PASSWORD_BYTES_MAX: usize = 512;
/// Passwords that are hashed at once.
pub const PASSWORD_HASHES_MAX: usize = 2;
/// Passwords that wait to be hashed; beyond it the caller is told to come back.
pub const PASSWORD_QUEUE_MAX: usize = 64;
/// The whole profile of a user as JSON (Client-Server API, `PUT /profile/{userId}/{keyName}`).
pub const PROFILE_BYTES_MAX: usize = 64 * 1024;
/// The name of a profile field.
pub const PROFILE_KEY_BYTES_MAX: usize = 255;
/// A display name, and an avatar's URI: they are copied into every room of their user.
pub const DISPLAYNAME_BYTES_MAX: usize = 1_024;
/// See [`DISPLAYNAME_BYTES_MAX`].
pub const AVATAR_URL_BYTES_MAX: usize = 1_024;
/// Devices of one account.
pub const DEVICES_PER_USER_MAX: u64 = 1_000;
/// The name of a device.
pub const DEVICE_NAME_BYTES_MAX: usize = 512;
/// Used refresh tokens that one device remembers, to notice their reuse.
pub const REFRESH_GENERATIONS_MAX: u64 = 100;
/// Pairs of tokens that were given for one refresh token and wait for the first use of one.
pub const REFRESH_PAIRS_WAITING_MAX: u64 = 4;
/// Sessions held in memory.
pub const SESSIONS_CACHED_MAX: usize = 100_000;
/// Uses of devices that wait to be written down.
pub const DEVICE_USES_MAX: usize = 100_000;
/// How often the use of devices is written down.
pub const DEVICE_USE_INTERVAL_S: u64 = 60;
/// A user agent, as it is remembered of a device.
pub const USER_AGENT_BYTES_MAX: usize = 256;
/// The largest request of a registration that may go on without being repeated, bytes.
pub const UIA_REMEMBERED_BYTES_MAX: usize = 4096;
/// How long one may take.
pub const UIA_SESSION_S: u64 = 15 * 60;
/// Devices to be signed out of which its user is told which they are; further ones are counted.
pub const UIA_DEVICES_NAMED_MAX: usize = 20;
/// Login tokens, nonces and OpenID tokens that wait to be used, each.
pub const SHORT_LIVED_TOKENS_MAX: usize = 10_000;
/// How long a login token lives (Client-Server API, `POST /login/get_token`).
pub const LOGIN_TOKEN_S: u64 = 120;
/// How long one lives that a browser brings to its client (Client-Server API, "Client login via
/// SSO": about five seconds). Telephones take longer to open an application.
pub const SSO_TOKEN_S: u64 = 20;
/// Where a client of the legacy API wants the browser back. Pages pass it on, encoded twice.
pub const SSO_REDIRECT_BYTES_MAX: usize = 1_024;
/// How long a nonce of the shared-secret registration lives.
pub const REGISTRATION_NONCE_S: u64 = 60;
/// A registration token (Client-Server API, "Token-authenticated registration").
pub const REGISTRATION_TOKEN_BYTES_MAX: usize = 64;
/// What somebody types to find people.
pub const DIRECTORY_SEARCH_BYTES_MAX: usize = 256;
/// Words of it that count.
pub const DIRECTORY_TERMS_MAX: usize = 8;
/// People in one answer of the user directory.
pub const DIRECTORY_RESULTS_MAX: u64 = 50;
/// Index entries that one search looks at.
pub const DIRECTORY_CANDIDATES_MAX: u64 = 4_000;
/// Index entries that are counted to tell a rare word, whose owners can all be looked at.
pub const DIRECTORY_COUNT_MAX: u64 = 3_000;
/// Organisations that one word of a search is looked for in.
pub const DIRECTORY_ORGANISATIONS_MAX: u64 = 300;
/// Accounts whose remaining searches are in memory.
pub const SEARCH_BUDGETS_MAX: usize = 100_000;
/// How often remaining searches are written down.
pub const SEARCH_BUDGET_INTERVAL_S: u64 = 60;
/// Words by which one person is found.
pub const DIRECTORY_WORDS_MAX: usize = 32;
/// Accounts in one answer of the administration.
pub const ACCOUNTS_PER_PAGE_MAX: u64 = 1_000;
/// One request of an administrator on the server's machine, in bytes: a policy as a JSON text.
pub const ADMIN_REQUEST_BYTES_MAX: usize = 9 << 20;
/// The answer to one, in bytes.
pub const ADMIN_ANSWER_BYTES_MAX: usize = 16 << 20;
/// How many are served at once.
pub const ADMIN_CONNECTIONS_MAX: usize = 8;
/// Seconds that an access token may be made to live. Below, clients do nothing but renew them.
pub const TOKEN_LIFETIME_S: std::ops::RangeInclusive<u64> = 30..=365 * 24 * 60 * 60;
/// How long one may take, in seconds.
pub const ADMIN_TIMEOUT_S: u64 = 30;
/// People whom one such request unlinks from their provider at most; it is asked again for more.
pub const UNLINK_AT_ONCE_MAX: u64 = 50_000;
/// Of those, in one act of the store.
pub const UNLINK_PAGE_MAX: u64 = 1_000;
/// How often somebody who waits for events of a room without being in it looks, in ms.
pub const EVENTS_LOOK_INTERVAL_MS: u64 = 500;
/// After how many seconds rooms that could not be told of a change of an account are told again.
pub const ACCOUNT_CHANGES_INTERVAL_S: u64 = 60;
/// Users whose changed profile or deactivation waits to reach their rooms.
pub const ACCOUNT_CHANGES_MAX: usize = 10_000;

// Identity: pages and what leads to them.

/// A form that a browser posts.
pub const FORM_BYTES_MAX: usize = 64 * 1024;
/// For how long a form that is sent again is given the answer it had, in seconds.
pub const FORM_ANSWER_S: u64 = 15;
/// Forms whose answers are kept so long.
pub const FORM_ANSWERS_MAX: usize = 2_048;
/// An answer that is kept.
pub const FORM_ANSWER_BYTES_MAX: usize = 32 * 1024;
/// A path of this server to go on to after a page.
pub const CONTINUE_BYTES_MAX: usize = 4_096;
/// A code that is sent by mail: digits, tries, and how long it lives.
pub const EMAIL_CODE_DIGITS: u32 = 8;
/// See [`EMAIL_CODE_DIGITS`].
pub const EMAIL_CODE_TRIES: u32 = 5;
/// Tries that each code asked for the same address lately takes away from the next, and how many
/// stay: 5, 3, 2, 2, … are at most ten guesses in any minute (F-23).
pub const EMAIL_CODE_TRIES_LESS: u32 = 2;
/// See [`EMAIL_CODE_TRIES_LESS`].
pub const EMAIL_CODE_TRIES_MIN: u32 = 2;
/// See [`EMAIL_CODE_TRIES_LESS`].
pub const EMAIL_CODES_MEMORY_S: u64 = 10 * 60;
/// See [`EMAIL_CODE_DIGITS`].
pub const EMAIL_CODE_S: u64 = 10 * 60;
/// How long an address stays proven for what the code was asked for.
pub const EMAIL_PROOF_S: u64 = 30 * 60;
/// Codes that one address is sent within a window of time, whoever asks: all of
/// [`Shares::CODES`](crate::guesses::Shares::CODES). It is on the disk: no restart moves it.
pub const EMAIL_CODES_PER_WINDOW: u32 = 5;
/// The same, asked for by one place: a known browser, a session or a source address.
pub const EMAIL_CODES_PER_SOURCE: u32 = 2;
/// Codes that one address is sent in a day at the request of one place.
pub const EMAIL_CODES_PER_SOURCE_AND_DAY: u32 = 20;
/// First tries of codes that count for no network: a second, and at once, in the whole (F-23).
pub const FIRST_TRIES: (f64, f64) = (10.0, 600.0);
/// See [`EMAIL_CODES_PER_WINDOW`]. Nobody is held back longer by strangers elsewhere.
pub const EMAIL_CODES_WINDOW_S: u64 = 60;
/// How long a link works by which somebody chooses a password.
pub const PASSWORD_LINK_S: u64 = 24 * 60 * 60;
/// Mails that wait to be accepted by the next server; beyond it no more are taken.
pub const OUTBOX_MAX: i64 = 100_000;
/// Mails that are handed over at once.
pub const MAIL_AT_ONCE: usize = 16;
/// How long the handing over of one mail may take.
pub const MAIL_TIMEOUT_S: u64 = 60;
/// How long a mail without a nearer end is tried.
pub const MAIL_LIFETIME_S: u64 = 3 * 24 * 60 * 60;
/// The policy of organisations.
pub const POLICY_FILE_BYTES_MAX: u64 = 4 << 20;
/// An organisation's id, and its names.
pub const ORGANISATION_ID_BYTES_MAX: usize = 64;
/// See [`ORGANISATION_ID_BYTES_MAX`].
pub const ORGANISATION_NAME_BYTES_MAX: usize = 128;
/// Accounts that an answer names of those that a policy moves.
pub const POLICY_MOVES_SHOWN_MAX: usize = 20_000;
/// For how long a new account's owner is not written to about each device: it is being set up.
pub const NEW_ACCOUNT_S: u64 = 60 * 60;
/// Bounds of the people whom a start takes out of their organisation: a twentieth of everybody.
pub const POLICY_OUT_AT_START_MIN: u64 = 10;
/// See [`POLICY_OUT_AT_START_MIN`].
pub const POLICY_OUT_AT_START_MAX: u64 = 1_000;
/// How often a page of people is tried to be moved while the server is busy.
pub const POLICY_APPLY_TRIES: u32 = 50;
/// How long to wait in between.
pub const POLICY_APPLY_WAIT_MS: u64 = 200;
/// People who are read at once in a walk over everybody.
pub const PEOPLE_PER_READ: u64 = 500;
/// How long the link for renewal in a mail works.
pub const RENEWAL_LINK_S: u64 = 60 * 24 * 60 * 60;
/// How often it is looked whose account is about to end.
pub const VALIDITY_INTERVAL_S: u64 = 10 * 60;
/// Tries to find a localpart that is nobody's.
pub const LOCALPART_TRIES: usize = 8;
/// How long somebody stays signed in with a browser: a working day.
pub const BROWSER_SESSION_S: u64 = 10 * 60 * 60;

// Invitations by e-mail.

/// How long an invitation waits for its address to have an account.
pub const THIRD_PARTY_INVITE_S: u64 = 30 * 24 * 60 * 60;
/// Invitation mails that one account may have sent within a window of time.
pub const INVITATION_MAILS_PER_SENDER: u32 = 50;
/// Invitation mails that one address is sent within the same window, whoever invites it.
pub const INVITATION_MAILS_PER_ADDRESS: u32 = 5;
/// See [`INVITATION_MAILS_PER_SENDER`].
pub const INVITATION_MAILS_WINDOW_S: u64 = 24 * 60 * 60;
/// Invitations of addresses that wait in one room.
pub const THIRD_PARTY_INVITES_PER_ROOM: u64 = 500;
/// Invitations that are looked at at once.
pub const THIRD_PARTY_INVITES_BATCH_MAX: u64 = 100;
/// How often it is looked for invitations that have ended.
pub const THIRD_PARTY_INVITES_INTERVAL_S: u64 = 60;
/// Accounts with a new address that wait to be looked at; beyond it all are looked at.
pub const NEW_ADDRESSES_MAX: usize = 10_000;

// The OAuth 2.0 API.

/// Registered clients; beyond it those without a session go.
pub const OAUTH_CLIENTS_MAX: u64 = 100_000;
/// How long a client without a session is kept for certain, in ms.
pub const OAUTH_CLIENT_UNUSED_MS: i64 = 24 * 60 * 60 * 1_000;
/// What a client registers, as JSON.
pub const OAUTH_CLIENT_METADATA_BYTES_MAX: usize = 16 * 1_024;
/// Redirect URIs of one client.
pub const OAUTH_REDIRECT_URIS_MAX: usize = 20;
/// A URI of a client's metadata.
pub const OAUTH_URI_BYTES_MAX: usize = 2_048;
/// The name that a client gives itself.
pub const OAUTH_CLIENT_NAME_BYTES_MAX: usize = 256;
/// A form that a client or a browser sends, and the query of an authorisation request.
pub const OAUTH_FORM_BYTES_MAX: usize = 16 * 1_024;
/// How long an authorisation code lives (RFC 6749, section 4.1.2: ten minutes at most).
pub const OAUTH_CODE_S: u64 = 5 * 60;
/// How long a code is remembered after that, so that its reuse is noticed, in ms.
pub const OAUTH_CODE_MEMORY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Codes of one user that wait to be exchanged.
pub const OAUTH_CODES_PER_USER_MAX: u64 = 20;
/// Device grants under way.
pub const OAUTH_DEVICE_GRANTS_MAX: u64 = 10_000;
/// The same at the request of one source.
pub const OAUTH_DEVICE_GRANTS_PER_SOURCE: usize = 1_000;
/// How long one may take.
pub const OAUTH_DEVICE_GRANT_S: u64 = 20 * 60;
/// How long a client waits between two polls of a device grant, in seconds.
pub const OAUTH_POLL_INTERVAL_S: u64 = 5;
/// How long a client of a locked account is told to wait before it asks again.
pub const OAUTH_LOCKED_RETRY_S: u64 = 60;
/// How much longer whoever asks too often has to wait (RFC 8628, section 3.5), in ms.
pub const OAUTH_POLL_SLOWER_MS: i64 = 5_000;
/// Rendezvous sessions at once (MSC4108, MSC4388).
pub const RENDEZVOUS_SESSIONS_MAX: usize = 4_000;
/// The same of one source.
pub const RENDEZVOUS_PER_SOURCE: usize = 400;
/// Writes to one that are remembered by their transaction ids, and so may be made.
pub const RENDEZVOUS_WRITES_MAX: usize = 64;
/// What one holds.
pub const RENDEZVOUS_BYTES_MAX: usize = 4_096;
/// How long one lasts.
pub const RENDEZVOUS_S: u64 = 5 * 60;
/// The id of another OpenID provider, which is in URLs.
pub const UPSTREAM_ID_BYTES_MAX: usize = 64;
/// Its name, which is on a button.
pub const UPSTREAM_NAME_BYTES_MAX: usize = 128;
/// The name of a further parameter that it is sent.
pub const UPSTREAM_PARAMETER_BYTES_MAX: usize = 64;
/// The value of that, or of anything else that an operator has sent to it.
pub const UPSTREAM_VALUE_BYTES_MAX: usize = 1_024;
/// Sign-ins under way at other OpenID providers.
pub const UPSTREAM_SIGN_INS_MAX: usize = 10_000;
/// The same of one source.
pub const UPSTREAM_SIGN_INS_PER_SOURCE: usize = 1_000;
/// How long one may take.
pub const UPSTREAM_SIGN_IN_S: u64 = 15 * 60;
/// How long a provider may take to answer.
pub const UPSTREAM_TIMEOUT_S: u64 = 10;
/// An answer of a provider.
pub const UPSTREAM_ANSWER_BYTES_MAX: usize = 256 * 1_024;
/// Logout tokens that are remembered, so that each works once.
pub const UPSTREAM_LOGOUTS_MAX: usize = 10_000;
/// How long a provider's name for a session is remembered, where its end ends devices.
pub const UPSTREAM_SID_S: u64 = 30 * 24 * 60 * 60;
/// Names of sessions that are remembered of one person.
pub const UPSTREAM_SIDS_MAX: i64 = 16;
/// Accounts that wait for their password before a provider's word opens them.
pub const UPSTREAM_JOINS_MAX: usize = 10_000;
/// Passwords that may be wrong then.
pub const UPSTREAM_JOIN_TRIES: u32 = 5;
/// How often what ended elsewhere is forgotten here.
pub const UPSTREAM_SWEEP_S: u64 = 60 * 60;
/// How long the leave to replace cross-signing keys lasts.
pub const CROSS_SIGNING_APPROVAL_S: u64 = 10 * 60;

// Application services.

/// A registration file.
pub const APPSERVICE_REGISTRATION_BYTES_MAX: usize = 1 << 20;
/// Memory of one compiled pattern of a namespace.
pub const APPSERVICE_PATTERN_BYTES_MAX: usize = 1 << 20;
/// Events in one transaction to an application service.
pub const APPSERVICE_TXN_EVENTS_MAX: usize = 100;
/// Pieces of ephemeral data in one transaction to an application service.
pub const APPSERVICE_TXN_EPHEMERAL_MAX: usize = 100;
/// Rooms of which is remembered whether an application service is interested.
pub const APPSERVICE_ROOMS_MAX: usize = 50_000;
/// How long a transaction to an application service may take.
pub const APPSERVICE_TXN_TIMEOUT_S: u64 = 60;
/// How long an application service may take to answer a question that a client waits for.
pub const APPSERVICE_QUERY_TIMEOUT_S: u64 = 10;
/// Answer of an application service.
pub const APPSERVICE_ANSWER_BYTES_MAX: usize = 1 << 20;

// Rooms that two users share.

/// Rooms in one page of `/mutual_rooms`.
pub const MUTUAL_ROOMS_PAGE_MAX: usize = 100;

// The web client.

/// Files of a folder that is served instead of the embedded client.
pub const WEB_FILES_MAX: usize = 4_096;
/// How deeply its folders may be nested.
pub const WEB_FOLDER_DEPTH_MAX: usize = 8;
