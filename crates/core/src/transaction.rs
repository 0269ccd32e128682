// SPDX-License-Identifier: Apache-2.0
//! The body of a transaction between servers (Server-Server API, "Transactions"), taken apart.
//!
//! Each PDU is kept as the bytes that came, because how they are to be read depends on the version
//! of its room. One that is malformed is an error of its own and leaves the others as they are.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    event::PduError,
    ids::RoomId,
    limits::{TRANSACTION_EDUS_MAX, TRANSACTION_PDUS_MAX},
};

/// A transaction. Who sends it is what its request was signed with, not what it says.
#[derive(Debug)]
pub struct Transaction<'a> {
    /// The events, in order, or what is wrong with each.
    pub pdus: Vec<Result<TransactionPdu<'a>, PduError>>,
    /// The ephemeral messages that are well-formed, in order.
    pub edus: Vec<Edu<'a>>,
}

/// An event whose room is known, and with it how to read it: see [`crate::event::RawPdu::parse`].
#[derive(Debug, PartialEq, Eq)]
pub struct TransactionPdu<'a> {
    /// The room that it names.
    pub room_id: RoomId,
    /// The event as it came.
    pub json: &'a str,
}

/// An ephemeral message (Server-Server API, "EDUs").
#[derive(Debug, PartialEq, Eq)]
pub struct Edu<'a> {
    /// The specification's `edu_type`.
    pub kind: Cow<'a, str>,
    /// The content, an object as it came.
    pub content: &'a str,
}

/// Why a transaction is refused whole.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// Not JSON, or not the members of a transaction.
    #[error("the transaction is malformed: {0}")]
    Malformed(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    pdus: Bounded<'a, TRANSACTION_PDUS_MAX>,
    #[serde(default, borrow)]
    edus: Bounded<'a, TRANSACTION_EDUS_MAX>,
}

#[derive(Deserialize)]
struct RoomOf<'a> {
    #[serde(borrow)]
    room_id: Cow<'a, str>,
}

#[derive(Deserialize)]
struct EduOf<'a> {
    #[serde(borrow)]
    edu_type: Cow<'a, str>,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// A list of at most so many items; the first one beyond ends the reading.
#[derive(Default)]
struct Bounded<'a, const MAX: usize>(Vec<&'a RawValue>);

impl<'de: 'a, 'a, const MAX: usize> Deserialize<'de> for Bounded<'a, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Items::<'a, MAX>(PhantomData))
    }
}

struct Items<'a, const MAX: usize>(PhantomData<&'a ()>);

impl<'de: 'a, 'a, const MAX: usize> Visitor<'de> for Items<'a, MAX> {
    type Value = Bounded<'a, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MAX} items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() == MAX {
                return Err(A::Error::invalid_length(MAX + 1, &self));
            }
            items.push(item);
        }
        Ok(Bounded(items))
    }
}

impl<'a> Transaction<'a> {
    /// Takes the body of a request apart.
    ///
    /// # Errors
    /// When it is not JSON, lacks `pdus`, or has more PDUs or EDUs than a transaction may.
    pub fn parse(body: &'a [u8]) -> Result<Self, TransactionError> {
        // A list of the members in their order would be read as well.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(serde_json::Error::custom("it is no object").into());
        }
        let body: Body<'a> = serde_json::from_slice(body)?;
        Ok(Self {
            pdus: body.pdus.0.into_iter().map(pdu).collect(),
            edus: body.edus.0.into_iter().filter_map(edu).collect(),
        })
    }
}

/// An event without a room is refused: nobody could say which version's format it has to have.
fn pdu(json: &RawValue) -> Result<TransactionPdu<'_>, PduError> {
    let json = json.get();
    if !json.starts_with('{') {
        return Err(PduError::Member("object"));
    }
    let wrong = PduError::Member("room_id");
    let of: RoomOf<'_> = serde_json::from_str(json).map_err(|_| wrong.clone())?;
    let room_id = RoomId::parse(&of.room_id).map_err(|_| wrong)?;
    Ok(TransactionPdu { room_id, json })
}

fn edu(json: &RawValue) -> Option<Edu<'_>> {
    if !json.get().starts_with('{') {
        return None;
    }
    let of: EduOf<'_> = serde_json::from_str(json.get()).ok()?;
    let content = of.content.get();
    content.starts_with('{').then_some(Edu { kind: of.edu_type, content })
}

#[cfg(test)]
mod tests;
