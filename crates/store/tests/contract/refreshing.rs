// SPDX-License-Identifier: Apache-2.0
//! Whichever of several answers to one refresh a client was given works, once one of them was used
//! no other does, and a token of an earlier time ends the session. Without it a client that asked
//! twice holds tokens that are dead on arrival, or a thief goes on (F-22).

use estafette_core::{
    ids::{DeviceId, UserId},
    limits::{REFRESH_GENERATIONS_MAX, REFRESH_PAIRS_WAITING_MAX},
};
use estafette_store::{
    AccountStore as _,
    accounts::{NewLogin, RefreshOutcome, TokenHash, TokenPair},
};
use proptest::prelude::*;

use crate::world::World;

fn waiting_max() -> usize {
    usize::try_from(REFRESH_PAIRS_WAITING_MAX).unwrap()
}

fn access(pair: usize) -> String {
    format!("access {pair}")
}

fn refresh(pair: usize) -> TokenHash {
    TokenHash::of(&format!("refresh {pair}"))
}

fn tokens(pair: usize) -> TokenPair {
    let access = TokenHash::of(&access(pair));
    TokenPair { access, expires_ms: None, refresh: Some(refresh(pair)) }
}

/// A device and what should be so of its pairs, by their numbers.
struct Run {
    world: World,
    alice: UserId,
    /// How many pairs were given.
    given: usize,
    /// The one that is in use, while there is a session.
    current: Option<usize>,
    waiting: Vec<usize>,
    /// Those that were in use before.
    used: Vec<usize>,
}

impl Run {
    async fn new() -> Self {
        let world = World::new();
        let alice = world.add_account("@a:x").await;
        let (waiting, used) = (Vec::new(), Vec::new());
        let mut run = Self { world, alice, given: 0, current: None, waiting, used };
        run.log_in().await;
        run
    }

    async fn log_in(&mut self) {
        let device_id = DeviceId::parse("A").unwrap();
        let login = NewLogin { device_id, display_name: None, tokens: tokens(self.given) };
        self.world.store.log_in(&self.alice, login, 0).await.unwrap();
        self.current = Some(self.given);
        self.given += 1;
        self.waiting.clear();
        self.used.clear();
    }

    fn take_into_use(&mut self, pair: usize) {
        self.used.extend(self.current.replace(pair));
        self.waiting.clear();
    }

    async fn refresh(&mut self, pair: usize) {
        let new = self.given;
        self.given += 1;
        let outcome = self.world.store.refresh(&refresh(pair), tokens(new)).await.unwrap();
        if self.used.contains(&pair) {
            assert!(matches!(outcome, RefreshOutcome::Reused { .. }), "{pair}: {outcome:?}");
            self.current = None;
            self.waiting.clear();
            self.used.clear();
            return;
        }
        if self.waiting.contains(&pair) {
            self.take_into_use(pair);
        }
        if self.current != Some(pair) {
            assert_eq!(outcome, RefreshOutcome::Unknown, "{pair}");
            return;
        }
        assert_eq!(outcome, RefreshOutcome::Refreshed, "{pair}");
        if self.waiting.len() == waiting_max() {
            self.waiting.remove(0);
        }
        self.waiting.push(new);
    }

    /// A request with the access token of a pair, as the homeserver works it off.
    async fn request(&mut self, pair: usize) {
        let store = &self.world.store;
        let session = store.session(&TokenHash::of(&access(pair))).await.unwrap();
        let waits = self.waiting.contains(&pair);
        assert_eq!(session.is_some(), waits || self.current == Some(pair), "{pair}");
        let Some(session) = session else { return };
        assert_eq!(session.confirmed, !waits, "{pair}");
        if !session.confirmed {
            store.confirm_session(session.device_nid, session.generation).await.unwrap();
            self.take_into_use(pair);
        }
    }

    /// Requests with two pairs that wait, at the same time: the second is confirmed after the first
    /// has ended it.
    async fn race(&mut self, first: usize, second: usize) {
        let store = &self.world.store;
        let session = async |pair| store.session(&TokenHash::of(&access(pair))).await.unwrap();
        let both = (session(first).await, session(second).await);
        let (Some(one), Some(other)) = both else { return };
        for session in [one, other] {
            store.confirm_session(session.device_nid, session.generation).await.unwrap();
        }
        if let Some(pair) = [first, second].into_iter().find(|pair| self.waiting.contains(pair)) {
            self.take_into_use(pair);
        }
    }

    async fn check(&self) {
        for pair in 0..self.given {
            let lives = self.current == Some(pair) || self.waiting.contains(&pair);
            assert_eq!(self.world.is_in(&access(pair)).await, lives, "{pair} of {}", self.given);
        }
    }
}

/// Which pair, from the newest.
#[derive(Debug, Clone)]
enum Step {
    Refresh(usize),
    Request(usize),
    Race(usize, usize),
    LogIn,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..7usize).prop_map(Step::Refresh),
        4 => (0..7usize).prop_map(Step::Request),
        2 => (0..4usize, 0..4usize).prop_map(|(one, other)| Step::Race(one, other)),
        1 => Just(Step::LogIn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn in_any_order_one_pair_of_those_that_wait_goes_on(
        steps in prop::collection::vec(step(), 1..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new().await;
            for step in steps {
                let newest = run.given - 1;
                let pair = |back: usize| newest.saturating_sub(back);
                match step {
                    Step::Refresh(back) => run.refresh(pair(back)).await,
                    Step::Request(back) => run.request(pair(back)).await,
                    Step::Race(one, other) => run.race(pair(one), pair(other)).await,
                    Step::LogIn => run.log_in().await,
                }
                run.check().await;
            }
        });
    }
}

/// Otherwise of two answers that overtook each other the client may hold the dead one.
#[tokio::test]
async fn whichever_answer_came_through_works_and_the_others_end_with_its_use() {
    let mut run = Run::new().await;
    for _ in 0..3 {
        run.refresh(0).await;
    }
    run.check().await;
    run.request(2).await;
    run.check().await;
    // Neither the pairs that were never used nor a request that was on its way with one of them is
    // a sign of a thief.
    run.refresh(1).await;
    run.refresh(2).await;
    run.check().await;
    run.refresh(0).await;
    assert_eq!(run.current, None, "the token that came before was used");
    run.check().await;
}

/// Otherwise whoever asks again and again fills the store.
#[tokio::test]
async fn no_more_than_a_few_pairs_wait() {
    let mut run = Run::new().await;
    for _ in 0..3 * waiting_max() {
        run.refresh(0).await;
        run.check().await;
    }
    assert_eq!(run.world.count("access_token"), 1 + REFRESH_PAIRS_WAITING_MAX.cast_signed());
    assert_eq!(run.world.count("refresh_token"), 1 + REFRESH_PAIRS_WAITING_MAX.cast_signed());
}

/// Otherwise a thief waits until the token that they have is forgotten, while its owner asks twice
/// each time.
#[tokio::test]
async fn tokens_are_remembered_by_how_many_were_used() {
    let mut run = Run::new().await;
    for _ in 0..REFRESH_GENERATIONS_MAX {
        let current = run.current.unwrap();
        run.refresh(current).await;
        run.refresh(current).await;
        let last = run.given - 1;
        run.request(last).await;
    }
    assert_eq!(run.world.count("refresh_token"), 1 + REFRESH_GENERATIONS_MAX.cast_signed());
    run.refresh(0).await;
    assert_eq!(run.current, None);
}
