// SPDX-License-Identifier: Apache-2.0
//! The contract suite: what every engine promises, aggregate by aggregate.

mod account_data;
mod dehydrated_device;
mod devices;
mod key_backup;
mod keys;
mod keys_once;
mod media;
mod push;
mod reports;
mod rooms;
mod to_device;
mod to_device_until_acknowledged;
