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

// HTTP.

/// A JSON request body.
pub const JSON_BODY_BYTES_MAX: usize = 1 << 20;
/// How long a JSON request body may take to arrive.
pub const BODY_READ_TIMEOUT_S: u64 = 60;
/// How long a request's head may take to arrive, and a TLS handshake.
pub const HEADER_READ_TIMEOUT_S: u64 = 10;
/// How long requests under way may go on after a stop was asked for.
pub const SHUTDOWN_GRACE_S: u64 = 10;
/// Buckets that the rate limiter remembers.
pub const RATE_LIMIT_KEYS_MAX: usize = 100_000;

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
