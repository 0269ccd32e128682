// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::testing::TestServer;

/// Without it somebody who closed the laptop would be online for ever.
#[tokio::test]
async fn who_syncs_no_more_goes_offline() {
    let server = TestServer::with(|config| config.presence.enabled = true).await;
    server.get("@alice:x.fr", "/v3/sync").await;
    let alice = UserId::parse("@alice:x.fr").unwrap();
    let presence = || server.server.presence.of(&alice).unwrap().presence;
    let running = sync_begins(&server.server, &alice);
    server.clock.advance(PRESENCE_OFFLINE_MS);
    assert!(!gone(&server.server, &alice), "a sync is waiting");
    drop(running);
    assert!(!gone(&server.server, &alice), "it ended just now");
    assert_eq!(presence(), "online");
    server.clock.advance(PRESENCE_OFFLINE_MS);
    assert!(gone(&server.server, &alice));
    assert_eq!(presence(), "offline");
}
