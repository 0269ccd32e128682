// SPDX-License-Identifier: Apache-2.0
//! P7: for any sequence of sends, syncs, lost answers and restarts, every message is seen at least
//! once, in order, and never after its acknowledgement. Without it a device would lose the keys of
//! a room for ever (I4).

use estafette_store::{
    Position, ToDeviceStore as _,
    to_device::{ToDeviceMessage, ToDeviceTxn},
};
use proptest::prelude::*;

use crate::devices::{World, device, user};

#[derive(Debug, Clone)]
enum Step {
    /// So many messages to a device (`None`: to all of them), sent twice if the answer was lost.
    Send(Option<usize>, usize, bool),
    /// A device asks for at most so many messages; perhaps the answer is lost; perhaps the
    /// acknowledgement is carried out only after the answer was put together.
    Sync {
        at: usize,
        limit: usize,
        lost: bool,
        late: bool,
    },
    /// A device asks with the token of another device.
    SyncWithForeignToken {
        at: usize,
        other: usize,
    },
    Restart,
}

const DEVICES: [&str; 2] = ["A1", "A2"];

fn step() -> impl Strategy<Value = Step> {
    let which = 0..DEVICES.len();
    prop_oneof![
        4 => (prop::option::of(which.clone()), 1..5usize, any::<bool>())
            .prop_map(|(at, count, twice)| Step::Send(at, count, twice)),
        6 => (which.clone(), 1..5usize, any::<bool>(), any::<bool>())
            .prop_map(|(at, limit, lost, late)| Step::Sync { at, limit, lost, late }),
        1 => (which.clone(), which).prop_map(|(at, other)| Step::SyncWithForeignToken { at, other }),
        1 => Just(Step::Restart),
    ]
}

/// A client and what it should have got.
#[derive(Default)]
struct Client {
    td: Position,
    seen: Vec<String>,
    sent: Vec<String>,
}

struct Run {
    world: World,
    clients: [Client; 2],
    sent: usize,
}

impl Run {
    async fn send(&mut self, at: Option<usize>, count: usize, twice: bool) {
        let txn = ToDeviceTxn {
            sender: user("c"),
            device_id: Some(device("C1")),
            event_type: "t".into(),
            txn_id: self.sent.to_string(),
        };
        let mut messages = Vec::new();
        for _ in 0..count {
            self.sent += 1;
            messages.push(ToDeviceMessage {
                user_id: user("a"),
                device_id: at.map(|at| device(DEVICES[at])),
                json: self.sent.to_string().into(),
            });
            for (index, client) in self.clients.iter_mut().enumerate() {
                if at.is_none_or(|at| at == index) {
                    client.sent.push(self.sent.to_string());
                }
            }
        }
        for _ in 0..=usize::from(twice) {
            self.world.store.send_to_device(Some(txn.clone()), messages.clone()).await.unwrap();
        }
    }

    async fn sync(&mut self, at: usize, limit: usize, lost: bool, late: bool) -> usize {
        let store = &self.world.store;
        let (user_id, device_id, td) = (user("a"), device(DEVICES[at]), self.clients[at].td);
        if !late {
            store.acknowledge_to_device(&user_id, &device_id, td).await.unwrap();
        }
        let answer = store.to_device_after(&user_id, &device_id, td, limit).await.unwrap();
        if late {
            store.acknowledge_to_device(&user_id, &device_id, td).await.unwrap();
        }
        assert!(answer.len() <= limit);
        assert!(answer.iter().all(|(pos, _)| *pos > td), "seen after its acknowledgement");
        if !lost && let Some((last, _)) = answer.last() {
            self.clients[at].td = *last;
            self.clients[at].seen.extend(answer.iter().map(|(_, json)| json.clone()));
        }
        answer.len()
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Send(at, count, twice) => self.send(at, count, twice).await,
            Step::Sync { at, limit, lost, late } => {
                self.sync(at, limit, lost, late).await;
            }
            Step::SyncWithForeignToken { at, other } if at != other => {
                let own = self.clients[at].td;
                self.clients[at].td = self.clients[other].td;
                let store = &self.world.store;
                let (user_id, device_id) = (user("a"), device(DEVICES[at]));
                let td = self.clients[at].td;
                store.acknowledge_to_device(&user_id, &device_id, td).await.unwrap();
                store.to_device_after(&user_id, &device_id, td, 2).await.unwrap();
                self.clients[at].td = own;
            }
            Step::SyncWithForeignToken { .. } => {}
            Step::Restart => self.world.restart(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_message_is_seen_in_order(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut run = Run { world: World::new().await, clients: Default::default(), sent: 0 };
            for step in steps {
                run.step(step).await;
            }
            for (at, _) in DEVICES.iter().enumerate() {
                while run.sync(at, 3, false, false).await > 0 {}
                assert_eq!(run.clients[at].seen, run.clients[at].sent);
                let device_id = device(DEVICES[at]);
                let left = run.world.store.last_to_device(&user("a"), &device_id);
                assert_eq!(left, Position(0), "what was acknowledged is gone");
            }
        });
    }
}
