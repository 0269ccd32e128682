// SPDX-License-Identifier: Apache-2.0
//! P6: for any interleaving of uploads, claims, deletions of devices and restarts, each key is in
//! at most one answer, oldest first, and the counts say what is left. Without it two people would
//! encrypt with the same one-time key (I3).

use std::collections::{BTreeSet, VecDeque};

use estafette_store::{
    AccountStore as _, DehydratedDeviceStore as _, KeyStore as _,
    accounts::Devices,
    dehydrated_device::{DehydratedDeviceOutcome, DehydratedDeviceUpload},
    keys::{KeyClaim, KeyUpload, KeyUploadOutcome, OneTimeKey},
};
use futures_util::future::join_all;
use proptest::prelude::*;

use crate::devices::{World, device, user};

#[derive(Debug, Clone)]
enum Step {
    /// New keys.
    Upload(usize, usize),
    /// The last keys ever uploaded once more, given out or not: an answer was lost.
    UploadAgain(usize, usize),
    /// Requests at the same time, each claiming so many keys of the device.
    Claim(usize, Vec<usize>),
    /// The device goes, with its keys, and comes back under the same name.
    Replace(usize),
    Restart,
}

/// An ordinary device and a dehydrated one.
const DEVICES: [(&str, &str); 2] = [("a", "A1"), ("b", "DRY")];

fn step() -> impl Strategy<Value = Step> {
    let which = 0..DEVICES.len();
    prop_oneof![
        4 => (which.clone(), 1..6usize).prop_map(|(at, count)| Step::Upload(at, count)),
        3 => (which.clone(), 1..9usize).prop_map(|(at, count)| Step::UploadAgain(at, count)),
        5 => (which.clone(), prop::collection::vec(1..4usize, 1..4))
            .prop_map(|(at, claims)| Step::Claim(at, claims)),
        1 => which.prop_map(Step::Replace),
        1 => Just(Step::Restart),
    ]
}

/// What the test itself knows of a device.
#[derive(Default)]
struct Model {
    uploaded: Vec<usize>,
    waiting: VecDeque<usize>,
}

struct Run {
    world: World,
    models: [Model; 2],
    next_key: usize,
    given: BTreeSet<String>,
}

fn key(number: usize) -> OneTimeKey {
    OneTimeKey {
        algorithm: "signed_curve25519".into(),
        key_id: format!("id{number}"),
        key: format!("key{number}"),
        json: format!("{number}"),
    }
}

impl Run {
    async fn new() -> Self {
        let run = Self {
            world: World::new().await,
            models: Default::default(),
            next_key: 0,
            given: BTreeSet::new(),
        };
        run.replace_dehydrated().await;
        run
    }

    async fn replace_ordinary(&self) {
        let these = Devices::These(vec![device("A1")]);
        let deleted = self.world.store.delete_devices(&user("a"), these).await.unwrap();
        assert_eq!(deleted, [device("A1")]);
        self.world.add_device("a", "A1").await;
    }

    async fn replace_dehydrated(&self) {
        let upload = DehydratedDeviceUpload {
            device_id: device("DRY"),
            display_name: None,
            device_data: "{}".into(),
            keys: KeyUpload::default(),
        };
        let outcome = self.world.store.put_dehydrated_device(&user("b"), upload, 0).await.unwrap();
        assert_eq!(outcome, DehydratedDeviceOutcome::Stored);
    }

    async fn upload(&self, at: usize, numbers: &[usize]) {
        let (name, device_id) = DEVICES[at];
        let one_time_keys = numbers.iter().map(|number| key(*number)).collect();
        let upload = KeyUpload { one_time_keys, ..KeyUpload::default() };
        let stored = self.world.store.upload_keys(&user(name), &device(device_id), upload).await;
        assert!(matches!(stored.unwrap(), KeyUploadOutcome::Stored(_)));
    }

    async fn claim(&mut self, at: usize, requests: &[usize]) {
        let (name, device_id) = DEVICES[at];
        let claim = KeyClaim {
            user_id: user(name),
            device_id: device(device_id),
            algorithm: "signed_curve25519".into(),
        };
        let answers = requests.iter().map(|n| self.world.store.claim_keys(vec![claim.clone(); *n]));
        let answers = join_all(answers).await;
        let mut numbers: Vec<usize> = Vec::new();
        for claimed in answers.into_iter().flat_map(Result::unwrap) {
            assert!(self.given.insert(claimed.key_id), "a key was given twice");
            numbers.push(claimed.json.parse().unwrap());
        }
        numbers.sort_unstable();
        let model = &mut self.models[at];
        let wanted = requests.iter().sum::<usize>().min(model.waiting.len());
        let mut oldest: Vec<usize> = model.waiting.drain(..wanted).collect();
        oldest.sort_unstable();
        assert_eq!(numbers, oldest, "not the oldest keys");
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Upload(at, count) => {
                let numbers: Vec<_> = (self.next_key..self.next_key + count).collect();
                self.next_key += count;
                self.upload(at, &numbers).await;
                self.models[at].waiting.extend(&numbers);
                self.models[at].uploaded.extend(&numbers);
            }
            Step::UploadAgain(at, count) => {
                let uploaded = &self.models[at].uploaded;
                let numbers = uploaded[uploaded.len().saturating_sub(count)..].to_vec();
                self.upload(at, &numbers).await;
            }
            Step::Claim(at, requests) => self.claim(at, &requests).await,
            Step::Replace(at) => {
                match at {
                    0 => self.replace_ordinary().await,
                    _ => self.replace_dehydrated().await,
                }
                self.models[at] = Model::default();
            }
            Step::Restart => self.world.restart(),
        }
        for ((name, device_id), model) in DEVICES.iter().zip(&self.models) {
            let state = self.world.store.one_time_key_counts(&user(name), &device(device_id)).await;
            let counts = &state.unwrap().counts;
            assert_eq!(counts["signed_curve25519"], model.waiting.len() as u64);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn each_key_is_in_at_most_one_answer(steps in prop::collection::vec(step(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new().await;
            for step in steps {
                run.step(step).await;
            }
        });
    }
}
