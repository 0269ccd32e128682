// SPDX-License-Identifier: Apache-2.0
//! The lists of rooms: this server's own, and those of the networks of application services.

use estafette_core::ids::RoomId;
use rusqlite::{Connection, params};

use super::{
    room_reads::{corrupt, parse, room_version, rows},
    room_writes::room_nid,
};
use crate::{
    StoreResult,
    rooms::{PublicRoom, RoomList},
};

pub(super) fn list_in_network(
    conn: &Connection,
    (appservice_id, network_id): (&str, &str),
    room_id: &RoomId,
    listed: bool,
) -> StoreResult<()> {
    let Some(nid) = room_nid(conn, room_id.as_str())? else { return Ok(()) };
    let sql = if listed {
        "INSERT OR IGNORE INTO network_room (appservice_id, network_id, room_nid)
         VALUES (?1, ?2, ?3)"
    } else {
        "DELETE FROM network_room WHERE appservice_id = ?1 AND network_id = ?2 AND room_nid = ?3"
    };
    conn.prepare_cached(sql)?.execute(params![appservice_id, network_id, nid])?;
    Ok(())
}

pub(super) fn public_rooms(conn: &Connection, list: &RoomList) -> StoreResult<Vec<PublicRoom>> {
    const IN_NETWORK: &str = "room.nid IN (SELECT room_nid FROM network_room
        WHERE appservice_id = ?1 AND network_id = ?2)";
    let (listed, appservice_id, network_id) = match list {
        RoomList::Own => ("is_public = 1", None, None),
        RoomList::All => {
            ("(is_public = 1 OR room.nid IN (SELECT room_nid FROM network_room))", None, None)
        }
        RoomList::Network { appservice_id, network_id } => {
            (IN_NETWORK, Some(appservice_id), Some(network_id))
        }
    };
    // Every variant has the same parameters, used or not.
    let sql = format!(
        "SELECT room.room_id, room.version, room.nid,
                (SELECT count(*) FROM membership m
                 WHERE m.room_nid = room.nid AND m.membership = 'join') AS joined
         FROM room WHERE {listed} AND (?1 IS NULL OR ?2 IS NOT NULL)
         ORDER BY joined DESC, room.nid"
    );
    let listed = rows(conn, &sql, params![appservice_id, network_id], |row| {
        let text: String = row.get(0)?;
        let version = room_version(row.get_ref(1)?.as_str().map_err(corrupt)?)?;
        let joined: i64 = row.get(3)?;
        Ok((text, version, row.get::<_, i64>(2)?, u64::try_from(joined).unwrap_or(0)))
    })?;
    let mut found = Vec::with_capacity(listed.len());
    for (room_id, version, nid, joined_members) in listed {
        let state = rows(
            conn,
            "SELECT e.event_id, e.json FROM current_state s JOIN event e ON e.nid = s.event_nid
             WHERE s.room_nid = ?1 AND s.state_key = '' AND s.type <> 'm.room.member'",
            (nid,),
            |row| parse(version, row.get_ref(0)?.as_str().map_err(corrupt)?, row.get(1)?),
        )?;
        let room_id = RoomId::parse(&room_id).map_err(corrupt)?;
        found.push(PublicRoom { room_id, joined_members, state });
    }
    Ok(found)
}
