// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "API Versions": what this server speaks.

use axum::{Router, routing::get};
use serde_json::{Map, Value, json};

use crate::{Shared, http::Json};

/// The versions of the specification that clients may rely on here.
const VERSIONS: &[&str] = &[
    "r0.0.1", "r0.1.0", "r0.2.0", "r0.3.0", "r0.4.0", "r0.5.0", "r0.6.0", "r0.6.1", "v1.1", "v1.2",
    "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11", "v1.12", "v1.13",
    "v1.14", "v1.15", "v1.16", "v1.17", "v1.18", "v1.19",
];

/// Features beyond those versions, or under the names that clients asked for before them.
/// Whoever builds one adds its line here.
const UNSTABLE_FEATURES: &[&str] = &[
    // Simplified sliding sync.
    "org.matrix.simplified_msc3575",
    // `state_after` in /sync.
    "org.matrix.msc4222",
    // Dehydrated devices.
    "org.matrix.msc3814",
    // Deleting account data.
    "org.matrix.msc3391",
    // Delayed events.
    "org.matrix.msc4140",
    // Ways to carry group calls.
    "org.matrix.msc4143",
    // Pushers that can be switched off and on.
    "org.matrix.msc3881",
    // Pushers that reach a browser's push service.
    "org.matrix.msc4174",
    // Meeting places for signing a device in with a QR code.
    "org.matrix.msc4108",
    // Names of what is stable by now, for clients that still ask for these.
    "org.matrix.e2e_cross_signing",
    "org.matrix.msc2285.stable",
    "org.matrix.msc3030",
    "org.matrix.msc3440.stable",
    "org.matrix.msc3771",
    "org.matrix.msc3773",
    "org.matrix.msc3827.stable",
    "org.matrix.msc3882.revision1",
    "org.matrix.msc3916.stable",
    "uk.tcpip.msc4133",
    "uk.tcpip.msc4133.stable",
    "uk.timedout.msc4323",
];

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/_matrix/client/versions", get(versions))
}

/// `GET /_matrix/client/versions`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientversions>
async fn versions() -> Json<Value> {
    let unstable: Map<String, Value> =
        UNSTABLE_FEATURES.iter().map(|name| ((*name).to_owned(), json!(true))).collect();
    Json(json!({ "versions": VERSIONS, "unstable_features": unstable }))
}

#[cfg(test)]
mod tests;
