// SPDX-License-Identifier: Apache-2.0
//! Telling application services what happens, in order, until they have accepted it (Application
//! Service API, "Pushing events").
//!
//! One task per application service. A transaction is written down before it is first sent, so a
//! retry, also after a restart, carries the same events under the same id. What has not been put
//! into a transaction yet is in the log: nothing else needs to be kept.

use std::{
    collections::HashSet,
    sync::{Arc, Weak},
    time::Duration,
};

use estafette_core::{
    ids::RoomId,
    limits::{APPSERVICE_ROOMS_MAX, APPSERVICE_TXN_TIMEOUT_S},
    retry::{APPLICATION_SERVICE, Attempts},
};
use estafette_store::{
    Fact, FactKind, Position, PushStore as _, StoreError, StoreResult, push::AppserviceProgress,
};
use http::Method;
use parking_lot::Mutex;

use super::{
    Registration,
    interest::Interest,
    request,
    transaction::{EphemeralCursor, body, stretch},
};
use crate::{Server, Shared};

/// How long to wait after the store refused something.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// Rooms in which somebody has read since an application service was last told.
#[derive(Debug, Default)]
pub(crate) struct ReadRooms(Mutex<HashSet<RoomId>>);

impl ReadRooms {
    fn note(&self, room_id: &RoomId) {
        let mut rooms = self.0.lock();
        if rooms.len() < APPSERVICE_ROOMS_MAX {
            rooms.insert(room_id.clone());
        }
    }

    fn take(&self) -> Vec<RoomId> {
        std::mem::take(&mut *self.0.lock()).into_iter().collect()
    }
}

/// Starts the tasks of all application services that want to be told anything.
pub(crate) fn start(server: &Shared) {
    for appservice in server.appservices.all() {
        if appservice.url.is_some() {
            tokio::spawn(run(Arc::downgrade(server), Arc::clone(appservice)));
        }
    }
}

/// Hears of a fact after its commit.
pub(crate) fn hear(server: &Server, fact: &Fact) {
    match &fact.kind {
        FactKind::Event { .. } => {}
        FactKind::Receipt { room_id, .. } => {
            let wanting = server.appservices.all().iter().filter(|known| known.receive_ephemeral);
            wanting.for_each(|known| known.read_rooms.note(room_id));
        }
        _ => return,
    }
    server.appservices.wake();
}

async fn run(server: Weak<Server>, appservice: Arc<Registration>) {
    let Some(strong) = server.upgrade() else { return };
    let mut woken = strong.appservices.woken();
    let mut stopping = strong.stopping();
    let mut sender = Sender {
        interest: Interest::new(Arc::clone(&appservice)),
        ephemeral: EphemeralCursor::now(&strong),
        appservice,
        progress: None,
        attempts: Attempts::default(),
    };
    drop(strong);
    loop {
        let Some(strong) = server.upgrade() else { return };
        woken.mark_unchanged();
        let next = match sender.step(&strong).await {
            Ok(next) => next,
            Err(error) => {
                let id = &sender.appservice.id;
                tracing::warn!(id, %error, "an application service has to wait");
                Next::After(STORE_RETRY)
            }
        };
        drop(strong);
        let stopped = async {
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        tokio::select! {
            () = stopped => return,
            () = wait(next, &mut woken) => {}
        }
    }
}

/// When to go on.
enum Next {
    Now,
    After(Duration),
    WhenWoken,
}

async fn wait(next: Next, woken: &mut tokio::sync::watch::Receiver<()>) {
    match next {
        Next::Now => {}
        Next::After(pause) => tokio::time::sleep(pause).await,
        Next::WhenWoken => {
            let _ = woken.changed().await;
        }
    }
}

struct Sender {
    appservice: Arc<Registration>,
    interest: Interest,
    ephemeral: EphemeralCursor,
    /// As it is in the store; `pos` may be ahead of it, over what concerns others.
    progress: Option<AppserviceProgress>,
    attempts: Attempts,
}

impl Sender {
    /// Sends the transaction that waits, or makes the next one.
    async fn step(&mut self, server: &Shared) -> StoreResult<Next> {
        let progress = match self.progress.take() {
            Some(progress) => progress,
            None => {
                let start = server.notifier.head();
                server.store.appservice_progress(&self.appservice.id, start).await?
            }
        };
        let progress = self.progress.insert(progress).clone();
        match progress.pending {
            Some((body, upto)) => self.send(server, progress.txn_id, body, upto).await,
            None => self.make(server, progress).await,
        }
    }

    async fn send(
        &mut self,
        server: &Shared,
        txn_id: u64,
        body: String,
        upto: Position,
    ) -> StoreResult<Next> {
        let path = format!("/_matrix/app/v1/transactions/{txn_id}");
        let asked = (Method::PUT, path.as_str());
        let timeout_s = APPSERVICE_TXN_TIMEOUT_S;
        let answer = request::send(server, &self.appservice, asked, body, timeout_s).await;
        let accepted = answer.as_ref().is_ok_and(|answer| answer.status.is_success());
        if accepted {
            self.attempts = self.attempts.succeeded();
            let done = AppserviceProgress { pos: upto, txn_id, pending: None };
            self.save(server, done).await?;
            return Ok(Next::Now);
        }
        let why = match answer {
            Ok(answer) => format!("it answered {}", answer.status),
            Err(error) => error.to_string(),
        };
        tracing::debug!(id = self.appservice.id, why, "an application service took nothing");
        let now_ms = server.now_ms();
        let mut random = [0; 8];
        server.random.fill(&mut random);
        let random = u64::from_le_bytes(random);
        let failed = self.attempts.failed(&APPLICATION_SERVICE, now_ms, random, None);
        self.attempts = failed.unwrap_or(self.attempts);
        let pause_ms = self.attempts.next_ms.saturating_sub(now_ms).max(0).cast_unsigned();
        Ok(Next::After(Duration::from_millis(pause_ms)))
    }

    /// Makes a transaction of what happened, and writes it down.
    async fn make(&mut self, server: &Shared, progress: AppserviceProgress) -> StoreResult<Next> {
        let stretch = stretch(server, &mut self.interest, progress.pos).await?;
        let ephemeral = if self.appservice.receive_ephemeral {
            let read = self.appservice.read_rooms.take();
            let advanced =
                self.ephemeral.advance(server, &self.appservice, &mut self.interest, read);
            advanced.await?
        } else {
            Vec::new()
        };
        if stretch.events.is_empty() && ephemeral.is_empty() {
            // Not written down: after a restart it is looked at again and found wanting.
            let moved = stretch.upto > progress.pos;
            self.progress = Some(AppserviceProgress { pos: stretch.upto, ..progress });
            return Ok(if moved { Next::Now } else { Next::WhenWoken });
        }
        let made = AppserviceProgress {
            pos: progress.pos,
            txn_id: progress.txn_id.saturating_add(1),
            pending: Some((body(&stretch.events, &ephemeral), stretch.upto)),
        };
        self.save(server, made).await?;
        Ok(Next::Now)
    }

    async fn save(&mut self, server: &Shared, progress: AppserviceProgress) -> StoreResult<()> {
        let id = &self.appservice.id;
        let saved: Result<(), StoreError> =
            server.store.save_appservice_progress(id, progress.clone()).await;
        saved?;
        self.progress = Some(progress);
        Ok(())
    }
}
