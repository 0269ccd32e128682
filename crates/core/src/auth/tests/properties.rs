// SPDX-License-Identifier: Apache-2.0
//! Laws of authorisation over rooms by chance (reliability property P5).

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 4] = ["alice", "bob", "carol@y.fr", "dave"];

#[derive(Debug, Clone)]
struct Room {
    memberships: [Option<Membership>; 4],
    rule: &'static str,
    levels: Levels,
    event: String,
}

/// Levels of the users, and what acts ask for.
#[derive(Debug, Clone)]
struct Levels {
    users: [i64; 4],
    needed: [i64; 7],
    of_type: i64,
}

const NEEDED: [&str; 7] =
    ["users_default", "events_default", "state_default", "ban", "redact", "kick", "invite"];

impl Levels {
    fn text(&self) -> String {
        let users: Vec<_> = NAMES
            .iter()
            .zip(self.users)
            .map(|(name, level)| format!("\"{name}\":{level}"))
            .collect();
        let needed: Vec<_> = NEEDED
            .iter()
            .zip(self.needed)
            .map(|(key, level)| format!("\"{key}\":{level}"))
            .collect();
        format!(
            "{{\"users\":{{{}}},{},\"events\":{{\"t\":{}}}}}",
            users.join(","),
            needed.join(","),
            self.of_type
        )
    }
}

impl Room {
    fn text(&self) -> String {
        let mut text = "zoe create\n".to_owned();
        for (name, membership) in NAMES.iter().zip(self.memberships) {
            let Some(membership) = membership else { continue };
            let full = room_text::user(name);
            let word = membership.as_str();
            text += &format!("zoe set m.room.member {full} {{\"membership\":\"{word}\"}}\n");
        }
        text + &format!("zoe rule {}\nzoe levels {}\n{}", self.rule, self.levels.text(), self.event)
    }
}

/// Numbers by chance, of which a room is made.
struct Dice<'a>(std::slice::Iter<'a, u8>);

impl Dice<'_> {
    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        let number = usize::from(self.0.next().copied().unwrap_or(0));
        of[number % of.len()].clone()
    }

    fn levels(&mut self) -> Levels {
        let mut level = || self.pick(&[0, 49, 50, 51, 100]);
        Levels {
            users: std::array::from_fn(|_| level()),
            needed: std::array::from_fn(|_| level()),
            of_type: level(),
        }
    }

    fn event(&mut self) -> String {
        let who = self.pick(&NAMES);
        let target = self.pick(&NAMES);
        match self.pick(&[0, 1, 2, 3]) {
            0 => {
                let acts = ["send t", "set t \"\"", "set u k", "join", "leave", "knock"];
                format!("{who} {}", self.pick(&acts))
            }
            1 => format!("{who} {} {target}", self.pick(&["invite", "kick", "ban", "unban"])),
            2 => {
                let via = room_text::user(target);
                format!("{who} join {{\"join_authorised_via_users_server\":\"{via}\"}}")
            }
            _ => format!("{who} levels {}", self.levels().text()),
        }
    }

    fn room(&mut self) -> Room {
        let memberships = [
            None,
            Some(Membership::Join),
            Some(Membership::Join),
            Some(Membership::Invite),
            Some(Membership::Knock),
            Some(Membership::Leave),
            Some(Membership::Ban),
        ];
        let rules = ["public", "invite", "knock", "restricted", "knock_restricted", "private"];
        Room {
            memberships: std::array::from_fn(|_| self.pick(&memberships)),
            rule: self.pick(&rules),
            levels: self.levels(),
            event: self.event(),
        }
    }
}

fn room() -> impl Strategy<Value = Room> {
    prop::collection::vec(any::<u8>(), 36).prop_map(|numbers| Dice(numbers.iter()).room())
}

/// Who sends the room's event.
fn sender(room: &Room) -> usize {
    NAMES.iter().position(|name| room.event.starts_with(name)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// Taking a right from the sender never makes allowed what was refused.
    #[test]
    fn fewer_rights_never_allow_more(room in room(), number in 1_u8..=12, by in 1_i64..60) {
        let version = RoomVersion::parse(&number.to_string()).unwrap();
        if judge(version, &room.text()).is_ok() {
            return Ok(());
        }
        let sender = sender(&room);
        let mut weaker = room.clone();
        weaker.levels.users[sender] -= by;
        // A level of one's own that changes is a different change, so not for power levels.
        let about_levels = room.event.contains(" levels ");
        prop_assert!(about_levels || judge(version, &weaker.text()).is_err());
        let mut outside = room.clone();
        outside.memberships[sender] = Some(Membership::Ban);
        let refused = judge(version, &outside.text()).is_err();
        prop_assert!(refused, "a ban allowed it");
    }

    /// Asking for more never makes allowed what was refused.
    #[test]
    fn higher_demands_never_allow_more(
        room in room(), number in 1_u8..=12, which in 3_usize..7, by in 1_i64..60,
    ) {
        let version = RoomVersion::parse(&number.to_string()).unwrap();
        let about_levels = room.event.contains(" levels ");
        if about_levels || judge(version, &room.text()).is_ok() {
            return Ok(());
        }
        let mut stricter = room.clone();
        stricter.levels.needed[which] += by;
        prop_assert!(judge(version, &stricter.text()).is_err());
        stricter.levels.of_type += by;
        prop_assert!(judge(version, &stricter.text()).is_err());
    }

    /// The banned do nothing, and nobody gets a level above their own.
    #[test]
    fn what_is_never_allowed(room in room(), number in 1_u8..=12) {
        let version = RoomVersion::parse(&number.to_string()).unwrap();
        if judge(version, &room.text()).is_err() {
            return Ok(());
        }
        let sender = sender(&room);
        prop_assert!(room.memberships[sender] != Some(Membership::Ban));
        let to_oneself = room.event.ends_with(NAMES[sender]);
        let acts_on_others = ["invite", "kick", "ban", "unban", "levels", "send", "set"]
            .iter()
            .any(|act| room.event.contains(&format!(" {act} ")));
        if acts_on_others && !to_oneself {
            prop_assert_eq!(room.memberships[sender], Some(Membership::Join));
        }
        if room.event.contains(" levels ") {
            let lines = room_text::lines(version, &room.event);
            let users = lines[0].content["users"].as_object().unwrap();
            let own = room.levels.users[sender];
            for (name, was) in NAMES.iter().zip(room.levels.users) {
                let becomes = users[room_text::user(name).as_str()].as_integer().unwrap();
                prop_assert!(becomes == was || becomes <= own);
            }
        }
    }
}
