// SPDX-License-Identifier: Apache-2.0
//! The contract suite: what every engine promises, aggregate by aggregate.

#[cfg(test)]
mod account_data;
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod browsers;
#[cfg(test)]
mod dehydrated_device;
#[cfg(test)]
mod delayed_events;
#[cfg(test)]
mod devices;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod key_backup;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod keys_once;
#[cfg(test)]
mod lapsing;
#[cfg(test)]
mod media;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod people;
#[cfg(test)]
mod placing;
#[cfg(test)]
mod push;
#[cfg(test)]
mod refreshing;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod third_party_invites;
#[cfg(test)]
mod to_device;
#[cfg(test)]
mod to_device_until_acknowledged;
#[cfg(test)]
mod upstream;
#[cfg(test)]
mod world;
